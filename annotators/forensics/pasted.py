"""Rectangles pasted over a page: paper of another tone whose ink is softer than the page's.

Shaded table cells are the trap: their tone differs too, but they are drawn, so their letters are as
sharp as all others. A patch that matches the paper, or lies within a figure, is not found.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .findings import Found, Measure, Pixels, over

__all__ = ["find_pasted"]

MIN_TONE_STEP = 6.0
"""Least difference between patch and paper, in gray levels of the most different channel."""
MAX_TONE_STEP = 90.0
MIN_FILL = 0.85
"""Share of its bounding box that a rectangle fills."""
MAX_AREA_SHARE = 0.25
MIN_CONTRAST = 40.0


def find_pasted(pixels: Pixels, *, max_sharpness_ratio: float) -> list[Found]:
    """``pasted_region`` on a rendered page; the ratio is the patch's sharpness of ink to that of the page."""
    paper = np.array([np.bincount(pixels[..., c].ravel(), minlength=256).argmax() for c in range(3)], np.int16)
    step = np.abs(pixels.astype(np.int16) - paper).max(2)
    toned = ((step >= MIN_TONE_STEP) & (step <= MAX_TONE_STEP)).astype(np.uint8)
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    found = []
    for x, y, w, h in _rectangles(toned):
        window = (slice(y, y + h), slice(x, x + w))
        tone = float(np.median(step[window]))
        outside = gray.copy()
        outside[window] = int(np.median(gray))
        here, there = _sharpness(gray[y + 3 : y + h - 3, x + 3 : x + w - 3]), _sharpness(outside)
        if here and there and tone >= MIN_TONE_STEP and here / there <= max_sharpness_ratio:
            found.append(_found((x, y, x + w, y + h), tone, here, there, max_sharpness_ratio))
    return found


def _rectangles(toned: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """Upright rectangles ``(x, y, width, height)`` of toned paper, holes of ink filled."""
    clean = cv2.morphologyEx(toned, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    merged = cv2.morphologyEx(clean, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    boxes = []
    for contour in cv2.findContours(merged, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        x, y, w, h = cv2.boundingRect(contour)
        is_size = w >= 24 and h >= 14 and w * h <= MAX_AREA_SHARE * toned.size
        if (
            is_size
            and toned[y : y + h, x : x + w].mean() > 0.5
            and cv2.contourArea(contour) >= MIN_FILL * (w - 1) * (h - 1)
        ):
            boxes.append((x, y, w, h))
    return boxes


def _sharpness(gray: NDArray[np.uint8]) -> float | None:
    """Steepest steps between neighboring pixels over the contrast of ink and paper, 0 to 1; None without ink."""
    if min(gray.shape) < 4:
        return None
    values = gray.astype(np.float32)
    contrast = float(np.percentile(values, 99.5) - np.percentile(values, 0.5))
    if contrast < MIN_CONTRAST:
        return None
    steps = np.maximum(np.abs(np.diff(values, axis=0))[:, :-1], np.abs(np.diff(values, axis=1))[:-1])
    steep = steps[steps > contrast / 8]
    return float(np.percentile(steep, 90)) / contrast if steep.size >= 20 else None


def _found(box: tuple[int, int, int, int], tone: float, here: float, there: float, limit: float) -> Found:
    ratio = here / there
    text = (
        f"A rectangle of other paper: its tone differs by {tone:.0f} gray levels (threshold {MIN_TONE_STEP:.0f}) and "
        f"its ink is {ratio:.2f} times as sharp as the rest of the page (threshold {limit:.2f})."
    )
    measures = (
        Measure("tone_step", tone, MIN_TONE_STEP, "gray levels"),
        Measure("sharpness_ratio", ratio, limit),
    )
    x1, y1, x2, y2 = (float(v) for v in box)
    return Found(
        finding="pasted_region",
        score=over(-ratio, -limit, -limit / 3),
        text=text,
        measures=measures,
        box=(x1, y1, x2, y2),
    )
