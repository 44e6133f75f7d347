"""Export ``bbox_docvqa``: questions about documents with the boxes that answer them, as BBox-DocVQA has them.

One line per question (arXiv 2511.15090, v2 renamed SciEGQA): ``query``, ``answer``, ``doc_name``, ``evidence_page``
(1-based), ``bbox`` ([page][box][x1, y1, x2, y2], integers at 300 dpi), the type of each box and ``category``, the
document's field. Version 2 adds ``rel_bbox``, ``bbox`` as a share of the page; published files disagree on its unit,
ours are those of the bench: thousandths with six decimals, of the page at 300 dpi.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal
from urllib.parse import quote

from pydantic import Field

from schemas.candidate import Answer, Region
from schemas.geometry import Box
from schemas.media.types import Document, Page
from schemas.record import Record

from ..filesystems import join, open_uri, write_atomically, writing
from ._boxes import box_of
from ._coco_format import to_json
from ._media import media_name, with_media
from ._refusals import no_medium, refusal_of
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["BboxDocVqa", "Config"]

DPI = 300
BoxType = Literal["text", "table", "image"]
TYPE_KEYS = {1: "subimg_tpye", 2: "subimg_type"}
"""The name of the types' column; version 1 was published with the slip."""


class Config(ExportConfig):
    """Options of the bbox_docvqa export."""

    kind: Literal["bbox_docvqa"] = "bbox_docvqa"
    version: Literal[1, 2] = 2
    """Whose keys are written."""
    types: Mapping[str, BoxType] = Field(
        default_factory=lambda: dict[str, BoxType](text="text", table="table", image="image", figure="image")
    )
    """Type of a box by the region's category; a category that is not named here counts as text."""
    field: str = ""
    """The documents' field (``category``); the source's name where empty."""


class BboxDocVqa(Export):
    """``SPLIT.jsonl``, ``keys.jsonl`` (sample and task type of each line), ``documents/SHA256.pdf``.

    What the format cannot hold is in ``refused.jsonl``.
    """

    config: Config
    region_fields = ("page_index", "box")

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """Every answer with evidence on pages; the task type (SPSBB, SPMBB, MPMBB) is computed from the boxes."""
        uris = [join(place.out_uri, name) for name in ("refused.jsonl", "keys.jsonl")]
        with ExitStack() as stack:
            refused, keys = (stack.enter_context(writing(uri)) for uri in uris)
            files: dict[str, BinaryIO] = {}
            documents = set[str]()
            for record, data in with_media(records, place):
                if reason := no_medium(record) or _reason(record):
                    refused.write(canonical_line(refusal_of(record, reason)))
                    continue
                uri = join(place.out_uri, f"{quote(record.split, safe='')}.jsonl")
                if uri not in files:
                    files[uri] = stack.enter_context(writing(uri))
                for answer in record.answers:
                    entry = self._entry(record, answer)
                    files[uri].write(to_json(entry) + b"\n")
                    key = {"sample_id": record.sample_id, "split": record.split, "task_type": _task_type(entry["bbox"])}
                    keys.write(to_json(key) + b"\n")
                if data is not None:
                    documents.add(join(place.out_uri, "documents", media_name(record)))
                    write_atomically(join(place.out_uri, "documents", media_name(record)), data)
        return tuple(sorted((*uris, *documents, *files)))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """Answer by answer; boxes are page pixels at 300 dpi."""
        keys = list(_lines(join(out_uri, "keys.jsonl")))
        for split in dict.fromkeys(key["split"] for key in keys):
            lines = _lines(join(out_uri, f"{quote(split, safe='')}.jsonl"))
            of_split = (key for key in keys if key["split"] == split)
            for key, entry in zip(of_split, lines, strict=True):
                yield key["sample_id"], tuple(_regions(entry))

    def _entry(self, record: Record, answer: Answer) -> dict[str, Any]:
        pages = _by_page(record, answer)
        document = record.media
        sizes = {page.page_index: page for page in document.pages} if isinstance(document, Document) else {}
        boxes = {n: [_at_dpi(box, sizes[n].dpi) for box, _ in found] for n, found in pages.items()}
        entry = {
            "query": answer.question,
            "answer": answer.answer,
            "doc_name": PurePosixPath(record.file_name).stem,
            "evidence_page": [n + 1 for n in pages],
            "bbox": list(boxes.values()),
            TYPE_KEYS[self.config.version]: [
                [self.config.types.get(category, "text") for _, category in found] for found in pages.values()
            ],
            "category": self.config.field or record.source.name or "",
        }
        relative = [[_in_thousandths(box, sizes[n]) for box in found] for n, found in boxes.items()]
        return entry | ({"rel_bbox": relative} if self.config.version == 2 else {})


def _by_page(record: Record, answer: Answer) -> dict[int, list[tuple[Box, str]]]:
    """Evidence boxes with their categories, page by page in order."""
    regions = {region.region_id: region for region in record.regions}
    found: dict[int, list[tuple[Box, str]]] = defaultdict(list)
    for region_id in answer.region_ids:
        region = regions[region_id]
        found[region.page_index or 0].append((box_of(region), region.category))
    return dict(sorted(found.items()))


def _at_dpi(box: Box, dpi: float) -> list[int]:
    return [round(number * DPI / dpi) for number in (box.x1, box.y1, box.x2, box.y2)]


def _in_thousandths(box: list[int], page: Page) -> list[float]:
    """Of the page's pixels at 300 dpi, as whole as those of the box: a box up to the edge ends at 1000."""
    width, height = (round(side * DPI / page.dpi) for side in (page.width, page.height))
    return [round(1000 * n / side, 6) for n, side in zip(box, (width, height) * 2, strict=True)]


def _task_type(boxes: list[list[Any]]) -> str:
    if len(boxes) > 1:
        return "MPMBB"
    return "SPMBB" if len(boxes[0]) > 1 else "SPSBB"


def _reason(record: Record) -> str:
    if not isinstance(record.media, Document):
        return f"a {record.media.kind}: the format holds documents"
    if not record.answers:
        return "it answers no question"
    placed = {r.region_id for r in record.regions if r.page_index is not None and (r.box or r.polygons or r.mask)}
    for answer in record.answers:
        if not answer.region_ids:
            return f"the answer {answer.answer[:80]!r} rests on no region"
        if missing := [i for i in answer.region_ids if i not in placed]:
            return f"evidence {missing[0]} is no box on a page"
    return ""


def _lines(uri: str) -> Iterator[dict[str, Any]]:
    with open_uri(uri) as file:
        yield from map(json.loads, file)


def _regions(entry: dict[str, Any]) -> Iterator[Region]:
    types = entry.get("subimg_type") or entry["subimg_tpye"]
    numbered = zip(entry["evidence_page"], entry["bbox"], types, strict=True)
    for page, boxes, kinds in numbered:
        for number, (box, kind) in enumerate(zip(boxes, kinds, strict=True), 1):
            x1, y1, x2, y2 = box
            yield Region(
                region_id=f"{page}-{number}",
                page_index=page - 1,
                category=kind,
                box=Box(x1=x1, y1=y1, x2=x2, y2=y2),
                source="derived",
            )
