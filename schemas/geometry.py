"""Where something is: boxes, polygons, masks, time spans and tracks.

One convention inside: absolute pixels of the original upright medium, ``xyxy``, float, origin
top-left, ``x2``/``y2`` exclusive. Every other spelling is converted at the door by a function that
names both ends. Polygons are the source of truth where they exist; a mask names the rasterizer
that made it, because rasterizers differ (mean IoU 0.69 between two of them at radius 4 px).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from .base import Frozen

__all__ = ["Box", "Keyframe", "Mask", "Point", "Polygon", "TimeSpan"]

Point = tuple[float, float]
"""``(x, y)`` in pixels."""

RASTERIZER = "pycocotools"


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
    def _has_area(self) -> Box:
        if not (self.x2 > self.x1 and self.y2 > self.y1):
            raise ValueError(f"box ({self.x1}, {self.y1}, {self.x2}, {self.y2}) has no area: x2 <= x1 or y2 <= y1")
        return self


class Polygon(Frozen):
    """One exterior ring and any holes, each an open ring of at least 3 distinct points."""

    exterior: tuple[Point, ...]
    """Points ``(x, y)`` in pixels; the first is not repeated at the end."""
    holes: tuple[tuple[Point, ...], ...] = ()
    """Rings inside the exterior that do not belong to the region."""


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


class TimeSpan(Frozen):
    """A stretch of a clip."""

    start_s: NonNegativeFloat
    """Seconds from the start of the clip, inclusive."""
    end_s: NonNegativeFloat
    """Seconds from the start of the clip, exclusive."""

    @model_validator(mode="after")
    def _has_length(self) -> TimeSpan:
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
