from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from schemas.geometry import Box, Mask, Polygon, TimeSpan

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))


@pytest.mark.parametrize("corners", [(1, 1, 1, 2), (1, 1, 2, 1), (2, 1, 1, 2)])
def test_a_box_has_area(corners: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="has no area"):
        Box(**dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_coordinate_is_a_number(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Box(x1=0, y1=0, x2=1, y2=value)


def test_a_closed_ring_is_opened() -> None:
    assert Polygon(exterior=(*SQUARE, SQUARE[0], SQUARE[0])).exterior == SQUARE


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ((), "exterior has 0 distinct points; a ring needs 3"),
        (((0, 0), (1, 1), (0, 0)), "exterior has 2 distinct points; a ring needs 3"),
        (((0, 0), (1, 1), (1, 1), (0, 0), (1, 1)), "exterior has 2 distinct points; a ring needs 3"),
        (((0.1, 0.1), (0.2, 0.2), (0.3, 0.3)), "exterior has no area: its 3 points lie on one line"),
        (((5, 0), (5, 9), (5, 3), (5, 1)), "exterior has no area: its 4 points lie on one line"),
    ],
)
def test_a_ring_encloses_something(points: tuple[tuple[float, float], ...], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        Polygon(exterior=points)


def test_a_hole_is_a_ring_too() -> None:
    with pytest.raises(ValidationError, match="hole 1 has 2 distinct points"):
        Polygon(exterior=SQUARE, holes=(((1, 1), (2, 1), (2, 2)), ((1, 1), (2, 2))))


def test_a_thin_polygon_is_one() -> None:
    assert Polygon(exterior=((0, 0), (1000, 0.01), (1000, 0))).holes == ()


def test_a_symmetric_crossing_ring_is_no_line_although_its_signed_area_is_zero() -> None:
    assert len(Polygon(exterior=((0, 0), (10, 10), (10, 0), (0, 10))).exterior) == 4


@pytest.mark.parametrize(("start_s", "end_s"), [(1.0, 1.0), (2.0, 1.0)])
def test_a_span_has_length(start_s: float, end_s: float) -> None:
    with pytest.raises(ValidationError, match="has no length"):
        TimeSpan(start_s=start_s, end_s=end_s)


def test_a_mask_holds_as_many_pixels_as_it_says() -> None:
    whole = Mask(width=100, height=50, counts="Xl4")
    assert (whole.width, whole.height) == (100, 50)

    with pytest.raises(ValidationError, match="mask counts hold 5000 pixels, not 50 x 50"):
        whole.evolve(width=50)
