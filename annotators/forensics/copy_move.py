"""Copy-move: one part of a picture stands in it twice.

Two proposers of offsets, one judge. Equal blocks of 8 x 8 bytes (a rolling hash) find what was
copied in a lossless file, in smooth places too; ORB key points find copies that a codec touched.
The judge shifts the picture by the offset and keeps where it equals itself. Repeating patterns
(bricks, windows, letters) repeat at several offsets: a picture with many is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .fields import gray_of
from .findings import Found, Measure, Pixels, over

__all__ = ["find_copy_move"]

Plane = NDArray[np.float32]
Offset = tuple[int, int]

BLOCK = 8
MIN_BLOCKS = 6
MIN_MATCHES = 6
MAX_OFFSETS = 2
"""More distinct offsets than this are a pattern."""
MIN_OFFSET_SHARE = 0.1
"""Similar parts closer than this share of the longer side are taken for a pattern; equal bytes are not."""
MIN_CORRELATION = 0.92
KEY_POINTS = 1200
MAX_FLAT_SHARE = 0.35
"""A picture with more exactly flat blocks is drawn, not taken: equal parts mean nothing there."""


@dataclass(frozen=True)
class _Copy:
    offset: Offset
    votes: int
    is_exact: bool


def find_copy_move(pixels: Pixels, *, min_share: float) -> list[Found]:
    """``copy_move``: one finding for each of the two equal parts; ``min_share`` of the picture's area each."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if _flat_share(gray) > MAX_FLAT_SHARE:
        return []
    copies = _equal_blocks(gray) or _similar_points(gray)
    return [found for copy in copies for found in _verified(copy, pixels, min_share)]


def _flat_share(gray: NDArray[np.uint8]) -> float:
    low, high = cv2.erode(gray, np.ones((BLOCK, BLOCK))), cv2.dilate(gray, np.ones((BLOCK, BLOCK)))
    return float((low == high)[::BLOCK, ::BLOCK].mean())


def _equal_blocks(gray: NDArray[np.uint8]) -> list[_Copy]:
    """Offsets at which at least 6 textured blocks of the 8-pixel grid return byte for byte."""
    keys = _block_hashes(gray)
    ys, xs = np.mgrid[0 : keys.shape[0] : BLOCK, 0 : keys.shape[1] : BLOCK]
    spread = cv2.dilate(gray, np.ones((BLOCK, BLOCK)), anchor=(0, 0)) - cv2.erode(
        gray, np.ones((BLOCK, BLOCK)), anchor=(0, 0)
    )
    textured = spread[ys, xs] >= 6
    ys, xs = ys[textured], xs[textured]
    wanted, first = np.unique(keys[ys, xs], return_index=True)
    if not len(wanted):
        return []
    there = np.nonzero(_may_contain(wanted)[keys & _LOW_BITS])
    place = np.searchsorted(wanted, keys[there]).clip(max=len(wanted) - 1)
    hit = wanted[place] == keys[there]
    source = first[place[hit]]
    offsets = np.stack([there[1][hit] - xs[source], there[0][hit] - ys[source]], 1)
    return _dominant(offsets, MIN_BLOCKS, is_exact=True)


_LOW_BITS = np.uint64((1 << 20) - 1)


