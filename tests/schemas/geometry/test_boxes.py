from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import geometry
from schemas.geometry import Box, box_holds, box_iou, clamp_box

BOX = Box(x1=10, y1=20, x2=40, y2=30)
SIZES = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("percent_xywh", (5.0, 20.0, 15.0, 10.0)),
        ("unit_xyxy", (0.05, 0.2, 0.2, 0.3)),
        ("thousandths_xyxy", (50.0, 200.0, 200.0, 300.0)),
        ("thousandths_yxyx", (200.0, 50.0, 300.0, 200.0)),
    ],
)
def test_one_box_in_every_spelling_of_a_200_x_100_picture(name: str, spelling: tuple[float, ...]) -> None:
    assert getattr(geometry, f"box_to_{name}")(BOX, 200, 100) == pytest.approx(spelling)
    assert dict(getattr(geometry, f"box_from_{name}")(spelling, 200, 100)) == pytest.approx(dict(BOX))


def test_coco_counts_in_pixels() -> None:
    assert geometry.box_to_coco_xywh(BOX) == (10, 20, 30, 10)
    assert geometry.box_from_coco_xywh((10, 20, 30, 10)) == BOX


@pytest.mark.parametrize("name", ["percent_xywh", "unit_xyxy", "thousandths_xyxy", "thousandths_yxyx"])
@given(box=st.from_type(Box), width=SIZES, height=SIZES)
def test_there_and_back(name: str, box: Box, width: int, height: int) -> None:
    there: Callable[..., Any] = getattr(geometry, f"box_to_{name}")
    back: Callable[..., Any] = getattr(geometry, f"box_from_{name}")

    assert dict(back(there(box, width, height), width, height)) == pytest.approx(dict(box), abs=1e-6)


@given(box=st.from_type(Box))
def test_to_coco_and_back(box: Box) -> None:
    assert dict(geometry.box_from_coco_xywh(geometry.box_to_coco_xywh(box))) == pytest.approx(dict(box), abs=1e-9)


def test_a_box_inside_is_left_as_it_is() -> None:
    assert clamp_box(BOX, 40, 30) is BOX


def test_rounding_is_cut_off() -> None:
    outside = Box(x1=-1e-13, y1=-5e-7, x2=40 + 1e-13, y2=30 + 5e-7)

    assert clamp_box(outside, 40, 30) == Box(x1=0, y1=0, x2=40, y2=30)


@pytest.mark.parametrize("changes", [{"x1": -0.001}, {"y1": -0.001}, {"x2": 40.001}, {"y2": 30.001}])
def test_more_than_rounding_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"reaches 0\.001 px outside of 40 x 30 px"):
        clamp_box(BOX.evolve(**changes), 40, 30)


def test_iou() -> None:
    assert box_iou(BOX, BOX) == 1
    assert box_iou(BOX, BOX.evolve(x1=25)) == 0.5
    assert box_iou(BOX, Box(x1=40, y1=20, x2=50, y2=30)) == 0
    assert box_iou(BOX, Box(x1=25, y1=25, x2=55, y2=35)) == pytest.approx(75 / 525)


@pytest.mark.parametrize(("x1", "y2", "lies"), [(10, 20, True), (9, 21, True), (8, 20, False), (10, 22, False)])
def test_a_box_holds_another_but_for_one_pixel_at_each_edge(x1: int, y2: int, lies: bool) -> None:
    assert box_holds(Box(x1=10, y1=10, x2=20, y2=20), Box(x1=x1, y1=10, x2=20, y2=y2)) is lies
