"""The column ``preview``: a small JPEG of each medium with its regions drawn over it, for whoever only browses.

The Hub's viewer shows a picture column as it is and knows nothing of regions. It is opt-in (``dataset.preview``), for
it adds some 20 to 50 kB to every row.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from annotators.sandbox import shared_sandbox
from schemas.errors import MediaError
from schemas.media.limits import Limits
from schemas.media.types import Document
from schemas.record import Record
from schemas.taxonomy import Taxonomy

from .gallery.pictures import picture
from .gallery.views import space_of, views_of
from .report.outlines import SIDE as UNITS
from .report.outlines import Outline, outlines
from .report.page import UNKNOWN_COLOR, category_colors

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SIDE", "preview"]

SIDE = 512
"""Pixels of the longer side at most."""
QUALITY = 80
HALO, LINE = 5, 3
"""Width in pixels of the dark line under an outline, and of the outline."""


def preview(source: bytes | str, record: Record, taxonomy: Taxonomy, limits: Limits) -> bytes | None:
    """A JPEG of the image, or of the frame or page with the most regions; equal rows give equal bytes.

    ``source`` as ``gallery.pictures.draw`` takes it. None where the medium is locked or this view cannot be decoded.
    """
    if isinstance(record.media, Document) and record.media.is_encrypted:
        return None
    regions = record.in_medium(record.regions)
    views = views_of(record.media, regions)
    drawn = [(view, outlines(regions, space_of(record.media, view))) for view in views]
    view, found = max(drawn, key=lambda one: len(one[1]))  # the first of equals
    try:
        pixels = shared_sandbox(limits).submit(picture, source, record.media, view, SIDE, limits).result()
    except MediaError:
        return None
    return _jpeg(pixels, found, category_colors(taxonomy))


def _jpeg(pixels: NDArray[Any], found: tuple[Outline, ...], colors: dict[str, str]) -> bytes:
    from PIL.Image import fromarray
    from PIL.ImageDraw import Draw

    image = fromarray(pixels)
    canvas = Draw(image)
    scale = max(image.size) / UNITS
    rings = [(ring, colors.get(one.category, UNKNOWN_COLOR)) for one in found for ring in _rings(one.path, scale)]
    for ring, _ in rings:
        canvas.line(ring, fill="#101010", width=HALO, joint="curve")
    for ring, color in rings:
        canvas.line(ring, fill=color, width=LINE, joint="curve")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def _rings(path: str, scale: float) -> list[list[tuple[float, float]]]:
    """Closed rings in pixels from SVG path data as ``outlines`` writes it: ``M x y L x y ... Z``, again and again."""
    rings = []
    for ring in path.split("M")[1:]:
        numbers = [point.split(" ") for point in ring.rstrip("Z").split("L")]
        points = [(float(x) * scale, float(y) * scale) for x, y in numbers]
        rings.append([*points, points[0]])
    return rings
