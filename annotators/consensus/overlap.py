"""How far two regions are the same place: IoU of areas, of seconds, or of a track's boxes over its frames.

No medium is asked for. Two boxes are compared exactly; a polygon or mask by the pixels that pycocotools draws.
A stretch of a clip is compared by time alone, unless both sides are tracks: then it is the volume of the
two tubes of boxes. Different assets, pages or frames share nothing. A region that names only a page is all
of it: the same as another such one, not comparable with one drawn on the page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from schemas.candidate import Region
from schemas.geometry import (
    Box,
    Keyframe,
    TimeSpan,
    box_from_polygons,
    mask_from_box,
    mask_from_polygons,
    span_iou,
    track_box_at,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ground_of", "region_iou", "region_ious", "track_iou"]

MOST_FRAMES = 128
"""Frames of two tracks that are looked at, evenly spread: a long clip must not cost more than a short one."""


def region_iou(one: Region, other: Region, *, primary: str = "") -> float:
    """IoU of two regions, 0 to 1; see ``region_ious``."""
    return float(region_ious([one], [other], primary=primary)[0, 0])


def region_ious(rows: Sequence[Region], columns: Sequence[Region], *, primary: str = "") -> NDArray[np.float64]:
    """IoU of every region with every other, ``(len(rows), len(columns))``.

    ``primary`` is the asset that a region without an ``asset_id`` lies in. Raises ValueError where two masks of one
    picture differ in size.
    """
    import numpy as np

    result = np.zeros((len(rows), len(columns)))
    ours, theirs = _by_ground(rows, primary), _by_ground(columns, primary)
    for ground in ours.keys() & theirs.keys():
        block = _block([rows[i] for i in ours[ground]], [columns[j] for j in theirs[ground]])
        result[np.ix_(ours[ground], theirs[ground])] = block
    return result


def ground_of(region: Region, *, primary: str = "") -> tuple[Hashable, ...]:
    """Asset, page and frame, or asset and time: only regions on the same ground can overlap."""
    asset = region.asset_id or primary
    if region.span or region.track:
        return (asset, "time")
    if not (region.box or region.polygons or region.mask):
        return (asset, "page", region.page_index or 0)
    return (asset, "area", region.page_index or 0, region.frame_index or 0)


def track_iou(one: Sequence[Keyframe], other: Sequence[Keyframe]) -> float:
    """Volume that the two tubes of boxes share, over the volume of either, 0 to 1.

    A tube ends with its last keyframe. At most 128 frames, evenly spread over both, are looked at.
    """
    frames = _frames(one, other)
    both = either = 0.0
    for frame in frames:
        ours, theirs = _box_at(one, frame), _box_at(other, frame)
        shared = _shared(ours, theirs) if ours and theirs else 0.0
        both += shared
        either += (_area(ours) if ours else 0.0) + (_area(theirs) if theirs else 0.0) - shared
    return both / either if either else 0.0


def _by_ground(regions: Sequence[Region], primary: str) -> dict[tuple[Hashable, ...], list[int]]:
    grounds: defaultdict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    for i, region in enumerate(regions):
        grounds[ground_of(region, primary=primary)].append(i)
    return grounds


def _block(ours: list[Region], theirs: list[Region]) -> Any:
    kind = ground_of(ours[0])[1]
    if kind == "time":
        return [[_in_time(one, other) for other in theirs] for one in ours]
    return 1.0 if kind == "page" else _areas(ours, theirs)


def _in_time(one: Region, other: Region) -> float:
    if one.track and other.track:
        return track_iou(one.track, other.track)
    ours, theirs = _span(one), _span(other)
    return span_iou(ours, theirs) if ours and theirs else 0.0


def _span(region: Region) -> TimeSpan | None:
    """When it lasts: its span, else from its first keyframe to the end of its last frame, as long as the others."""
    if region.span:
        return region.span
    first, last = region.track[0], region.track[-1]
    if last.frame_index <= first.frame_index or last.pts_s <= first.pts_s:
        return None
    frame_s = (last.pts_s - first.pts_s) / (last.frame_index - first.frame_index)
    return TimeSpan(start_s=first.pts_s, end_s=last.pts_s + frame_s)


def _frames(one: Sequence[Keyframe], other: Sequence[Keyframe]) -> list[int]:
    first = min(one[0].frame_index, other[0].frame_index)
    count = max(one[-1].frame_index, other[-1].frame_index) - first + 1
    if count <= MOST_FRAMES:
        return list(range(first, first + count))
    return [first + round(i * (count - 1) / (MOST_FRAMES - 1)) for i in range(MOST_FRAMES)]


def _box_at(track: Sequence[Keyframe], frame: int) -> Box | None:
    return track_box_at(track, frame) if frame <= track[-1].frame_index else None


def _areas(ours: list[Region], theirs: list[Region]) -> NDArray[np.float64]:
    """Boxes against boxes exactly; wherever a polygon or mask takes part, by pixels."""
    import numpy as np

    plain_rows, plain_columns = ([i for i, r in enumerate(side) if _is_plain(r)] for side in (ours, theirs))
    if len(plain_rows) == len(ours) and len(plain_columns) == len(theirs):
        return _box_ious(ours, theirs)
    result = _pixel_ious(ours, theirs)
    exact = _box_ious([ours[i] for i in plain_rows], [theirs[j] for j in plain_columns])
    result[np.ix_(plain_rows, plain_columns)] = exact
    return result


def _is_plain(region: Region) -> bool:
    return not (region.mask or region.polygons)


def _box_ious(ours: Sequence[Region], theirs: Sequence[Region]) -> NDArray[np.float64]:
    import numpy as np

    one, other = (
        np.array([[b.x1, b.y1, b.x2, b.y2] for b in (r.box for r in side) if b], float).reshape(-1, 4)
        for side in (ours, theirs)
    )
    low, high = np.maximum(one[:, None, :2], other[None, :, :2]), np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    sizes = ((side[:, 2:] - side[:, :2]).prod(axis=1) for side in (one, other))
    total = next(sizes)[:, None] + next(sizes)[None, :]
    result: NDArray[np.float64] = shared / (total - shared)
    return result


def _pixel_ious(ours: Sequence[Region], theirs: Sequence[Region]) -> NDArray[np.float64]:
    import numpy as np
    from pycocotools import mask as coco

    width, height = _canvas([*ours, *theirs])
    drawn = [[_rle(region, width, height) for region in side] for side in (ours, theirs)]
    return np.array(coco.iou(drawn[0], drawn[1], [0] * len(theirs)), float).reshape(len(ours), len(theirs))


def _canvas(regions: Sequence[Region]) -> tuple[int, int]:
    """The size of the picture where a mask knows it, else one that holds everything drawn."""
    known = {(r.mask.width, r.mask.height) for r in regions if r.mask}
    if len(known) > 1:
        raise ValueError(f"masks of one picture differ in size: {sorted(known)}")
    if known:
        return known.pop()
    boxes = [box_from_polygons(r.polygons) if r.polygons else r.box for r in regions]
    return max(1, *(ceil(b.x2) for b in boxes if b)), max(1, *(ceil(b.y2) for b in boxes if b))


def _rle(region: Region, width: int, height: int) -> dict[str, Any]:
    mask = region.mask
    if mask is None:
        mask = (
            mask_from_polygons(region.polygons, width, height)
            if region.polygons
            else mask_from_box(region.box or Box(x1=0, y1=0, x2=width, y2=height), width, height)
        )
    return {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")}


def _area(box: Box) -> float:
    return (box.x2 - box.x1) * (box.y2 - box.y1)


def _shared(one: Box, other: Box) -> float:
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    return max(0.0, width) * max(0.0, height)
