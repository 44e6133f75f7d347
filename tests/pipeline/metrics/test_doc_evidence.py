"""Evidence boxes: version 1 forgives superfluous boxes, version 2 does not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.metrics.doc_evidence import iou_v1, iou_v2, page_iou_v2, share_above
from schemas.geometry import Box, box_iou

LEFT, RIGHT = Box(x1=0, y1=0, x2=10, y2=10), Box(x1=20, y1=0, x2=30, y2=10)
HALF = Box(x1=0, y1=0, x2=5, y2=10)


def test_superfluous_boxes_cost_nothing_in_version_one_and_half_in_version_two() -> None:
    assert iou_v1({0: [LEFT]}, {0: [LEFT, RIGHT]}) == 1.0
    assert iou_v2({0: [LEFT]}, {0: [LEFT, RIGHT]}) == 0.5


def test_a_superfluous_page_counts_as_one_more_without_evidence() -> None:
    assert iou_v1({0: [LEFT]}, {0: [LEFT], 3: [RIGHT]}) == 0.5
    assert iou_v1({0: [LEFT], 1: []}, {0: [LEFT], 2: []}) == 0.5
    assert iou_v2({0: [LEFT]}, {0: [LEFT], 3: [RIGHT]}) == 0.5


def test_pages_count_alike_in_version_one_and_boxes_alike_in_version_two() -> None:
    truth, predicted = {0: [LEFT, RIGHT], 1: [LEFT]}, {0: [LEFT], 1: [HALF]}
    assert iou_v1(truth, predicted) == pytest.approx((0.5 + 0.5) / 2)
    assert iou_v2(truth, predicted) == pytest.approx((1.0 + 0.5) / 3)


def test_version_two_has_a_score_in_which_pages_count_alike() -> None:
    truth, predicted = {0: [LEFT, RIGHT], 1: [LEFT]}, {0: [LEFT], 1: [HALF], 4: []}
    assert page_iou_v2(truth, predicted) == pytest.approx((1 / 2 + 0.5) / 2)
    assert page_iou_v2(truth, {**predicted, 4: [LEFT]}) == pytest.approx((1 / 2 + 0.5 + 0) / 3)
    assert page_iou_v2(truth, truth) == 1.0
    assert page_iou_v2({}, {}) == 0.0


def test_a_box_on_another_page_is_no_evidence() -> None:
    assert (iou_v1({0: [LEFT]}, {1: [LEFT]}), iou_v2({0: [LEFT]}, {1: [LEFT]})) == (0.0, 0.0)
    assert (iou_v1({}, {}), iou_v2({}, {})) == (0.0, 0.0)


def test_the_matching_is_the_best_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        corners = rng.uniform(0, 20, (6, 2))
        boxes = [Box(x1=x, y1=y, x2=x + 12, y2=y + 12) for x, y in corners]
        true, said = boxes[:3], boxes[3:]
        best = max(sum(map(box_iou, true, order)) for order in itertools.permutations(said))
        assert iou_v2({0: true}, {0: said}) == pytest.approx(best / 3)


def test_the_share_above_a_threshold_includes_it() -> None:
    assert share_above([0.5, 0.49, 0.7], 0.5) == pytest.approx(2 / 3)
