"""The tables cut by shard: graph 2 passes shard numbers around, never rows.

Rows of ``samples/``, ``candidates/``, ``routes/``, ``shown/`` and ``verifications/`` are appended to Arrow streams in
``RUN/.work``, one for each stretch of sample ids of a shard; each worker then reads only those of the shard that it
writes, one after the other: what it holds does not grow with the shard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow import from_arrow
from schemas.base import Frozen

from .dataset import HUB_CONFIGS
from .filesystems import list_files, open_uri, remove
from .plan import Plan
from .shards import Shard
from .storage import RunFolder, WholeFile
from .tables import read_batches

__all__ = ["cut", "rows_of", "shards_of"]

OPEN_FILES = 256
"""Streams open at once; more of them take more passes over the table."""
SAMPLES_PER_STREAM = 2048
"""Samples whose rows are held as Arrow at once."""
ROWS_AT_ONCE = 64
"""Rows that are Python objects at once."""

T = TypeVar("T", bound=Frozen)


def shards_of(plan: Plan) -> tuple[Shard, ...]:
    """Every shard of the plan, in order."""
    return tuple(_shard(key, number, of) for key, of in sorted(plan.shards.items()) for number in range(of))


def _shard(key: str, number: int, of: int) -> Shard:
    name, _, split = key.partition("/")
    return Shard(next(config for config in HUB_CONFIGS if config == name), split, number, of)


def cut(run: RunFolder, table: str, plan: Plan, shards: Sequence[Shard]) -> None:
    """Write the table's rows, in its order, to a stream per shard; rows of samples that are not placed are left out.

    Samples take along the group that the plan gave them, in place of the one that was stated.
    """
    for uri, _ in list_files(run.path(".work", table)):
        remove(uri)  # of a pass that was killed
    targets, names = _streams(plan, shards)
    for first in range(0, len(names), OPEN_FILES):
        wanted = range(first, min(first + OPEN_FILES, len(names)))
        batches = _grouped(run, plan) if table == "samples" else read_batches(run, table)
        _pass(batches, targets, [run.path(".work", table, name) for name in names], wanted)


def rows_of(run: RunFolder, table: str, shard: Shard, model: type[T]) -> Iterator[T]:
    """The shard's rows of a table as validated models, by ascending sample id."""
    for uri, _ in list_files(run.path(".work", table)):
        if uri.rpartition("/")[2].startswith(f"{_name(shard)}-"):
            yield from _rows(uri, model)


def _rows(uri: str, model: type[T]) -> Iterator[T]:
    with open_uri(uri) as file, pa.ipc.open_stream(file) as stream:
        rows = stream.read_all()
    order = pc.sort_indices(rows, sort_keys=[("sample_id", "ascending")])
    for start in range(0, len(order), ROWS_AT_ONCE):
        for row in rows.take(order[start : start + ROWS_AT_ONCE]).to_pylist():
            yield from_arrow(row, model)


def _streams(plan: Plan, shards: Sequence[Shard]) -> tuple[dict[str, int], list[str]]:
    """The stream of every placed sample, by its number, and the streams' names; ids ascend from stream to stream."""
    members: dict[tuple[str, str, int], list[str]] = {(s.config, s.split, s.number): [] for s in shards}
    for sample_id, place in plan.places.items():
        members[place.config, place.split, place.shard].append(sample_id)
    targets: dict[str, int] = {}
    names: list[str] = []
    for shard, ids in zip(shards, members.values(), strict=True):
        ids.sort()
        for part, start in enumerate(range(0, len(ids), SAMPLES_PER_STREAM)):
            targets.update(dict.fromkeys(ids[start : start + SAMPLES_PER_STREAM], len(names)))
            names.append(f"{_name(shard)}-{part:06d}.arrow")
    return targets, names


def _name(shard: Shard) -> str:
    return f"{shard.config}-{shard.split}-{shard.number:05d}"


def _grouped(run: RunFolder, plan: Plan) -> Iterator[pa.RecordBatch]:
    for batch in read_batches(run, "samples"):
        places = (plan.places.get(sample_id) for sample_id in batch.column("sample_id").to_pylist())
        groups = pa.array([place and place.group_id for place in places], pa.string())
        yield batch.set_column(batch.schema.get_field_index("group_id"), "group_id", groups)


def _pass(batches: Iterator[pa.RecordBatch], targets: dict[str, int], uris: Sequence[str], wanted: range) -> None:
    """Append the rows of the wanted streams to them."""
    writers: dict[int, tuple[WholeFile, pa.RecordBatchStreamWriter]] = {}
    for batch in batches:
        numbers = np.array([targets.get(i, -1) for i in batch.column("sample_id").to_pylist()], dtype=np.int64)
        for number in np.unique(numbers).tolist():
            if number in wanted:
                if number not in writers:
                    file = WholeFile(uris[number])
                    writers[number] = (file, pa.ipc.new_stream(file, batch.schema))
                writers[number][1].write_batch(batch.filter(pa.array(numbers == number)))
    for file, writer in writers.values():
        writer.close()
        file.close()
