"""Export ``synthscars``: the JSON that SynthScars (arXiv 2503.15264) published and its loader reads.

``[{ANN_ID: {img_file_name, caption, refs: [{sentence, explanation, bbox: null, segmentation}]}}, ...]`` with flat COCO
polygons in pixels. The caption is derived from the regions, phrase and explanation one by one. The published loader
finds a phrase by its first place in the caption: a record in which that is another place is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Literal
from urllib.parse import quote

from schemas.candidate import Region
from schemas.geometry import polygon_from_coco_flat, polygon_to_coco_flat
from schemas.record import Record

from ..filesystems import join, list_files, open_uri, write_atomically, writing
from ._json_list import JsonList
from ._media import media_name, with_media
from ._refusals import no_flat_polygons, no_medium, refusal_of
from ._words import over_all
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["Config", "SynthScars"]

OPENING = "Upon examining the image. I have found: "
LISTING = "\nTo elaborate, I have found the following artifacts. "


class Config(ExportConfig):
    """Options of the synthscars export."""

    kind: Literal["synthscars"] = "synthscars"
    numbered: bool = False
    """Whether a phrase that stands earlier in the caption gets its region's number behind it, ``the hand (2)``, instead
    of the record being refused."""


class SynthScars(Export):
    """``annotations/SPLIT.json``, ``images/SPLIT/SHA256.EXT``, ``refused.jsonl``; the ids are those of the samples."""

    config: Config
    region_fields = ("polygons", "explanation")

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """Every record of an image with at least one outlined region."""
        refused_uri = join(place.out_uri, "refused.jsonl")
        with ExitStack() as stack:
            refused = stack.enter_context(writing(refused_uri))
            lists: dict[str, JsonList] = {}
            images = set[str]()
            for record, data in with_media(records, place):
                entry = _entry(record, numbered=self.config.numbered)
                if reason := no_medium(record) or no_flat_polygons(record, place.taxonomy) or _reason(record, entry):
                    refused.write(canonical_line(refusal_of(record, reason)))
                    continue
                split = quote(record.split, safe="")
                if split not in lists:
                    lists[split] = JsonList(stack, join(place.out_uri, "annotations", f"{split}.json"))
                lists[split].add({record.sample_id: entry})
                if data is not None:
                    images.add(join(place.out_uri, "images", split, media_name(record)))
                    write_atomically(join(place.out_uri, "images", split, media_name(record)), data)
        return tuple(sorted((refused_uri, *images, *(one.uri for one in lists.values()))))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """Split by split. The format names no category: it comes back as ``artifact``."""
        for uri, _ in list_files(join(out_uri, "annotations"), recursive=False):
            with open_uri(uri) as file:
                for annotation in json.load(file):
                    for sample_id, entry in annotation.items():
                        yield sample_id, tuple(_region(ref, n) for n, ref in enumerate(entry["refs"], 1))


def _entry(record: Record, *, numbered: bool) -> dict[str, Any]:
    refs = [_ref(region) for region in record.regions]
    caption = f"{OPENING}{over_all(record)}{LISTING}"
    for number, ref in enumerate(refs, 1):
        if numbered and ref["sentence"] in caption:
            ref["sentence"] = f"{ref['sentence']} ({number})"
        caption += f"{ref['sentence']}:{ref['explanation']}"
    return {"img_file_name": media_name(record), "caption": caption, "refs": refs}


def _ref(region: Region) -> dict[str, Any]:
    return {
        "sentence": region.phrase or region.category,
        "explanation": region.explanation,
        "bbox": None,
        "segmentation": [polygon_to_coco_flat(polygon) for polygon in region.polygons],
    }


def _reason(record: Record, entry: dict[str, Any]) -> str:
    """What the published loader would drop or misplace without a word."""
    if not record.regions:
        return "no region: the format tells no clean image from one that nobody has annotated"
    caption, at = (
        entry["caption"],
        len(entry["caption"]) - sum(len(ref["sentence"]) + 1 + len(ref["explanation"]) for ref in entry["refs"]),
    )
    for region, ref in zip(record.regions, entry["refs"], strict=True):
        if caption.find(ref["sentence"]) != at:
            return (
                f"region {region.region_id} has the phrase {ref['sentence']!r}, which stands earlier in the caption: "
                "the format's loader would take that place"
            )
        at += len(ref["sentence"]) + 1 + len(ref["explanation"])
    return ""


def _region(ref: dict[str, Any], number: int) -> Region:
    return Region(
        region_id=str(number),
        category="artifact",
        phrase=ref["sentence"],
        explanation=ref["explanation"],
        polygons=tuple(map(polygon_from_coco_flat, ref["segmentation"])),
        source="derived",
    )
