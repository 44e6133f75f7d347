"""What a foreign Label Studio annotation holds, as ground truth of the medium that was measured.

It is read here, where the medium is decoded, and not in its source: places are percentages of a size that results need
not state, frames are numbers at a project's rate, and a brush mask of a stranger is expanded inside of the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from schemas.candidate import Region
from schemas.errors import VerdictError
from schemas.media.types import Document, Media, Video
from schemas.sample import Finding, Item

if TYPE_CHECKING:
    from annotators.labelstudio.export_files import Found

__all__ = ["with_exported_truth"]

Size = tuple[int, int]
MOST_TIMES_LARGER = 16
"""By area: nobody draws at four times the resolution."""
LARGEST_SIDE = 2**20
MOST_WORDS = 2000
"""Characters of one control's answer that a finding carries."""


def with_exported_truth(item: Item, media: Media) -> Item:
    """The item with its exported result as ground truth; what cannot be read or used is a finding."""
    if item.exported_result is None:
        return item
    from annotators.labelstudio.export_files import found_in

    upright = None if isinstance(media, Document) else (media.width, media.height)
    try:
        entries, too_large = _bounded(json.loads(item.exported_result), media)
        clip = media if isinstance(media, Video) else None
        found = found_in({"result": entries}, size=upright, clip=clip)
        if None in found.sizes and _stated(found, media) not in (None, upright):
            found = found_in({"result": entries}, size=_stated(found, media), clip=clip)
    except VerdictError as error:
        return item.evolve(has_ground_truth=False, findings=(*item.findings, _defect(error.message)))
    regions, stated, defects = _usable(found._replace(refused=(*too_large, *found.refused)), media)
    return item.evolve(
        ground_truth=(*item.ground_truth, *regions),
        has_ground_truth=item.has_ground_truth and not defects,
        stated_width=stated and stated[0],
        stated_height=stated and stated[1],
        findings=(*item.findings, *map(_defect, defects), *_said(found)),
    )


def _bounded(entries: list[Any], media: Media) -> tuple[list[Any], tuple[str, ...]]:
    """Entries without those of pictures far larger than the medium, whose masks would take their size in memory."""
    shown = media.pages if isinstance(media, Document) else (media,)
    most = MOST_TIMES_LARGER * max((each.width * each.height for each in shown), default=0)
    kept, refused = [], []
    for entry in entries:
        size: list[Any] = [entry.get(f"original_{s}") for s in ("width", "height")] if isinstance(entry, dict) else []
        # Sides beyond the largest are refused by the reader, before it expands anything.
        if size and all(map(_is_side, size)) and size[0] * size[1] > most:
            refused.append(f"drawn on {size[0]:g} x {size[1]:g} px, far more than the medium has")
        else:
            kept.append(entry)
    return kept, tuple(refused)


def _is_side(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < LARGEST_SIDE


def _usable(found: Found, media: Media) -> tuple[tuple[Region, ...], Size | None, tuple[str, ...]]:
    """Regions of one picture, the size that all of them state, and why others are left out."""
    stated = _stated(found, media)
    regions, defects = [], list(found.refused)
    for region, size in zip(found.regions, found.sizes, strict=True):
        defect = _unusable(region, size, media, stated)
        if defect:
            defects.append(f"region {region.region_id}: {defect}")
        else:
            page = region.page_index if isinstance(media, Document) else region.page_index or None
            regions.append(region.evolve(source="ground_truth", page_index=page))
    return tuple(regions), stated, tuple(defects)


def _stated(found: Found, media: Media) -> Size | None:
    """The one size that results state; what states none was drawn on the same picture."""
    sizes = {size for size in found.sizes if size}
    return sizes.pop() if len(sizes) == 1 and not isinstance(media, Document) else None


def _unusable(region: Region, size: Size | None, media: Media, stated: Size | None) -> str:
    """Why a region cannot be used; empty where it can. A size that all state is compared with the medium later."""
    if not region.category:
        return "it has no label"
    has = _size_of(media, region.page_index)
    if size and size != stated and size != has:
        return f"drawn on {_px(size)}, the medium has {_px(has)}"
    return ""


def _size_of(media: Media, page_index: int | None) -> Size | None:
    if not isinstance(media, Document):
        return media.width, media.height
    page = next((page for page in media.pages if page.page_index == (page_index or 0)), None)
    return (round(page.width), round(page.height)) if page else None


def _px(size: Size | None) -> str:
    return f"{size[0]} x {size[1]} px" if size else "no such page"


def _said(found: Found) -> Iterator[Finding]:
    """Choices, texts and grades, which ground truth has no place for."""
    for control, words in found.said:
        yield Finding(code="annotation_said", message=f"{control}: {_joined(words)}")
    for region_id, control, words in found.beside:
        yield Finding(code="annotation_said", message=f"{control} of region {region_id}: {_joined(words)}")


def _joined(words: Iterable[str]) -> str:
    return "; ".join(words)[:MOST_WORDS]


def _defect(words: str) -> Finding:
    return Finding(code="annotation_defect", message=f"the annotation is partly left out: {words[:500]}")
