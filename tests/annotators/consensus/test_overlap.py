from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.consensus import region_iou, region_ious, track_iou
from schemas.candidate import Region
from schemas.geometry import Box, Keyframe, Mask, Polygon, TimeSpan, box_iou, mask_from_array

from .conftest import boxed


def region(**where: Any) -> Region:
    return Region.model_validate({"region_id": "r", "category": "blur", "source": "machine", **where})


def track(*corners: tuple[int, float], size: float = 10) -> tuple[Keyframe, ...]:
    """Squares at (x, 0), by frame, at 10 frames a second."""
    return tuple(
        Keyframe(frame_index=f, pts_s=f / 10, box=Box(x1=x, y1=0, x2=x + size, y2=size), is_visible=True)
        for f, x in corners
    )


corners = st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(1, 6)] * 2).map(
    lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3])
)
sides = st.lists(corners, min_size=1, max_size=5)


@given(sides, sides)
def test_boxes_are_compared_exactly(ours: Any, theirs: Any) -> None:
    one, other = [boxed(c) for c in ours], [boxed(c) for c in theirs]
    expected = [[box_iou(a.box, b.box) for b in other] for a in one]
    assert region_ious(one, other).tolist() == [pytest.approx(row) for row in expected]
    assert np.array_equal(region_ious(other, one), region_ious(one, other).T)


@given(corners, corners)
def test_a_polygon_counts_by_its_pixels_also_against_a_box(one: Any, other: Any) -> None:
    x1, y1, x2, y2 = one
    polygon = Polygon(exterior=((x1, y1), (x2, y1), (x2, y2), (x1, y2)))
    expected = box_iou(boxed(one).box, boxed(other).box)  # whole pixels: drawing loses nothing
    assert region_iou(region(polygons=(polygon,)), boxed(other)) == pytest.approx(expected)
    assert region_ious([boxed(one), region(polygons=(polygon,))], [boxed(other)])[:, 0] == pytest.approx([expected] * 2)


def test_a_mask_counts_before_polygons_before_a_box() -> None:
    pixels = np.zeros((10, 20), bool)
    pixels[0:2, 0:4] = True
    painted = region(mask=mask_from_array(pixels, "painted"), box=Box(x1=0, y1=0, x2=20, y2=10))
    assert region_iou(painted, boxed((0, 0, 4, 4))) == 0.5
    assert region_iou(painted, painted) == 1.0
    with pytest.raises(ValueError, match="differ in size"):
        region_iou(painted, region(mask=Mask(width=4, height=3, counts="0<")))


def test_different_assets_pages_and_frames_share_nothing() -> None:
    here = boxed((0, 0, 4, 4))
    there = [
        here.evolve(asset_id="b"), here.evolve(page_index=1), here.evolve(frame_index=2),
        here.evolve(page_index=0), here.evolve(frame_index=0), here.evolve(asset_id="a"),
    ]  # fmt: skip
    assert region_ious([here], there, primary="a").tolist() == [[0, 0, 0, 1, 1, 1]]


def test_a_region_of_a_whole_page_is_another_one_of_it_and_nothing_drawn() -> None:
    page = region(page_index=2)
    others = [region(page_index=2), region(page_index=1), boxed((0, 0, 4, 4), page_index=2)]
    assert region_ious([page], others).tolist() == [[1, 0, 0]]


def test_time_is_compared_by_seconds() -> None:
    one = region(span=TimeSpan(start_s=1, end_s=3), box=Box(x1=0, y1=0, x2=1, y2=1))
    other = region(span=TimeSpan(start_s=2, end_s=4))
    assert region_iou(one, other) == pytest.approx(1 / 3)
    assert region_iou(other, region(track=track((20, 0), (39, 0)))) == pytest.approx(1.0)
    assert region_iou(other, region(track=track((20, 0)))) == 0.0  # one keyframe lasts no known time
    assert region_iou(one, boxed((0, 0, 1, 1), frame_index=0)) == 0.0


def test_tracks_are_compared_as_tubes_of_boxes() -> None:
    assert track_iou(track((0, 0), (9, 0)), track((0, 0), (9, 0))) == 1.0
    assert track_iou(track((0, 0), (9, 0)), track((5, 0), (14, 0))) == pytest.approx(5 / 15)
    assert track_iou(track((0, 0), (9, 0)), track((0, 5), (9, 5))) == pytest.approx(50 / 150)
    assert track_iou(track((0, 0), (9, 9)), track((0, 0), (4, 4), (9, 9))) == pytest.approx(1.0)
    assert track_iou(track((0, 0), (1, 0)), track((5, 0), (6, 0))) == 0.0
    long = region(track=track((0, 0), (99_999, 0))), region(track=track((0, 5), (99_999, 5)))
    assert region_iou(*long) == pytest.approx(1 / 3)


def test_no_regions_are_a_matrix_of_no_rows() -> None:
    assert region_ious([], [boxed((0, 0, 1, 1))]).shape == (0, 1)
    assert region_ious([boxed((0, 0, 1, 1))], []).shape == (1, 0)
