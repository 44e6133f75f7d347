"""Areas with more grain than their surroundings: noise that was added, or came along with a patch.

Texture is the trap: leaves and cloth are as loud as noise. Noise betrays itself by being as strong
in the difference of two color channels as in each (a scene's detail is mostly gray, and codecs
halve the chroma), or, where it is gray, by having no coarse component and the same level everywhere.
"""

from __future__ import annotations

import numpy as np

from .fields import Fields, measure_fields
from .findings import Found, Measure, Pixels, over
from .patches import Cells, Outline, best_apart, mask_of_cells, nested_patches

__all__ = ["find_noise"]

MIN_COLOR_NOISE = 4.5
"""Gray levels of red - green noise from which on the color test speaks."""
MIN_GRAIN_TO_DETAIL = 1.0
"""Log ratio of grain to band-pass detail above which gray noise is white enough."""
MAX_SPREAD = 0.3
"""Largest spread (20th to 80th percentile, log) of gray noise: a texture varies more."""
MAX_COLOR_STEP = 30.0
"""Largest mean step of Lab color over the outline of gray noise: more is an object's edge."""
MIN_COLORED_GRAIN = 0.25
MAX_COLOR_SPREAD = 0.4
MAX_CHROMA_STEP = 9.0
"""The same three tests for colored noise, which needs less to be sure."""


def find_noise(
    pixels: Pixels, fields: Fields | None = None, *, min_ratio: float, min_share: float, max_share: float
) -> list[Found]:
    """``noise`` patches; ``min_ratio`` is how many times the noise must fall over the outline."""
    fields = fields or measure_fields(pixels)
    found: list[Found] = []
    for plane in (fields.log_noise, fields.log_color_noise):
        for cells in nested_patches(plane, is_low=False, min_share=min_share, max_share=max_share):
            if finding := _judge(cells, fields, pixels, min_ratio):
                found.append(finding)
    return best_apart(found)


def _judge(cells: Cells, fields: Fields, pixels: Pixels, min_ratio: float) -> Found | None:
    outline = Outline(cells)
    if not outline.inside(fields.log_noise).size or not outline.around(fields.log_noise).size:
        return None
    color = _gap(outline, fields.log_color_noise)
    level = float(np.exp(np.median(outline.inside(fields.log_color_noise))))
    if color > np.log(min_ratio) and level > MIN_COLOR_NOISE and _is_colored_noise(outline, fields):
        return _found(outline, fields.log_color_noise, "red - green", color, pixels, min_ratio)
    gray = _gap(outline, fields.log_noise)
    if gray > np.log(min_ratio) and _is_white(outline, fields):
        return _found(outline, fields.log_noise, "gray", gray, pixels, min_ratio)
    return None


def _gap(outline: Outline, plane: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(np.percentile(outline.inside(plane), 15) - np.percentile(outline.around(plane), 85))


def _is_colored_noise(outline: Outline, fields: Fields) -> bool:
    inside = outline.inside(fields.log_color_noise)
    spread = float(np.percentile(inside, 80) - np.percentile(inside, 20))
    ratio = float(np.median(outline.inside(fields.log_noise)) - np.median(outline.inside(fields.log_detail)))
    return (
        spread < MAX_COLOR_SPREAD
        and ratio > MIN_COLORED_GRAIN
        and _mean_step(outline, fields, slice(1, 3)) < MAX_CHROMA_STEP
    )


def _mean_step(outline: Outline, fields: Fields, channels: slice) -> float:
    """Length of the mean Lab step over the outline; infinite where it is too short to tell."""
    pairs = outline.facing()
    if pairs is None:
        return float("inf")
    lab = fields.lab[outline.window][..., channels]
    return float(np.linalg.norm((lab[pairs[1]] - lab[pairs[0]]).mean(0)))


def _is_white(outline: Outline, fields: Fields) -> bool:
    inside = outline.inside(fields.log_noise)
    spread = float(np.percentile(inside, 80) - np.percentile(inside, 20))
    ratio = float(np.median(inside) - np.median(outline.inside(fields.log_detail)))
    step = _mean_step(outline, fields, slice(0, 3))
    return ratio > MIN_GRAIN_TO_DETAIL and spread < MAX_SPREAD and step < MAX_COLOR_STEP


def _found(outline: Outline, plane: np.ndarray, what: str, gap: float, pixels: Pixels, min_ratio: float) -> Found:  # type: ignore[type-arg]
    here, there = (float(np.exp(np.median(part))) for part in (outline.inside(plane), outline.around(plane)))
    ratio = float(np.exp(gap))
    text = (
        f"More noise than around it: {what} noise level {here:.1f} gray levels here against {there:.1f} around, "
        f"falling at least {ratio:.1f}-fold across the outline (threshold {min_ratio:.2f})."
    )
    measures = (
        Measure("noise_ratio_across_outline", ratio, min_ratio),
        Measure("noise_level", here, there, "gray levels"),
    )
    mask = mask_of_cells(outline.cells, *pixels.shape[:2])
    return Found(finding="noise", score=over(gap, 0.0, 4.0), text=text, measures=measures, mask=mask)
