"""Perceptual hashes: PDQ (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019).

PDQ reduces any picture to 64 x 64 luminance means first, so hashing a reduced decode changes a few
bits at most and costs 0.3 ms where a full 1024 x 1024 picture costs 30.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .pdq import pdq_of, pdq_of_copies

__all__ = ["HASH_SIDE", "MIN_QUALITY", "Pixels", "altered", "pdq"]

Pixels = NDArray[np.uint8]
"""RGB, ``(H, W, 3)``."""

HASH_SIDE = 128
"""Side in pixels of the square picture that is hashed: twice what PDQ itself keeps."""
MIN_QUALITY = 50
"""PDQ's own measure of detail, 0 to 100; flatter pictures all look alike to it, so they get no hash."""


def pdq(pixels: Pixels) -> str | None:
    """PDQ hash of RGB uint8 ``(H, W, 3)`` as 64 lower-case hex digits, or None below MIN_QUALITY.

    Digits are in the order of ThreatExchange: the first bit of the hash vector is the highest.
    """
    bits, quality = pdq_of(pixels)
    return np.packbits(bits).tobytes().hex() if quality >= MIN_QUALITY else None


def altered(pixels: Pixels, *, is_cropped: bool = True) -> tuple[str, ...]:
    """What ``pdq`` would give of copies of a square of HASH_SIDE pixels: mirrored, then cropped by up to 5 %."""
    return tuple(np.packbits(bits).tobytes().hex() for bits in pdq_of_copies(pixels, is_cropped=is_cropped))
