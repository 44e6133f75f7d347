"""A drawn page: a table with rules, a figure and text; a scan without words."""

import cv2
import numpy as np
import pytest

from annotators.forensics.layout import find_layout
from annotators.forensics.text_flow import PlacedWord

SCALE = 0.5


@pytest.fixture(scope="module")
def page(photos):
    canvas = np.full((1584, 1224, 3), 255, np.uint8)
    canvas[300:700, 200:800] = photos.load("coffee.png")
    for y in range(900, 1101, 50):
        cv2.line(canvas, (200, y), (800, y), (0, 0, 0), 1)
    for x in range(200, 801, 200):
        cv2.line(canvas, (x, 900), (x, 1100), (0, 0, 0), 1)
    words = []
    for x, y, text in [(200, 150, "Running"), (330, 150, "text"), (210, 935, "cell"), (410, 985, "12.5")]:
        cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
        words.append(PlacedWord(text, (x * SCALE, (y - 20) * SCALE, (x + 16 * len(text)) * SCALE, (y + 4) * SCALE)))
    return canvas, words


def test_every_part_is_found_once_with_its_text(page):
    found = find_layout(*page, SCALE)
    assert [(f.finding, f.words) for f in found] == [
        ("text_block", "Running text"),
        ("figure", ""),
        ("table", "cell\n12.5"),
    ]
    assert found[1].box == pytest.approx((100, 150, 400, 350), abs=3)
    assert found[2].box == pytest.approx((100, 450, 400, 550), abs=3)
    assert found[2].text.startswith("Table with ruling lines: 2 words within ")


def test_a_scan_gives_blocks_without_text(page):
    canvas = page[0].copy()
    for row in range(5):
        cv2.putText(canvas, "words of a paragraph", (200, 1250 + 30 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    found = find_layout(canvas, [], SCALE)
    paragraph = [f for f in found if f.finding == "text_block" and f.box[1] > 600]
    assert len(paragraph) == 1
    assert paragraph[0].words == ""
    assert "without a text layer" in paragraph[0].text
    assert "figure" in {f.finding for f in found}


def test_an_empty_page_has_no_parts():
    assert find_layout(np.full((800, 600, 3), 255, np.uint8), [], 1.0) == []
