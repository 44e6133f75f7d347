"""Regions as outlines over a small picture: SVG paths in a space whose longer side is 1000 units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import NonNegativeInt

from schemas.base import Frozen
from schemas.candidate import Region
from schemas.geometry import Box, Keyframe, Mask, Point
from schemas.media.types import Video
from schemas.record import Record

from ..thumbnails import Thumbnail

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Outline", "Stretch", "mask_rings", "outlines", "stretches", "view_size"]

SIDE = 1000
"""Units of the longer side of every picture."""
MASK_SIDE = 256
"""A mask is sampled on a grid of at most so many cells per side of its bounding box."""
ZOOM = 4
"""Cells are enlarged so that contours, which run through the middles of border cells, lie close to the border."""
MAX_OUTLINES = 40
"""More regions than this on one picture hide it and help nobody."""
MAX_RINGS, MAX_POINTS = 48, 240
"""Bounds on one region's path: the largest rings of a mask, points spread along a ring."""


class Outline(Frozen):
    """One region on one picture."""

    number: NonNegativeInt
    """Number of the region in its record, from 1; 0 for known truth."""
    category: str
    """Its category."""
    path: str
    """SVG path data: digits, blanks and ``MLHVZ`` only."""
    x: float
    """Left end of its number's tag."""
    y: float
    """Top end of its number's tag."""


class Stretch(Frozen):
    """One region on the time line, in thousandths of the clip."""

    number: NonNegativeInt
    """Number of the region in its record, from 1."""
    category: str
    """Its category."""
    start: float
    """Left end."""
    length: float
    """Length; short ones are widened to be seen."""


def view_size(thumbnail: Thumbnail) -> tuple[float, float]:
    """Width and height of the picture in units."""
    scale = SIDE / max(thumbnail.width, thumbnail.height)
    return round(thumbnail.width * scale, 1), round(thumbnail.height * scale, 1)


def outlines(
    regions: Sequence[Region], thumbnail: Thumbnail, *, numbered: bool = True, row: Record | None = None
) -> tuple[Outline, ...]:
    """Outlines of the regions that can be seen on this image, frame or page; of a pair, with its ``row``."""
    second = row.reference.asset_id if row and row.reference else None
    scale = SIDE / max(thumbnail.width, thumbnail.height)
    found: list[Outline] = []
    for number, region in enumerate(regions[:MAX_OUTLINES], start=1):
        is_elsewhere = second is not None and (region.asset_id == second) != (thumbnail.compared == second)
        rings = [] if is_elsewhere else [_scaled(ring, scale) for ring in _rings(region, thumbnail)]
        if rings:
            x, y = min(p[0] for ring in rings for p in ring), min(p[1] for ring in rings for p in ring)
            path = "".join(_path(ring) for ring in rings)
            label = number if numbered else 0
            found.append(Outline(number=label, category=region.category, path=path, x=round(x, 1), y=round(y, 1)))
    return tuple(found)


def stretches(regions: Sequence[Region], video: Video) -> tuple[Stretch, ...]:
    """When the regions happen: spans, tracks and single frames."""
    duration_s = max(video.duration_s, 1e-6)
    found = []
    for number, region in enumerate(regions[:MAX_OUTLINES], start=1):
        if times := _times(region):
            start = min(times[0] / duration_s, 1) * SIDE
            length = max((min(times[1], duration_s) - times[0]) / duration_s * SIDE, 8)
            start = min(start, SIDE - length) if length < SIDE else 0
            found.append(
                Stretch(number=number, category=region.category, start=round(start, 1), length=round(length, 1))
            )
    return tuple(found)


def _times(region: Region) -> tuple[float, float] | None:
    if region.span:
        return region.span.start_s, region.span.end_s
    if region.track:
        return region.track[0].pts_s, region.track[-1].pts_s
    return (region.pts_s, region.pts_s) if region.pts_s is not None else None


def _rings(region: Region, thumbnail: Thumbnail) -> Iterable[Iterable[Point]]:
    """The region's rings in original pixels, most exact geometry first; none where it is not to be seen."""
    if thumbnail.page_index is not None and (region.page_index or 0) != thumbnail.page_index:
        return ()
    if thumbnail.frame_index is not None:
        if region.track:
            box = _box_at(region.track, thumbnail.frame_index)
            return (_corners(box),) if box else ()
        if not _is_at(region, thumbnail):
            return ()
    elif region.frame_index:  # an animated picture shows its first frame
        return ()
    return _still_rings(region)


