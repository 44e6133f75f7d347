from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.labelstudio.brush import rle_from_mask
from annotators.labelstudio.frames import FrameClock
from annotators.labelstudio.geometry import (
    Place,
    Space,
    is_same_place,
    mask_shown,
    percent_from_box,
    percent_from_polygon,
    place_from_brush,
    place_from_polygon,
    place_from_rectangle,
)
from annotators.labelstudio.tracks import place_from_ranges, place_from_sequence, sequence_from_track
from schemas.errors import VerdictError
from schemas.geometry import Box, Keyframe, Polygon, mask_from_array, mask_to_array, polygon_defects, track_box_at

from .conftest import CLIP

SPACE = Space(640, 480, 640, 480)
PAGE = Space(612.5, 792.25, 1225, 1584)
IN_CLIP = Space(320, 240, 320, 240, FrameClock.of(CLIP))
UNIT = st.floats(0, 1)


def corners(box: Box | None) -> list[float]:
    assert box is not None
    return [box.x1, box.y1, box.x2, box.y2]


@given(UNIT, UNIT, st.floats(0.001, 1), st.floats(0.001, 1))
def test_boxes_survive(x: float, y: float, width: float, height: float) -> None:
    x1, y1 = x * 0.9 * PAGE.width, y * 0.9 * PAGE.height
    box = Box(x1=x1, y1=y1, x2=x1 + width * (PAGE.width - x1), y2=y1 + height * (PAGE.height - y1))
    assert corners(place_from_rectangle(percent_from_box(box, PAGE), PAGE).box) == pytest.approx(corners(box))


@given(st.lists(st.tuples(UNIT, UNIT), min_size=3, max_size=8))
def test_polygons_survive(points: list[tuple[float, float]]) -> None:
    try:
        polygon = Polygon(exterior=tuple((x * PAGE.width, y * PAGE.height) for x, y in points))
        place = place_from_polygon({"points": percent_from_polygon(polygon, PAGE)}, PAGE)
    except (ValueError, VerdictError):
        return
    if not polygon_defects(polygon):  # one that crosses itself becomes what it encloses
        flat = sorted(value for point in polygon.exterior for value in point)
        assert sorted(v for point in place.polygons[0].exterior for v in point) == pytest.approx(flat)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"x": 10, "y": 10, "width": 20, "height": 30}, [64, 48, 192, 192]),
        ({"x": 30, "y": 40, "width": -20, "height": -30, "rotation": 0}, [64, 48, 192, 192]),
        ({"x": -0.0001, "y": 0, "width": 100.0001, "height": 100.0001, "rotation": 360}, [0, 0, 640, 480]),
    ],
)
def test_upright_rectangles(value: dict[str, Any], wanted: list[float]) -> None:
    place = place_from_rectangle(value, SPACE)
    assert corners(place.box) == pytest.approx(wanted)
    assert place.polygons == ()


def test_rectangles_turn_clockwise_about_their_top_left_corner_in_pixels() -> None:
    place = place_from_rectangle({"x": 50, "y": 50, "width": 10, "height": 10, "rotation": 30}, SPACE)
    cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
    wanted = [(320, 240), (320 + 64 * cos, 240 + 64 * sin), (320 + 64 * cos - 48 * sin, 240 + 64 * sin + 48 * cos)]
    wanted.append((320 - 48 * sin, 240 + 48 * cos))
    (polygon,) = place.polygons
    assert sorted(map(tuple, np.round(polygon.exterior, 6))) == sorted(map(tuple, np.round(wanted, 6)))


def test_a_turned_rectangle_is_cut_at_the_edge() -> None:
    place = place_from_rectangle({"x": 0, "y": 0, "width": 20, "height": 20, "rotation": 45}, SPACE)
    assert place.box is not None
    assert place.box.x1 == 0
    with pytest.raises(VerdictError, match="it lies outside of the picture"):
        place_from_rectangle({"x": 0, "y": 0, "width": 20, "height": 20, "rotation": 180}, SPACE)


