"""Outlines for formats that hold nothing but polygons, of regions that have none."""

from __future__ import annotations

from annotators.outlining import draw
from annotators.segmenters.base import Patch
from schemas.candidate import Region
from schemas.geometry import Box, Mask, Polygon, box_from_mask, mask_to_array
from schemas.record import Record

__all__ = ["outlined"]

MAX_ERROR_PX = 1.0
"""How far a point of a mask's outline may lie from the polygon."""
MIN_PART_SHARE = 0.02
"""Parts smaller than this share of the largest one are noise."""


def outlined(record: Record) -> Record:
    """The record, its regions without polygons with the outlines of their masks, or else the corners of their boxes.

    Outlines are flat: holes are filled. What has neither mask nor box stays as it is.
    """
    return record.evolve(regions=tuple(_outlined(region) for region in record.regions))


def _outlined(region: Region) -> Region:
    if region.polygons:
        return region
    if region.mask is not None:
        return region.evolve(polygons=_of_mask(region.mask))
    return region.evolve(polygons=(_corners(region.box),)) if region.box is not None else region


def _of_mask(mask: Mask) -> tuple[Polygon, ...]:
    box, bits = box_from_mask(mask), mask_to_array(mask)
    part = bits[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)].astype("float32")
    drawn = draw(
        Patch(part, box.x1, box.y1, 1.0, 1.0),
        box,
        mask.width,
        mask.height,
        max_error_px=MAX_ERROR_PX,
        min_part_share=MIN_PART_SHARE,
        has_holes=False,
    )
    return drawn.polygons if drawn else ()


def _corners(box: Box) -> Polygon:
    return Polygon(exterior=((box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)))
