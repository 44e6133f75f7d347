"""The tables cut by shard: graph 2 passes shard numbers around, never rows.

Rows of ``samples/``, ``candidates/`` and ``verifications/`` are appended to one Arrow stream per
shard in ``RUN/.work``; each worker then reads only the streams of the shard that it writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow import from_arrow
from schemas.base import Frozen

from .dataset import CONFIGS
from .filesystems import exists, open_uri
from .plan import Plan
from .shards import Shard
from .storage import RunFolder, WholeFile
from .tables import read_batches

__all__ = ["cut", "rows_of", "shards_of"]

OPEN_FILES = 256
"""Streams open at once; more shards take more passes over the table."""
ROWS_AT_ONCE = 64
"""Rows that are Python objects at once."""

T = TypeVar("T", bound=Frozen)


def shards_of(plan: Plan) -> tuple[Shard, ...]:
    """Every shard of the plan, in order."""
    return tuple(_shard(key, number, of) for key, of in sorted(plan.shards.items()) for number in range(of))


def _shard(key: str, number: int, of: int) -> Shard:
    name, _, split = key.partition("/")
    return Shard(next(config for config in CONFIGS if config == name), split, number, of)


def cut(run: RunFolder, table: str, plan: Plan, shards: Sequence[Shard]) -> None:
    """Write the table's rows, in its order, to a stream per shard; rows of samples that are not placed are left out.

    Samples take along the group that the plan gave them, in place of the one that was stated.
    """
    index = {(shard.config, shard.split, shard.number): i for i, shard in enumerate(shards)}
    target = {s: index[place.config, place.split, place.shard] for s, place in plan.places.items()}
    for first in range(0, len(shards), OPEN_FILES):
        wanted = range(first, min(first + OPEN_FILES, len(shards)))
        batches = _grouped(run, plan) if table == "samples" else read_batches(run, table)
        _pass(run, table, batches, target, shards, wanted)


def rows_of(run: RunFolder, table: str, shard: Shard, model: type[T]) -> Iterator[T]:
    """The shard's rows of a table as validated models, by ascending sample id; in memory as Arrow only."""
    uri = _stream_uri(run, table, shard)
    if not exists(uri):
        return
    with open_uri(uri) as file, pa.ipc.open_stream(file) as stream:
        rows = stream.read_all()
    order = pc.sort_indices(rows, sort_keys=[("sample_id", "ascending")])
    for start in range(0, len(order), ROWS_AT_ONCE):
        for row in rows.take(order[start : start + ROWS_AT_ONCE]).to_pylist():
            yield from_arrow(row, model)


def _grouped(run: RunFolder, plan: Plan) -> Iterator[pa.RecordBatch]:
    for batch in read_batches(run, "samples"):
        places = (plan.places.get(sample_id) for sample_id in batch.column("sample_id").to_pylist())
        groups = pa.array([place and place.group_id for place in places], pa.string())
        yield batch.set_column(batch.schema.get_field_index("group_id"), "group_id", groups)


def _pass(
    run: RunFolder,
    table: str,
    batches: Iterator[pa.RecordBatch],
    target: dict[str, int],
    shards: Sequence[Shard],
    wanted: range,
) -> None:
    writers: dict[int, tuple[WholeFile, pa.RecordBatchStreamWriter]] = {}
    for batch in batches:
        targets = np.array([target.get(i, -1) for i in batch.column("sample_id").to_pylist()], dtype=np.int64)
        for index in np.unique(targets).tolist():
            if index in wanted:
                if index not in writers:
                    file = WholeFile(_stream_uri(run, table, shards[index]))
                    writers[index] = (file, pa.ipc.new_stream(file, batch.schema))
                writers[index][1].write_batch(batch.filter(pa.array(targets == index)))
    for file, writer in writers.values():
        writer.close()
        file.close()


def _stream_uri(run: RunFolder, table: str, shard: Shard) -> str:
    return run.path(".work", table, f"{shard.config}-{shard.split}-{shard.number:05d}.arrow")
