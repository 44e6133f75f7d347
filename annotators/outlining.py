"""Outlines of a probability map: polygons with holes, simplified within a stated error that is measured.

The outline is traced between pixels (marching squares at 0.5), so it is smooth where the map is; it is then cut to
the box and simplified (Douglas and Peucker 1973, keeping rings valid), and the mask is drawn from the polygons: both
say the same, and pycocotools is the rasterizer of every mask.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from schemas.geometry import Box, Mask, Polygon, mask_area, mask_from_polygons, mask_iou

from .segmenters.base import Patch

__all__ = ["Drawn", "draw"]

_DECIMALS = 3
"""Thousandths of a pixel: finer is noise, and text."""
FINEST = 1 / 32
"""Small regions are kept finer than the stated error, at this share of the side of a square of their size."""
TRIES = 8


class Drawn(NamedTuple):
    """What a map became."""

    polygons: tuple[Polygon, ...]
    mask: Mask
    """Drawn from the polygons by pycocotools."""
    deviation_px: float
    """Farthest that a point of the traced outline lies from the simplified one, in original pixels."""
    outline_iou: float
    """IoU of the masks of the two outlines."""


def draw(
    patch: Patch,
    box: Box,
    width: int,
    height: int,
    *,
    max_error_px: float,
    min_part_share: float,
    has_holes: bool = True,
) -> Drawn | None:
    """The part of the map in the box, as geometry in a picture of ``width`` x ``height`` pixels.

    Parts and holes smaller than ``min_part_share`` of the largest part are left out as noise, all holes where none are
    wanted. None where nothing remains that covers a pixel.
    """
    import shapely

    area = shapely.intersection(_traced(patch), shapely.box(box.x1, box.y1, box.x2, box.y2))
    traced = _without_noise(area, min_part_share)
    traced = traced if has_holes else _filled(traced)
    if traced.is_empty:
        return None
    simple = _simplified(traced, min(max_error_px, FINEST * math.sqrt(traced.area)))
    polygons = _polygons(simple)
    mask = mask_from_polygons(polygons, width, height)
    if not mask_area(mask):
        return None
    iou = mask_iou(mask_from_polygons(_polygons(traced), width, height), mask)
    return Drawn(polygons, mask, _deviation(traced, simple), iou)


def _simplified(traced: Any, error_px: float) -> Any:
    """No point of the traced outline lies farther than ``error_px`` from it: GEOS may overshoot where a ring begins."""
    import shapely

    tolerance_px = error_px
    for _ in range(TRIES):
        simple = shapely.simplify(traced, tolerance_px, preserve_topology=True)
        if _deviation(traced, simple) <= error_px:
            return simple
        tolerance_px *= 0.7
    return traced


def _traced(patch: Patch) -> Any:
    """The area above 0.5 as a shapely geometry in original pixels, holes left open."""
    import shapely
    from skimage.measure import find_contours

    values = np.where(patch.values == 0.5, np.float32(0.5001), patch.values)  # a tie would make rings touch themselves
    rings = find_contours(np.pad(values, 1), 0.5)  # type: ignore[no-untyped-call]
    lines = [
        shapely.LineString(
            np.stack(
                [patch.x0 + (ring[:, 1] - 0.5) * patch.scale_x, patch.y0 + (ring[:, 0] - 0.5) * patch.scale_y], axis=1
            )
        )
        for ring in rings
        if len(ring) > 3
    ]
    return shapely.make_valid(shapely.build_area(shapely.GeometryCollection(lines)))


def _without_noise(area: Any, min_part_share: float) -> Any:
    import shapely

    parts = [part for part in shapely.get_parts(area) if part.geom_type == "Polygon"]
    least = max((part.area for part in parts), default=0.0) * min_part_share
    kept = [_without_small_holes(part, least) for part in parts if part.area > least]
    return shapely.MultiPolygon(kept)


def _without_small_holes(part: Any, least: float) -> Any:
    import shapely

    holes = [ring for ring in part.interiors if shapely.Polygon(ring).area > least]
    return shapely.Polygon(part.exterior, holes)


def _filled(area: Any) -> Any:
    """The area with its holes, and what lies in them, as one."""
    import shapely

    return shapely.union_all([shapely.Polygon(part.exterior) for part in shapely.get_parts(area)])


def _polygons(area: Any) -> tuple[Polygon, ...]:
    import shapely

    parts = shapely.get_parts(shapely.set_precision(area, 10.0**-_DECIMALS))
    return tuple(
        Polygon(exterior=_points(part.exterior), holes=tuple(_points(ring) for ring in part.interiors))
        for part in parts
        if part.geom_type == "Polygon" and part.area > 0
    )


def _points(ring: Any) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, _DECIMALS), round(y, _DECIMALS)) for x, y in ring.coords[:-1])


def _deviation(traced: Any, simple: Any) -> float:
    import shapely

    points = shapely.points(shapely.get_coordinates(traced))
    return float(shapely.distance(points, simple.boundary).max())
