"""Where regions of a sample lie, and how far those of two sides overlap.

An area is compared by the pixels of its mask, else its polygons, else its box, drawn by
pycocotools at the size of the picture, frame or page (a PDF's pixel is a point); a stretch of a
clip is compared by time alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from schemas.candidate import Region
from schemas.errors import RunError
from schemas.geometry import Box, Mask, TimeSpan, mask_from_box, mask_from_polygons, span_iou
from schemas.media.types import Document, Media, Video
from schemas.sample import Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Place", "Shared", "ious", "matched_rows", "place_of", "shared_extents"]


@dataclass(frozen=True)
class Place:
    """Where a region is."""

    category: str
    ground: Hashable
    """The picture, frame, page or clip; only places on the same ground can overlap."""
    extent: Mask | TimeSpan
    """Its pixels, or its time; one ground holds only one of the two."""


@dataclass(frozen=True)
class Shared:
    """How much the places of two sides share on one ground."""

    unit: Literal["pixels", "seconds"]
    both: float
    """Extent of the intersection of the two unions."""
    either: float
    """Extent of the union of all."""


def place_of(region: Region, sample: Sample) -> Place:
    """Where a region of a sample is. Raises RunError for an asset, page or mask size that the sample does not have."""
    asset_id = region.asset_id or sample.primary.asset_id
    media = next((asset.media for asset in sample.assets if asset.asset_id == asset_id), None)
    if media is None:
        raise RunError(f"region {region.region_id} of sample {sample.sample_id} names the unknown asset {asset_id!r}")
    if isinstance(media, Video) and (span := _span(region, media)):
        return Place(region.category, asset_id, span)
    ground = (asset_id, region.page_index or 0, region.frame_index or 0)
    return Place(region.category, ground, _mask(region, *_size(media, region)))


def ious(rows: Sequence[Place], columns: Sequence[Place]) -> NDArray[np.float64]:
    """IoU of every place with every other, ``(len(rows), len(columns))``; 0 on different grounds."""
    import numpy as np

    result = np.zeros((len(rows), len(columns)))
    for ground in {place.ground for place in rows}:
        ours = [i for i, place in enumerate(rows) if place.ground == ground]
        theirs = [j for j, place in enumerate(columns) if place.ground == ground]
        if theirs:
            result[np.ix_(ours, theirs)] = _block([rows[i].extent for i in ours], [columns[j].extent for j in theirs])
    return result


def matched_rows(ious: NDArray[np.float64], threshold: float) -> frozenset[int]:
    """Rows of the one-to-one matching with the most pairs at or above the threshold, then with the highest IoUs."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    good = (ious >= threshold) & (ious > 0)
    # One more pair weighs more than all IoUs together: no IoU is above 1.
    weights = np.where(good, ious + min(ious.shape, default=0), 0.0)
    rows, columns = linear_sum_assignment(weights, maximize=True)
    return frozenset(int(i) for i, j in zip(rows, columns, strict=True) if good[i, j])


def shared_extents(ours: Sequence[Place], theirs: Sequence[Place]) -> Iterator[Shared]:
    """Intersection and union of the two sides on each ground that one of them touches."""
    for ground in dict.fromkeys(place.ground for place in (*ours, *theirs)):
        one, other = ([place.extent for place in side if place.ground == ground] for side in (ours, theirs))
        either = _extent([*one, *other])
        unit: Literal["pixels", "seconds"] = "seconds" if isinstance((*one, *other)[0], TimeSpan) else "pixels"
        yield Shared(unit, _extent(one) + _extent(other) - either, either)


def _block(ours: Sequence[Any], theirs: Sequence[Any]) -> Any:
    if isinstance(ours[0], TimeSpan):
        return [[span_iou(one, other) for other in theirs] for one in ours]
    from pycocotools import mask as coco

    return coco.iou([_rle(mask) for mask in ours], [_rle(mask) for mask in theirs], [0] * len(theirs))


def _extent(extents: Sequence[Any]) -> float:
    """Pixels or seconds that at least one of them covers."""
    if not extents:
        return 0.0
    if isinstance(extents[0], TimeSpan):
        return _seconds(extents)
    from pycocotools import mask as coco

    return float(coco.area(coco.merge([_rle(mask) for mask in extents])))


def _seconds(spans: Sequence[TimeSpan]) -> float:
    total, reached = 0.0, 0.0
    for span in sorted(spans, key=lambda span: span.start_s):
        total += max(0.0, span.end_s - max(span.start_s, reached))
        reached = max(reached, span.end_s)
    return total


def _span(region: Region, video: Video) -> TimeSpan | None:
    """When it lasts: its span, else from its first keyframe to the end of its last one."""
    if region.span or not region.track:
        return region.span
    return TimeSpan(start_s=region.track[0].pts_s, end_s=region.track[-1].pts_s + 1 / video.fps)


def _size(media: Media, region: Region) -> tuple[int, int]:
    """Width and height in pixels of the picture, frame or page."""
    if not isinstance(media, Document):
        return media.width, media.height
    page_index = region.page_index or 0
    if page_index >= media.num_pages:
        raise RunError(f"region {region.region_id} names page {page_index} of a document of {media.num_pages}")
    return ceil(media.pages[page_index].width), ceil(media.pages[page_index].height)


def _mask(region: Region, width: int, height: int) -> Mask:
    """The pixels of a region; all of them where it names only the picture or page."""
    if region.mask:
        if (region.mask.width, region.mask.height) != (width, height):
            size = f"{region.mask.width} x {region.mask.height}"
            raise RunError(f"region {region.region_id} has a mask of {size} px for a medium of {width} x {height} px")
        return region.mask
    if region.polygons:
        return mask_from_polygons(region.polygons, width, height)
    return mask_from_box(region.box or Box(x1=0, y1=0, x2=width, y2=height), width, height)


def _rle(mask: Mask) -> dict[str, Any]:
    return {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")}