def _still_rings(region: Region) -> Iterable[Iterable[Point]]:
    if region.polygons:
        return [ring for polygon in region.polygons for ring in (polygon.exterior, *polygon.holes) if ring]
    if region.mask:
        return mask_rings(region.mask)
    return (_corners(region.box),) if region.box else ()


def _is_at(region: Region, thumbnail: Thumbnail) -> bool:
    if region.frame_index is not None:
        return region.frame_index == thumbnail.frame_index
    if region.span and thumbnail.pts_s is not None:
        return region.span.start_s <= thumbnail.pts_s < region.span.end_s
    return True


def _box_at(track: Sequence[Keyframe], frame_index: int) -> Box | None:
    """Where a track is in a frame, by linear interpolation; None where it is not visible."""
    before = [key for key in track if key.frame_index <= frame_index]
    after = [key for key in track if key.frame_index >= frame_index]
    if not before or not after or not before[-1].is_visible:
        return None
    a, b = before[-1], after[0]
    part = (frame_index - a.frame_index) / max(b.frame_index - a.frame_index, 1)
    mixed = {side: (1 - part) * getattr(a.box, side) + part * getattr(b.box, side) for side in ("x1", "y1", "x2", "y2")}
    return Box(**mixed)


def _corners(box: Box) -> tuple[Point, ...]:
    return (box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)


def _scaled(ring: Iterable[Point], scale: float) -> list[Point]:
    """The ring in units, without the points that a thumbnail cannot tell apart."""
    points: list[Point] = []
    for x, y in ring:
        point = (round(x * scale, 1), round(y * scale, 1))
        if not points or abs(point[0] - points[-1][0]) + abs(point[1] - points[-1][1]) >= 1:
            points.append(point)
    return points[:: 1 + len(points) // MAX_POINTS]


def _path(ring: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in ring) + "Z"


def mask_rings(mask: Mask) -> Iterator[list[Point]]:
    """Outer and inner borders of a mask in its pixels, without ever decoding all of it.

    A mask of a gigapixel image costs no more than one of a stamp: its runs are sampled on a grid
    over its bounding box.
    """
    import cv2
    import numpy as np

    ends = np.cumsum(_runs(mask.counts), dtype=np.int64)
    starts, stops = ends[:-1:2], ends[1::2]  # background and foreground take turns, background first
    filled = stops > starts
    if not filled.any():
        return
    left, top, right, bottom = _bounds(starts[filled], stops[filled], mask.height)
    step = max(max(right - left, bottom - top) / MASK_SIDE, 1.0)
    columns, rows = _samples(left, right, step), _samples(top, bottom, step)
    grid = np.searchsorted(ends, columns[None, :] * mask.height + rows[:, None], side="right") % 2
    enlarged = np.pad(grid.astype(np.uint8).repeat(ZOOM, 0).repeat(ZOOM, 1), 1)  # so that one cell has four corners
    rings, _ = cv2.findContours(enlarged, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for ring in sorted(rings, key=cv2.contourArea, reverse=True)[:MAX_RINGS]:
        yield [_unsampled(point, left, top, step) for point in cv2.approxPolyDP(ring, 1.0, True)[:, 0]]


def _unsampled(point: Any, left: int, top: int, step: float) -> Point:
    """From the middle of an enlarged cell, behind a border of one, to pixels of the mask."""
    return left + (float(point[0]) - 0.5) / ZOOM * step, top + (float(point[1]) - 0.5) / ZOOM * step


def _samples(start: int, stop: int, step: float) -> NDArray[Any]:
    """The pixels in the middle of each step from start to stop (exclusive)."""
    import numpy as np

    middles = np.arange(start, stop, step) + (step - 1) / 2
    return np.minimum(middles, stop - 1).astype(np.int64)


def _bounds(starts: NDArray[Any], stops: NDArray[Any], height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of column-major runs."""
    last = stops - 1
    left, right = int(starts.min() // height), int(last.max() // height) + 1
    if (starts // height != last // height).any():  # a run that goes on in the next column fills one to its end
        return left, 0, right, height
    return left, int((starts % height).min()), right, int((last % height).max()) + 1


def _runs(counts: str) -> list[int]:
    """Run lengths, background first, from compressed COCO counts (``rleFrString`` of maskApi.c).

    pycocotools only decodes to pixels, which a bounded report cannot afford.
    """
    runs: list[int] = []
    value = shift = 0
    for code in counts.encode("ascii", "replace"):
        bits = code - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            runs.append(max(value + (runs[-2] if len(runs) > 2 else 0), 0))
            value = shift = 0
    return runs
