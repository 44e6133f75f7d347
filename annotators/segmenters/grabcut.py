"""No weights: GrabCut and superpixels within the box, held against the usual shape of an object in its box.

GrabCut (Rother, Kolmogorov and Blake 2004) learns the colors around the box and within it; superpixels (SLIC,
Achanta et al. 2012) let each patch of even color vote as one. A box is drawn tight, so what it holds reaches from side
to side: a cut that does not has collapsed onto a part, the pixels decide nothing, and what remains is the shape that
objects usually have in their boxes. docs/segment.md has the measured gain over the plain box.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from schemas.geometry import Box
from schemas.media.limits import Limits

from ._pictures import read_place
from .base import Patch, Place, Segmenter, SegmenterConfig

if TYPE_CHECKING:
    from ..base import OpenUri

__all__ = ["Config", "GrabCut"]

VERSION = "1"
"""Raised whenever equal pixels are cut otherwise than before: it is part of the candidate's identity."""
BOXES_PER_CALL = 16
"""Boxes of one picture that are cut in one call of the sandbox: a call stays far below the decoder's time limit."""
SURE = 0.15
"""Within this squared radius of the ellipse in the box, pixels are taken for the object."""
CORNERS = 1.5
"""Beyond this one they are its surroundings, where the box leaves no others."""
KEPT = (0.15, 0.99)
"""Shares of the box between which a cut counts as one."""
REACH = 0.8
"""Share of the box's width and of its height that a cut must reach over."""
SPECK = 0.05
"""Parts smaller than this share of the largest do not count for that."""
SMALLEST = 6
"""Sides in pixels of the map below which there is nothing to learn colors from."""
MAX_ENLARGED = 3.0

Bits = NDArray[np.bool_]
Plane = NDArray[np.float32]


class Config(SegmenterConfig):
    """Options of GrabCut."""

    kind: Literal["grabcut"] = "grabcut"
    """This segmenter."""
    margin: float = Field(0.2, ge=0, le=2)
    """Surroundings of the box that are looked at, as a share of its longer side, on each side."""
    max_side: PositiveInt = Field(192, ge=32, le=2048)
    """Longer side in pixels of box and surroundings as they are cut; small boxes are enlarged up to 3 times."""
    iterations: PositiveInt = Field(3, le=20)
    """Rounds of GrabCut."""
    superpixels: int = Field(200, ge=0, le=5000)
    """Superpixels of box and surroundings; 0 lets every pixel vote for itself."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Seed of the color models: equal pixels, equal cuts."""


class GrabCut(Segmenter):
    """Cuts in the sandbox, where the picture is decoded."""

    config: Config

    @property
    def model(self) -> str:
        return f"grabcut-{VERSION}"

    async def segment(self, place: Place, boxes: tuple[Box, ...]) -> tuple[Patch | None, ...]:
        patches: list[Patch | None] = []
        for start in range(0, len(boxes), BOXES_PER_CALL):
            some = boxes[start : start + BOXES_PER_CALL]
            patches += await self.bench.sandbox.run(
                cut_place, place, some, self.config, self.bench.open_uri, self.bench.limits
            )
        return tuple(patches)


def cut_place(
    place: Place, boxes: tuple[Box, ...], config: Config, open_uri: OpenUri, limits: Limits
) -> list[Patch | None]:
    """Patches of boxes in one picture, which is decoded no finer than its smallest box needs. Raises MediaError."""
    width, height = place.size
    finest = max(config.max_side / _extent(box, config.margin) for box in boxes)
    side = round(max(width, height) * min(1.0, finest)) if place.page_index is None else _page_side(place, finest)
    pixels = read_place(place, open_uri, limits, max(1, side))
    scale_x, scale_y = width / pixels.shape[1], height / pixels.shape[0]
    return [cut(pixels, box, scale_x, scale_y, config) for box in boxes]


def _page_side(place: Place, finest: float) -> int:
    """A page has no pixels of its own: 2 pixels per point show its letters."""
    return round(max(place.size) * min(2.0, finest))


def _extent(box: Box, margin: float) -> float:
    return max(box.x2 - box.x1, box.y2 - box.y1) * (1 + 2 * margin)


class _Window(NamedTuple):
    """Box and surroundings as they are cut."""

    pixels: NDArray[np.uint8]
    x0: float
    y0: float
    scale_x: float
    scale_y: float
    inside: Bits
    radius: Plane
    """Squared distance from the middle of the box, 1 on the ellipse in the box."""


