"""What saving leaves in a file: a JPEG's tables, its halved colors, and which kinds of metadata are there.

None of it is about what the picture shows, yet it may tell the classes of a dataset apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

__all__ = ["JpegTraces", "jpeg_traces", "metadata_kinds", "quality_of"]

LUMINANCE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip
"""Luminance table of ITU-T T.81, annex K.1, row by row."""
SUBSAMPLINGS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}
"""By how many luminance samples there are across and down for one of a color."""


class JpegTraces(NamedTuple):
    """How a JPEG was saved; empty for anything else."""

    quality: int | None = None
    tables: str = ""
    subsampling: str = ""


def jpeg_traces(image: Pillow.Image) -> JpegTraces:
    """Read from the headers of an opened image."""
    tables: dict[int, Sequence[int]] = getattr(image, "quantization", None) or {}
    if image.format not in ("JPEG", "MPO") or not tables:
        return JpegTraces()
    digest = hashlib.sha256(repr([(i, list(tables[i])) for i in sorted(tables)]).encode()).hexdigest()[:16]
    return JpegTraces(quality_of(tables[min(tables)]), digest, _subsampling(getattr(image, "layer", ())))


def quality_of(table: Sequence[int]) -> int:
    """The quality, 1 to 100, at which the IJG's library gives the luminance table that is nearest to this one.

    Exact for files of that library, Pillow and OpenCV among its users; an estimate for programs with tables of their
    own. ``table`` has 64 entries, row by row.
    """
    return int(np.abs(_scaled() - np.asarray(table)).sum(axis=1).argmin()) + 1


def metadata_kinds(image: Pillow.Image, *, has_c2pa: bool) -> tuple[str, ...]:
    """Which of c2pa, comment, exif, icc, iptc, text and xmp a decoded image carries, sorted."""
    info: dict[str | tuple[int, int], Any] = image.info
    found = {
        "c2pa": has_c2pa,
        "comment": bool(info.get("comment")),
        "exif": bool(info.get("exif")),
        "icc": bool(info.get("icc_profile")),
        "iptc": bool(info.get("photoshop")),
        "text": bool(getattr(image, "text", None)),
        "xmp": bool(info.get("xmp") or info.get("XML:com.adobe.xmp")),
    }
    return tuple(kind for kind, is_there in found.items() if is_there)


@cache
def _scaled() -> NDArray[np.int64]:
    """The tables of qualities 1 to 100, ``(100, 64)``, as jcparams.c of the IJG scales them."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((LUMINANCE[None, :] * scale + 50) // 100, 1, 255)


def _subsampling(layers: Sequence[tuple[int, int, int, int]]) -> str:
    """From (id, across, down, table) of each component, the luminance first; empty for gray."""
    if len(layers) < 3:
        return ""
    (_, across, down, _), (_, least_across, least_down, _) = layers[0], layers[1]
    ratio = (across // max(1, least_across), down // max(1, least_down))
    return SUBSAMPLINGS.get(ratio, f"{ratio[0]}x{ratio[1]}")
