"""A region's box, outline and mask, from the model's numbers to the original's pixels, or which rule they break."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import ValidationError

from schemas.candidate import View
from schemas.checks import Defect
from schemas.geometry import (
    Box,
    Mask,
    Polygon,
    box_from_mask,
    box_from_polygons,
    box_holds,
    clamp_polygon,
    mask_area,
    mask_from_polygons,
    polygon_defects,
)

from .asked import Asked, Findings
from .conventions import Convention, four_numbers
from .conventions.spelling import BOX_KEYS, is_number
from .defects import Flaw, shown
from .views import medium_size

__all__ = ["Shape", "read_shape"]

ROUNDED = 1e-6
"""Share of the far edge by which a number may lie outside for arithmetic's sake."""


BEYOND_ALL = 1e300
"""What a number is taken for that a float cannot hold: outside of any picture."""


class Shape(NamedTuple):
    """Where a region is; no box where that cannot be said."""

    box: Box | None = None
    polygons: tuple[Polygon, ...] = ()
    mask: Mask | None = None


class _Frame(NamedTuple):
    """What the numbers of one region refer to."""

    where: str
    view: View
    size: tuple[float, float]
    convention: Convention
    max_share: float


def read_shape(where: str, value: dict[str, Any], view: View, asked: Asked, found: Findings) -> Shape:
    """The box, and the outline and mask where the answer holds some; a box alone is drawn around them if need be."""
    size = medium_size(asked.asset, view.page_index)
    frame = _Frame(where, view, size, asked.convention, asked.task.max_box_share)
    key = next((key for key in BOX_KEYS if value.get(key) is not None), "box")
    if key != "box":
        found.mended(Flaw.OTHER_KEY.told(where, value=shown(key)))
    polygons = _polygons(value["polygon"], frame, found) if value.get("polygon") is not None else ()
    mask = _mask(value["mask"], frame, found) if value.get("mask") is not None else None
    if value.get(key) is None and (polygons or mask):
        return _without_box(value, polygons, mask, frame, found)
    box = _box(value.get(key), frame, found)
    if box and mask and not box_holds(box, box_from_mask(mask)):
        found.wrong(Flaw.MASK_OUTSIDE_BOX.told(where))
    if box and polygons and not box_holds(box, box_from_polygons(polygons), slack=1 + _coarseness(frame)):
        found.wrong(Flaw.RING_OUTSIDE_BOX.told(where, value=shown(value["polygon"])))
    return Shape(box, polygons, mask)


def _without_box(
    value: dict[str, Any], polygons: tuple[Polygon, ...], mask: Mask | None, frame: _Frame, found: Findings
) -> Shape:
    """The tight box around what is drawn, which must not be all of the picture either."""
    width, height = (max(1, round(side)) for side in frame.size)
    drawn, kind = (mask_from_polygons(polygons, width, height), "polygon") if polygons else (mask, "mask")
    share = mask_area(drawn) / (width * height) if drawn else 0.0
    if share > frame.max_share:
        found.wrong(_whole(kind, value[kind], share, frame))
    box = box_from_polygons(polygons) if polygons else _around(mask)
    if box and mask and not box_holds(box, box_from_mask(mask)):
        found.wrong(Flaw.MASK_OUTSIDE_BOX.told(frame.where))
    return Shape(box, polygons, mask)


def _whole(kind: str, value: Any, share: float, frame: _Frame) -> Defect:
    return Flaw.WHOLE_PICTURE.told(frame.where, kind=kind, value=shown(value), share=f"{share:.0%}")


def _box(value: Any, frame: _Frame, found: Findings) -> Box | None:
    convention = frame.convention
    said = four_numbers(value, convention.names)
    if said is None:
        flaw = Flaw.NOT_A_NUMBER if _has_four_places(value) else Flaw.NO_BOX
        found.wrong(flaw.told(frame.where, value=shown(value), names=_named(convention)))
        return None
    numbers = tuple(max(-BEYOND_ALL, min(number, BEYOND_ALL)) for number in said)
    corners, edges = convention.corners(numbers), convention.edges(frame.view, frame.size)
    beyond = _beyond(corners, edges)
    flaw_found = _broken_rule(corners, numbers, edges, beyond)
    if flaw_found:
        parts = {"names": _named(convention), "unit": convention.unit.words, "edges": _reach(edges)}
        found.wrong(flaw_found.told(frame.where, value=shown(value), **parts))
        return None
    if beyond > 0:
        found.mended(Flaw.ROUNDED_OUTSIDE.told(frame.where, value=shown(value)))
    return _in_pixels(value, numbers, frame, found)


def _broken_rule(
    corners: tuple[float, ...], numbers: tuple[float, ...], edges: tuple[float, float], beyond: float
) -> Flaw | None:
    x1, y1, x2, y2 = corners
    if beyond > ROUNDED:
        return Flaw.BOX_OUTSIDE
    if x2 < x1 or y2 < y1:
        return Flaw.AXES_SWAPPED
    if x1 == x2 or y1 == y2:
        return Flaw.NO_AREA
    return Flaw.OTHER_UNIT if min(edges) > 1 and max(numbers) <= 1 else None


