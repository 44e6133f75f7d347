"""The box of a region for formats that hold nothing else."""

from __future__ import annotations

from schemas.candidate import Region
from schemas.geometry import Box, box_from_mask, box_from_polygons

__all__ = ["box_of"]


def box_of(region: Region) -> Box:
    """Its box, or the one around its polygons or mask. Raises ValueError where it has none of them."""
    if region.box:
        return region.box
    if region.polygons:
        return box_from_polygons(region.polygons)
    if region.mask is None:
        raise ValueError(f"region {region.region_id} has no place that a box could hold")
    return box_from_mask(region.mask)
