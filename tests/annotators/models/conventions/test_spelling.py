"""Four numbers from any JSON shape."""

from __future__ import annotations

from typing import Any

import pytest

from annotators.models.conventions import CONVENTIONS, four_numbers

XYXY = CONVENTIONS["thousandths_xyxy"].names
XYWH = CONVENTIONS["thousandths_xywh"].names
YXYX = CONVENTIONS["thousandths_yxyx"].names
NAMED = {"xmin": 1, "ymin": 2, "xmax": 5, "ymax": 8}


@pytest.mark.parametrize(
    ("value", "names", "expected"),
    [
        ([1, 2, 5, 8], XYXY, (1, 2, 5, 8)),
        ([1, 2, 5, 8], YXYX, (1, 2, 5, 8)),
        ([[1, 2], [5, 8]], XYXY, (1, 2, 5, 8)),
        ([[1, 2, 5, 8]], XYXY, (1, 2, 5, 8)),
        (NAMED, XYXY, (1, 2, 5, 8)),
        (NAMED, YXYX, (2, 1, 8, 5)),
        (NAMED, XYWH, (1, 2, 4, 6)),
        ({"x": 1, "y": 2, "width": 4, "height": 6}, XYXY, (1, 2, 5, 8)),
        ({"x": 1, "y": 2, "w": 4, "h": 6}, XYWH, (1, 2, 4, 6)),
        ({"top": 2, "left": 1, "bottom": 8, "right": 5}, XYXY, (1, 2, 5, 8)),
        ({"X_Min": 1, "Y_min": 2, "x_max": 5, "y_max": 8}, XYXY, (1, 2, 5, 8)),
    ],
)
def test_the_same_box_in_every_shape(value: Any, names: Any, expected: tuple[float, ...]) -> None:
    assert four_numbers(value, names) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "1,2,3,4",
        [],
        [1, 2, 3],
        [1, 2, 3, "4"],
        [1, 2, 3, True],
        [1, 2, 3, float("nan")],
        [[1, 2], [3]],
        {"x1": 1, "y1": 2, "x2": 3},
        {"x1": 1, "y1": 2, "x2": 3, "y2": "4"},
        {"x1": 1, "y1": 2, "width": 3, "bottom": 4},
        {"x1": 1, "y1": 2, "x2": 3, "y2": 4, "score": 1},
    ],
)
def test_whatever_else_is_no_box(value: Any) -> None:
    assert four_numbers(value, XYXY) is None
