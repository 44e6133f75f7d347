"""Every convention a box is answered in, as one pure pair of functions: numbers to Box, Box to numbers.

All units start at the top-left corner and are linear, so a unit is told by what it calls the far edge: 1000,
999, 1, or the picture's own width. An order is a permutation; both ways are written out here and round-trip tested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.candidate import View
from schemas.geometry import Box, clamp_box
from schemas.task import BOX_CONVENTIONS, BoxConvention

__all__ = ["CONVENTIONS", "Convention"]

Size = tuple[float, float]
Four = tuple[float, float, float, float]

ROUNDED_TO = 1e-6
"""What arithmetic may add, as a share of the far edge: a box that is outside by so little is cut off, not refused."""


class _Unit(NamedTuple):
    edges: Callable[[View, Size], Size]
    """What the right and the bottom edge are called, from the view and the size of the original."""
    is_whole: bool
    """Whether numbers are integers."""
    words: str
    """How the prompt says it."""
    is_of_original: bool = False
    """Whether numbers count from the corner of the original medium rather than of the picture shown."""


class _Order(NamedTuple):
    to_corners: Callable[[float, float, float, float], Four]
    from_corners: Callable[[float, float, float, float], Four]
    names: tuple[str, str, str, str]
    words: str


class Convention(NamedTuple):
    """One meaning of four numbers."""

    name: BoxConvention
    unit: _Unit
    order: _Order

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are integers."""
        return self.unit.is_whole

    @property
    def is_in_pixels(self) -> bool:
        """Whether the model must be told how large its pictures are."""
        return "pixels" in self.name

    @property
    def names(self) -> tuple[str, str, str, str]:
        """What the four numbers are called, in their order."""
        return self.order.names

    @property
    def words(self) -> str:
        """The convention as a prompt states it."""
        first = "integers" if self.is_whole else "numbers with decimals"
        return f"[{', '.join(self.names)}] = {self.order.words}: {first}, {self.unit.words}"

    def edges(self, view: View, size: Size) -> Size:
        """What the convention calls the right and the bottom edge of the picture."""
        return self.unit.edges(view, size)

    def corners(self, numbers: Sequence[float]) -> Four:
        """The numbers as x1, y1, x2, y2, in their unit."""
        return self.order.to_corners(*numbers)

    def box_from(self, numbers: Sequence[float], view: View, size: Size) -> Box:
        """The box in pixels of the original medium of ``size``, to a millionth of a pixel.

        Rounding to that is what makes the far edge the very edge. Raises ValueError for a box that has no area
        or reaches outside by more than rounding.
        """
        right, bottom = self.edges(view, size)
        x1, y1, x2, y2 = self.corners(numbers)
        shares = x1 / right, y1 / bottom, x2 / right, y2 / bottom
        left, top, width, height = _extent(self.unit, view, size)
        box = Box(
            x1=round(left + shares[0] * width, 6),
            y1=round(top + shares[1] * height, 6),
            x2=round(left + shares[2] * width, 6),
            y2=round(top + shares[3] * height, 6),
        )
        return clamp_box(box, *size, tolerance=max(size) * ROUNDED_TO)

    def point_from(self, x: float, y: float, view: View, size: Size) -> tuple[float, float]:
        """A point of an outline, x first, in pixels of the original medium."""
        right, bottom = self.edges(view, size)
        left, top, width, height = _extent(self.unit, view, size)
        return round(left + x / right * width, 6), round(top + y / bottom * height, 6)

    def box_to(self, box: Box, view: View, size: Size) -> Four:
        """The box in the convention's numbers, not rounded."""
        right, bottom = self.edges(view, size)
        left, top, width, height = _extent(self.unit, view, size)
        x1, x2 = ((x - left) / width * right for x in (box.x1, box.x2))
        y1, y2 = ((y - top) / height * bottom for y in (box.y1, box.y2))
        return self.order.from_corners(x1, y1, x2, y2)


def _extent(unit: _Unit, view: View, size: Size) -> Four:
    """Left, top, width and height of what the numbers span, in pixels of the original."""
    if unit.is_of_original:
        return 0.0, 0.0, *size
    return view.crop_x, view.crop_y, view.width * view.scale_x, view.height * view.scale_y


def _fixed(edge: float, *, is_whole: bool = True) -> _Unit:
    words = f"from 0 to {edge:g} over the width and over the height of the picture shown"
    return _Unit(lambda view, size: (edge, edge), is_whole, words)


_UNITS = {
    "original_pixels": _Unit(
        lambda view, size: size, True, "pixels of the original, whose size is given above its picture", True
    ),
    "view_pixels": _Unit(
        lambda view, size: (view.width, view.height),
        True,
        "pixels of the picture shown, whose size is given above it",
    ),
    "unit": _fixed(1, is_whole=False),
    "percent": _fixed(100, is_whole=False),
    "nines": _fixed(999),
    "thousandths": _fixed(1000),
    "bins1024": _fixed(1024),
}
_ORDERS = {
    "xyxy": _Order(
        lambda a, b, c, d: (a, b, c, d),
        lambda x1, y1, x2, y2: (x1, y1, x2, y2),
        ("x1", "y1", "x2", "y2"),
        "left, top, right, bottom",
    ),
    "xywh": _Order(
        lambda a, b, c, d: (a, b, a + c, b + d),
        lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1),
        ("x", "y", "width", "height"),
        "left, top, width, height",
    ),
    "yxyx": _Order(
        lambda a, b, c, d: (b, a, d, c),
        lambda x1, y1, x2, y2: (y1, x1, y2, x2),
        ("y1", "x1", "y2", "x2"),
        "top, left, bottom, right",
    ),
}


def _convention(name: BoxConvention) -> Convention:
    unit, order = name.rsplit("_", 1)
    return Convention(name, _UNITS[unit], _ORDERS[order])


CONVENTIONS: dict[BoxConvention, Convention] = {name: _convention(name) for name in BOX_CONVENTIONS}
"""All of them, by name."""
