"""Export ``jsonl``: one Record per line, everything but the media, read back exactly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Literal

from schemas.base import Frozen
from schemas.candidate import Region
from schemas.record import Record

from ..filesystems import join, open_uri, writing
from .base import Export, ExportConfig, ExportPlace

__all__ = ["Config", "Jsonl"]

FILE_NAME = "records.jsonl"


class Config(ExportConfig):
    """Options of the jsonl export."""

    kind: Literal["jsonl"] = "jsonl"


class Jsonl(Export):
    """``records.jsonl``: canonical JSON (sorted keys, no blanks, UTF-8), so that equal records are equal lines."""

    config: Config

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """One file; it refuses nothing."""
        uri = join(place.out_uri, FILE_NAME)
        with writing(uri) as file:
            file.writelines(canonical_line(record) for record in records)
        return (uri,)

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """The regions of every line."""
        return ((record.sample_id, record.regions) for record in self.records(out_uri))

    def records(self, out_uri: str) -> Iterator[Record]:
        """The Records as they were written."""
        with open_uri(join(out_uri, FILE_NAME)) as file:
            for line in file:
                yield Record.model_validate(json.loads(line))


def canonical_line(model: Frozen) -> bytes:
    """One line. A lone surrogate becomes its JSON escape: ``backslashreplace`` happens to spell it so."""
    text = json.dumps(model.model_dump(), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
