"""A soft number on gray paper is found on a page of sharp type; a shaded cell is not."""

import cv2
import numpy as np
import pytest

from annotators.forensics.pasted import find_pasted


@pytest.fixture
def page():
    canvas = np.full((1584, 1224, 3), 255, np.uint8)
    for row in range(30):
        cv2.putText(canvas, "sharp type on a page", (150, 150 + 40 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    return canvas


def _cell(blur):
    cell = np.full((40, 160, 3), (228, 224, 214), np.uint8)
    cv2.putText(cell, "147.2", (40, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (40, 38, 52), 2)
    return cv2.GaussianBlur(cell, (0, 0), blur) if blur else cell


def test_softer_ink_on_other_paper_is_found(page):
    page[600:640, 800:960] = _cell(blur=1.5)
    (found,) = find_pasted(page, max_sharpness_ratio=0.75)
    assert found.box == pytest.approx((800, 600, 960, 640), abs=2)
    tone, ratio = found.measures
    assert tone.value == 41  # 255 - 214
    assert ratio.value < ratio.threshold == 0.75
    assert f"its ink is {ratio.value:.2f} times as sharp" in found.text


def test_a_shaded_cell_with_sharp_type_is_no_paste(page):
    page[600:640, 800:960] = _cell(blur=0)
    assert find_pasted(page, max_sharpness_ratio=0.75) == []


def test_a_plain_page_has_none(page):
    assert find_pasted(page, max_sharpness_ratio=0.75) == []
    assert find_pasted(np.full_like(page, 255), max_sharpness_ratio=0.75) == []
