"""A sign with pseudo letters: strokes on a grid, drawn like writing, that spell nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .photos import Pixels

__all__ = ["draw_sign"]

ROWS = 2
FRACTION_BITS = 4
"""Sub-pixel bits of OpenCV's drawing."""

Points = NDArray[np.float64]
"""``(N, 2)``: x, y."""


def draw_sign(
    pixels: Pixels, center: tuple[float, float], size: tuple[float, float], angle_deg: float, rng: np.random.Generator
) -> tuple[Pixels, int]:
    """A copy of the picture with a sign of ``size`` (width, height) px on it, and the number of its strokes.

    Paint may spill over the plate's outline; the caller cuts at the outline.
    """
    import cv2

    paper, ink = rng.integers(205, 250, 3).tolist(), rng.integers(10, 90, 3).tolist()
    picture = pixels.copy()
    plate = _turned(np.array([(-0.6, -0.6), (0.6, -0.6), (0.6, 0.6), (-0.6, 0.6)]) * size, center, angle_deg)
    cv2.fillPoly(picture, [_fixed(plate)], paper, cv2.LINE_AA, FRACTION_BITS)
    strokes = [_fixed(_turned(stroke * size, center, angle_deg)) for stroke in _writing(size, rng)]
    cv2.polylines(picture, strokes, False, ink, max(2, round(size[1] / 28)), cv2.LINE_AA, FRACTION_BITS)
    return picture, len(strokes)


def _writing(size: tuple[float, float], rng: np.random.Generator) -> Iterator[Points]:
    """Strokes in units of the plate, -0.5 to 0.5, in rows of glyphs with a blank border."""
    for row in range(ROWS):
        count = int(rng.integers(6, 9))
        for column in range(count):
            left, top = -0.44 + 0.88 * column / count, -0.38 + 0.76 * row / ROWS
            cell = np.array([0.88 / count, 0.76 / ROWS])
            yield from (np.array([left, top]) + (0.12 + 0.72 * stroke) * cell for stroke in _glyph(rng))


def _glyph(rng: np.random.Generator) -> Iterator[Points]:
    """Two to four strokes in the unit square: straight ones between grid points, and bows."""
    for _ in range(int(rng.integers(2, 5))):
        if rng.random() < 0.6:
            ends = rng.choice(9, 3, replace=False)
            yield np.stack([ends % 3, ends // 3], axis=1) / 2.0
        else:
            start, sweep = rng.uniform(0, 2 * np.pi), rng.uniform(np.pi / 2, 1.8 * np.pi)
            turn = np.linspace(start, start + sweep, 14)
            yield 0.5 + np.stack([np.cos(turn), np.sin(turn)], axis=1) * rng.uniform(0.25, 0.5, 2)


def _turned(points: Points, center: tuple[float, float], angle_deg: float) -> Points:
    turn = np.radians(angle_deg)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return points @ matrix + np.array(center)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * (1 << FRACTION_BITS)).astype(np.int32)
