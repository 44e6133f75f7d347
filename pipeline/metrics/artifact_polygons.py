"""X-AIGD's metrics (arXiv 2601.19430): pixels of all images together, and instances by their boxes.

As published: points are truncated to whole pixels and filled with OpenCV, inclusive of the outline; a predicted box,
its corners truncated likewise, counts where more than half of its pixels are an instance's, several may count for
one, and IoU is not asked. What has nothing to divide by is 0. The corrected instance score matches boxes and
instances one to one at an IoU of 0.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from schemas.geometry import Box, Polygon, box_iou

__all__ = [
    "Instances",
    "PixelScores",
    "Scores",
    "instances_of",
    "published_mask",
    "published_view",
    "score_boxes",
    "score_pixels",
]

Bits = NDArray[np.bool_]
"""(H, W) mask."""
CLOSING_PX = 5
"""Side of the square by which the published code dilates before it counts instances."""
INSIDE = 0.5


class PixelScores(NamedTuple):
    """Scores over all pixels of all images together (micro); 0 where nothing was to be found or was said."""

    iou: float
    precision: float
    recall: float
    f1: float


class Scores(NamedTuple):
    """True and false positives, missed instances, and what follows from them."""

    tp: int
    fp: int
    missed: int
    precision: float
    recall: float
    f1: float


class Instances(NamedTuple):
    """The true instances of one category in one image."""

    masks: tuple[Bits, ...]
    """One per instance, in the order of their first pixels."""
    boxes: tuple[Box, ...]
    """Their bounding boxes."""


def published_mask(polygons: Iterable[Polygon], width: int, height: int) -> Bits:
    """The mask as the published code draws it: truncated points, clamped to the last pixel, ``cv2.fillPoly``."""
    import cv2

    drawn = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        points = np.array(polygon.exterior, np.float64).astype(np.int32)
        clamped = np.clip(points, 0, (width - 1, height - 1))
        cv2.fillPoly(drawn, [clamped.reshape(-1, 1, 2)], (1,))
    return drawn.astype(bool)


def published_view(mask: Bits, resize: int | tuple[int, int], crop: int) -> Bits:
    """The true mask as a detector's input shows it, ``(crop, crop)``: nearest neighbor, then the middle.

    ``resize`` is the size, ``(width, height)``, or the length of the shorter side. The published figures are of
    ``(256, 256)`` and 224, or of 518 and 518.
    """
    import cv2

    height, width = mask.shape
    shorter = min(mask.shape)
    size = (int(width * resize / shorter), int(height * resize / shorter)) if isinstance(resize, int) else resize
    resized = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    top, left = ((side - crop) // 2 for side in resized.shape)
    return resized[top : top + crop, left : left + crop]


def score_pixels(pairs: Iterable[tuple[Bits, Bits]]) -> PixelScores:
    """``(truth, predicted)`` of every image, of one category or of all together."""
    tp = fp = missed = 0
    for truth, predicted in pairs:
        tp += int(np.count_nonzero(truth & predicted))
        fp += int(np.count_nonzero(predicted & ~truth))
        missed += int(np.count_nonzero(truth & ~predicted))
    rates = _rates(tp, fp, missed)
    return PixelScores(_ratio(tp, tp + fp + missed), *rates)


def instances_of(mask: Bits) -> Instances:
    """Connected parts (8 neighbors) of the mask dilated by 5 x 5, each cut back to the mask itself."""
    import cv2

    dilated = cv2.dilate(mask.astype(np.uint8), np.ones((CLOSING_PX, CLOSING_PX), np.uint8))
    count, parts = cv2.connectedComponents(dilated)
    masks = tuple((parts == number) & mask for number in range(1, count))
    return Instances(masks, tuple(_box(part) for part in masks))


def score_boxes(images: Iterable[tuple[Instances, Sequence[Box]]], *, one_to_one: bool = False) -> Scores:
    """Predicted boxes against the instances of every image: as published, or with one box per instance at IoU 0.5."""
    counts = np.zeros(3, np.int64)
    for instances, boxes in images:
        counts += _matched(instances, boxes) if one_to_one else _inside(instances, boxes)
    tp, fp, missed = (int(count) for count in counts)
    return Scores(tp, fp, missed, *_rates(tp, fp, missed))


def _inside(instances: Instances, boxes: Sequence[Box]) -> NDArray[np.int64]:
    """True positives are instances that some box lies in by more than half; every other box is false."""
    is_found = np.zeros(len(instances.masks), bool)
    false = 0
    for box in boxes:
        hits = [n for n, mask in enumerate(instances.masks) if _share_inside(mask, box) > INSIDE]
        is_found[hits] = True
        false += not hits
    found = int(is_found.sum())
    return np.array([found, false, len(is_found) - found])


def _matched(instances: Instances, boxes: Sequence[Box]) -> NDArray[np.int64]:
    ious = np.array([[box_iou(true, box) for box in boxes] for true in instances.boxes]).reshape(
        len(instances.boxes), len(boxes)
    )
    rows, columns = linear_sum_assignment(ious, maximize=True)
    found = int(np.count_nonzero(ious[rows, columns] >= INSIDE))
    return np.array([found, len(boxes) - found, len(instances.boxes) - found])


def _share_inside(mask: Bits, box: Box) -> float:
    """Share of the prediction's pixels that are the instance's; 0 for a box that leaves the image or holds no pixel."""
    height, width = mask.shape
    if not (0 <= box.x1 < box.x2 <= width and 0 <= box.y1 < box.y2 <= height):
        return 0.0
    inside = mask[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]
    return float(inside.mean()) if inside.size else 0.0


def _box(mask: Bits) -> Box:
    ys, xs = np.nonzero(mask)
    return Box(x1=float(xs.min()), y1=float(ys.min()), x2=float(xs.max() + 1), y2=float(ys.max() + 1))


def _rates(tp: int, fp: int, missed: int) -> tuple[float, float, float]:
    return _ratio(tp, tp + fp), _ratio(tp, tp + missed), _ratio(2 * tp, 2 * tp + fp + missed)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
