"""The tables of the run folder: Parquet with an explicit schema, readable with pyarrow alone.

Each worker bundle writes one part under a hidden name; the last step of the graph gives the parts
their names and removes those of an earlier pass. A graph that is killed leaves the old table.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import from_arrow, table_schema, to_arrow
from schemas.base import Frozen
from schemas.errors import RunError

from .drain import DRAIN
from .filesystems import list_files, remove, rename
from .parquet_files import open_parquet
from .stop import stop_reason
from .storage import RunFolder, WholeFile

__all__ = ["TABLES", "WriteTable", "part_uris", "read_batches", "read_rows", "write_table"]

TABLES = (
    "samples",
    "duplicates",
    "splits",
    "candidates",
    "routes",
    "shown",
    "tasks",
    "verifications",
    "rejections",
    "payments",
    "shortcuts",
    "forgotten",
)
ROWS_PER_GROUP = 1000
HIDDEN = ".parts"

T = TypeVar("T", bound=Frozen)


_DAMAGED = "bring the file back, or begin another --run folder: --answers keeps what was paid"


def part_uris(run: RunFolder, table: str, prefix: str = "") -> tuple[str, ...]:
    """The table's files in order, hidden parts left out; none where the table was never written."""
    names = (uri for uri in _listed(run.path(table)) if uri.endswith(".parquet"))
    return tuple(sorted(uri for uri in names if uri.rpartition("/")[2].startswith(prefix)))


def read_batches(
    run: RunFolder, table: str, columns: Sequence[str] | None = None, prefix: str = ""
) -> Iterator[pa.RecordBatch]:
    """The table as record batches, part by part, with only some columns where asked.

    Raises RunError naming a part that is damaged.
    """
    for uri in part_uris(run, table, prefix):
        try:
            with open_parquet(uri) as parquet:
                yield from parquet.iter_batches(batch_size=ROWS_PER_GROUP, columns=list(columns) if columns else None)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise RunError(f"{uri} cannot be read as a table: {reason}", remedy=_DAMAGED) from error


def read_rows(run: RunFolder, table: str, model: type[T], prefix: str = "") -> Iterator[T]:
    """The table's rows as validated models."""
    for batch in read_batches(run, table, prefix=prefix):
        for row in batch.to_pylist():
            yield from_arrow(row, model)


def write_table(run: RunFolder, table: str, rows: Iterable[Frozen], model: type[Frozen], prefix: str = "part") -> None:
    """Write a table in one process, replacing the earlier one of this prefix, which the rows may be read from."""
    writer = _Part(f"{run.path(table)}/{HIDDEN}/{prefix}-{uuid.uuid4().hex}.parquet", model)
    for row in rows:
        writer.add(row)
    commit(run, table, prefix, [writer.close()], model)


def commit(run: RunFolder, table: str, prefix: str, parts: Sequence[str], model: type[Frozen]) -> tuple[str, ...]:
    """Give the parts their names, remove what an earlier pass left, and return the new files."""
    parts = sorted(parts) or [_Part(f"{run.path(table)}/{HIDDEN}/{prefix}-{uuid.uuid4().hex}.parquet", model).close()]
    names = tuple(run.path(table, f"{prefix}-{i:05d}.parquet") for i in range(len(parts)))
    for part, name in zip(parts, names, strict=True):
        rename(part, name)
    for stale in set(part_uris(run, table, prefix)) - set(names):
        remove(stale)
    for leftover in _listed(f"{run.path(table)}/{HIDDEN}"):
        if leftover.rpartition("/")[2].startswith(f"{prefix}-"):
            remove(leftover)
    return names


def _listed(folder: str) -> list[str]:
    return [uri for uri, _ in list_files(folder, recursive=False)]


@dataclass(kw_only=True, eq=False)
class WriteTable(beam.PTransform):
    """Write a collection of models as one table; yields the committed file names.

    Bounded collections only. Applied again, it replaces the table's files of the same prefix.
    """

    run_uri: str
    table: str
    model: type[Frozen]
    prefix: str = "part"

    def expand(self, rows: beam.PCollection[Any]) -> beam.PCollection[str]:
        parts = rows | "Write parts" >> beam.ParDo(_WriteParts(self.run_uri, self.table, self.model, self.prefix))
        none = rows.pipeline | "No part" >> beam.Create([(self.table, "")])
        return (
            (parts, none)
            | "With an empty one" >> beam.Flatten()
            | "All parts" >> beam.GroupByKey()
            | "Commit" >> beam.FlatMap(_commit_group, self.run_uri, self.table, self.prefix, self.model)
        )


def _commit_group(
    group: tuple[str, Any], run_uri: str, table: str, prefix: str, model: type[Frozen]
) -> tuple[str, ...]:
    run = RunFolder(run_uri)
    if DRAIN.is_on or stop_reason(run):
        return ()
    return commit(run, table, prefix, [part for part in group[1] if part], model)


class _WriteParts(beam.DoFn):
    def __init__(self, run_uri: str, table: str, model: type[Frozen], prefix: str) -> None:
        self.run_uri, self.table, self.model, self.prefix = run_uri, table, model, prefix

    def start_bundle(self) -> None:
        self._part: _Part | None = None

    def process(self, row: Frozen) -> None:
        if self._part is None:
            folder = RunFolder(self.run_uri).path(self.table)
            self._part = _Part(f"{folder}/{HIDDEN}/{self.prefix}-{uuid.uuid4().hex}.parquet", self.model)
        self._part.add(row)

    def finish_bundle(self) -> Iterator[Any]:
        from apache_beam.transforms.window import GlobalWindow
        from apache_beam.utils.windowed_value import WindowedValue

        if self._part is not None:
            yield WindowedValue((self.table, self._part.close()), GlobalWindow().max_timestamp(), (GlobalWindow(),))


class _Part:
    """One Parquet file being written, a row group at a time."""

    def __init__(self, uri: str, model: type[Frozen]) -> None:
        self._schema = table_schema(model)
        self._file = WholeFile(uri)
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._rows: list[Frozen] = []

    def add(self, row: Frozen) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def close(self) -> str:
        self._flush()
        self._writer.close()
        self._file.close()
        return self._file.uri

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(to_arrow(self._rows, self._schema))
            self._rows = []