def _may_contain(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    table = np.zeros(int(_LOW_BITS) + 1, np.bool_)
    table[keys & _LOW_BITS] = True
    return table


def _block_hashes(gray: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A 64-bit polynomial hash of the block that starts at each pixel, shape ``(H - 7, W - 7)``."""
    rows, columns = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
    wide = gray.astype(np.uint64)
    height, width = gray.shape[0] - BLOCK + 1, gray.shape[1] - BLOCK + 1
    line = np.zeros((gray.shape[0], width), np.uint64)
    for i in range(BLOCK):
        line *= rows
        line += wide[:, i : i + width]
    keys = np.zeros((height, width), np.uint64)
    for i in range(BLOCK):
        keys *= columns
        keys += line[i : i + height]
    return keys ^ (keys >> np.uint64(31))


def _similar_points(gray: NDArray[np.uint8]) -> list[_Copy]:
    """Offsets that at least 6 pairs of alike ORB key points share within 3 pixels."""
    orb = cv2.ORB_create(KEY_POINTS, nlevels=1, fastThreshold=6, edgeThreshold=16, patchSize=25)
    points, descriptors = orb.detectAndCompute(gray, None)
    if descriptors is None or len(points) < MIN_MATCHES:
        return []
    where = np.array([p.pt for p in points])
    matches = [m for ms in cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(descriptors, descriptors, k=3) for m in ms]
    pairs = np.array([(m.queryIdx, m.trainIdx) for m in matches if m.distance <= 24 and m.queryIdx != m.trainIdx])
    if not len(pairs):
        return []
    offsets = where[pairs[:, 1]] - where[pairs[:, 0]]
    far = offsets[np.hypot(*offsets.T) >= MIN_OFFSET_SHARE * max(gray.shape)]
    return _dominant(np.round(far).astype(np.intp), MIN_MATCHES, is_exact=False)


def _dominant(offsets: NDArray[np.intp], least: int, *, is_exact: bool) -> list[_Copy]:
    """The distinct offsets with enough votes, opposite ones as one; none when there are too many."""
    ahead = offsets[(offsets[:, 0] > 0) | ((offsets[:, 0] == 0) & (offsets[:, 1] > 0))]
    grain = 1 if is_exact else 3
    votes = Counter((int(x), int(y)) for x, y in np.round(ahead / grain).astype(int))
    strong = [(key, n) for key, n in sorted(votes.items(), key=lambda kv: (-kv[1], kv[0])) if n >= least]
    copies: list[_Copy] = []
    for (x, y), count in strong[:64]:
        near = ahead[(np.abs(ahead - np.array([x, y]) * grain) <= grain).all(1)]
        offset = (x, y) if is_exact else (int(np.median(near[:, 0])), int(np.median(near[:, 1])))
        if all(np.hypot(offset[0] - c.offset[0], offset[1] - c.offset[1]) > 8 for c in copies):
            copies.append(_Copy(offset, count, is_exact))
    return copies if len(copies) <= MAX_OFFSETS else []


def _verified(copy: _Copy, pixels: Pixels, min_share: float) -> list[Found]:
    dx, dy = copy.offset
    height, width = pixels.shape[:2]
    y0, y1, x0, x1 = max(0, -dy), min(height, height - dy), max(0, -dx), min(width, width - dx)
    if y1 - y0 < 16 or x1 - x0 < 16:
        return []
    first = (slice(y0, y1), slice(x0, x1))
    second = (slice(y0 + dy, y1 + dy), slice(x0 + dx, x1 + dx))
    same = _equal(pixels[first], pixels[second]) if copy.is_exact else _alike(gray_of(pixels), first, second)
    found: list[Found] = []
    for part in _large_parts(same, max(400.0, min_share * height * width)):
        masks = [np.zeros((height, width), np.bool_) for _ in range(2)]
        masks[0][first], masks[1][second] = part, part
        found += _pair(copy, masks, int(part.sum()))
    return found


def _equal(a: Pixels, b: Pixels) -> NDArray[np.uint8]:
    same = (a == b).all(2).astype(np.uint8)
    return cv2.morphologyEx(same, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))


def _alike(gray: Plane, first: tuple[slice, slice], second: tuple[slice, slice]) -> NDArray[np.uint8]:
    """Where the high-passed picture correlates with its shifted self in windows of 9 x 9."""
    high = gray - cv2.GaussianBlur(gray, (0, 0), 3)
    a, b = high[first], high[second]
    aa, bb, ab = (cv2.boxFilter(p, -1, (9, 9)) for p in (a * a, b * b, a * b))
    alike = (aa > 4) & (bb > 4) & (ab > MIN_CORRELATION * np.sqrt(np.maximum(aa * bb, 0)))
    return cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))


def _large_parts(same: NDArray[np.uint8], least: float) -> list[NDArray[np.uint8]]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(same, connectivity=4)
    parts = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= least]
    return [_filled((labels == i).astype(np.uint8)) for i in parts[:4]]


def _filled(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    contours = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return cv2.drawContours(np.zeros_like(part), contours, -1, 1, -1)


def _pair(copy: _Copy, masks: Sequence[NDArray[np.bool_]], area: int) -> list[Found]:
    kind = "8 x 8 blocks equal byte for byte" if copy.is_exact else "pairs of alike key points"
    least = MIN_BLOCKS if copy.is_exact else MIN_MATCHES
    measures = (
        Measure("matches", copy.votes, least),
        Measure("offset_x", copy.offset[0], unit="px"),
        Measure("offset_y", copy.offset[1], unit="px"),
        Measure("area", area, unit="px"),
    )
    found = []
    for mask, (x, y) in zip(masks, (copy.offset, (-copy.offset[0], -copy.offset[1])), strict=True):
        text = (
            f"This part of {area} px stands in the picture again at offset ({x:+d}, {y:+d}) px: "
            f"{copy.votes} {kind} (threshold {least})."
        )
        score = over(copy.votes, 0, 4 * least)
        found.append(Found(finding="copy_move", score=score, text=text, measures=measures, mask=mask))
    return found
