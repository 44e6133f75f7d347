"""BBox-DocVQA's metrics (arXiv 2511.15090): how well boxes on pages show the evidence.

Version 1 takes for each true box the best predicted one, so that superfluous boxes cost nothing on a page of the
evidence, and averages over pages, so that a superfluous page counts as one more that scores 0; version 2 matches one
to one and divides by the larger number. What has no box at all scores 0. Boxes are in one space: convert before
(``rel_bbox`` is 0 to 1 in some published files and 0 to 1000 in others, which alone explains scores near zero).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from schemas.geometry import Box, box_iou

__all__ = ["Pages", "iou_v1", "iou_v2", "page_iou_v2", "share_above"]

Pages = Mapping[int, Sequence[Box]]
"""Boxes by page."""


def iou_v1(truth: Pages, predicted: Pages) -> float:
    """Mean over the pages of the truth, and those with predicted boxes, of the mean over true boxes of the best IoU."""
    pages = [*truth, *(page for page, boxes in predicted.items() if boxes and page not in truth)]
    scores = [_best_mean(truth.get(page, ()), predicted.get(page, ())) for page in pages]
    return float(np.mean(scores)) if scores else 0.0


def iou_v2(truth: Pages, predicted: Pages) -> float:
    """Sum of the IoU of the best one-to-one matching of all pages over the larger number of boxes."""
    num_true, num_predicted = (sum(map(len, side.values())) for side in (truth, predicted))
    total = sum(_best_sum(boxes, predicted.get(page, ())) for page, boxes in truth.items())
    return total / max(num_true, num_predicted, 1)


def page_iou_v2(truth: Pages, predicted: Pages) -> float:
    """Mean over the pages of the truth, and those with predicted boxes, of version 2's score of the page alone."""
    pages = [*truth, *(page for page, boxes in predicted.items() if boxes and page not in truth)]
    sides = [(truth.get(page, ()), predicted.get(page, ())) for page in pages]
    scores = [_best_sum(true, said) / max(len(true), len(said), 1) for true, said in sides]
    return float(np.mean(scores)) if scores else 0.0


def share_above(scores: Iterable[float], threshold: float) -> float:
    """Share of questions whose score is at least the threshold: IoU@0.3, 0.5, 0.7."""
    values = np.fromiter(scores, float)
    return float(np.mean(values >= threshold)) if len(values) else float("nan")


def _best_mean(truth: Sequence[Box], predicted: Sequence[Box]) -> float:
    best = [max((box_iou(true, box) for box in predicted), default=0.0) for true in truth]
    return float(np.mean(best)) if best else 0.0


def _best_sum(truth: Sequence[Box], predicted: Sequence[Box]) -> float:
    if not truth or not predicted:
        return 0.0
    ious = np.array([[box_iou(true, box) for box in predicted] for true in truth])
    return float(ious[linear_sum_assignment(ious, maximize=True)].sum())
