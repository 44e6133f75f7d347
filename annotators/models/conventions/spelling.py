"""The JSON shapes that four numbers come in: a list, two points, or an object with named edges."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["BOX_KEYS", "four_numbers", "is_number"]

BOX_KEYS = ("box", "bbox", "box_2d", "bbox_2d", "bounding_box", "boundingbox", "coordinates", "points", "point_2d")
"""Keys that models put a box under, whatever the schema calls it."""

_CORNERS = {"x1": 0, "xmin": 0, "left": 0, "y1": 1, "ymin": 1, "top": 1}
_FAR = {"x2": 2, "xmax": 2, "right": 2, "y2": 3, "ymax": 3, "bottom": 3}
_SIZES = {"x": 0, "left": 0, "y": 1, "top": 1, "w": 2, "width": 2, "h": 3, "height": 3}


def four_numbers(value: Any, names: tuple[str, str, str, str]) -> tuple[float, float, float, float] | None:
    """The numbers in the order of ``names``, from any spelling; None where there are not exactly four.

    A list is taken as it stands; named edges (``{"xmin": 1, ...}``) are put in order by their names, so that they
    mean the same whatever order the convention has.
    """
    if isinstance(value, list):
        flat = _flat(value)
        return (flat[0], flat[1], flat[2], flat[3]) if len(flat) == 4 and all(map(is_number, flat)) else None
    if isinstance(value, dict):
        return _named({str(key).lower().replace("_", ""): number for key, number in value.items()}, names)
    return None


def is_number(value: Any) -> bool:
    """Whether it is a finite number; a truth value is none."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _flat(value: list[Any]) -> list[Any]:
    """``[[x1, y1], [x2, y2]]`` and ``[[x1, y1, x2, y2]]`` as one list of four."""
    if all(isinstance(part, list) for part in value) and sum(map(len, value)) == 4:
        return [number for part in value for number in part]
    return value


def _named(edges: dict[str, Any], names: tuple[str, str, str, str]) -> tuple[float, float, float, float] | None:
    if not all(map(is_number, edges.values())):
        return None
    for known, has_size in ((_CORNERS | _FAR, False), (_SIZES, True)):
        if len(edges) == 4 and {known.get(key) for key in edges} == {0, 1, 2, 3}:
            by_place = {known[key]: float(number) for key, number in edges.items()}
            return _ordered(*(by_place[place] for place in range(4)), has_size=has_size, names=names)
    return None


def _ordered(
    x: float, y: float, third: float, fourth: float, *, has_size: bool, names: tuple[str, str, str, str]
) -> tuple[float, float, float, float]:
    right, bottom = (x + third, y + fourth) if has_size else (third, fourth)
    value = {"x1": x, "y1": y, "x2": right, "y2": bottom, "x": x, "y": y, "width": right - x, "height": bottom - y}
    return value[names[0]], value[names[1]], value[names[2]], value[names[3]]
