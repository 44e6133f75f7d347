"""A patch that was a JPEG is found in a picture that was not; a JPEG's own blocks are no splice."""

import cv2
import numpy as np
import pytest

from annotators.forensics.splice import find_splice

OPTIONS = {"min_share": 0.002, "max_share": 0.25}


def _through_jpeg(pixels, quality):
    data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def test_a_patch_with_blocks_of_its_own_is_found_at_their_offset(photos):
    clean, donor = photos.load("astronaut.png"), _through_jpeg(photos.load("gravel.png"), 70)
    bits = np.zeros(clean.shape[:2], np.bool_)
    bits[203:331, 149:277] = True
    forged = clean.copy()
    forged[203:331, 149:277] = donor[:128, :128]
    (found,) = find_splice(forged, **OPTIONS)
    assert photos.iou([found], "splice", bits) > 0.7
    assert f"blocks at offset ({149 % 8}, {203 % 8})" in found.text
    share = next(m for m in found.measures if m.name == "share_of_zeros")
    assert share.value > share.threshold
    assert f"{share.value:.0%} of the high frequencies are zero" in found.text


@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coffee.png"])
def test_a_whole_jpeg_is_no_splice_even_when_it_was_cropped(photos, name, quality):
    whole = _through_jpeg(photos.load(name), quality)
    assert find_splice(whole, **OPTIONS) == []
    assert find_splice(whole[3:, 5:], **OPTIONS) == []


@pytest.mark.parametrize("name", ["astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg"])
def test_a_clean_photo_gives_nothing(photos, name):
    assert find_splice(photos.load(name), **OPTIONS) == []


def test_a_picture_too_small_for_blocks_gives_nothing():
    assert find_splice(np.zeros((64, 64, 3), np.uint8), **OPTIONS) == []
