"""COCO annotations as Regions: what can be used is used, and every defect is said.

Format: https://cocodataset.org/#format-data. ``bbox`` is left, top, width, height in absolute pixels;
``segmentation`` is a list of flat polygons, or run lengths, compressed (text) or not (a list of numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from schemas.candidate import Region
from schemas.geometry import (
    Box,
    Mask,
    Polygon,
    box_from_coco_xywh,
    box_from_mask,
    box_from_polygons,
    clamp_box,
    clamp_polygon,
    polygon_from_coco_flat,
)

from ..filesystems import printable
from ..strict_json import json_type

__all__ = ["ReadAnnotation", "key_of", "read_annotation"]

T = TypeVar("T")
MAX_COORDINATE = 1e7
ROUNDING_PX = 1.0
"""COCO's own files reach up to a pixel outside, by rounding; that is cut off, anything beyond is a defect."""


@dataclass(frozen=True)
class ReadAnnotation:
    """What one annotation gave."""

    region: Region | None
    """Where and what; None where nothing of it can be used."""
    defects: tuple[str, ...]
    """What is wrong with it, a sentence part each."""


@dataclass
class _Reader:
    """Collects defects while the parts of one annotation are read."""

    size: tuple[int, int] | None
    defects: list[str] = field(default_factory=list)

    def part(self, name: str, read: Callable[[], T]) -> T | None:
        """The part, or None and a defect. ValueError is what geometry and pydantic raise."""
        try:
            return read()
        except ValueError as error:
            self.defects.append(f"{name}: {printable(_first_line(error))[:200]}")
            return None


def read_annotation(
    annotation: Any, region_id: str, category_of: Callable[[Any], str], size: tuple[int, int] | None
) -> ReadAnnotation:
    """One annotation. ``category_of`` raises ValueError for an unknown id; ``size`` is (width, height) as stated."""
    reader = _Reader(size)
    if not isinstance(annotation, Mapping):
        return ReadAnnotation(None, (f"it is {json_type(annotation)}, not an object",))
    category = reader.part("category", lambda: category_of(annotation.get("category_id")))
    where = _place(annotation, reader)
    if not where and not reader.defects:
        reader.defects.append("it has neither a bbox nor a segmentation")
    if category is None or not where:
        return ReadAnnotation(None, tuple(reader.defects))
    score = reader.part("score", lambda: _score(annotation.get("score")))
    region = Region(region_id=region_id, category=category, score=score, source="ground_truth", **where)
    return ReadAnnotation(region, tuple(reader.defects))


def _place(annotation: Mapping[str, Any], reader: _Reader) -> dict[str, Any]:
    """Box, polygons and mask, as far as they are sound; the box is derived where only an outline is stated."""
    where: dict[str, Any] = {}
    box, outline = annotation.get("bbox"), annotation.get("segmentation")
    if isinstance(outline, Mapping):
        where["mask"] = reader.part("segmentation", lambda: _mask(outline, reader.size))
    elif outline:
        where["polygons"] = tuple(_polygons(outline, reader))
    if box:
        where["box"] = reader.part("bbox", lambda: _box(box, reader.size))
    elif where.get("polygons"):
        where["box"] = reader.part("segmentation", lambda: box_from_polygons(where["polygons"]))
    elif where.get("mask"):
        where["box"] = reader.part("segmentation", lambda: box_from_mask(where["mask"]))
    return {name: value for name, value in where.items() if value}


def _box(value: Any, size: tuple[int, int] | None) -> Box:
    numbers = _numbers(value)
    if len(numbers) != 4:
        raise ValueError(f"{len(numbers)} numbers instead of 4")
    box = box_from_coco_xywh(numbers)
    return clamp_box(box, *size, tolerance=ROUNDING_PX) if size else box


def _polygons(value: Any, reader: _Reader) -> Iterator[Polygon]:
    parts = value if isinstance(value, list) else [value]
    for number, part in enumerate(parts):
        polygon = reader.part(f"segmentation part {number}", lambda part=part: _polygon(part, reader.size))  # type: ignore[misc]
        if polygon is not None:
            yield polygon


def _polygon(value: Any, size: tuple[int, int] | None) -> Polygon:
    polygon = polygon_from_coco_flat(_numbers(value))
    return clamp_polygon(polygon, *size, tolerance=ROUNDING_PX) if size else polygon


def _mask(value: Mapping[str, Any], size: tuple[int, int] | None) -> Mask:
    """Run lengths of a picture of ``[height, width]``; Mask itself checks that compressed counts fill it."""
    sides = _numbers(value.get("size"))
    if len(sides) != 2 or sides != [int(side) for side in sides]:
        raise ValueError("run lengths need a size of two whole numbers, height and width")
    height, width = map(int, sides)
    if size and (width, height) != size:
        raise ValueError(f"run lengths of {width} x {height} px in an image of {size[0]} x {size[1]} px")
    counts = value.get("counts")
    if not isinstance(counts, str):
        counts = _compressed(_numbers(counts), width, height)
    return Mask(width=width, height=height, counts=counts, rasterizer="painted")


def _compressed(counts: Sequence[float], width: int, height: int) -> str:
    """Checked before pycocotools sees them: it trusts its input, in C."""
    from pycocotools import mask as coco

    runs = [int(number) for number in counts]
    if min(runs, default=-1) < 0 or sum(runs) != width * height or runs != list(counts):
        raise ValueError(f"run lengths that do not add up to {width} x {height} px")
    encoded: bytes = coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)["counts"]
    return encoded.decode("ascii")


def _numbers(value: Any) -> list[float]:
    if not isinstance(value, list):
        raise ValueError(f"{json_type(value)} instead of a list of numbers")  # noqa: TRY004 - a defect, no type error
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError(f"{json_type(number)} instead of a number")  # noqa: TRY004
        if not abs(number) <= MAX_COORDINATE:
            raise ValueError("a number beyond any picture")
    return value


def _score(value: Any) -> float | None:
    if value is None:
        return None
    (score,) = _numbers([value])
    if not 0 <= score <= 1:
        raise ValueError(f"{score:g} is not between 0 and 1")
    return float(score)


def key_of(value: Any) -> int | str:
    """An id of COCO: a whole number, or text as some tools write it. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"the id is {json_type(value)}")  # noqa: TRY004 - a defect of the file, no type error
    return value


def _first_line(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
    return str(error).partition("\n")[0]
