"""Outlines lie where the regions are, whatever their geometry, and cost little whatever their size."""

from __future__ import annotations

import tracemalloc
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from pipeline.report.outlines import MAX_OUTLINES, _runs, mask_rings, outlines, stretches, view_size
from pipeline.thumbnails import Thumbnail
from schemas.candidate import Region
from schemas.geometry import Box, Keyframe, Mask, Polygon, TimeSpan
from schemas.media.types import Video

PIXELS = arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 1))


def mask_of(pixels: np.ndarray[Any, Any]) -> Mask:
    encoded = coco.encode(np.asfortranarray(pixels))
    return Mask(width=pixels.shape[1], height=pixels.shape[0], counts=encoded["counts"].decode())


def picture(width: float = 500, height: float = 250, **where: Any) -> Thumbnail:
    return Thumbnail(data=b"", width=width, height=height, **where)


def region(**where: Any) -> Region:
    return Region(region_id="r", category="blur", source="machine", **where)


def paths(found: Any) -> list[str]:
    return [outline.path for outline in found]


BOX = Box(x1=50, y1=25, x2=100, y2=75)


@given(PIXELS)
def test_runs_are_those_that_were_encoded(pixels: np.ndarray[Any, Any]) -> None:
    runs = _runs(mask_of(pixels).counts)
    flat = pixels.flatten(order="F")
    assert np.array_equal(np.repeat(np.arange(len(runs)) % 2, runs), flat)


