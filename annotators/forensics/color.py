"""Areas whose chroma is shifted by a constant while light and texture go on over the outline.

A colored object differs from its surroundings in luma or texture too, and its chroma step
varies along its edge; a shifted patch has one step vector all around. A flat-colored print of equal
luma is the case that cannot be told apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .fields import Fields, measure_fields
from .findings import Found, Measure, Pixels, over
from .patches import Cells, Index, Outline, best_apart, mask_of_cells, nested_patches

__all__ = ["find_color_shift"]

Plane = NDArray[np.float32]

MIN_STEP_TO_CONTROL = 2.0
"""How many times larger the step is than between cells that both lie outside."""
MAX_DISPERSION = 0.1
"""Largest median deviation from the common step, as a share of it."""
MIN_WEAKEST = 0.2
"""The weakest tenth of the outline must still show this share of the step."""
MAX_LUMA_STEP = 25.0
MAX_LUMA_SHARE = 0.3
"""Largest step of luma, in units and as a share of the chroma's: a gain of one channel changes it a little."""
MAX_LUMA_RATIO = 2.5
"""Largest ratio of the luma's change over the outline to its change between cells outside."""
WIDTH = 2


@dataclass(frozen=True)
class _Step:
    """The steps over an outline, from outside to inside, in Fields.opponent's units."""

    each: Plane
    """``(N, 3)``, one row per pair of cells."""

    @cached_property
    def common(self) -> NDArray[np.float32]:
        """Median step of the two chroma channels."""
        return np.median(self.each[:, 1:], 0)

    @cached_property
    def length(self) -> float:
        """Length of the common step."""
        return float(np.linalg.norm(self.common))

    @cached_property
    def luma(self) -> float:
        """Size of the median step of luma."""
        return abs(float(np.median(self.each[:, 0])))

    def is_constant(self) -> bool:
        """Whether the chroma steps by one vector all along while luma goes on."""
        off = np.median(np.linalg.norm(self.each[:, 1:] - self.common, axis=1)) / (self.length + 1)
        weakest = np.percentile(self.each[:, 1:] @ (self.common / (self.length + 1e-6)), 10) / (self.length + 1)
        is_luma_kept = self.luma < min(MAX_LUMA_STEP, MAX_LUMA_SHARE * (self.length + 1))
        return bool(is_luma_kept and off < MAX_DISPERSION and weakest > MIN_WEAKEST)


def find_color_shift(
    pixels: Pixels, fields: Fields | None = None, *, min_step: float, min_share: float, max_share: float
) -> list[Found]:
    """``color_shift`` patches; ``min_step`` is the least step, in Fields.opponent's units."""
    fields = fields or measure_fields(pixels)
    found = []
    for cells in _proposals(fields, min_share, max_share):
        outline = Outline(cells)
        step = _step(outline, fields, outline.facing(WIDTH))
        if step and step.length > min_step and step.is_constant():
            usual = _step(outline, fields, outline.control(WIDTH))
            if usual and _stands_out(step, usual):
                found.append(_found(outline, step, _chroma_change(usual), pixels, min_step))
    return best_apart(found)


def _proposals(fields: Fields, min_share: float, max_share: float) -> Iterator[Cells]:
    a, b = fields.opponent[..., 1], fields.opponent[..., 2]
    for plane, is_low in itertools.product((a, b, (a + b) / 2**0.5, (a - b) / 2**0.5), (True, False)):
        if np.ptp(np.percentile(plane, [0.5, 99.5])) >= 6:
            yield from nested_patches(plane, is_low=is_low, min_share=min_share, max_share=max_share)


def _step(outline: Outline, fields: Fields, pairs: tuple[Index, Index] | None) -> _Step | None:
    if pairs is None:
        return None
    opponent = fields.opponent[outline.window]
    return _Step(opponent[pairs[0]] - opponent[pairs[1]])


def _stands_out(step: _Step, usual: _Step) -> bool:
    """Whether chroma changes more, and luma not much more, than between cells that both lie outside."""
    luma, usual_luma = (float(np.median(np.abs(s.each[:, 0]))) + 1 for s in (step, usual))
    return step.length / (_chroma_change(usual) + 1) > MIN_STEP_TO_CONTROL and luma / usual_luma < MAX_LUMA_RATIO


def _chroma_change(step: _Step) -> float:
    return float(np.median(np.linalg.norm(step.each[:, 1:], axis=1)))


def _found(outline: Outline, step: _Step, usual: float, pixels: Pixels, min_step: float) -> Found:
    text = (
        f"Color is shifted all along the outline: red over green by {step.common[0]:+.0f} and blue over green by "
        f"{step.common[1]:+.0f} (hundredths of a natural logarithm), a step of {step.length:.1f} "
        f"(threshold {min_step:.1f}) where neighbors outside differ by {usual:.1f}, "
        f"while luma changes by only {step.luma:.1f}."
    )
    measures = (
        Measure("chroma_step", step.length, min_step, "log units x 100"),
        Measure("luma_step", step.luma, MAX_LUMA_STEP, "log units x 100"),
    )
    mask = mask_of_cells(outline.cells, *pixels.shape[:2])
    return Found(
        finding="color_shift", score=over(step.length, min_step / 2, 40), text=text, measures=measures, mask=mask
    )
