from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.geometry import (
    Box,
    Polygon,
    box_from_polygons,
    clamp_polygon,
    mask_area,
    mask_from_polygons,
    polygon_defects,
    polygon_from_coco_flat,
    polygon_to_coco_flat,
    polygons_repaired,
)

SQUARE = Polygon(exterior=((0, 0), (10, 0), (10, 10), (0, 10)))
BOW_TIE = Polygon(exterior=((0, 0), (10, 10), (10, 0), (0, 10)))
WITH_HOLE = SQUARE.evolve(holes=(((2, 2), (4, 2), (4, 4)),))


@given(polygon=st.from_type(Polygon))
def test_coco_there_and_back(polygon: Polygon) -> None:
    outline = polygon.evolve(holes=())

    assert polygon_from_coco_flat(polygon_to_coco_flat(outline)) == outline


def test_coco_flat_is_x_y_x_y() -> None:
    assert polygon_to_coco_flat(SQUARE) == [0, 0, 10, 0, 10, 10, 0, 10]


def test_coco_cannot_say_holes() -> None:
    with pytest.raises(ValueError, match="1 holes has no flat COCO form; write its mask instead"):
        polygon_to_coco_flat(WITH_HOLE)


@pytest.mark.parametrize(
    ("flat", "message"), [([1, 2, 3], "3 numbers: x without y"), ([1, 2, 3, 4], "2 distinct points")]
)
def test_a_broken_coco_polygon_is_refused(flat: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        polygon_from_coco_flat(flat)


def test_the_box_around_polygons() -> None:
    far = Polygon(exterior=((20, -5), (21, 3), (22, 0)))

    assert box_from_polygons([SQUARE, far]) == Box(x1=0, y1=-5, x2=22, y2=10)


def test_a_point_on_the_far_edge_is_inside() -> None:
    assert clamp_polygon(SQUARE, 10, 10) is SQUARE


def test_rounding_is_cut_off() -> None:
    off = Polygon(exterior=((-1e-13, 0), (10, 0), (10, 10 + 1e-13), (0, 10)), holes=WITH_HOLE.holes)

    assert clamp_polygon(off, 10, 10) == WITH_HOLE


@pytest.mark.parametrize(("width", "height"), [(9.5, 10), (10, 9.5)])
def test_more_than_rounding_is_refused(width: float, height: float) -> None:
    with pytest.raises(ValueError, match=r"lies 0\.5 px outside of"):
        clamp_polygon(SQUARE, width, height)


@pytest.mark.parametrize(
    ("polygon", "word"),
    [
        (BOW_TIE, "Self-intersection[5 5]"),
        (SQUARE.evolve(holes=(((20, 20), (22, 20), (22, 22)),)), "Hole lies outside shell[20 20]"),
    ],
)
def test_rings_that_cross_or_leave_are_named(polygon: Polygon, word: str) -> None:
    assert polygon_defects(polygon) == (word,)


def test_a_sound_polygon_has_no_defect() -> None:
    assert polygon_defects(WITH_HOLE) == ()


def test_a_repair_keeps_the_pixels() -> None:
    repaired = polygons_repaired(BOW_TIE)

    assert [polygon_defects(part) for part in repaired] == [(), ()]
    assert mask_area(mask_from_polygons(repaired, 10, 10)) == mask_area(mask_from_polygons([BOW_TIE], 10, 10)) == 50


def test_a_repair_keeps_holes() -> None:
    (repaired,) = polygons_repaired(WITH_HOLE)

    assert {frozenset(ring) for ring in repaired.holes} == {frozenset(ring) for ring in WITH_HOLE.holes}
