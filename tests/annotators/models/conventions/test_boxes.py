"""Every convention there and back, and its far edge as the very edge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models.conventions import CONVENTIONS, Convention
from schemas.candidate import View
from schemas.geometry import Box
from schemas.task import BOX_CONVENTIONS

EVERY = pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
SIDES = st.integers(1, 8000)
SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted)


def shown(width: int, height: int, view_width: int, view_height: int) -> View:
    scales = {"scale_x": width / view_width, "scale_y": height / view_height}
    return View(asset_id="a", width=view_width, height=view_height, **scales)


def test_each_name_of_the_vocabulary_has_a_convention() -> None:
    assert tuple(CONVENTIONS) == BOX_CONVENTIONS
    assert all(convention.name == name for name, convention in CONVENTIONS.items())
    assert len({convention.words for convention in CONVENTIONS.values()}) == len(CONVENTIONS)


@EVERY
@given(width=SIDES, height=SIDES, view_width=SIDES, view_height=SIDES, xs=SHARES, ys=SHARES)
def test_a_box_goes_there_and_back(
    convention: Convention, width: int, height: int, view_width: int, view_height: int, xs: list[float], ys: list[float]
) -> None:
    size, view = (width, height), shown(width, height, view_width, view_height)
    if xs[1] - xs[0] < 1e-4 or ys[1] - ys[0] < 1e-4:
        return
    box = Box(x1=xs[0] * width, y1=ys[0] * height, x2=xs[1] * width, y2=ys[1] * height)

    back = convention.box_from(convention.box_to(box, view, size), view, size)

    assert (back.x1, back.y1, back.x2, back.y2) == pytest.approx((box.x1, box.y1, box.x2, box.y2), abs=2e-6)


@EVERY
@given(width=SIDES, height=SIDES, view_width=SIDES, view_height=SIDES)
def test_the_far_edge_is_the_very_edge(
    convention: Convention, width: int, height: int, view_width: int, view_height: int
) -> None:
    size, view = (width, height), shown(width, height, view_width, view_height)
    right, bottom = convention.edges(view, size)
    numbers = (0, 0, bottom, right) if "yxyx" in convention.name else (0, 0, right, bottom)

    assert convention.box_from(numbers, view, size) == Box(x1=0, y1=0, x2=width, y2=height)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("original_pixels_xyxy", (100, 50, 300, 150)),
        ("original_pixels_xywh", (100, 50, 200, 100)),
        ("original_pixels_yxyx", (50, 100, 150, 300)),
        ("view_pixels_xyxy", (50, 25, 150, 75)),
        ("view_pixels_xywh", (50, 25, 100, 50)),
        ("unit_xyxy", (0.25, 0.25, 0.75, 0.75)),
        ("unit_xywh", (0.25, 0.25, 0.5, 0.5)),
        ("percent_yxyx", (25, 25, 75, 75)),
        ("nines_xyxy", (249.75, 249.75, 749.25, 749.25)),
        ("thousandths_yxyx", (250, 250, 750, 750)),
        ("bins1024_yxyx", (256, 256, 768, 768)),
    ],
)
def test_one_box_in_many_spellings(name: str, numbers: tuple[float, ...]) -> None:
    view = shown(400, 200, 200, 100)

    assert CONVENTIONS[name].box_from(numbers, view, (400, 200)) == Box(x1=100, y1=50, x2=300, y2=150)  # type: ignore[index]


def test_a_part_that_is_shown_maps_into_that_part() -> None:
    view = View(asset_id="a", width=100, height=50, crop_x=200, crop_y=100, scale_x=2, scale_y=2)
    box = Box(x1=300, y1=150, x2=400, y2=200)

    assert CONVENTIONS["thousandths_xyxy"].box_from((500, 500, 1000, 1000), view, (1000, 1000)) == box
    assert CONVENTIONS["original_pixels_xyxy"].box_from((300, 150, 400, 200), view, (1000, 1000)) == box
    assert CONVENTIONS["unit_xyxy"].point_from(0.5, 0.5, view, (1000, 1000)) == (300, 150)


@EVERY
def test_a_box_outside_or_without_area_is_refused(convention: Convention) -> None:
    size, view = (400, 200), shown(400, 200, 200, 100)
    right, _ = convention.edges(view, size)

    with pytest.raises(ValueError, match="no area"):
        convention.box_from((0, 0, 0, 0), view, size)
    with pytest.raises(ValueError, match="outside"):
        convention.box_from((0, 0, 5 * right, 5 * right), view, size)
