"""The mask picture of an image: a small palette PNG whose pixel value is the category's number.

0 is background, ``n`` the n-th category of the taxonomy.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.candidate import Region
from schemas.geometry import Box, mask_area, mask_from_polygons, mask_to_array
from schemas.taxonomy import Taxonomy

from .palette_png import palette_png

__all__ = ["label_map", "label_map_png", "read_label_map"]

Labels = NDArray[np.uint8]
"""Category numbers, ``(height, width)``."""


def label_map(regions: Sequence[Region], taxonomy: Taxonomy, width: int, height: int) -> Labels:
    """Category number of every pixel, ``(height, width)`` uint8; larger regions lie under smaller ones.

    A region's mask counts before its polygons, these before its box; a box covers the pixels whose
    centers lie inside it, at least one. Regions of later frames and without a place in the picture are left out.
    """
    rows, counts = _label_rows(regions, taxonomy, width, height)
    return np.repeat(rows, counts, axis=0)


def label_map_png(regions: Sequence[Region], taxonomy: Taxonomy, width: int, height: int) -> bytes:
    """The label map as a palette PNG; equal regions give equal bytes."""
    colors = [bytes.fromhex(taxonomy.color_of(name)[1:]) for name in taxonomy.names()]
    rows, counts = _label_rows(regions, taxonomy, width, height)
    return palette_png(rows, [b"\0\0\0", *colors], counts)


def read_label_map(png: bytes) -> Labels:
    """The ``(height, width)`` uint8 category numbers of a mask picture."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        return np.array(picture)


def _drawable(regions: Sequence[Region]) -> list[Region]:
    return [r for r in regions if not r.frame_index and (r.mask or r.polygons or r.box)]


def _area(region: Region) -> float:
    if region.mask:
        return mask_area(region.mask)
    box = region.box
    return (box.x2 - box.x1) * (box.y2 - box.y1) if box else 0.0


def _label_rows(
    regions: Sequence[Region], taxonomy: Taxonomy, width: int, height: int
) -> tuple[Labels, NDArray[np.int64]]:
    """Rows of the label map and how often each stands there: between the edges of boxes all rows are equal."""
    number = {name: i for i, name in enumerate(taxonomy.names(), start=1)}
    drawn = sorted(_drawable(regions), key=lambda r: (-_area(r), r.region_id))
    boxes = [None if r.mask or r.polygons or not r.box else _whole(r.box, width, height) for r in drawn]
    edges = range(height + 1) if None in boxes else sorted({0, height, *(y for box in boxes if box for y in box[1::2])})
    row = {y: i for i, y in enumerate(edges)}
    labels = np.zeros((len(edges) - 1, width), dtype=np.uint8)
    for region, box in zip(drawn, boxes, strict=True):
        if box:
            x1, y1, x2, y2 = box
            labels[row[y1] : row[y2], x1:x2] = number[region.category]
        else:
            mask = region.mask or mask_from_polygons(region.polygons, width, height)
            labels[mask_to_array(mask)] = number[region.category]
    return labels, np.diff(edges)


def _whole(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """``x1, y1, x2, y2`` of the pixels whose centers lie inside the box, at least one."""
    x1, y1, x2, y2 = (round(v) for v in (box.x1, box.y1, box.x2, box.y2))
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return x1, y1, min(max(x2, x1 + 1), width), min(max(y2, y1 + 1), height)