def cut(pixels: NDArray[np.uint8], box: Box, scale_x: float, scale_y: float, config: Config) -> Patch | None:
    """One box in a picture of ``scale`` original pixels per pixel; None where the box holds no pixel."""
    window = _window(pixels, box, scale_x, scale_y, config)
    if window is None:
        return None
    usual = np.clip(0.95 - 0.45 * window.radius, 0.0, 1.0).astype(np.float32)
    found = _found(window, config)
    voted = None if found is None else _voted(found, window, config)
    is_guess = voted is None or not _fills(voted >= 0.5, window.inside)
    values = usual if voted is None or is_guess else 0.5 * voted + 0.5 * usual
    values = np.where(window.inside, values, np.float32(0)).astype(np.float32)
    return Patch(values, window.x0, window.y0, window.scale_x, window.scale_y, None, is_guess)


def _fills(found: Bits, inside: Bits) -> bool:
    """Whether a cut is one: neither a rest nor all of the box, and from side to side of it."""
    from scipy.ndimage import label

    if not KEPT[0] <= found[inside].mean() <= KEPT[1]:
        return False
    labels, _ = label(found & inside)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    parts = sizes[labels] >= max(1.0, SPECK * sizes.max())
    return all(np.ptp(np.flatnonzero(parts.any(axis))) + 1 >= REACH * inside.any(axis).sum() for axis in (0, 1))


def _window(pixels: NDArray[np.uint8], box: Box, scale_x: float, scale_y: float, config: Config) -> _Window | None:
    import cv2

    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box.x1 / scale_x, box.y1 / scale_y, box.x2 / scale_x, box.y2 / scale_y
    margin = config.margin * max(x2 - x1, y2 - y1) + 2
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    right, bottom = min(width, int(np.ceil(x2 + margin))), min(height, int(np.ceil(y2 + margin)))
    if right <= left or bottom <= top:
        return None
    zoom = min(config.max_side / max(right - left, bottom - top), MAX_ENLARGED)
    w, h = max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    small = cv2.resize(np.ascontiguousarray(pixels[top:bottom, left:right]), (w, h), interpolation=how)
    step_x, step_y = (right - left) / w, (bottom - top) / h
    u = 2 * (left + (np.arange(w) + 0.5) * step_x - x1) / (x2 - x1) - 1
    v = 2 * (top + (np.arange(h) + 0.5) * step_y - y1) / (y2 - y1) - 1
    inside = (np.abs(v) < 1)[:, None] & (np.abs(u) < 1)[None, :]
    radius = (v**2)[:, None] + (u**2)[None, :]
    if not inside.any():
        return None
    at = (left * scale_x, top * scale_y, step_x * scale_x, step_y * scale_y)
    return _Window(small, *at, inside, radius.astype(np.float32))


def _found(window: _Window, config: Config) -> Bits | None:
    """The pixels that GrabCut keeps; None where there is too little to learn from."""
    import cv2

    labels = np.where(window.inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    labels[window.inside & (window.radius < SURE)] = cv2.GC_FGD
    if not (~window.inside).any():
        labels[window.radius > CORNERS] = cv2.GC_BGD
    rows, columns = window.inside.any(axis=1).sum(), window.inside.any(axis=0).sum()
    is_known = [(labels == label).sum() >= SMALLEST for label in (cv2.GC_BGD, cv2.GC_FGD)]
    if min(rows, columns) < SMALLEST or not all(is_known):
        return None
    cv2.setNumThreads(1)  # sums in one order are equal sums
    cv2.setRNGSeed(config.seed)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(window.pixels, labels, None, *models, config.iterations, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


def _voted(found: Bits, window: _Window, config: Config) -> Plane:
    """Half each pixel's own word, half that of its superpixel within the box."""
    own = found.astype(np.float32)
    if not config.superpixels:
        return own
    from skimage.segmentation import slic

    labels = slic(window.pixels, n_segments=config.superpixels, compactness=10, start_label=0, channel_axis=2)
    flat, inside = labels.ravel(), window.inside.ravel()
    members = np.bincount(flat, inside)
    share = np.bincount(flat, own.ravel() * inside) / np.maximum(members, 1)
    voted: Plane = (0.5 * own + 0.5 * share[labels]).astype(np.float32)
    return voted
