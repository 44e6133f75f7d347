"""Areas whose grain is gone: blurred (edges too) or smoothed (edges stay).

The trap is natural bokeh, skin and sky. They leave the picture, end at an object's edge (a step of
color), are ragged, or are no quieter than other places of the same picture; a finding must be
none of these. So a large or soft-edged blur, and one in a picture without grain, is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .fields import Fields, gray_of, measure_fields
from .findings import Finding, Found, Measure, Pixels, over
from .patches import Cells, Index, Outline, best_apart, mask_of_cells, nested_patches

__all__ = ["find_blur"]

MAX_COLOR_STEP = 30.0
"""Largest step of mean Lab color over the outline: more is an object's edge."""
MAX_AGREEMENT = 0.6
"""How far color steps along the outline may point one way (1 is all): they do at an object's edge."""
MIN_QUIETER = 0.25
"""By how much (natural logarithm) a patch is quieter than the quietest 3 % of places with as much detail."""
MAX_GRAIN_TO_DETAIL = 0.5
"""Largest log ratio of grain to band-pass detail: blur leaves coarse detail and no grain."""
LIKE_DETAIL = 0.3
"""Places whose log detail is at most this much lower are compared."""
MIN_ALIKE = 200
"""Cells that there must be to compare with."""
SURVIVING_EDGE = 1.0
"""Peaks of the residual, in gray levels, from which on edges count as kept: smoothing, not blur."""


@dataclass(frozen=True)
class _Quiet:
    outline: Outline
    gap: float
    noise_in: float
    noise_out: float
    peak: float


def find_blur(
    pixels: Pixels, fields: Fields | None = None, *, min_ratio: float, min_share: float, max_share: float
) -> list[Found]:
    """``blur`` and ``smoothing`` patches; ``min_ratio`` is how many times the noise must rise over the outline."""
    fields = fields or measure_fields(pixels)
    patches = nested_patches(fields.log_noise, is_low=True, min_share=min_share, max_share=max_share)
    quiet = [q for cells in patches if (q := _judge(cells, fields, float(np.log(min_ratio))))]
    return best_apart([_found(q, pixels, min_ratio) for q in quiet])


def _judge(cells: Cells, fields: Fields, min_gap: float) -> _Quiet | None:
    outline = Outline(cells)
    inside, around = outline.inside(fields.log_noise), outline.around(fields.log_noise)
    if not inside.size or not around.size:
        return None
    gap = float(np.percentile(around, 15) - np.percentile(inside, 85))
    if gap <= min_gap or not (pairs := outline.facing()) or not _is_unnatural(outline, fields, pairs):
        return None
    peak = float(np.exp(np.percentile(fields.log_peaks[outline.window][outline.core > 0], 90)))
    return _Quiet(outline, gap, float(np.exp(np.median(inside))), float(np.exp(np.median(around))), peak)


def _is_unnatural(outline: Outline, fields: Fields, pairs: tuple[Index, Index]) -> bool:
    near, far = pairs
    lab = fields.lab[outline.window]
    steps = lab[far] - lab[near]
    common = float(np.linalg.norm(steps.mean(0)))
    agreement = common / (float(np.linalg.norm(steps, axis=1).mean()) + 1)
    detail = float(np.median(outline.inside(fields.log_detail)))
    level = float(np.median(outline.inside(fields.log_noise)))
    return (
        common < MAX_COLOR_STEP
        and agreement < MAX_AGREEMENT
        and level - detail < MAX_GRAIN_TO_DETAIL
        and _quietest_alike(outline, fields, detail) - level > MIN_QUIETER
    )


def _quietest_alike(outline: Outline, fields: Fields, detail: float) -> float:
    """Flat, black and blown-out places are quiet by nature: only places with as much coarse detail compare."""
    alike = fields.log_noise[(outline.cells == 0) & (fields.log_detail > detail - LIKE_DETAIL)]
    return float(np.percentile(alike, 3)) if alike.size >= MIN_ALIKE else -np.inf


def _found(quiet: _Quiet, pixels: Pixels, min_ratio: float) -> Found:
    mask = mask_of_cells(quiet.outline.cells, *pixels.shape[:2])
    laplacian = cv2.Laplacian(gray_of(pixels), cv2.CV_32F)
    sharp_in, sharp_out = float(laplacian[mask].var()), float(laplacian[~mask].var())
    ratio = float(np.exp(quiet.gap))
    finding: Finding = "smoothing" if quiet.peak >= SURVIVING_EDGE else "blur"
    what = "Grain is gone while edges stay" if finding == "smoothing" else "Fine detail is gone"
    text = (
        f"{what}: noise level {quiet.noise_in:.2f} gray levels here against {quiet.noise_out:.2f} around it, "
        f"rising at least {ratio:.1f}-fold across the outline (threshold {min_ratio:.2f}) where color goes on; "
        f"Laplacian variance {sharp_in:.1f} here against {sharp_out:.1f} in the rest of the picture."
    )
    measures = (
        Measure("noise_ratio_across_outline", ratio, min_ratio),
        Measure("noise_level", quiet.noise_in, quiet.noise_out, "gray levels"),
        Measure("laplacian_variance", sharp_in, sharp_out),
    )
    return Found(finding=finding, score=over(quiet.gap, 0.0, 4.0), text=text, measures=measures, mask=mask)
