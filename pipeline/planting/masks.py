"""Shapes to plant in: polygons, and the exact pixels that each one covers.

An artifact changes precisely the pixels that pycocotools gives to its polygon, so that polygon,
mask and picture never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.geometry import Polygon, mask_from_polygons, mask_to_array

__all__ = ["Bits", "Shape", "blob", "overlaps", "pixels_of", "rectangle"]

Bits = NDArray[np.bool_]
"""``(H, W)``: which pixels belong."""

BLOB_POINTS = 36


@dataclass(frozen=True)
class Shape:
    """A polygon around a center, in pixels of the picture."""

    polygon: Polygon
    x: float
    y: float


def blob(x: float, y: float, radius: float, rng: np.random.Generator) -> Shape:
    """A smooth irregular outline; no point is farther than ``radius`` pixels from ``(x, y)``."""
    angles = np.linspace(0, 2 * np.pi, BLOB_POINTS, endpoint=False)
    waves = sum(rng.uniform(0, 0.12) * np.cos(k * angles + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3))
    radii = radius * (1 + waves) / 1.36
    return _shape(x, y, np.cos(angles) * radii, np.sin(angles) * radii)


def rectangle(x: float, y: float, width: float, height: float, angle_deg: float = 0.0) -> Shape:
    """A rectangle around ``(x, y)``, turned clockwise on the screen by ``angle_deg``."""
    turn = np.radians(angle_deg)
    dx, dy = np.array([-1, 1, 1, -1]) * width / 2, np.array([-1, -1, 1, 1]) * height / 2
    return _shape(x, y, dx * np.cos(turn) - dy * np.sin(turn), dx * np.sin(turn) + dy * np.cos(turn))


def _shape(x: float, y: float, dx: NDArray[np.floating], dy: NDArray[np.floating]) -> Shape:
    # Quarter pixels are exact in binary, and pycocotools works on a grid of fifths: nothing rounds by chance.
    points = ((round(float(x + a) * 4) / 4, round(float(y + b) * 4) / 4) for a, b in zip(dx, dy, strict=True))
    return Shape(Polygon(exterior=tuple(points)), x, y)


def pixels_of(polygon: Polygon, width: int, height: int) -> Bits:
    """The pixels of a polygon in a picture of ``width`` x ``height``."""
    return mask_to_array(mask_from_polygons((polygon,), width, height))


def overlaps(bits: Bits, others: tuple[Bits, ...]) -> bool:
    """Whether any pixel is already taken."""
    return any(bool((bits & other).any()) for other in others)
