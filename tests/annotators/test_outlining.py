"""Outlines: as near to the map as stated, holes kept, nothing outside of the box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.outlining import draw
from annotators.segmenters.base import Patch
from schemas.geometry import (
    Box,
    box_from_mask,
    mask_area,
    mask_from_array,
    mask_from_polygons,
    mask_iou,
    polygon_defects,
)

WHOLE = Box(x1=0, y1=0, x2=60, y2=40)


def disc(x: float, y: float, radius: float, width: int = 60, height: int = 40) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def patch(bits: np.ndarray, **fields: float) -> Patch:
    return Patch(bits.astype(np.float32), **{"x0": 0.0, "y0": 0.0, "scale_x": 1.0, "scale_y": 1.0, **fields})


def test_a_disc_is_drawn_within_the_stated_error() -> None:
    bits = disc(30, 20, 15)
    drawn = draw(patch(bits), WHOLE, 60, 40, max_error_px=0.5, min_part_share=0.02)
    assert drawn is not None
    assert drawn.deviation_px <= 0.5
    assert mask_iou(drawn.mask, mask_from_array(bits, "threshold")) > 0.96
    assert drawn.mask == mask_from_polygons(drawn.polygons, 60, 40)
    assert drawn.mask.rasterizer == "pycocotools"


def test_a_coarser_error_takes_fewer_points() -> None:
    fine, coarse = (
        draw(patch(disc(30, 20, 18)), WHOLE, 60, 40, max_error_px=error, min_part_share=0.0) for error in (0.2, 4.0)
    )
    assert fine is not None
    assert coarse is not None
    assert len(coarse.polygons[0].exterior) < len(fine.polygons[0].exterior)
    assert fine.outline_iou > coarse.outline_iou


def test_holes_are_kept_and_specks_are_not() -> None:
    bits = disc(30, 20, 18) & ~disc(30, 20, 8)
    bits[1, 1] = True
    bits[20, 45] = False
    drawn = draw(patch(bits), WHOLE, 60, 40, max_error_px=0.5, min_part_share=0.02)
    assert drawn is not None
    (polygon,) = drawn.polygons
    assert len(polygon.holes) == 1
    assert abs(mask_area(drawn.mask) - np.pi * (18**2 - 8**2)) < 30


def test_holes_are_filled_with_what_lies_in_them_where_none_are_wanted() -> None:
    ring_with_an_island = disc(30, 20, 18) & ~disc(30, 20, 12) | disc(30, 20, 5)
    drawn = draw(patch(ring_with_an_island), WHOLE, 60, 40, max_error_px=0.5, min_part_share=0.02, has_holes=False)
    assert drawn is not None
    (polygon,) = drawn.polygons
    assert polygon.holes == ()
    assert abs(mask_area(drawn.mask) - np.pi * 18**2) < 30


def test_two_parts_stay_two_polygons() -> None:
    bits = disc(15, 20, 8) | disc(45, 20, 8)
    drawn = draw(patch(bits), WHOLE, 60, 40, max_error_px=0.5, min_part_share=0.02)
    assert drawn is not None
    assert len(drawn.polygons) == 2


def test_what_lies_outside_of_the_box_is_cut_off() -> None:
    box = Box(x1=20, y1=10, x2=35, y2=30)
    drawn = draw(patch(np.ones((40, 60))), box, 60, 40, max_error_px=1, min_part_share=0.02)
    assert drawn is not None
    assert box_from_mask(drawn.mask) == box
    assert mask_area(drawn.mask) == 15 * 20


def test_a_map_of_another_scale_lands_on_the_original_pixels() -> None:
    small = disc(15, 10, 7, width=30, height=20)
    at = patch(small, x0=100, y0=50, scale_x=2, scale_y=3)
    drawn = draw(at, Box(x1=100, y1=50, x2=160, y2=110), 200, 120, max_error_px=1, min_part_share=0.02)
    assert drawn is not None
    found = box_from_mask(drawn.mask)
    assert [found.x1, found.x2] == pytest.approx([116, 144], abs=2)
    assert [found.y1, found.y2] == pytest.approx([59, 101], abs=3)


def test_an_empty_map_and_one_outside_of_the_box_draw_nothing() -> None:
    assert draw(patch(np.zeros((40, 60))), WHOLE, 60, 40, max_error_px=1, min_part_share=0.02) is None
    corner = Box(x1=0, y1=0, x2=3, y2=3)
    assert draw(patch(disc(40, 30, 5)), corner, 60, 40, max_error_px=1, min_part_share=0.02) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 3.0]))
def test_any_map_keeps_the_error_and_the_box(seed: int, error_px: float) -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(40, 60)), rng.uniform(0.5, 4))
    values = (field > np.quantile(field, rng.uniform(0.2, 0.9))).astype(np.float32)
    box = Box(x1=float(rng.integers(0, 20)), y1=float(rng.uniform(0, 15)), x2=55.5, y2=38.0)
    drawn = draw(patch(values), box, 60, 40, max_error_px=error_px, min_part_share=0.02)
    if drawn is None:
        return
    assert drawn.deviation_px <= error_px
    assert [defect for polygon in drawn.polygons for defect in polygon_defects(polygon)] == []
    found = box_from_mask(drawn.mask)
    assert found.x1 >= box.x1 - 1
    assert found.y1 >= box.y1 - 1
    assert found.x2 <= box.x2 + 1
    assert found.y2 <= box.y2 + 1
