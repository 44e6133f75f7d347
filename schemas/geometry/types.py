"""The geometries themselves, and what makes each of them one at all."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, field_validator, model_validator

from ..base import Frozen
from .runs import mask_runs

__all__ = ["TOLERANCE_PX", "Box", "Keyframe", "Mask", "Point", "Polygon", "TimeSpan"]

Point = tuple[float, float]
"""``(x, y)`` in pixels."""

TOLERANCE_PX = 1e-6
"""What arithmetic may add: SynthScars has points 1e-13 px outside. Anything beyond is a defect, not rounding."""


class Box(Frozen):
    """An axis-aligned box in absolute pixels of the upright medium."""

    x1: float
    """Left edge in pixels, inclusive."""
    y1: float
    """Top edge in pixels, inclusive."""
    x2: float
    """Right edge in pixels, exclusive."""
    y2: float
    """Bottom edge in pixels, exclusive."""

    @model_validator(mode="after")
    def _has_area(self) -> Self:
        if not (self.x2 > self.x1 and self.y2 > self.y1):
            raise ValueError(f"box ({self.x1}, {self.y1}, {self.x2}, {self.y2}) has no area: x2 <= x1 or y2 <= y1")
        return self


class Polygon(Frozen):
    """One exterior ring and any holes, each an open ring of at least 3 distinct points that are not on one line.

    A ring whose first point is repeated at its end is opened. Whether rings cross themselves or
    holes leave the exterior is asked by ``polygon_defects``: real annotations have such rings, every
    rasterizer fills them, and ``polygons_repaired`` mends them.
    """

    exterior: tuple[Point, ...]
    """Points ``(x, y)`` in pixels; the first is not repeated at the end."""
    holes: tuple[tuple[Point, ...], ...] = ()
    """Rings inside the exterior that do not belong to the region."""

    @field_validator("exterior")
    @classmethod
    def _exterior_is_a_ring(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        return _ring(points, "exterior")

    @field_validator("holes")
    @classmethod
    def _holes_are_rings(cls, holes: tuple[tuple[Point, ...], ...]) -> tuple[tuple[Point, ...], ...]:
        return tuple(_ring(points, f"hole {i}") for i, points in enumerate(holes))


class Mask(Frozen):
    """A binary mask as COCO run-length encoding (compressed counts, column-major)."""

    width: PositiveInt
    """Width in pixels of the medium that the mask covers."""
    height: PositiveInt
    """Height in pixels of the medium that the mask covers."""
    counts: str
    """Compressed COCO RLE counts, as pycocotools writes them."""
    rasterizer: Literal["pycocotools", "painted", "threshold"] = "pycocotools"
    """What made the pixels: pycocotools (from polygons), painted (a person's brush), threshold (a score map)."""

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        pixels = int(mask_runs(self.counts).sum())
        if pixels != self.width * self.height:
            raise ValueError(f"mask counts hold {pixels} pixels, not {self.width} x {self.height}")
        return self


class TimeSpan(Frozen):
    """A stretch of a clip."""

    start_s: NonNegativeFloat
    """Seconds from the start of the clip, inclusive."""
    end_s: NonNegativeFloat
    """Seconds from the start of the clip, exclusive."""

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if not self.end_s > self.start_s:
            raise ValueError(f"time span {self.start_s}..{self.end_s} s has no length: end <= start")
        return self


class Keyframe(Frozen):
    """One known position of a track; positions between keyframes are interpolated linearly."""

    frame_index: NonNegativeInt
    """0-based frame in presentation order."""
    pts_s: NonNegativeFloat
    """Exact presentation time of that frame in seconds."""
    box: Box
    """Where the object is in that frame."""
    is_visible: bool = Field(True)
    """False from the keyframe on which the object leaves the picture."""


def _ring(points: tuple[Point, ...], name: str) -> tuple[Point, ...]:
    while len(points) > 1 and points[0] == points[-1]:
        points = points[:-1]
    distinct = len(set(points))
    if distinct < 3:
        raise ValueError(f"{name} has {distinct} distinct points; a ring needs 3")
    if not _thickness(points) > TOLERANCE_PX:
        raise ValueError(f"{name} has no area: its {distinct} points lie on one line")
    return points


def _thickness(points: tuple[Point, ...]) -> float:
    """How far the points leave the line from the first one to the one farthest from it, in pixels."""
    x0, y0 = points[0]
    x1, y1 = max(points, key=lambda point: math.dist(point, points[0]))
    length = math.dist((x0, y0), (x1, y1))
    return max(abs((x - x0) / length * (y1 - y0) - (y - y0) / length * (x1 - x0)) for x, y in points)