def test_masks_of_rendered_pages_come_back_in_page_pixels() -> None:
    pixels = np.zeros((792, 612), np.bool_)
    pixels[100:200, 50:400] = True
    space = Space(612.0, 792.0, 1224, 1584)
    shown = mask_shown(mask_from_array(pixels, "painted"), space)
    assert shown.shape == (1584, 1224)
    assert shown.sum() == 4 * pixels.sum()
    mask = place_from_brush({"format": "rle", "rle": rle_from_mask(shown)}, space).mask
    assert mask is not None
    assert np.array_equal(mask_to_array(mask), pixels)


def test_an_empty_mask_and_another_format_are_refused() -> None:
    with pytest.raises(VerdictError, match="mask without a painted pixel"):
        place_from_brush({"rle": rle_from_mask(np.zeros((480, 640), np.bool_))}, SPACE)
    with pytest.raises(VerdictError, match="brush mask of the unknown format 'png'"):
        place_from_brush({"format": "png", "rle": []}, SPACE)


def keyframe(index: int, x: float, *, is_visible: bool = True) -> Keyframe:
    box = Box(x1=x, y1=20, x2=x + 100, y2=120)
    return Keyframe(frame_index=index, pts_s=FrameClock.of(CLIP).pts_s(index), box=box, is_visible=is_visible)


def test_tracks_show_the_same_frames() -> None:
    track = (keyframe(1, 10), keyframe(3, 30), keyframe(5, 50, is_visible=False), keyframe(6, 60))
    value = sequence_from_track(track, IN_CLIP)
    assert (value["framesCount"], value["duration"]) == (33, 1.2)
    back = place_from_sequence(value, IN_CLIP).track
    for index in range(8):
        before, after = track_box_at(track, index), track_box_at(back, index)
        assert (before is None) == (after is None), index
        assert before is None or corners(after) == pytest.approx(corners(before))


def test_a_box_that_leaves_the_picture_is_cut() -> None:
    entry = {"frame": 1, "enabled": True, "x": -10, "y": 90, "width": 20, "height": 20, "rotation": 0}
    (first,) = place_from_sequence({"sequence": [entry]}, IN_CLIP).track
    assert corners(first.box) == pytest.approx([0, 216, 32, 240])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "track without keyframes"),
        ({"sequence": []}, "track without keyframes"),
        ({"sequence": [7]}, "keyframe that is no mapping"),
        ({"sequence": [{"frame": 1, "x": 0, "y": 0, "width": 0, "height": 5}]}, "keyframe: "),
        ({"sequence": [{"frame": 1.5, "x": 0, "y": 0, "width": 5, "height": 5}]}, "frame is 1.5, not a whole number"),
        ({"sequence": [{"frame": 99, "x": 0, "y": 0, "width": 5, "height": 5}]}, "frame 99 of a clip with 33"),
    ],
)
def test_tracks_that_are_none_are_refused(value: dict[str, Any], why: str) -> None:
    with pytest.raises(VerdictError, match=why):
        place_from_sequence(value, IN_CLIP)


def test_time_has_no_place_in_a_still() -> None:
    with pytest.raises(VerdictError, match="in what is no clip"):
        place_from_ranges({"ranges": [{"start": 1, "end": 2}]}, SPACE)
    with pytest.raises(VerdictError, match="timeline region without exactly one range"):
        place_from_ranges({"ranges": []}, IN_CLIP)


@pytest.mark.parametrize("points", [None, [], [[1, 2], [3, 4]], [[0, 0], [5, 5], [9, 9]], [[1], [2], [3]], "abc"])
def test_polygons_that_are_none_are_refused(points: object) -> None:
    with pytest.raises(VerdictError, match="polygon"):
        place_from_polygon({"points": points}, SPACE)


def test_the_smallest_move_is_one() -> None:
    box = Box(x1=10, y1=10, x2=20, y2=20)
    assert is_same_place(Place(box=box), Place(box=box.evolve(x1=10.01)))
    assert not is_same_place(Place(box=box), Place(box=box.evolve(x1=10.1)))
    assert not is_same_place(Place(box=box), Place(track=(keyframe(1, 10),)))
