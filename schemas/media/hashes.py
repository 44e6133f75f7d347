"""Perceptual hashes: PDQ (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019).

PDQ reduces any picture to 64 x 64 points first, each a mean under a tent of a 64th of the side, so hashing a reduced
decode changes a few bits at most and costs 0.3 ms where a full 1024 x 1024 picture costs 30. The tent must be there
in the small square, too: without it fine detail (text, foliage, screenshots) folds into the waves that are hashed.
docs/decisions/0012-splits-and-audit.md has the figures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .pdq import luma_of, pdq_of, pdq_of_copies, quality_of

__all__ = ["HASH_SIDE", "MIN_QUALITY", "Pixels", "altered", "pdq", "softened"]

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
    luma = luma_of(pixels)
    return np.packbits(pdq_of(softened(luma)).bits).tobytes().hex() if quality_of(luma) >= MIN_QUALITY else None


def softened(pixels: Pixels | NDArray[np.float32]) -> NDArray[np.float32]:
    """The luminance, ``(H, W)``, under a tent of 1, 2, 1 in both directions; the edge's pixels lie beyond it again."""
    around = np.pad(luma_of(pixels), 1, mode="edge")
    tall = around[:-2] + 2 * around[1:-1] + around[2:]
    return (tall[:, :-2] + 2 * tall[:, 1:-1] + tall[:, 2:]) / np.float32(16)


def altered(pixels: Pixels, *, is_cropped: bool = True) -> tuple[str, ...]:
    """What ``pdq`` would give of copies of a square of HASH_SIDE pixels: mirrored, then cropped by up to 5 %."""
    return tuple(np.packbits(bits).tobytes().hex() for bits in pdq_of_copies(softened(pixels), is_cropped=is_cropped))