@settings(deadline=None)
@given(PIXELS)
def test_the_rings_of_a_small_mask_hold_its_pixels(pixels: np.ndarray[Any, Any]) -> None:
    """Filled at 16 x, the rings cover the middle of every pixel of the mask and of no other."""
    scale = 16
    canvas = np.zeros((pixels.shape[0] * scale, pixels.shape[1] * scale), np.uint8)
    rings = [np.rint(np.array(ring) * scale).astype(np.int32) for ring in mask_rings(mask_of(pixels))]
    cv2.fillPoly(canvas, rings, 1)
    wrong = canvas[scale // 2 :: scale, scale // 2 :: scale] != pixels
    assert not wrong.any()
    assert bool(rings) == bool(pixels.any())


def test_the_rings_of_a_large_mask_follow_its_border() -> None:
    pixels = np.zeros((1200, 1600), np.uint8)
    cv2.circle(pixels, (900, 500), 300, 1, -1)
    cv2.circle(pixels, (900, 500), 100, 0, -1)
    drawn = np.zeros_like(pixels)
    cv2.fillPoly(drawn, [np.rint(np.array(ring)).astype(np.int32) for ring in mask_rings(mask_of(pixels))], 1)
    assert (drawn & pixels).sum() / (drawn | pixels).sum() > 0.97


def test_a_gigapixel_mask_costs_no_gigabyte() -> None:
    """Runs of 40,000 x 25,000 pixels with a foreground square of 100 x 100 in the middle of nowhere."""
    height, width = 25_000, 40_000
    runs = [20_000 * height + 12_000, *([100, height - 100] * 99), 100]
    counts = coco.frPyObjects({"size": [height, width], "counts": [*runs, height * width - sum(runs)]}, height, width)
    mask = Mask(width=width, height=height, counts=counts["counts"].decode())
    tracemalloc.start()
    (ring,) = mask_rings(mask)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20_000_000
    assert (min(x for x, _ in ring), max(x for x, _ in ring)) == pytest.approx((20_000, 20_100), abs=1)
    assert (min(y for _, y in ring), max(y for _, y in ring)) == pytest.approx((12_000, 12_100), abs=1)


def test_an_empty_mask_has_no_outline() -> None:
    assert outlines([region(mask=mask_of(np.zeros((9, 9), np.uint8)))], picture(9, 9)) == ()


def test_units_are_thousandths_of_the_longer_side() -> None:
    assert view_size(picture(500, 250)) == (1000, 500)
    assert view_size(picture(250, 500)) == (500, 1000)
    (outline,) = outlines([region(box=BOX)], picture(500, 250))
    assert outline.path == "M100 50L200 50L200 150L100 150Z"
    assert (outline.number, outline.x, outline.y) == (1, 100, 50)


def test_polygons_come_before_masks_and_boxes_and_keep_their_holes() -> None:
    polygon = Polygon(exterior=((0, 0), (100, 0), (100, 100)), holes=(((60, 20), (80, 20), (80, 40)),))
    mask = mask_of(np.ones((250, 500), np.uint8))
    (outline,) = outlines([region(polygons=(polygon,), mask=mask, box=BOX)], picture())
    assert outline.path == "M0 0L200 0L200 200ZM120 40L160 40L160 80Z"


def test_only_regions_of_this_page_are_drawn() -> None:
    regions = [region(page_index=0, box=BOX), region(page_index=1, box=BOX)]
    assert [outline.number for outline in outlines(regions, picture(page_index=1))] == [2]
    assert outlines([region(page_index=1)], picture(page_index=1)) == ()


def test_only_regions_of_this_frame_are_drawn() -> None:
    regions = [
        region(frame_index=3, box=BOX),
        region(frame_index=4, box=BOX),
        region(span=TimeSpan(start_s=0.2, end_s=0.4), box=BOX),
        region(span=TimeSpan(start_s=0.4, end_s=0.6), box=BOX),
        region(span=TimeSpan(start_s=0.2, end_s=0.6)),
        region(box=BOX),
    ]
    found = outlines(regions, picture(frame_index=4, pts_s=0.4))
    assert [outline.number for outline in found] == [2, 4, 6]


def test_an_animated_picture_shows_what_is_on_its_first_frame() -> None:
    found = outlines([region(frame_index=0, box=BOX), region(frame_index=1, box=BOX)], picture())
    assert [outline.number for outline in found] == [1]


def test_a_track_is_interpolated_and_ends_where_it_leaves() -> None:
    def key(frame: int, x: float, *, visible: bool = True) -> Keyframe:
        return Keyframe(frame_index=frame, pts_s=frame / 10, box=Box(x1=x, y1=0, x2=x + 10, y2=10), is_visible=visible)

    track = (key(10, 0), key(20, 100), key(30, 100, visible=False), key(40, 0))
    drawn = {frame: paths(outlines([region(track=track)], picture(frame_index=frame))) for frame in (5, 10, 15, 35, 41)}
    assert drawn[15] == ["M100 0L120 0L120 20L100 20Z"]
    assert drawn[10] == ["M0 0L20 0L20 20L0 20Z"]
    assert drawn[5] == drawn[35] == drawn[41] == []


def test_a_path_holds_nothing_but_numbers_and_commands() -> None:
    polygon = Polygon(exterior=tuple((float(i % 97), float(i * i % 89)) for i in range(5000)))
    (outline,) = outlines([region(polygons=(polygon,))], picture())
    assert set(outline.path) <= set("MLZ0123456789. ")


def test_thousands_of_regions_are_cut_off() -> None:
    assert len(outlines([region(box=BOX)] * 5000, picture())) == MAX_OUTLINES


def test_stretches_lie_within_the_clip_and_can_be_seen() -> None:
    video = Video(
        format="mov", codec="h264", width=1, height=1, stored_width=1, stored_height=1, duration_s=10, fps=1,
        num_frames=10, time_base_num=1, time_base_den=1, frame_pts=tuple(range(10)),
    )  # fmt: skip
    regions = [
        region(span=TimeSpan(start_s=1, end_s=3)),
        region(span=TimeSpan(start_s=9, end_s=99)),
        region(frame_index=9, pts_s=10, box=BOX),
        region(box=BOX),
    ]
    assert [(s.number, s.start, s.length) for s in stretches(regions, video)] == [
        (1, 100, 200),
        (2, 900, 100),
        (3, 992, 8),
    ]
