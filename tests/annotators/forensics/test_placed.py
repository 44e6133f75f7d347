"""From the measured array back to the original."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotators.forensics.findings import Found
from annotators.forensics.placed import enlarged_mask, place_in_image, place_in_video, place_on_page
from schemas.geometry import Box, TimeSpan, mask_to_array
from schemas.media.types import Image, Page, Video


@given(
    mask=arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any),
    width=st.integers(12, 40),
    height=st.integers(12, 40),
)
def test_each_original_pixel_takes_the_measured_one_behind_its_center(mask, width, height):
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(int)
    enlarged = enlarged_mask(mask, width, height)
    assert (enlarged.width, enlarged.height, enlarged.rasterizer) == (width, height, "threshold")
    np.testing.assert_array_equal(mask_to_array(enlarged), mask[np.ix_(rows, columns)])


def _found(**where):
    return Found(finding="blur", score=0.5, text="why", measures=(), **where)


def test_a_box_is_scaled_to_the_original():
    mask = np.zeros((50, 100), np.bool_)
    mask[10:20, 30:60] = True
    image = Image(format="PNG", mode="RGB", width=400, height=250, stored_width=400, stored_height=250)
    placed = place_in_image(_found(mask=mask), image, (50, 100, 3))
    assert placed.box == Box(x1=120, y1=50, x2=240, y2=100)
    assert placed.frame_index is None


def test_an_animated_still_was_measured_at_its_first_frame():
    image = Image(format="GIF", mode="P", width=9, height=9, stored_width=9, stored_height=9, num_frames=4)
    placed = place_in_image(_found(mask=np.ones((9, 9), np.bool_)), image, (9, 9, 3))
    assert (placed.frame_index, placed.pts_s) == (0, 0.0)


def _video(pts):
    return Video(
        format="mov", codec="h264", width=8, height=8, stored_width=8, stored_height=8, duration_s=1.0, fps=4.0,
        num_frames=len(pts), time_base_num=1, time_base_den=100, frame_pts=pts,
    )  # fmt: skip


@pytest.mark.parametrize(("frames", "span"), [((1, 3), (0.25, 0.5)), ((1, 4), (0.25, 1.0))])
def test_frames_become_seconds_from_the_first_frame(frames, span):
    placed = place_in_video(_found(frames=frames), _video((10, 35, 45, 60)))
    assert placed.span == TimeSpan(start_s=span[0], end_s=span[1])
    assert (placed.frame_index, placed.pts_s) == (1, 0.25)


def test_a_box_is_cut_at_the_page_and_one_outside_is_dropped():
    page = Page(page_index=2, width=100, height=50)
    placed = place_on_page(_found(box=(-3.0, 10.0, 120.0, 20.0)), page)
    assert (placed.page_index, placed.box) == (2, Box(x1=0, y1=10, x2=100, y2=20))
    assert place_on_page(_found(box=(101.0, 10.0, 120.0, 20.0)), page) is None
