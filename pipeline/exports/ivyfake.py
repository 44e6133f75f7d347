"""Export ``ivyfake``: real or fake with its reasons, in the lines of Ivy-Fake (arXiv 2506.00979).

``{"file_type": image|video, "label": real|fake, "file_path": ..., "explanation":
"<think>...</think><conclusion>real|fake</conclusion>"}``, one per line. The dimensions are words of the reasoning, as
published: regions, masks and times have no place in this format and stay in the dataset itself. Where attributes were
graded they are the lines of the reasoning, and each is followed by what its regions show.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, Literal
from urllib.parse import quote

from pydantic import Field

from schemas.candidate import Attribute, Region
from schemas.record import Record

from ..filesystems import join, list_files, open_uri, write_atomically, writing
from ._coco_format import to_json
from ._media import media_name, with_media
from ._refusals import no_medium, no_second_image, refusal_of
from ._words import over_all
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["Config", "IvyFake"]

LABELS = {"real": "real", "generated": "fake", "edited": "fake"}
MARKS = re.compile(r"</?(?:think|conclusion)>")


class Config(ExportConfig):
    """Options of the ivyfake export."""

    kind: Literal["ivyfake"] = "ivyfake"
    min_words: int = Field(0, ge=0)
    """Fewest words of an explanation; a shorter one is refused."""
    max_words: int | None = Field(None, ge=1)
    """Most words of an explanation; a longer one is refused."""
    known_origin: Literal["keep", "must_agree"] = "keep"
    """must_agree: a record whose verdict contradicts the known origin of its medium is refused."""


class IvyFake(Export):
    """``SPLIT.jsonl``, ``media/SHA256.EXT``, ``refused.jsonl``."""

    config: Config
    region_fields = ()

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """One line per image or video with a verdict and an explanation."""
        refused_uri = join(place.out_uri, "refused.jsonl")
        with ExitStack() as stack:
            refused = stack.enter_context(writing(refused_uri))
            files: dict[str, BinaryIO] = {}
            media = set[str]()
            for record, data in with_media(records, place):
                if reason := no_medium(record) or no_second_image(record) or self._reason(record, place):
                    refused.write(canonical_line(refusal_of(record, reason)))
                    continue
                uri = join(place.out_uri, f"{quote(record.split, safe='')}.jsonl")
                if uri not in files:
                    files[uri] = stack.enter_context(writing(uri))
                files[uri].write(to_json(_entry(record, place)) + b"\n")
                if data is not None:
                    media.add(join(place.out_uri, "media", media_name(record)))
                    write_atomically(join(place.out_uri, "media", media_name(record)), data)
        return tuple(sorted((refused_uri, *media, *files)))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """No line has regions; a sample is known by ``id``."""
        return ((entry["id"], ()) for entry in self.entries(out_uri))

    def entries(self, out_uri: str) -> Iterator[dict[str, Any]]:
        """The lines as they were written, with what the reasoning concludes under ``conclusion``."""
        for uri, _ in list_files(out_uri, recursive=False):
            if uri.endswith(".jsonl") and not uri.endswith("/refused.jsonl"):
                with open_uri(uri) as file:
                    for entry in map(json.loads, file):
                        match = re.fullmatch(
                            r"<think>(.*)</think><conclusion>(.*)</conclusion>", entry["explanation"], re.DOTALL
                        )
                        yield {**entry, "conclusion": match[2] if match else None}

    def _reason(self, record: Record, place: ExportPlace) -> str:
        if record.media.kind not in ("image", "video"):
            return f"a {record.media.kind}: the format holds images and videos"
        if record.verdict not in LABELS:
            return f"its verdict is {record.verdict or 'missing'}: the format knows real and fake"
        known = LABELS.get(record.origin)
        if self.config.known_origin == "must_agree" and known and known != LABELS[record.verdict or ""]:
            return f"its verdict is {record.verdict}, and its origin is known to be {record.origin}"
        reasoning = _reasoning(record, place)
        words = len(reasoning.split())
        if not words:
            return "it has no explanation"
        if words < self.config.min_words or words > (self.config.max_words or words):
            return f"its explanation has {words} words, outside of the window"
        return "its explanation holds one of the format's own marks" if MARKS.search(reasoning) else ""


def _entry(record: Record, place: ExportPlace) -> dict[str, Any]:
    label = LABELS[record.verdict or ""]
    return {
        "id": record.sample_id,
        "file_type": record.media.kind,
        "label": label,
        "file_path": f"media/{media_name(record)}",
        "explanation": f"<think>{_reasoning(record, place)}</think><conclusion>{label}</conclusion>",
    }


def _reasoning(record: Record, place: ExportPlace) -> str:
    """What was said over all, then finding by finding in the taxonomy's order, regions under their category."""
    shown = defaultdict[str, list[str]](list)
    for region in record.regions:
        shown[region.category] += [region.explanation] if region.explanation else []
    graded = {attribute.name: _graded(attribute) for attribute in record.attributes}
    known = (*place.taxonomy.names(), *graded, *shown)
    names = [name for name in dict.fromkeys(known) if name in graded or name in shown]
    said = {name: " ".join(filter(None, (graded.get(name, ""), *shown.get(name, ())))) for name in names}
    return "\n".join(filter(None, (over_all(record), *(f"{name}: {words}" for name, words in said.items() if words))))


def _graded(attribute: Attribute) -> str:
    """``unnatural. Why.``"""
    return " ".join(filter(None, (attribute.value and f"{attribute.value.replace('_', ' ')}.", attribute.reason)))
