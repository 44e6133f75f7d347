"""One image and one region in COCO's spelling, and back.

Beyond COCO's own fields an image says which record it is, and an annotation, under ``attributes`` (as CVAT and
others write them), which region, whose, and why.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.candidate import Region
from schemas.geometry import (
    Box,
    Mask,
    box_from_coco_xywh,
    box_from_mask,
    box_from_polygons,
    box_to_coco_xywh,
    mask_area,
    mask_from_polygons,
    polygon_from_coco_flat,
    polygon_to_coco_flat,
)
from schemas.record import Record

__all__ = ["annotation_of", "file_name", "image_of", "regions_of", "to_json"]

SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif"}
"""Endings of image files by Pillow's format name; the others are the name in lower case."""


def to_json(value: Mapping[str, Any]) -> bytes:
    """Compact JSON. A lone surrogate becomes its JSON escape: ``backslashreplace`` happens to spell it so."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def file_name(asset_id: str, image_format: str) -> str:
    """A name that is unique and harmless; the original one may be neither."""
    return asset_id + SUFFIXES.get(image_format, f".{image_format.lower()}")


def image_of(record: Record, number: int) -> dict[str, Any]:
    """An entry of ``images``."""
    media = record.media
    return {
        "id": number,
        "file_name": file_name(record.asset_id, media.format),
        "width": media.width,  # type: ignore[union-attr]  # only images come here
        "height": media.height,  # type: ignore[union-attr]
        "sample_id": record.sample_id,
        "original_file_name": record.file_name,
        "annotation_status": record.annotation_status,
        "review": record.review,
        "origin": record.origin,
        "verdict": record.verdict,
    }


def annotation_of(region: Region, record: Record, category_id: int) -> dict[str, Any]:
    """An entry of ``annotations`` without its ids. Polygons stand before the mask where a region has both."""
    width, height = record.media.width, record.media.height  # type: ignore[union-attr]
    mask = mask_from_polygons(region.polygons, width, height) if region.polygons else region.mask
    box = region.box or (box_from_polygons(region.polygons) if region.polygons else _box_of(mask))
    attributes = {"region_id": region.region_id, "source": region.source, "explanation": region.explanation}
    return {
        "category_id": category_id,
        "bbox": box_to_coco_xywh(box),
        "area": mask_area(mask) if mask else (box.x2 - box.x1) * (box.y2 - box.y1),
        "segmentation": _segmentation(region, mask),
        "iscrowd": 0,
        "attributes": attributes | ({"rasterizer": mask.rasterizer} if mask else {}),
        **({} if region.score is None else {"score": region.score}),
    }


def _box_of(mask: Mask | None) -> Box:
    if mask is None:
        raise ValueError("a region without box, polygons and mask has no place in COCO")
    return box_from_mask(mask)


def _segmentation(region: Region, mask: Mask | None) -> list[list[float]] | dict[str, Any]:
    """Flat polygons; run lengths where there are only those, or holes, which flat polygons cannot say."""
    if region.polygons and not any(polygon.holes for polygon in region.polygons):
        return [polygon_to_coco_flat(polygon) for polygon in region.polygons]
    return {"size": [mask.height, mask.width], "counts": mask.counts} if mask else []


def regions_of(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Region, ...]]]:
    """``(sample_id, regions)`` of every image of a file that this module wrote."""
    names = {category["id"]: category["name"] for category in document["categories"]}
    found: dict[int, list[Region]] = defaultdict(list)
    for annotation in document["annotations"]:
        found[annotation["image_id"]].append(_region(annotation, names[annotation["category_id"]]))
    for image in document["images"]:
        yield image["sample_id"], tuple(found[image["id"]])


def _region(annotation: Mapping[str, Any], category: str) -> Region:
    attributes, outline = annotation["attributes"], annotation["segmentation"]
    return Region(
        region_id=attributes["region_id"],
        category=category,
        explanation=attributes["explanation"],
        source=attributes["source"],
        score=annotation.get("score"),
        box=box_from_coco_xywh(annotation["bbox"]),
        polygons=tuple(map(polygon_from_coco_flat, outline)) if isinstance(outline, list) else (),
        mask=_mask(outline, attributes["rasterizer"]) if isinstance(outline, dict) else None,
    )


def _mask(outline: Mapping[str, Any], rasterizer: Any) -> Mask:
    height, width = outline["size"]
    return Mask(width=width, height=height, counts=outline["counts"], rasterizer=rasterizer)
