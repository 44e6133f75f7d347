"""The marks of a version's rows: enough to say, without its shards, what the next version changes."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..dataset import config_of, read_rows, row_columns, shard_uris

__all__ = ["MARKS", "RowChanges", "marks_of", "row_changes", "rows_from_bytes", "rows_to_bytes"]

MARKS = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("config", pa.string(), nullable=False),
        pa.field("row_sha256", pa.binary(32), nullable=False),
    ]
)
"""One mark per row, by ascending sample id: sha256 of the row's columns without the media, which asset_id pins."""
AT_ONCE = 4096


class RowChanges(NamedTuple):
    """Rows of one config that differ between two versions."""

    config: str
    rows: int
    """Rows of the new version."""
    added: int
    changed: int
    removed: int


def marks_of(dataset_uri: str) -> pa.Table:
    """The marks of a dataset folder, by ascending sample id; a hundred bytes of memory per row."""
    marks = [pa.RecordBatch.from_pylist([], schema=MARKS)]
    for uri in shard_uris(dataset_uri):
        marks += _batches(_marks(uri))
    return pa.Table.from_batches(marks, schema=MARKS).sort_by("sample_id")


def row_changes(old: pa.Table, new: pa.Table) -> tuple[RowChanges, ...]:
    """What became of the rows, for every config of either version in alphabetical order."""
    configs = sorted(set(pc.unique(old["config"]).to_pylist()) | set(pc.unique(new["config"]).to_pylist()))
    return tuple(_changes(config, _of(old, config), _of(new, config)) for config in configs)


def rows_to_bytes(marks: pa.Table) -> bytes:
    """The marks as a Parquet file: equal marks give equal bytes."""
    file = io.BytesIO()
    pq.write_table(marks, file, compression="zstd")
    return file.getvalue()


def rows_from_bytes(data: bytes) -> pa.Table:
    """The marks from a Parquet file. Raises ArrowException where it is none."""
    return pq.read_table(io.BytesIO(data), columns=MARKS.names).cast(MARKS)


def _marks(shard_uri: str) -> Iterator[dict[str, Any]]:
    config = config_of(shard_uri)
    for row in read_rows(shard_uri, row_columns(config)):
        text = json.dumps(row, sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        yield {"sample_id": row["sample_id"], "config": config, "row_sha256": digest}


def _batches(marks: Iterator[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    waiting: list[dict[str, Any]] = []
    for mark in marks:
        waiting.append(mark)
        if len(waiting) == AT_ONCE:
            yield pa.RecordBatch.from_pylist(waiting, schema=MARKS)
            waiting = []
    yield pa.RecordBatch.from_pylist(waiting, schema=MARKS)


def _of(marks: pa.Table, config: str) -> pa.Table:
    return marks.filter(pc.equal(marks["config"], config)).select(["sample_id", "row_sha256"])


def _changes(config: str, old: pa.Table, new: pa.Table) -> RowChanges:
    both = new.join(old, "sample_id", join_type="inner", right_suffix="_before")
    changed = pc.sum(pc.not_equal(both["row_sha256"], both["row_sha256_before"])).as_py() or 0
    return RowChanges(config, new.num_rows, new.num_rows - both.num_rows, changed, old.num_rows - both.num_rows)
