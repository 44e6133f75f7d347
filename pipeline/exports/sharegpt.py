"""Export ``sharegpt``: conversations about images and clips, as LLaVA-style trainers read them.

Format: https://github.com/haotian-liu/LLaVA/blob/main/docs/Finetune_Custom_Data.md, a JSON list of ``id``, ``image``
or ``video`` and ``conversations``. Places are said as InternVL spells them,
``<ref>words</ref><box>[[x1, y1, x2, y2]]</box>``; the convention of the numbers is an option and is stated in the
question. Outlines become their bounding boxes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Literal
from urllib.parse import quote

from schemas.candidate import Region
from schemas.geometry import (
    Box,
    box_from_thousandths_xyxy,
    box_from_unit_xyxy,
    box_to_thousandths_xyxy,
    box_to_unit_xyxy,
)
from schemas.media.types import Document
from schemas.record import Record

from ..filesystems import join, list_files, open_uri, write_atomically, writing
from ._boxes import box_of
from ._json_list import JsonList
from ._media import media_name, with_media
from ._refusals import no_medium, no_second_image, refusal_of
from ._words import over_all
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["Config", "ShareGpt"]

Convention = Literal["thousandths", "unit", "pixels"]
WORDS: dict[Convention, str] = {
    "thousandths": "integers from 0 to 1000 of the width and height",
    "unit": "fractions from 0 to 1 of the width and height",
    "pixels": "pixels",
}
MARKS = re.compile(r"</?(?:ref|box|image|video)>")
GROUNDED = re.compile(r"(?P<category>.+?): <ref>(?P<phrase>.*?)</ref><box>\[\[(?P<box>[^\]]+)\]\]</box>(?P<why>.*)")


class Config(ExportConfig):
    """Options of the sharegpt export."""

    kind: Literal["sharegpt"] = "sharegpt"
    question: str = "What in this {medium} shows how it was made, and where?"
    """The person's turn; ``{medium}`` becomes image or video. Where a sample has a question of its own, that stands."""
    convention: Convention = "thousandths"
    """How boxes are said: integers 0 to 1000, fractions 0 to 1, or pixels, always x1, y1, x2, y2."""


class ShareGpt(Export):
    """``SPLIT.json``, ``media/SHA256.EXT``, ``refused.jsonl``."""

    config: Config
    region_fields = ("category", "box", "explanation")

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """One conversation per record that somebody annotated."""
        refused_uri = join(place.out_uri, "refused.jsonl")
        with ExitStack() as stack:
            refused = stack.enter_context(writing(refused_uri))
            lists: dict[str, JsonList] = {}
            media = set[str]()
            for record, data in with_media(records, place):
                if reason := no_medium(record) or no_second_image(record) or _reason(record):
                    refused.write(canonical_line(refusal_of(record, reason)))
                    continue
                if record.split not in lists:
                    name = f"{quote(record.split, safe='')}.json"
                    lists[record.split] = JsonList(stack, join(place.out_uri, name))
                lists[record.split].add(self._entry(record))
                if data is not None:
                    media.add(join(place.out_uri, "media", media_name(record)))
                    write_atomically(join(place.out_uri, "media", media_name(record)), data)
        return tuple(sorted((refused_uri, *media, *(one.uri for one in lists.values()))))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """The regions that the answers name, numbered; their boxes as exactly as the convention says them."""
        for uri, _ in list_files(out_uri, recursive=False):
            if uri.endswith(".json"):
                with open_uri(uri) as file:
                    for entry in json.load(file):
                        yield entry["id"], tuple(self._regions(entry))

    def _entry(self, record: Record) -> dict[str, Any]:
        kind = record.media.kind
        question = record.task_input.question or self.config.question.replace("{medium}", kind)
        told = f"<{kind}>\n{question} Boxes are [[x1, y1, x2, y2]] in {WORDS[self.config.convention]}."
        answer = "\n".join(self._answer(record))
        return {
            "id": record.sample_id,
            kind: f"media/{media_name(record)}",
            "width": record.media.width,  # type: ignore[union-attr]  # documents were refused
            "height": record.media.height,  # type: ignore[union-attr]
            "conversations": [{"from": "human", "value": told}, {"from": "gpt", "value": answer}],
        }

    def _answer(self, record: Record) -> Iterator[str]:
        yield over_all(record) or "Nothing was found."
        if record.verdict:
            yield f"Verdict: {record.verdict}."
        for region in record.regions:
            place, size = box_of(region), (record.media.width, record.media.height)  # type: ignore[union-attr]
            said = ", ".join(f"{n:g}" if isinstance(n, int) else repr(n) for n in self._numbers(place, *size))
            words = _line(region.phrase or region.category)
            yield f"{region.category}: <ref>{words}</ref><box>[[{said}]]</box> {_line(region.explanation)}".rstrip()

    def _numbers(self, box: Box, width: float, height: float) -> tuple[float, ...]:
        if self.config.convention == "pixels":
            return (box.x1, box.y1, box.x2, box.y2)
        if self.config.convention == "unit":
            return tuple(box_to_unit_xyxy(box, width, height))
        return tuple(round(number) for number in box_to_thousandths_xyxy(box, width, height))

    def _regions(self, entry: dict[str, Any]) -> Iterator[Region]:
        lines = entry["conversations"][1]["value"].splitlines()
        for number, match in enumerate(filter(None, map(GROUNDED.fullmatch, lines)), 1):
            values = [float(value) for value in match["box"].split(",")]
            yield Region(
                region_id=str(number),
                category=match["category"],
                phrase=match["phrase"],
                explanation=match["why"].strip(),
                box=self._box(values, entry["width"], entry["height"]),
                source="derived",
            )

    def _box(self, values: list[float], width: float, height: float) -> Box:
        if self.config.convention == "pixels":
            return Box(x1=values[0], y1=values[1], x2=values[2], y2=values[3])
        if self.config.convention == "unit":
            return box_from_unit_xyxy(values, width, height)
        return box_from_thousandths_xyxy(values, width, height)


def _reason(record: Record) -> str:
    if isinstance(record.media, Document):
        return "a document: a conversation shows one image or clip, not pages"
    if record.annotation_status == "not_annotated":
        return "nobody has annotated it: there is nothing to say"
    texts = [record.explanation, record.task_input.question or ""]
    texts += [text for region in record.regions for text in (region.phrase, region.explanation, region.category)]
    if any(MARKS.search(text) for text in texts):
        return "a text holds one of the format's own marks, such as <box>"
    return "; ".join(filter(None, (_region_reason(region) for region in record.regions)))


def _region_reason(region: Region) -> str:
    held = {
        "a time span": region.span is None,
        "a track": not region.track,
        "a frame after the first": not region.frame_index,
        "no box, polygon or mask": bool(region.box or region.polygons or region.mask),
    }
    missing = [name for name, is_held in held.items() if not is_held]
    return f"region {region.region_id} has {', '.join(missing)}" if missing else ""


def _line(text: str) -> str:
    return " ".join(text.split())
