from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from schemas.geometry import (
    Box,
    Mask,
    Polygon,
    box_from_mask,
    mask_area,
    mask_from_array,
    mask_from_box,
    mask_from_polygons,
    mask_iou,
    mask_to_array,
)

SQUARE = Box(x1=10, y1=10, x2=20, y2=20)


def _polygon(x1: int, y1: int, x2: int, y2: int) -> Polygon:
    return Polygon(exterior=((x1, y1), (x2, y1), (x2, y2), (x1, y2)))


def test_the_square_10_to_20_has_100_pixels() -> None:
    mask = mask_from_box(SQUARE, width=100, height=50)

    assert (mask.width, mask.height, mask.rasterizer) == (100, 50, "pycocotools")
    assert mask_area(mask) == 100
    assert mask_to_array(mask)[10:20, 10:20].all()
    assert box_from_mask(mask) == SQUARE


def test_polygons_are_united_and_their_own_holes_left_out() -> None:
    ring = _polygon(0, 0, 10, 10).evolve(holes=(_polygon(2, 2, 8, 8).exterior,))
    inside = _polygon(4, 4, 6, 6)
    expected = np.zeros((12, 20), bool)
    expected[0:10, 0:10], expected[2:8, 2:8], expected[4:6, 4:6] = True, False, True

    assert (mask_to_array(mask_from_polygons([ring, inside], 20, 12)) == expected).all()
    assert (mask_to_array(mask_from_polygons([inside, ring], 20, 12)) == expected).all()


def test_no_polygons_are_an_empty_mask() -> None:
    mask = mask_from_polygons([], 20, 12)

    assert mask_area(mask) == 0
    assert mask_to_array(mask).shape == (12, 20)
    with pytest.raises(ValueError, match="an empty mask has no box"):
        box_from_mask(mask)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools on NumPy 2
@given(mask=st.from_type(Mask))
def test_arrays_there_and_back(mask: Mask) -> None:
    pixels = mask_to_array(mask)

    assert mask_from_array(pixels, mask.rasterizer) == mask
    assert mask_area(mask) == pixels.sum()
    assert (pixels == coco.decode({"size": [mask.height, mask.width], "counts": mask.counts}).astype(bool)).all()


@given(mask=st.from_type(Mask).filter(mask_area))
def test_the_box_of_a_mask_is_tight(mask: Mask) -> None:
    ys, xs = np.nonzero(mask_to_array(mask))

    assert box_from_mask(mask) == Box(x1=xs.min(), y1=ys.min(), x2=xs.max() + 1, y2=ys.max() + 1)


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 1), bool)])
def test_only_bool_planes_are_masks(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a mask is \(H, W\) bool"):
        mask_from_array(pixels, "painted")


def test_iou() -> None:
    one, other = (mask_from_box(SQUARE.evolve(x1=x1), 100, 50) for x1 in (10, 15))
    empty = mask_from_polygons([], 100, 50)

    assert mask_iou(one, one) == 1
    assert mask_iou(one, other) == 0.5
    assert mask_iou(one, empty) == 0
    assert mask_iou(empty, empty) == 1
    with pytest.raises(ValueError, match="masks of 100 x 50 and 50 x 100 px cannot be compared"):
        mask_iou(empty, mask_from_polygons([], 50, 100))
