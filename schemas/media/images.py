"""Pixels of an image, upright and as RGB, whatever its format and mode.

Call these where a crash costs nothing (``annotators.sandbox``); Pillow's own limits are set for
the time of a call, so two threads of one process should not read images at once.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from ..errors import MediaError
from .hashes import Pixels
from .limits import DEFAULT_LIMITS, Limits

__all__ = ["broken", "open_image", "orientation_of", "pillow_within", "read_image", "to_rgb", "upright"]

ImageFile.LOAD_TRUNCATED_IMAGES = False  # another library may have set it; a cut image is an error here

PLUGINS = {
    "JPEG": JpegImagePlugin,
    "PNG": PngImagePlugin,
    "WEBP": WebPImagePlugin,
    "GIF": GifImagePlugin,
    "TIFF": TiffImagePlugin,
    "BMP": BmpImagePlugin,
    "AVIF": AvifImagePlugin,
    "PPM": PpmImagePlugin,
    "PSD": PsdImagePlugin,
    "ICO": IcoImagePlugin,
}
"""The only decoders that are ever tried (JPEG opens MPO too); none of them starts a program.

Imported here, because Pillow would import all forty of its plug-ins to find the first rare one.
"""
FORMATS = tuple(PLUGINS)
BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises on broken input: its parsers trust what they read, so nearly anything (but no MemoryError)."""
LEVELS = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
ORIENTATION_TAG = 0x0112
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what makes the stored image upright (EXIF 2.32, tag 0112h; Pillow turns counterclockwise)."""


@contextmanager
def pillow_within(limits: Limits) -> Iterator[list[warnings.WarningMessage]]:
    """Pillow with our pixel limit and without its warnings, which are collected instead."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2 or 1  # Pillow warns above, and refuses above twice, this number
    try:
        with warnings.catch_warnings(record=True) as noticed:
            warnings.simplefilter("always")
            yield noticed
    finally:
        Image.MAX_IMAGE_PIXELS = before


def broken(what: str, error: BaseException, limits: Limits) -> MediaError:
    """The MediaError for something that Pillow could not, or because of the limits would not, do."""
    said = " ".join(str(error).split())[:200] or type(error).__name__
    said = re.sub(r"^decoder error -\d+$", "its compressed data are damaged", said)  # a number of Pillow's own
    if isinstance(error, Image.DecompressionBombError):
        number = re.search(r"[0-9]+", said)
        return MediaError(f"{number.group() if number else 'too many'} pixels, {_more_than(limits)}", remedy=_RAISE)
    return MediaError(f"{what}: {said}", remedy="the file is damaged: fetch it again, or leave it out")


def open_image(data: bytes, limits: Limits) -> ImageFile.ImageFile:
    """The opened header, nothing decoded. Raises MediaError when it is broken, empty or beyond the limits."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise MediaError("the image's header is damaged, or of a kind that Pillow cannot read", remedy=_SAVE) from error
    except BROKEN as error:
        raise broken("the image's header cannot be read", error, limits) from error
    _check_size(image.width, image.height, limits)
    return image


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise MediaError(f"the image is empty: {width} x {height} pixels", remedy="leave it out")
    if max(width, height) > limits.max_side:
        raise MediaError(f"{width} x {height} pixels, a side above limits.max_side = {limits.max_side}", remedy=_RAISE)
    if width * height > limits.max_pixels:
        raise MediaError(f"{width} x {height} = {width * height} pixels, {_more_than(limits)}", remedy=_RAISE)


def _more_than(limits: Limits) -> str:
    return f"more than limits.max_pixels = {limits.max_pixels}"


_RAISE = "raise the limit if such a file is expected, or leave it out"
_SAVE = "save it as PNG or baseline TIFF with another program, or leave it out"


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8, of a decoded image; 1 where there is none, an invalid one, or unreadable EXIF."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except BROKEN:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image as it is meant to be seen."""
    return image.transpose(TRANSPOSITIONS[orientation]) if orientation in TRANSPOSITIONS else image


def to_rgb(image: Image.Image) -> Image.Image:
    """Mode RGB: transparency on white, CMYK and LAB converted, more than 8 bits brought down to 8.

    White is the highest value of the smallest usual depth (8, 10, 12, 14, 16 bits; 1.0 for floats)
    that holds the image's values, since 10 to 14 bits in 16 are common and rarely declared; values
    beyond these, or below 0, are stretched from lowest to highest. Color profiles are not applied.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return white


def _eight_bits(image: Image.Image) -> Pixels:
    values = np.nan_to_num(np.asarray(image).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = min(0.0, float(values.min())), float(values.max())
    tops = (1.0, *LEVELS) if image.mode.startswith("F") else LEVELS
    if low == 0.0:
        high = next((top for top in tops if high <= top), high)
    return ((values - low) * (255.0 / (high - low or 1.0)) + 0.5).astype(np.uint8)


def read_image(
    data: bytes, *, max_side: int | None = None, frame_index: int = 0, limits: Limits = DEFAULT_LIMITS
) -> Pixels:
    """Upright RGB uint8 ``(H, W, 3)`` of one frame, its longer side at most ``max_side`` pixels.

    A JPEG is decoded at reduced scale where ``max_side`` allows. Raises MediaError.
    """
    with pillow_within(limits):
        image = open_image(data, limits)
        try:
            if frame_index:
                image.seek(frame_index)
            elif max_side and image.format == "JPEG":
                image.draft(None, _fitting(image.size, max_side))
            image.load()
            return np.asarray(upright(_reduced(to_rgb(image), max_side), orientation_of(image)))
        except BROKEN as error:
            raise broken("the image cannot be decoded", error, limits) from error


def _reduced(image: Image.Image, max_side: int | None) -> Image.Image:
    if max_side is None or max(image.size) <= max_side:
        return image
    return image.resize(_fitting(image.size, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _fitting(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """The size with the same aspect ratio whose longer side is at most ``max_side``."""
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
