"""Label Studio's bitmasks: a PNG in a data URL whose alpha channel is the mask.

The page draws and stores only alpha (black where painted, transparent elsewhere), so alpha alone is read.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import TYPE_CHECKING, Any

from schemas.errors import VerdictError

from .brush import PAINTED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["data_url_from_mask", "mask_from_data_url"]

_PREFIX = "data:image/png;base64,"


def data_url_from_mask(mask: NDArray[np.bool_]) -> str:
    """``(H, W)`` bool as ``data:image/png;base64,...``, black with alpha 255 where it is set."""
    import numpy as np
    from PIL import Image

    pixels = np.zeros((*mask.shape, 2), np.uint8)
    pixels[:, :, 1] = mask.view(np.uint8) * np.uint8(255)
    png = io.BytesIO()
    Image.fromarray(pixels, "LA").save(png, "PNG", optimize=False)
    return _PREFIX + base64.b64encode(png.getvalue()).decode("ascii")


def mask_from_data_url(url: Any, width: int, height: int) -> NDArray[np.bool_]:
    """``(H, W)`` bool: alpha of at least PAINTED. Raises VerdictError for anything but a PNG with alpha of that size.

    The size is compared before a pixel is unpacked.
    """
    import numpy as np
    from PIL import Image

    if not isinstance(url, str) or not url.startswith(_PREFIX):
        raise _damaged("it is no data URL of a PNG")
    try:
        png = base64.b64decode(url[len(_PREFIX) :], validate=True)
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.size != (width, height):
                raise _damaged(f"it is {picture.width} x {picture.height} px, the medium {width} x {height}")
            if not picture.has_transparency_data:
                raise _damaged("it has no alpha channel, in which Label Studio keeps a bitmask")
            alpha = np.asarray(picture.convert("RGBA"))[:, :, 3]
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _damaged("its PNG does not decode") from error
    painted: NDArray[np.bool_] = alpha >= PAINTED
    return painted


def _damaged(why: str) -> VerdictError:
    return VerdictError(f"bitmask cannot be read: {why}", remedy="export the annotation again, or have it repainted")
