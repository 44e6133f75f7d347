"""Patches without grain: found where planted, with numbers; a clean photo and its bokeh are left alone."""

import re

import cv2
import numpy as np
import pytest

from annotators.forensics.blur import find_blur

OPTIONS = {"min_ratio": 1.65, "min_share": 0.002, "max_share": 0.25}


@pytest.mark.parametrize(("name", "x", "y"), [("coffee.png", 150, 260), ("grass.png", 250, 250)])
def test_a_blurred_disc_is_found(photos, name, x, y):
    clean = photos.load(name)
    bits = photos.disc(clean.shape, x, y, 50)
    found = find_blur(np.where(bits[..., None], cv2.GaussianBlur(clean, (0, 0), 4), clean), **OPTIONS)
    assert photos.iou(found, "blur", bits) > 0.7


def test_the_text_states_what_was_measured(photos):
    clean = photos.load("grass.png")
    bits = photos.disc(clean.shape, 250, 250, 50)
    (found,) = find_blur(np.where(bits[..., None], cv2.GaussianBlur(clean, (0, 0), 4), clean), **OPTIONS)
    measured = {m.name: m for m in found.measures}
    assert f"Laplacian variance {measured['laplacian_variance'].value:.1f} here against" in found.text
    assert measured["laplacian_variance"].value * 10 < measured["laplacian_variance"].threshold
    assert measured["noise_ratio_across_outline"].value > measured["noise_ratio_across_outline"].threshold == 1.65
    assert re.search(r"\(threshold 1\.65\)", found.text)
    assert 0 < found.score <= 1


def test_smoothing_keeps_edges_and_is_told_from_blur(photos):
    clean = photos.load("coffee.png")
    bits, smooth = photos.disc(clean.shape, 200, 140, 50), clean
    for _ in range(4):
        smooth = cv2.bilateralFilter(smooth, 9, 50, 7)
    found = find_blur(np.where(bits[..., None], smooth, clean), **OPTIONS)
    assert photos.iou(found, "smoothing", bits) > 0.5
    assert photos.iou(found, "blur", bits) == 0


@pytest.mark.parametrize(
    "name", ["astronaut.png", "chelsea.png", "coffee.png", "camera.png", "rocket.jpg", "brick.png"]
)
def test_a_clean_photo_gives_nothing(photos, name):
    assert find_blur(photos.load(name), **OPTIONS) == []


def test_a_background_out_of_focus_is_natural(photos):
    clean = photos.load("astronaut.png")
    bokeh = cv2.GaussianBlur(clean, (0, 0), 4)
    bokeh[150:, 100:400] = clean[150:, 100:400]
    assert find_blur(bokeh, **OPTIONS) == []
