"""Time: runs of frames that stand still in a moving scene, and brightness that jumps up and down.

Only brightness and change are kept of each frame, so memory does not grow with the picture's size.
A still scene is no finding: the frames before and after a freeze must move. A cut is none either:
flicker needs jumps in alternating directions over several frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .findings import Found, Measure, Pixels, over

__all__ = ["Course", "find_flicker", "find_frozen", "measure_course"]

STILL = 0.6
"""Largest mean change between equal frames, in gray levels: what a codec leaves."""
STILL_SHARE = 0.15
"""The same as a share of the clip's median change: a codec sharpens the first frames of a freeze."""
MOVING = 0.8
"""Least mean change before and after a freeze."""
MOVING_RATIO = 4.0
MIN_JUMPS = 4
SIDE = 160


@dataclass(frozen=True)
class Course:
    """How a clip goes on, one value per frame."""

    change: NDArray[np.float64]
    """Mean absolute difference to the frame before in gray levels; 0 for the first."""
    brightness: NDArray[np.float64]
    """Mean luma, 0 to 255."""


def measure_course(frames: Iterable[Pixels]) -> Course:
    """Consecutive frames in presentation order, read one at a time."""
    change: list[float] = []
    brightness: list[float] = []
    before: NDArray[np.float32] | None = None
    for pixels in frames:
        gray = _small_gray(pixels)
        change.append(0.0 if before is None else float(np.abs(gray - before).mean()))
        brightness.append(float(gray.mean()))
        before = gray
    return Course(np.array(change), np.array(brightness))


def _small_gray(pixels: Pixels) -> NDArray[np.float32]:
    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def find_frozen(course: Course, *, min_frames: int) -> list[Found]:
    """``frozen_frames``: at least ``min_frames`` equal frames, and movement before and after (where there is one)."""
    found = []
    still = max(STILL, STILL_SHARE * float(np.median(course.change[1:]))) if len(course.change) > 1 else STILL
    for first, end in _runs(course.change[1:] < still):
        # Change i + 1 lies between frames i and i + 1: a run of changes shows one frame more.
        if end - first + 1 >= min_frames and (finding := _freeze(course, first, end + 1, still)):
            found.append(finding)
    return found


def _freeze(course: Course, first: int, end: int, still: float) -> Found | None:
    inside = float(course.change[first + 1 : end].mean())
    sides = [course.change[max(1, first - 3) : first + 1], course.change[end : end + 4]]
    moving = [float(np.median(side)) for side in sides if len(side)]
    if not moving or min(moving) < max(MOVING, MOVING_RATIO * inside):
        return None
    text = (
        f"Frames {first} to {end - 1} show one picture: mean change {inside:.2f} gray levels per frame "
        f"(threshold {still:.2f}) against {min(moving):.2f} just before or after."
    )
    measures = (
        Measure("mean_change", inside, still, "gray levels"),
        Measure("equal_frames", end - first, unit="frames"),
    )
    score = over(end - first, 0, 24)
    return Found(finding="frozen_frames", score=score, text=text, measures=measures, frames=(first, end))


def find_flicker(course: Course, *, min_jump: float) -> list[Found]:
    """``flicker``: at least 4 frames in a row brighter and darker in turn; ``min_jump`` in gray levels.

    A jump is how far a frame is from the mean of its neighbors.
    """
    level = course.brightness
    if len(level) < MIN_JUMPS + 2:
        return []
    jump = np.zeros_like(level)
    jump[1:-1] = level[1:-1] - (level[:-2] + level[2:]) / 2
    usual = float(np.median(np.abs(jump[1:-1])))
    threshold = max(min_jump, 0.01 * float(level.mean()))
    alternates = np.zeros(len(level), np.bool_)
    alternates[1:] = jump[1:] * jump[:-1] < 0
    flags = (np.abs(jump) > threshold) & (alternates | np.roll(alternates, -1))
    return [f for first, end in _runs(flags) if (f := _flicker(jump, first, end, threshold, usual))]


def _flicker(jump: NDArray[np.float64], first: int, end: int, threshold: float, usual: float) -> Found | None:
    typical = float(np.median(np.abs(jump[first:end])))
    # The steady frame beside a flickering one has half its jump: it does not belong.
    while end > first and abs(jump[first]) < 0.6 * typical:
        first += 1
    while end > first and abs(jump[end - 1]) < 0.6 * typical:
        end -= 1
    if end - first < MIN_JUMPS:
        return None
    text = (
        f"Brightness jumps up and down in frames {first} to {end - 1}: by {typical:.1f} gray levels against the "
        f"neighbors' mean (threshold {threshold:.1f}); the clip's median is {usual:.2f}."
    )
    measures = (
        Measure("jump", typical, threshold, "gray levels"),
        Measure("flickering_frames", end - first, unit="frames"),
    )
    score = over(typical, 0, 6 * threshold)
    return Found(finding="flicker", score=score, text=text, measures=measures, frames=(first, end))


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of True: first index and the one after the last."""
    padded = np.concatenate(([0], flags.astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(padded))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
