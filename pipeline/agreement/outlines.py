"""Agreement of painted outlines: areas agree easily, borders do not."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from annotators.consensus.overlap import ground_of
from schemas.candidate import Region
from schemas.geometry import mask_from_polygons, mask_to_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TOLERANCE", "boundary_f1", "outline_likeness"]

TOLERANCE = 0.008
"""How far two borders may lie apart, as a share of the diagonal: the bound of DAVIS (Perazzi et al. 2016)."""


def outline_likeness(one: Sequence[Region], other: Sequence[Region]) -> float | None:
    """Boundary F1 of all that each side has painted, meaned over pages and frames; None where neither has painted."""
    ours, theirs = _painted(one), _painted(other)
    grounds = sorted(ours.keys() | theirs.keys(), key=repr)
    if not grounds:
        return None
    return sum(_on_one_ground(ours.get(ground, []), theirs.get(ground, [])) for ground in grounds) / len(grounds)


def boundary_f1(one: NDArray[np.bool_], other: NDArray[np.bool_], tolerance: float = TOLERANCE) -> float:
    """F1 of the border pixels of two ``(H, W)`` masks that lie within the tolerance of the other's border, 0 to 1.

    Borders are inner: the mask without its erosion by one pixel. Two empty masks agree: 1.
    """
    import numpy as np
    from scipy.ndimage import binary_erosion, distance_transform_edt

    borders = [mask & ~binary_erosion(mask) for mask in (one, other)]
    if not (borders[0].any() and borders[1].any()):
        return float(not (borders[0].any() or borders[1].any()))
    reach = max(1.0, tolerance * float(np.hypot(one.shape[0], one.shape[1])))
    near = [distance_transform_edt(~border) <= reach for border in borders]
    precision, recall = float(near[1][borders[0]].mean()), float(near[0][borders[1]].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _painted(regions: Sequence[Region]) -> dict[tuple[Hashable, ...], list[Region]]:
    found: dict[tuple[Hashable, ...], list[Region]] = {}
    for region in regions:
        if region.mask or region.polygons:
            found.setdefault(ground_of(region), []).append(region)
    return found


def _on_one_ground(one: list[Region], other: list[Region]) -> float:
    width, height = _canvas([*one, *other])
    return boundary_f1(_union(one, width, height), _union(other, width, height))


def _canvas(regions: Sequence[Region]) -> tuple[int, int]:
    """The medium's size where a mask knows it, else what holds every outline and a margin."""
    for region in regions:
        if region.mask:
            return region.mask.width, region.mask.height
    points = [point for region in regions for polygon in region.polygons for point in polygon.exterior]
    return int(max(x for x, _ in points)) + 2, int(max(y for _, y in points)) + 2


def _union(regions: Sequence[Region], width: int, height: int) -> NDArray[np.bool_]:
    import numpy as np

    union = np.zeros((height, width), np.bool_)
    for region in regions:
        union |= mask_to_array(region.mask or mask_from_polygons(region.polygons, width, height))
    return union
