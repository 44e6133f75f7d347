"""The photos to plant in: free ones that scikit-image ships in its wheel, and the team's own.

Only photos that their makers gave to the public domain are used; scikit-image states so photo by
photo (https://scikit-image.org/docs/stable/api/skimage.data.html). Nothing is downloaded.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError, MediaError
from schemas.media.images import read_image
from schemas.media.limits import DEFAULT_LIMITS, Limits
from schemas.media.sniff import HEAD_BYTES, sniff
from schemas.sample import Source

__all__ = [
    "DONORS",
    "MIN_SIDE_PX",
    "Photo",
    "PhotoName",
    "Pixels",
    "donor",
    "jpeg",
    "photo_from_bytes",
    "png",
    "shipped_photo",
]

Pixels = NDArray[np.uint8]
"""``(H, W, 3)``, RGB."""

PhotoName = Literal["astronaut", "camera", "chelsea", "coffee", "retina", "rocket"]

MIN_SIDE_PX = 128
"""Smaller pictures have no room for an artifact beside what stays untouched."""

CC0 = "CC0-1.0"
PUBLIC_DOMAIN = "LicenseRef-Public-Domain"


@dataclass(frozen=True)
class Photo:
    """A photo and where it comes from."""

    name: str
    """What its variants and its group are called."""
    pixels: Pixels
    source: Source


@dataclass(frozen=True)
class _Shipped:
    file: str
    licence: str
    url: str


_DOCS = "https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data."

_SHIPPED = {
    "astronaut": _Shipped("astronaut.png", PUBLIC_DOMAIN, "https://flic.kr/p/r9qvLn"),
    "camera": _Shipped("camera.png", CC0, _DOCS + "camera"),
    "chelsea": _Shipped("chelsea.png", CC0, _DOCS + "chelsea"),
    "coffee": _Shipped("coffee.png", CC0, _DOCS + "coffee"),
    "retina": _Shipped(
        "retina.jpg", CC0, "https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg"
    ),
    "rocket": _Shipped(
        "rocket.jpg", PUBLIC_DOMAIN, "https://www.flickr.com/photos/spacexphotos/16511594820/in/photostream/"
    ),
    "brick": _Shipped("brick.png", CC0, _DOCS + "brick"),
    "grass": _Shipped("grass.png", CC0, _DOCS + "grass"),
    "gravel": _Shipped("gravel.png", CC0, _DOCS + "gravel"),
}

DONORS = ("brick", "grass", "gravel")
"""Photos that only lend patches: what is pasted is never itself a sample, so that no split leaks into another."""


def shipped_photo(name: str, size: int) -> Photo:
    """A photo of scikit-image's wheel, its longer side at most ``size`` pixels."""
    facts = _SHIPPED[name]
    path = files("skimage") / "data" / facts.file
    if not path.is_file():
        raise ConfigError(
            f"this scikit-image ships no {facts.file}",
            remedy=f"leave {name!r} out of 'photos', or install scikit-image 0.26",
        )
    source = Source(name=f"scikit-image data: {name}", url=facts.url, licence=facts.licence)
    return photo_from_bytes(path.read_bytes(), name, size, source)


def donor(name: str, rng: np.random.Generator) -> Photo:
    """A gray texture in a seeded color, as foreign material."""
    photo = shipped_photo(name, 512)
    tint = rng.uniform(0.55, 1.0, 3)
    return Photo(name, np.rint(photo.pixels * (tint / tint.max())).astype(np.uint8), photo.source)


def photo_from_bytes(data: bytes, name: str, size: int, source: Source, limits: Limits = DEFAULT_LIMITS) -> Photo:
    """An upright RGB photo, its longer side at most ``size`` pixels; pixels of a smaller one are untouched.

    Raises MediaError where the bytes are no picture, beyond the limits, or too small to plant in.
    """
    sniffed = sniff(data[:HEAD_BYTES])
    if sniffed.modality != "image":
        raise MediaError(f"no photo: it looks like {sniffed.description}", remedy="give photos only")
    pixels = read_image(data, max_side=size, limits=limits)
    if min(pixels.shape[:2]) < MIN_SIDE_PX:
        problem = f"{pixels.shape[1]} x {pixels.shape[0]} pixels leave no room to plant in"
        raise MediaError(problem, remedy=f"give photos of at least {MIN_SIDE_PX} pixels a side, or a larger 'size'")
    return Photo(name, pixels, source)


def png(pixels: Pixels) -> bytes:
    """The pixels as a PNG without metadata: lossless, so that a mask is exact."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=2)
    return buffer.getvalue()


def jpeg(pixels: Pixels, quality: int) -> bytes:
    """The pixels as a baseline JPEG without metadata."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
