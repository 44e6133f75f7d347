"""Polygons in COCO's spelling, their bounds, and rings that cross themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .types import TOLERANCE_PX, Box, Point, Polygon

__all__ = [
    "box_from_polygons",
    "clamp_polygon",
    "polygon_defects",
    "polygon_from_coco_flat",
    "polygon_to_coco_flat",
    "polygons_repaired",
]


def polygon_from_coco_flat(flat: Sequence[float]) -> Polygon:
    """From COCO: ``[x1, y1, x2, y2, ...]`` in absolute pixels."""
    if len(flat) % 2:
        raise ValueError(f"a COCO polygon of {len(flat)} numbers: x without y")
    return Polygon(exterior=tuple(zip(flat[::2], flat[1::2], strict=True)))


def polygon_to_coco_flat(polygon: Polygon) -> list[float]:
    """To COCO: ``[x1, y1, x2, y2, ...]`` in absolute pixels. Raises ValueError for holes, which COCO cannot say."""
    if polygon.holes:
        raise ValueError(f"a polygon with {len(polygon.holes)} holes has no flat COCO form; write its mask instead")
    return [coordinate for point in polygon.exterior for coordinate in point]


def box_from_polygons(polygons: Sequence[Polygon]) -> Box:
    """The tight box around all of them."""
    xs, ys = zip(*(point for polygon in polygons for point in polygon.exterior), strict=True)
    return Box(x1=min(xs), y1=min(ys), x2=max(xs), y2=max(ys))


def clamp_polygon(polygon: Polygon, width: float, height: float, *, tolerance: float = TOLERANCE_PX) -> Polygon:
    """The polygon within ``width`` x ``height`` pixels: rounding up to ``tolerance`` px outside is cut off.

    Raises ValueError for a point that lies farther outside.
    """
    beyond, (x, y) = max((_beyond(point, width, height), point) for ring in _rings(polygon) for point in ring)
    if beyond <= 0:
        return polygon
    if beyond > tolerance:
        raise ValueError(f"point ({x:g}, {y:g}) lies {beyond:g} px outside of {width:g} x {height:g} px")
    exterior, *holes = (tuple(_clamped(point, width, height) for point in ring) for ring in _rings(polygon))
    return Polygon(exterior=exterior, holes=tuple(holes))


def polygon_defects(polygon: Polygon) -> tuple[str, ...]:
    """What is wrong with its rings, in words: one crosses itself, a hole leaves the exterior or meets another."""
    from shapely.validation import explain_validity

    verdict = str(explain_validity(_shapely(polygon)))
    return () if verdict == "Valid Geometry" else (verdict,)


def polygons_repaired(polygon: Polygon) -> tuple[Polygon, ...]:
    """The same area (even-odd, as rasterizers fill it) as polygons whose rings neither cross nor leave each other."""
    from shapely import make_valid

    return tuple(_from_shapely(part) for part in _areas(make_valid(_shapely(polygon))))


def _rings(polygon: Polygon) -> Iterator[tuple[Point, ...]]:
    yield polygon.exterior
    yield from polygon.holes


def _beyond(point: Point, width: float, height: float) -> float:
    return max(-point[0], -point[1], point[0] - width, point[1] - height)


def _clamped(point: Point, width: float, height: float) -> Point:
    return min(max(point[0], 0.0), width), min(max(point[1], 0.0), height)


def _shapely(polygon: Polygon) -> Any:
    from shapely import Polygon as ShapelyPolygon

    return ShapelyPolygon(polygon.exterior, polygon.holes)


def _areas(geometry: Any) -> Iterator[Any]:
    """The polygons of any shapely geometry; the lines and points that a repair leaves behind have no area."""
    if geometry.geom_type == "Polygon":
        yield geometry
    for part in getattr(geometry, "geoms", ()):
        yield from _areas(part)


def _from_shapely(polygon: Any) -> Polygon:
    return Polygon(exterior=tuple(polygon.exterior.coords), holes=tuple(tuple(r.coords) for r in polygon.interiors))
