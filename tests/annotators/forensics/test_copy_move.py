"""A copied part is found twice, byte for byte or after JPEG; repeating patterns are left alone."""

import cv2
import numpy as np
import pytest

from annotators.forensics.copy_move import find_copy_move


def _copied(clean, box, dx, dy):
    x1, y1, x2, y2 = box
    forged = clean.copy()
    forged[y1 + dy : y2 + dy, x1 + dx : x2 + dx] = clean[y1:y2, x1:x2]
    bits = np.zeros(clean.shape[:2], np.bool_)
    bits[y1:y2, x1:x2] = True
    return forged, bits, np.roll(bits, (dy, dx), (0, 1))


def _through_jpeg(pixels, quality):
    data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coffee.png"])
def test_both_places_of_an_exact_copy_are_found(photos, name):
    forged, source, target = _copied(photos.load(name), (40, 130, 120, 200), 211, 37)
    found = find_copy_move(forged, min_share=0.002)
    assert len(found) == 2
    assert sorted(round(photos.iou([f], "copy_move", source), 2) > 0.9 for f in found) == [False, True]
    assert sorted(round(photos.iou([f], "copy_move", target), 2) > 0.9 for f in found) == [False, True]
    assert "(+211, +37) px" in found[0].text
    assert "(-211, -37) px" in found[1].text
    assert {(m.name, m.value) for m in found[0].measures} >= {("offset_x", 211), ("offset_y", 37)}


def test_a_copy_survives_jpeg(photos):
    forged, source, target = _copied(photos.load("astronaut.png"), (100, 80, 220, 180), 120, 100)
    found = find_copy_move(_through_jpeg(forged, 90), min_share=0.002)
    assert photos.iou(found, "copy_move", source | target) > 0.4
    assert "key points" in found[0].text


@pytest.mark.parametrize(
    "name", ["astronaut.png", "chelsea.png", "coffee.png", "camera.png", "rocket.jpg", "brick.png"]
)
def test_a_clean_photo_gives_nothing(photos, name):
    assert find_copy_move(photos.load(name), min_share=0.002) == []


def test_a_pattern_that_repeats_often_is_no_copy(photos):
    tile = photos.load("coffee.png")[100:164, 100:164]
    assert find_copy_move(np.tile(tile, (6, 6, 1)), min_share=0.002) == []


def test_a_drawing_is_left_alone():
    canvas = np.full((400, 400, 3), 255, np.uint8)
    for x, y in ((50, 60), (230, 250)):
        cv2.putText(canvas, "Witness", (x, y), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    assert find_copy_move(canvas, min_share=0.002) == []
