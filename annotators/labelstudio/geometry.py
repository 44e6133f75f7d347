"""Places in Label Studio's spelling, percent of what is shown, and in ours, pixels of the upright medium.

Rectangles turn about their top left corner, clockwise, in pixels; a turned one is a polygon here. Only this
file knows how a ``value`` spells a place; masks are in brush.py and bitmask.py, time in frames.py and tracks.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from schemas.base import Frozen
from schemas.errors import VerdictError
from schemas.geometry import (
    Box,
    Keyframe,
    Mask,
    Polygon,
    TimeSpan,
    box_from_mask,
    box_from_percent_xywh,
    box_from_polygons,
    box_to_percent_xywh,
    clamp_box,
    clamp_polygon,
    mask_from_array,
    mask_to_array,
    polygon_defects,
    polygons_repaired,
)
from schemas.plugins import readable

from .bitmask import mask_from_data_url
from .brush import mask_from_rle
from .frames import FrameClock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Place",
    "Space",
    "cut_at_edge",
    "is_number",
    "is_same_place",
    "mask_shown",
    "misplaced",
    "number_in",
    "percent_from_box",
    "percent_from_polygon",
    "place_from_bitmask",
    "place_from_brush",
    "place_from_polygon",
    "place_from_rectangle",
    "turned",
]

TOLERANCE_PX = 1.0
"""How far outside a person's hand may reach: it is cut off. Farther out something else is wrong."""
_BEYOND = 1e12
SAME_PX = 0.02
"""A page that only opened and saved a region changes its numbers by less; the smallest move of a hand is more."""


class Space(NamedTuple):
    """One picture, page or clip: its size in our pixels, and in the pixels of what the browser showed."""

    width: float
    height: float
    shown_width: int
    shown_height: int
    clock: FrameClock | None = None

    @property
    def frames(self) -> FrameClock:
        """The clip's frames. Raises VerdictError for what is no clip."""
        if self.clock is None:
            raise VerdictError("a track or a stretch of time in what is no clip", remedy="delete it")
        return self.clock


class Place(NamedTuple):
    """Where a region is, in our fields (schemas.candidate.Region)."""

    box: Box | None = None
    polygons: tuple[Polygon, ...] = ()
    mask: Mask | None = None
    track: tuple[Keyframe, ...] = ()
    span: TimeSpan | None = None
    frame_index: int | None = None
    pts_s: float | None = None


def percent_from_box(box: Box, space: Space) -> dict[str, float]:
    """A box as ``x, y, width, height, rotation`` in percent."""
    x, y, width, height = box_to_percent_xywh(box, space.width, space.height)
    return {"x": x, "y": y, "width": width, "height": height, "rotation": 0}


def percent_from_polygon(polygon: Polygon, space: Space) -> list[list[float]]:
    """A polygon's exterior as points in percent."""
    return [[100 * x / space.width, 100 * y / space.height] for x, y in polygon.exterior]


def place_from_rectangle(value: Mapping[str, Any], space: Space) -> Place:
    """A rectangle; a turned one becomes the polygon of its corners, cut at the picture's edge. Raises VerdictError."""
    x, y, width, height = (number_in(value, name) for name in ("x", "y", "width", "height"))
    rotation = number_in(value, "rotation", 0.0) % 360
    if not rotation:
        # Drawn from the lower right, clips have negative sides.
        x, y, width, height = min(x, x + width), min(y, y + height), abs(width), abs(height)
    try:
        if not rotation:
            box = box_from_percent_xywh((x, y, width, height), space.width, space.height)
            return Place(box=clamp_box(box, space.width, space.height, tolerance=TOLERANCE_PX))
        corners = turned((x, y, width, height), rotation, space)
        return _from_polygons(cut_at_edge(Polygon(exterior=corners), space))
    except ValueError as error:
        raise misplaced("rectangle", error) from error


def place_from_polygon(value: Mapping[str, Any], space: Space) -> Place:
    """A polygon in percent. Raises VerdictError for fewer than 3 points, no area, or points outside."""
    points = value.get("points")
    if not isinstance(points, Sequence) or isinstance(points, str) or not all(_is_point(p) for p in points):
        raise VerdictError("polygon without points", remedy="have it drawn again")
    try:
        polygon = Polygon(exterior=tuple((x * space.width / 100, y * space.height / 100) for x, y in points))
        inside = clamp_polygon(polygon, space.width, space.height, tolerance=TOLERANCE_PX)
        # A hand crosses its own line at times; the area is what was meant.
        return _from_polygons(polygons_repaired(inside) if polygon_defects(inside) else (inside,))
    except ValueError as error:
        raise misplaced("polygon", error) from error


