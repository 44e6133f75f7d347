"""Patches: compact areas of a map that differ from what lies around them, and how they end.

A planted patch ends where nothing ends in the picture: the statistic jumps along a closed outline
while color and shading go on. A natural one (sky, cloth, a blurred background) ends at an object's
edge, fades, or leaves the picture. Patches are therefore proposed at every level of a map, as
maximally stable regions are, and judged by the pairs of cells that face each other over the outline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from .fields import CELL
from .findings import Found

__all__ = ["Cells", "Index", "Outline", "best_apart", "mask_of_cells", "nested_patches"]

Cells = NDArray[np.uint8]
Plane = NDArray[np.float32]
Index = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns within an outline's window."""

LEVELS = 12
MIN_ROUNDNESS = 0.35
MARGIN = 9
_CROSS = np.ones((3, 3), np.uint8)
_SMALLEST = 30


def nested_patches(plane: Plane, *, is_low: bool, min_share: float, max_share: float) -> Iterator[Cells]:
    """Filled areas below (or above) each of 12 levels between the extremes of a map, as 0/1 planes.

    An area of less than 30 cells cannot be judged, one that leaves the picture is a background, and
    ragged ones are nature's; shares are of the whole map.
    """
    low, high = np.percentile(plane, [0.3, 99.7])
    smallest, largest = max(_SMALLEST, min_share * plane.size), max_share * plane.size
    for level in np.linspace(low, high, LEVELS + 2)[1:-1]:
        flags = ((plane < level) if is_low else (plane > level)).astype(np.uint8)
        flags = cv2.morphologyEx(cv2.morphologyEx(flags, cv2.MORPH_OPEN, _CROSS), cv2.MORPH_CLOSE, _CROSS)
        for contour in cv2.findContours(flags, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            area = cv2.contourArea(contour)
            if smallest <= area <= largest and not _leaves(contour, plane.shape) and _is_round(contour, area):
                yield cv2.drawContours(np.zeros_like(flags), [contour], -1, 1, -1)


@dataclass(frozen=True)
class Outline:
    """A patch and the cells on both sides of its outline, cut out with a margin."""

    cells: Cells
    """The patch as 0/1 over the whole map."""

    @cached_property
    def window(self) -> tuple[slice, slice]:
        """The patch's bounding box and 9 cells around it."""
        ys, xs = np.flatnonzero(self.cells.any(1)), np.flatnonzero(self.cells.any(0))
        return (
            slice(max(int(ys[0]) - MARGIN, 0), int(ys[-1]) + 1 + MARGIN),
            slice(max(int(xs[0]) - MARGIN, 0), int(xs[-1]) + 1 + MARGIN),
        )

    @cached_property
    def inner(self) -> Cells:
        """The patch without its outermost cells, which mix both sides."""
        return _eroded(self.cells[self.window], 1)

    @cached_property
    def core(self) -> Cells:
        """What lies at least 3 cells deep, where no filter mixes in the other side; ``inner`` of a small patch."""
        deep = _eroded(self.cells[self.window], 3)
        return deep if deep.any() else self.inner

    def outer(self, width: int = 3) -> Cells:
        """A ring outside, from the second to the ``width``-th cell."""
        cut = self.cells[self.window]
        return _grown(cut, width) - _grown(cut, 1)

    def facing(self, width: int = 3) -> tuple[Index, Index] | None:
        """Cells just inside and just outside, each outer one with its nearest inner one."""
        ring = self.inner - _eroded(self.cells[self.window], 2)
        return _nearest_pairs(ring, self.outer(width))

    def control(self, width: int = 3) -> tuple[Index, Index] | None:
        """Pairs at a like distance, both outside: what a step looks like where nothing ends."""
        cut = self.cells[self.window]
        near = self.outer(width)
        return _nearest_pairs(near, _grown(cut, 2 * width + 2) - _grown(cut, width + 2))

    def inside(self, plane: Plane) -> Plane:
        """Values of a map within the patch."""
        return plane[self.window][self.inner > 0]

    def around(self, plane: Plane, width: int = 3) -> Plane:
        """Values of a map in the ring outside."""
        return plane[self.window][self.outer(width) > 0]


def mask_of_cells(cells: Cells, height: int, width: int) -> NDArray[np.bool_]:
    """A patch as pixels, shape ``(height, width)``; the last partial cells stay outside."""
    mask = np.zeros((height, width), np.bool_)
    big = cells.repeat(CELL, 0).repeat(CELL, 1).astype(np.bool_)
    mask[: big.shape[0], : big.shape[1]] = big
    return mask


def best_apart(found: list[Found], *, overlap: float = 0.3) -> list[Found]:
    """The strongest findings, dropping each that shares more than ``overlap`` of the smaller with a stronger one."""
    kept: list[Found] = []
    for candidate in sorted(found, key=lambda f: (-f.score, f.extent() or ())):
        if all(_shared(candidate, other) <= overlap for other in kept):
            kept.append(candidate)
    return kept


def _shared(a: Found, b: Found) -> float:
    if a.mask is None or b.mask is None:
        return 0.0
    smaller = min(int(a.mask.sum()), int(b.mask.sum()))
    return float((a.mask & b.mask).sum() / max(smaller, 1))


def _leaves(contour: NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    x, y, width, height = cv2.boundingRect(contour)
    return x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]


def _is_round(contour: NDArray[np.int32], area: float) -> bool:
    """4 pi area / perimeter squared: 1 for a disc, 0.79 for a square, small for ragged shapes."""
    perimeter = cv2.arcLength(cv2.approxPolyDP(contour, 1.5, True), True)
    return bool(4 * np.pi * area > MIN_ROUNDNESS * perimeter**2)


def _nearest_pairs(source: Cells, target: Cells) -> tuple[Index, Index] | None:
    if source.sum() < 8 or target.sum() < 12:
        return None
    _, labels = cv2.distanceTransformWithLabels(1 - source, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    ys, xs = np.nonzero(source)
    position = np.zeros(int(labels.max()) + 1, np.intp)
    position[labels[ys, xs]] = np.arange(len(ys))
    there = np.nonzero(target)
    nearest = position[labels[there]]
    return (ys[nearest], xs[nearest]), (there[0], there[1])


def _eroded(cells: Cells, times: int) -> Cells:
    return cv2.erode(cells, _CROSS, iterations=times, borderType=cv2.BORDER_CONSTANT, borderValue=1)


def _grown(cells: Cells, times: int) -> Cells:
    return cv2.dilate(cells, _CROSS, iterations=times)
