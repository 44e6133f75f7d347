"""Boxes in everyone else's spelling, and back.

``width`` and ``height`` are those of the picture that the numbers refer to, in pixels; a model's
numbers refer to the view it saw, and ``View`` holds the way from there to the original.
"""

from __future__ import annotations

from collections.abc import Sequence

from .types import TOLERANCE_PX, Box

__all__ = [
    "box_from_coco_xywh",
    "box_from_percent_xywh",
    "box_from_thousandths_xyxy",
    "box_from_thousandths_yxyx",
    "box_from_unit_xyxy",
    "box_holds",
    "box_iou",
    "box_to_coco_xywh",
    "box_to_percent_xywh",
    "box_to_thousandths_xyxy",
    "box_to_thousandths_yxyx",
    "box_to_unit_xyxy",
    "clamp_box",
]

Four = tuple[float, float, float, float]


def box_from_coco_xywh(xywh: Sequence[float]) -> Box:
    """From COCO: left, top, width, height in absolute pixels."""
    x, y, width, height = xywh
    return Box(x1=x, y1=y, x2=x + width, y2=y + height)


def box_to_coco_xywh(box: Box) -> Four:
    """To COCO: left, top, width, height in absolute pixels."""
    return box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1


def box_from_percent_xywh(xywh: Sequence[float], width: float, height: float) -> Box:
    """From Label Studio: left, top, width, height in percent (0 to 100) of the picture; unrotated."""
    x, y, w, h = xywh
    return _scaled((x, y, x + w, y + h), width / 100, height / 100)


def box_to_percent_xywh(box: Box, width: float, height: float) -> Four:
    """To Label Studio: left, top, width, height in percent (0 to 100) of the picture."""
    x1, y1, x2, y2 = _unscaled(box, width / 100, height / 100)
    return x1, y1, x2 - x1, y2 - y1


def box_from_unit_xyxy(xyxy: Sequence[float], width: float, height: float) -> Box:
    """From corners in fractions (0 to 1) of the picture."""
    return _scaled(xyxy, width, height)


def box_to_unit_xyxy(box: Box, width: float, height: float) -> Four:
    """To corners in fractions (0 to 1) of the picture."""
    return _unscaled(box, width, height)


def box_from_thousandths_xyxy(xyxy: Sequence[float], width: float, height: float) -> Box:
    """From corners in thousandths (0 to 1000) of the picture, x first: what our prompts ask for."""
    return _scaled(xyxy, width / 1000, height / 1000)


def box_to_thousandths_xyxy(box: Box, width: float, height: float) -> Four:
    """To corners in thousandths (0 to 1000) of the picture, x first, not rounded."""
    return _unscaled(box, width / 1000, height / 1000)


def box_from_thousandths_yxyx(yxyx: Sequence[float], width: float, height: float) -> Box:
    """From corners in thousandths (0 to 1000) of the picture, y first: what Gemini answers on its own."""
    y1, x1, y2, x2 = yxyx
    return box_from_thousandths_xyxy((x1, y1, x2, y2), width, height)


def box_to_thousandths_yxyx(box: Box, width: float, height: float) -> Four:
    """To corners in thousandths (0 to 1000) of the picture, y first, not rounded."""
    x1, y1, x2, y2 = box_to_thousandths_xyxy(box, width, height)
    return y1, x1, y2, x2


def box_holds(outer: Box, inner: Box, *, slack: float = 1.0) -> bool:
    """Whether ``inner`` lies in ``outer``, but for ``slack`` pixels at each edge: rasterizing may add one."""
    slack += TOLERANCE_PX
    return (
        inner.x1 >= outer.x1 - slack
        and inner.y1 >= outer.y1 - slack
        and inner.x2 <= outer.x2 + slack
        and inner.y2 <= outer.y2 + slack
    )


def clamp_box(box: Box, width: float, height: float, *, tolerance: float = TOLERANCE_PX) -> Box:
    """The box within ``width`` x ``height`` pixels: rounding up to ``tolerance`` px outside is cut off.

    Raises ValueError for a box that lies farther outside.
    """
    beyond = max(-box.x1, -box.y1, box.x2 - width, box.y2 - height)
    if beyond <= 0:
        return box
    if beyond > tolerance:
        corners = f"({box.x1:g}, {box.y1:g}, {box.x2:g}, {box.y2:g})"
        raise ValueError(f"box {corners} reaches {beyond:g} px outside of {width:g} x {height:g} px")
    return Box(x1=max(box.x1, 0), y1=max(box.y1, 0), x2=min(box.x2, width), y2=min(box.y2, height))


def box_iou(one: Box, other: Box) -> float:
    """Area of the intersection over area of the union, 0 to 1."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(one) + _area(other) - width * height)


def _area(box: Box) -> float:
    return (box.x2 - box.x1) * (box.y2 - box.y1)


def _scaled(xyxy: Sequence[float], scale_x: float, scale_y: float) -> Box:
    x1, y1, x2, y2 = xyxy
    return Box(x1=x1 * scale_x, y1=y1 * scale_y, x2=x2 * scale_x, y2=y2 * scale_y)


def _unscaled(box: Box, scale_x: float, scale_y: float) -> Four:
    return box.x1 / scale_x, box.y1 / scale_y, box.x2 / scale_x, box.y2 / scale_y