def place_from_brush(value: Mapping[str, Any], space: Space) -> Place:
    """A brush mask of the shown picture. Raises VerdictError for damaged or empty ones."""
    if value.get("format", "rle") != "rle":
        raise VerdictError(f"brush mask of the unknown format {value['format']!r}", remedy="export it as rle")
    return _from_pixels(mask_from_rle(value.get("rle"), space.shown_width, space.shown_height), space)


def place_from_bitmask(value: Mapping[str, Any], space: Space) -> Place:
    """A bitmask of the shown picture. Raises VerdictError for damaged or empty ones."""
    return _from_pixels(mask_from_data_url(value.get("imageDataURL"), space.shown_width, space.shown_height), space)


def mask_shown(mask: Mask, space: Space) -> NDArray[np.bool_]:
    """Our mask as pixels of the shown picture, ``(H, W)`` bool: the same where the sizes are equal, else nearest."""
    return _resampled(mask_to_array(mask), space.shown_width, space.shown_height)


def is_same_place(one: Place, other: Place) -> bool:
    """Whether nobody moved it: numbers equal but for what opening and saving does to them, masks pixel by pixel."""
    same_masks = one.mask == other.mask or (
        one.mask is not None
        and other.mask is not None
        and one.mask.counts == other.mask.counts
        and one.mask.width == other.mask.width
    )
    if one.mask or other.mask:
        return same_masks
    return (
        one.span == other.span
        and _close(_ring_points(one), _ring_points(other))
        and [(k.frame_index, k.is_visible) for k in one.track] == [(k.frame_index, k.is_visible) for k in other.track]
        and _close(_track_points(one), _track_points(other))
    )


def _ring_points(place: Place) -> list[float]:
    if place.polygons:
        return [value for polygon in place.polygons for point in polygon.exterior for value in point]
    return _corners(place.box) if place.box else []


def _track_points(place: Place) -> list[float]:
    return [value for keyframe in place.track for value in _corners(keyframe.box)]


def _corners(box: Box) -> list[float]:
    return [box.x1, box.y1, box.x2, box.y2]


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= SAME_PX for a, b in zip(one, other, strict=True))


def turned(xywh: tuple[float, float, float, float], rotation: float, space: Space) -> tuple[tuple[float, float], ...]:
    """The corners of a rectangle that is turned clockwise by degrees about its top left corner, in our pixels."""
    x, y, width, height = (v * side / 100 for v, side in zip(xywh, (space.width, space.height) * 2, strict=True))
    cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    offsets = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    return tuple((x + dx * cos - dy * sin, y + dx * sin + dy * cos) for dx, dy in offsets)


def cut_at_edge(polygon: Polygon, space: Space) -> tuple[Polygon, ...]:
    """The part inside the picture. Raises ValueError where there is none."""
    from shapely import Polygon as Shape
    from shapely import box as frame

    inside = Shape(polygon.exterior).intersection(frame(0, 0, space.width, space.height))
    if not isinstance(inside, Shape) or inside.is_empty:
        raise ValueError("it lies outside of the picture")
    return (Polygon(exterior=tuple(inside.exterior.coords)),)


def _from_polygons(polygons: tuple[Polygon, ...]) -> Place:
    return Place(box=box_from_polygons(polygons), polygons=polygons)


def _from_pixels(shown: NDArray[np.bool_], space: Space) -> Place:
    pixels = _resampled(shown, max(round(space.width), 1), max(round(space.height), 1))
    if not pixels.any():
        raise VerdictError("mask without a painted pixel", remedy="delete the region, or paint it")
    mask = mask_from_array(pixels, "painted")
    return Place(box=box_from_mask(mask), mask=mask)


def _resampled(pixels: NDArray[np.bool_], width: int, height: int) -> NDArray[np.bool_]:
    """Each pixel of the new size takes the one that its center lies in."""
    import numpy as np

    if pixels.shape == (height, width):
        return pixels
    rows = ((np.arange(height) + 0.5) * pixels.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * pixels.shape[1] / width).astype(np.intp)
    return pixels[np.ix_(rows, columns)]


def is_number(value: Any) -> bool:
    """Whether a value from outside is a number that a page can mean; JSON also knows NaN, 1e999 and 10**400."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _BEYOND


def number_in(value: Mapping[str, Any], name: str, default: float | None = None) -> float:
    number = value.get(name, default)
    if not is_number(number):
        raise VerdictError(f"{name} is {str(number)[:40]!r}, not a number", remedy="export the annotation again")
    return float(number)


def _is_point(point: Any) -> bool:
    return isinstance(point, Sequence) and len(point) == 2 and all(map(is_number, point))


def misplaced(what: str, error: ValueError) -> VerdictError:
    words = readable(error, Frozen) if isinstance(error, ValidationError) else str(error)
    return VerdictError(f"{what}: {words}", remedy="have the region drawn again")