def _in_pixels(value: Any, numbers: tuple[float, ...], frame: _Frame, found: Findings) -> Box | None:
    """The box in the original's pixels; one thinner than a float can tell has no area there."""
    try:
        box = frame.convention.box_from(numbers, frame.view, frame.size)
    except ValueError:
        found.wrong(Flaw.NO_AREA.told(frame.where, value=shown(value)))
        return None
    share = (box.x2 - box.x1) * (box.y2 - box.y1) / (frame.size[0] * frame.size[1])
    if share > frame.max_share:
        found.wrong(_whole("box", value, share, frame))
    return box


def _polygons(value: Any, frame: _Frame, found: Findings) -> tuple[Polygon, ...]:
    points = _points(value)
    if points is None:
        found.wrong(Flaw.NO_RING.told(frame.where, value=shown(value), problem="it is not a list of points [x, y]"))
        return ()
    if len(points) > 3 and points[0] == points[-1]:
        found.mended(Flaw.CLOSED_RING.told(frame.where))
    ring = tuple(frame.convention.point_from(x, y, frame.view, frame.size) for x, y in points)
    try:
        polygon = Polygon(exterior=ring)
    except ValidationError as error:
        problem = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        found.wrong(Flaw.NO_RING.told(frame.where, value=shown(value), problem=problem))
        return ()
    return _sound(polygon, value, frame, found)


def _sound(polygon: Polygon, value: Any, frame: _Frame, found: Findings) -> tuple[Polygon, ...]:
    crossings = polygon_defects(polygon)
    if crossings:
        found.wrong(Flaw.RING_CROSSES.told(frame.where, value=shown(value), problem=crossings[0]))
        return ()
    try:
        return (clamp_polygon(polygon, *frame.size, tolerance=ROUNDED * max(frame.size)),)
    except ValueError as error:
        found.wrong(Flaw.RING_OUTSIDE.told(frame.where, value=shown(value), problem=error))
        return ()


def _points(value: Any) -> list[tuple[float, float]] | None:
    """Points as pairs, or from COCO's flat list; None where it is neither."""
    if isinstance(value, list) and value and all(map(is_number, value)) and len(value) % 2 == 0:
        value = [list(pair) for pair in zip(value[::2], value[1::2], strict=True)]
    if not isinstance(value, list) or not all(isinstance(point, list) and len(point) == 2 for point in value):
        return None
    are_numbers = all(is_number(number) and abs(number) < BEYOND_ALL for point in value for number in point)
    return [(x, y) for x, y in value] if are_numbers else None


def _mask(value: Any, frame: _Frame, found: Findings) -> Mask | None:
    """COCO's compressed form, ``{"size": [height, width], "counts": "..."}``, of the upright original."""
    size = value.get("size") if isinstance(value, dict) else None
    try:
        if not isinstance(size, list) or len(size) != 2 or not isinstance(value.get("counts"), str):
            raise ValueError("it is not {'size': [height, width], 'counts': '...'}")
        if size != [round(frame.size[1]), round(frame.size[0])]:
            raise ValueError(f"its size is not {frame.size[1]:g} x {frame.size[0]:g}, height x width")
        mask = Mask(width=size[1], height=size[0], counts=value["counts"])
        if not mask_area(mask):
            raise ValueError("it holds no pixel")
    except ValueError as error:  # pydantic's ValidationError is one
        found.wrong(Flaw.NO_MASK.told(frame.where, value=shown(value), problem=str(error).splitlines()[0]))
        return None
    return mask


def _around(mask: Mask | None) -> Box | None:
    return box_from_mask(mask) if mask else None


def _coarseness(frame: _Frame) -> float:
    """Pixels of the original that one step of the convention's numbers spans: box and outline are rounded apart."""
    if not frame.convention.is_whole:
        return 0.0
    edges = frame.convention.edges(frame.view, frame.size)
    return max(side / edge for side, edge in zip(frame.size, edges, strict=True))


def _beyond(corners: tuple[float, ...], edges: tuple[float, float]) -> float:
    """By how much the numbers lie outside, as a share of the far edge; at most 0 where they lie inside."""
    xs, ys = (corners[0], corners[2]), (corners[1], corners[3])
    return max(max(-min(places), max(places) - edge) / edge for places, edge in zip((xs, ys), edges, strict=True))


def _has_four_places(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and not any(isinstance(part, list) for part in value)


def _named(convention: Convention) -> str:
    return f"[{', '.join(convention.names)}]"


def _reach(edges: tuple[float, float]) -> str:
    return f"{edges[0]:g}" if edges[0] == edges[1] else f"{edges[0]:g} x {edges[1]:g}"
