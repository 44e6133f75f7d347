"""BBox-DocVQA's metrics (arXiv 2511.15090): how well boxes on pages show the evidence.

Version 1 takes for each true box the best predicted one, so that superfluous boxes cost nothing; version 2 matches one
to one and divides by the larger number. Boxes are in one space: convert before (``rel_bbox`` is 0 to 1 in some
published files and 0 to 1000 in others, which alone explains scores near zero).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from schemas.geometry import Box, box_iou

__all__ = ["Pages", "iou_v1", "iou_v2", "share_above"]

Pages = Mapping[int, Sequence[Box]]
"""Boxes by page."""


def iou_v1(truth: Pages, predicted: Pages) -> float:
    """Mean over pages of the mean over true boxes of the best IoU on that page."""
    pages = [
        [max((box_iou(true, box) for box in predicted.get(page, ())), default=0.0) for true in boxes]
        for page, boxes in truth.items()
        if boxes
    ]
    return float(np.mean([np.mean(page) for page in pages])) if pages else float("nan")


def iou_v2(truth: Pages, predicted: Pages) -> float:
    """Sum of the IoU of the best one-to-one matching of all pages over the larger number of boxes."""
    num_true, num_predicted = (sum(map(len, side.values())) for side in (truth, predicted))
    total = sum(_best_sum(boxes, predicted.get(page, ())) for page, boxes in truth.items())
    return total / max(num_true, num_predicted) if max(num_true, num_predicted) else float("nan")


def share_above(scores: Iterable[float], threshold: float) -> float:
    """Share of questions whose score is at least the threshold: IoU@0.3, 0.5, 0.7."""
    values = np.fromiter(scores, float)
    return float(np.mean(values >= threshold)) if len(values) else float("nan")


def _best_sum(truth: Sequence[Box], predicted: Sequence[Box]) -> float:
    if not truth or not predicted:
        return 0.0
    ious = np.array([[box_iou(true, box) for box in predicted] for true in truth])
    return float(ious[linear_sum_assignment(ious, maximize=True)].sum())
