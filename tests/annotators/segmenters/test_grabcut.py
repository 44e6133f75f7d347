"""GrabCut on pictures whose truth is known: better than the box, equal on every run, modest where nothing is seen."""

from __future__ import annotations

import numpy as np
import pytest

from annotators.outlining import draw
from annotators.segmenters.grabcut import Config, cut
from schemas.geometry import Box, Mask, mask_from_array, mask_from_box, mask_iou


def scene(width: int = 160, height: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A warm star-like shape on a cold ground, both with grain; and the shape."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    angle = np.arctan2(rows - height / 2, columns - width / 2)
    radius = np.hypot(rows - height / 2, columns - width / 2)
    shape = radius < height / 3 * (0.75 + 0.25 * np.cos(4 * angle))
    colors = np.where(shape[..., None], [200, 90, 40], [40, 80, 150])
    grain = np.random.default_rng(1).normal(0, 12, (height, width, 1))
    return np.clip(colors + grain, 0, 255).astype(np.uint8), shape


SHAPE_BOX = Box(x1=40, y1=20, x2=120, y2=100)


def mask_of(pixels: np.ndarray, box: Box, config: Config | None = None, scale: float = 1.0) -> Mask:
    patch = cut(pixels, box, scale, scale, config or Config())
    assert patch is not None
    width, height = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    drawn = draw(patch, box, width, height, max_error_px=1.0, min_part_share=0.02)
    assert drawn is not None
    return drawn.mask


@pytest.mark.parametrize("superpixels", [0, 200])
def test_a_shape_is_cut_out_better_than_its_box(superpixels: int) -> None:
    pixels, shape = scene()
    truth = mask_from_array(shape, "threshold")
    found = mask_of(pixels, SHAPE_BOX, Config(superpixels=superpixels))
    assert mask_iou(found, truth) > 0.9
    assert mask_iou(mask_from_box(SHAPE_BOX, 160, 120), truth) < 0.6


def test_equal_pixels_and_seeds_give_equal_cuts() -> None:
    pixels, _ = scene()
    assert mask_of(pixels, SHAPE_BOX) == mask_of(pixels, SHAPE_BOX)


def test_a_reduced_picture_is_cut_in_original_pixels() -> None:
    pixels, shape = scene()
    box = Box(x1=80, y1=40, x2=240, y2=200)
    large = np.repeat(np.repeat(shape, 2, 0), 2, 1)
    assert mask_iou(mask_of(pixels, box, scale=2.0), mask_from_array(large, "threshold")) > 0.9


def test_a_map_is_never_larger_than_asked() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    patch = cut(pixels, Box(x1=100, y1=100, x2=1100, y2=800), 1, 1, Config(max_side=64, superpixels=20))
    assert patch is not None
    assert max(patch.values.shape) == 64


def test_a_box_that_is_the_whole_picture_is_cut_too() -> None:
    pixels, shape = scene()
    inner = pixels[20:100, 40:120]
    found = mask_of(np.ascontiguousarray(inner), Box(x1=0, y1=0, x2=80, y2=80))
    assert mask_iou(found, mask_from_array(np.ascontiguousarray(shape[20:100, 40:120]), "threshold")) > 0.8


@pytest.mark.parametrize(
    ("box", "why"),
    [
        (Box(x1=10, y1=10, x2=14, y2=11.5), "too small to learn from"),
        (Box(x1=2, y1=2, x2=30, y2=30), "nothing differs"),
    ],
)
def test_where_pixels_decide_nothing_the_usual_shape_stands(box: Box, why: str) -> None:
    pixels = np.full((60, 60, 3), 128, np.uint8)
    patch = cut(pixels, box, 1, 1, Config())
    assert patch is not None, why
    assert patch.is_guess, why
    assert mask_iou(mask_of(pixels, box), mask_from_box(box, 60, 60)) >= 0.5


def test_a_box_beside_the_picture_has_no_patch() -> None:
    assert cut(np.zeros((20, 20, 3), np.uint8), Box(x1=40, y1=40, x2=50, y2=50), 1, 1, Config()) is None
