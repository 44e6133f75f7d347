"""What a measuring function returns: a finding, where it is, and the numbers that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FINDINGS", "BoxXyxy", "Finding", "Found", "Measure", "Pixels", "over"]

Pixels = NDArray[np.uint8]
"""RGB, uint8, shape ``(H, W, 3)``."""
BoxXyxy = tuple[float, float, float, float]
"""``(x1, y1, x2, y2)`` in pixels of the array that was measured, x2 and y2 exclusive."""

Finding = Literal[
    "blur",
    "smoothing",
    "noise",
    "color_shift",
    "splice",
    "copy_move",
    "frozen_frames",
    "flicker",
    "text_block",
    "table",
    "figure",
    "pasted_region",
]

FINDINGS: dict[Finding, Literal["image", "video", "document"]] = {
    "blur": "image",
    "smoothing": "image",
    "noise": "image",
    "color_shift": "image",
    "splice": "image",
    "copy_move": "image",
    "frozen_frames": "video",
    "flicker": "video",
    "text_block": "document",
    "table": "document",
    "figure": "document",
    "pasted_region": "document",
}
"""Every finding and the modality it is looked for in."""


@dataclass(frozen=True)
class Measure:
    """One number behind a finding."""

    name: str
    value: float
    threshold: float | None = None
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One finding in the coordinates of the array that was measured."""

    finding: Finding
    score: float
    """0 at the threshold, 1 far beyond it."""
    text: str
    """A sentence with the measured numbers."""
    measures: tuple[Measure, ...]
    mask: NDArray[np.bool_] | None = None
    """Shape ``(H, W)`` of the measured array, where there is a pixel map."""
    box: BoxXyxy | None = None
    """Where it is, when there is no mask."""
    frames: tuple[int, int] | None = None
    """First frame and the frame after the last, in presentation order."""
    words: str = ""
    """The text that stands there."""

    def extent(self) -> BoxXyxy | None:
        """The given box, else the mask's bounding box, else None."""
        if self.box is not None or self.mask is None:
            return self.box
        ys, xs = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return float(xs[0]), float(ys[0]), float(xs[-1] + 1), float(ys[-1] + 1)


def over(value: float, threshold: float, full: float) -> float:
    """How far a value is from its threshold (0) to where it counts as certain (1), clipped, 3 decimals."""
    share: Any = np.clip((value - threshold) / (full - threshold), 0.0, 1.0)
    return round(float(share), 3)
