"""From the measured array back to the original: boxes, masks, frames and pages as the vocabulary has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.geometry import Box, Mask, TimeSpan
from schemas.media.types import Image, Page, Video

from .findings import BoxXyxy, Finding, Found, Measure

__all__ = ["Placed", "enlarged_mask", "place_in_image", "place_in_video", "place_on_page"]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A finding in the original medium; small and picklable."""

    finding: Finding
    score: float
    text: str
    measures: tuple[Measure, ...]
    words: str = ""
    box: Box | None = None
    mask: Mask | None = None
    page_index: int | None = None
    frame_index: int | None = None
    pts_s: float | None = None
    span: TimeSpan | None = None


def place_in_image(found: Found, image: Image, shape: tuple[int, ...]) -> Placed:
    """``shape`` is that of the measured array; an animated still was measured at its first frame."""
    mask = enlarged_mask(found.mask, image.width, image.height) if found.mask is not None else None
    extent = found.extent()
    box = _scaled(extent, image.width / shape[1], image.height / shape[0]) if extent else None
    is_animated = image.num_frames > 1
    return Placed(
        finding=found.finding,
        score=found.score,
        text=found.text,
        measures=found.measures,
        box=box,
        mask=mask,
        frame_index=0 if is_animated else None,
        pts_s=0.0 if is_animated else None,
    )


def place_in_video(found: Found, video: Video) -> Placed:
    """Frames as a time span; seconds count from the first frame."""
    assert found.frames is not None  # noqa: S101 - every finding in time has them
    first, end = found.frames
    start_s = video.pts_s(first)
    end_s = video.pts_s(end) if end < video.num_frames else video.duration_s
    span = TimeSpan(start_s=start_s, end_s=end_s) if end_s > start_s else None
    return Placed(
        finding=found.finding,
        score=found.score,
        text=found.text,
        measures=found.measures,
        frame_index=first,
        pts_s=start_s,
        span=span,
    )


def place_on_page(found: Found, page: Page) -> Placed | None:
    """Boxes are in page pixels already; None where nothing of it lies on the page."""
    assert found.box is not None  # noqa: S101 - every finding on a page has one
    x1, y1, x2, y2 = found.box
    x1, y1, x2, y2 = max(0.0, x1), max(0.0, y1), min(page.width, x2), min(page.height, y2)
    if not (x2 > x1 and y2 > y1):
        return None
    return Placed(
        finding=found.finding,
        score=found.score,
        text=found.text,
        measures=found.measures,
        words=found.words,
        box=Box(x1=x1, y1=y1, x2=x2, y2=y2),
        page_index=page.page_index,
    )


def _scaled(box: BoxXyxy, scale_x: float, scale_y: float) -> Box:
    return Box(x1=box[0] * scale_x, y1=box[1] * scale_y, x2=box[2] * scale_x, y2=box[3] * scale_y)


def enlarged_mask(mask: NDArray[np.bool_], width: int, height: int) -> Mask:
    """A mask at the original's size: each pixel takes the measured pixel that its center falls into.

    The runs are computed within the bounding box only, so that a large picture costs no copy of itself.
    """
    from pycocotools import mask as coco

    columns = _sources(np.any(mask, axis=0), width)
    rows = _sources(np.any(mask, axis=1), height)
    (x1, xs), (y1, ys) = columns, rows
    small = mask[np.ix_(ys, xs)].astype(np.int8)
    steps = np.diff(small, axis=0, prepend=0, append=0)
    starts, ends = (_flat(steps == sign, x1, y1, height) for sign in (1, -1))
    edges = np.stack([starts, ends], 1).ravel()
    # A run that reaches the bottom goes on at the top of the next column.
    merged = edges[
        np.concatenate(([True], edges[1:] != edges[:-1])) & np.concatenate((edges[1:] != edges[:-1], [True]))
    ]
    counts = np.diff(np.concatenate(([0], merged, [width * height])))
    encoded = coco.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return Mask(width=width, height=height, counts=encoded["counts"].decode("ascii"), rasterizer="threshold")


def _sources(used: NDArray[np.bool_], size: int) -> tuple[int, NDArray[np.intp]]:
    """First original position that shows something, and the measured position behind each from there on."""
    index = np.minimum(((np.arange(size) + 0.5) * (len(used) / size)).astype(np.intp), len(used) - 1)
    shown = np.flatnonzero(used[index])
    return int(shown[0]), index[shown[0] : shown[-1] + 1]


def _flat(edges: NDArray[np.bool_], x1: int, y1: int, height: int) -> NDArray[np.int64]:
    """Column-major positions of edges, ascending; an edge below the last row is one beyond it."""
    columns, rows = np.nonzero(edges.T)
    return (columns.astype(np.int64) + x1) * height + rows + y1
