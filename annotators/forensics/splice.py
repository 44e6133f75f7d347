"""Splices by their compression: an area that was a JPEG before it was pasted.

JPEG rounds the high frequencies of its 8 x 8 blocks, most of them to zero. Cut along the same
blocks again, the coefficients are still zero; cut anywhere else they are not (the idea of Farid,
Exposing digital forgeries from JPEG ghosts, IEEE TIFS 4, 2009, and of grid alignment detectors). So an area
where zeros appear at one offset of the blocks, which is not the picture's own, was compressed apart
from the rest. Scaling or strong recompression of the whole picture afterwards hides it, and an area
without texture is zero at every offset and says nothing.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from .fields import gray_of
from .findings import Found, Measure, Pixels, over
from .patches import best_apart

__all__ = ["find_splice"]

Plane = NDArray[np.float32]

BLOCK = 8
HIGH_FREQUENCIES = ((7, 7), (6, 7), (7, 6), (6, 6), (5, 7), (7, 5))
ZERO = 0.7
"""A coefficient below this is zero but for the rounding of the pixels (0.2 gray levels)."""
WINDOW = 3
"""Side in blocks of the square over which zeros are counted."""
MIN_EXCESS = 0.35
"""By how much the share of zeros at the offset must exceed the mean of all offsets."""
MAX_USUAL = 0.6
"""Where more than this share is zero at any offset there is no texture to judge by."""
MAX_OWN_SHARE = 0.4
"""Seen in more of the textured blocks than this, a grid is the whole picture's own."""
MIN_LEAD = 0.06
"""By how much it must exceed the second best offset: a grid shines through at the offsets that share a side with it."""
MIN_TOGETHER = 0.75
"""Share of the blocks that show the grid which lie in one area: a cropped JPEG shows its own here and there."""
MIN_BLOCKS = 16


def find_splice(pixels: Pixels, *, min_share: float, max_share: float) -> list[Found]:
    """``splice``: areas of at least ``min_share`` of the picture with a block grid of their own.

    Give the picture at its own size: a scaled one has no blocks left.
    """
    zeros = _share_of_zeros(gray_of(pixels))
    if min(zeros.shape[:2]) < 3 * BLOCK:
        return []
    shares, usual = _grids(zeros)
    textured = usual < MAX_USUAL
    leads = shares.argmax(0), np.diff(np.partition(shares, -2, axis=0)[-2:], axis=0)[0] > MIN_LEAD
    found = []
    # Offset 0 is where every JPEG's own blocks lie, seen wherever there is texture.
    for i in range(1, len(shares)):
        seen = (leads[0] == i) & leads[1] & (shares[i] - usual > MIN_EXCESS) & textured
        if MIN_BLOCKS <= seen.sum() <= MAX_OWN_SHARE * textured.sum():
            offset = (i % BLOCK, i // BLOCK)
            found += _areas(seen, shares[i], usual, offset, pixels.shape, min_share, max_share)
    return best_apart(found)


def _share_of_zeros(gray: Plane) -> Plane:
    """For the block that starts at each pixel, the share of its high frequencies that are zero."""
    basis = cv2.dct(np.eye(BLOCK, dtype=np.float32), flags=cv2.DCT_ROWS).T.copy()
    zeros = np.zeros((gray.shape[0] - BLOCK + 1, gray.shape[1] - BLOCK + 1), np.float32)
    for row, column in HIGH_FREQUENCIES:
        coefficient = cv2.sepFilter2D(gray, cv2.CV_32F, basis[column], basis[row], anchor=(0, 0))
        zeros += np.abs(coefficient[: zeros.shape[0], : zeros.shape[1]]) < ZERO
    return zeros / np.float32(len(HIGH_FREQUENCIES))


def _grids(zeros: Plane) -> tuple[Plane, Plane]:
    """The share of zeros per block at every offset, ``(64, H // 8, W // 8)`` with x fastest, and the mean of all."""
    height, width = zeros.shape[0] // BLOCK, zeros.shape[1] // BLOCK
    whole = zeros[: height * BLOCK, : width * BLOCK]
    usual = cv2.blur(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), (WINDOW, WINDOW))
    offsets = itertools.product(range(BLOCK), repeat=2)
    at = [cv2.blur(np.ascontiguousarray(whole[y::BLOCK, x::BLOCK]), (WINDOW, WINDOW)) for y, x in offsets]
    return np.stack(at), usual


def _areas(
    seen: NDArray[np.bool_],
    share: Plane,
    usual: Plane,
    offset: tuple[int, int],
    shape: tuple[int, ...],
    min_share: float,
    max_share: float,
) -> list[Found]:
    joined = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
    found = []
    for i in range(1, count):
        cells, area = labels == i, stats[i, cv2.CC_STAT_AREA]
        is_size = max(MIN_BLOCKS, min_share * seen.size) <= area <= max_share * seen.size
        if is_size and (seen & cells).sum() >= MIN_TOGETHER * seen.sum():
            here, there = float(share[cells].mean()), float(usual[cells].mean())
            found.append(_found(_pixels(cells, offset, shape), here, there, offset))
    return found


def _pixels(cells: NDArray[np.bool_], offset: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape[:2], np.bool_)
    big = cells.repeat(BLOCK, 0).repeat(BLOCK, 1)
    window = mask[offset[1] : offset[1] + big.shape[0], offset[0] : offset[0] + big.shape[1]]
    window[:] = big[: window.shape[0], : window.shape[1]]
    return mask


def _found(mask: NDArray[np.bool_], here: float, there: float, offset: tuple[int, int]) -> Found:
    text = (
        f"This area was a JPEG apart from the rest: cut into blocks at offset {offset}, {here:.0%} of the high "
        f"frequencies are zero against {there:.0%} at any offset (threshold {MIN_EXCESS:.0%} more)."
    )
    measures = (Measure("share_of_zeros", here, there + MIN_EXCESS), Measure("usual_share_of_zeros", there))
    return Found(
        finding="splice", score=over(here - there, 0.0, 2 * MIN_EXCESS), text=text, measures=measures, mask=mask
    )
