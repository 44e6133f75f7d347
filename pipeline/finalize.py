"""Graph 2: samples, candidates and verifications to records in shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

import apache_beam as beam

from schemas.candidate import Candidate
from schemas.record import Record, Rejection
from schemas.route import Route
from schemas.sample import Sample
from schemas.verification import Verification

from .assembly import join_duplicates
from .coders import register_coders
from .drain import DRAIN, Interrupted
from .filesystems import open_uri, write_atomically
from .merge import published_record
from .partition import rows_of
from .progress import COUNTERS
from .recipe import Recipe
from .shards import Draft, Shard, WrittenShard, shard_name, write_shard
from .storage import FileFact, RunFolder
from .tables import WriteTable

__all__ = ["WriteShards", "build_finalize", "drafts_of", "is_included", "read_written"]

Row = TypeVar("Row", Candidate, Verification, Route)


def build_finalize(root: Any, run_uri: str, recipe: Recipe, shards: tuple[Shard, ...]) -> None:
    """Wire the graph; its outputs are the shards, a note per shard, and the table ``rejections``."""
    register_coders()
    rejected = (
        root
        | "Shards" >> beam.Create([tuple(shard) for shard in shards])
        | "Spread over workers" >> beam.Reshuffle()
        | "Write" >> WriteShards(run_uri=run_uri, recipe=recipe)
    )
    rejected | "Rejections" >> WriteTable(run_uri=run_uri, table="rejections", model=Rejection, prefix="finalize")


def drafts_of(run: RunFolder, shard: Shard, recipe: Recipe) -> Iterator[Draft]:
    """The record of every sample of the shard, by ascending sample id."""
    candidates = _Groups(rows_of(run, "candidates", shard, Candidate))
    verifications = _Groups(rows_of(run, "verifications", shard, Verification))
    routes = _Groups(rows_of(run, "routes", shard, Route))
    shown = _Groups(rows_of(run, "shown", shard, Candidate))
    for sample_id, found in groupby(rows_of(run, "samples", shard, Sample), key=_sample_id):
        sample = join_duplicates(list(found))
        known = candidates.of(sample_id), verifications.of(sample_id), routes.of(sample_id), shown.of(sample_id)
        record, is_refused = published_record(sample, *known, recipe, split=shard.split)
        second = sample.compared_with
        yield Draft(record, sample.primary.uri, sample.item_id, is_refused, second.uri if second else "")


def is_included(record: Record, recipe: Recipe) -> bool:
    """Whether the recipe publishes the record; what it does not is counted as excluded."""
    required = recipe.dataset.require
    if any(a.value not in required[a.name] for a in record.attributes if a.name in required):
        return False
    wanted = recipe.dataset.include
    if wanted == "annotated":
        return record.annotation_status != "not_annotated"
    return wanted == "all" or record.review in ("reviewed", "adjudicated")


@dataclass(kw_only=True, eq=False)
class WriteShards(beam.PTransform):
    """Write each shard whole, and a note of what it holds; yields the Rejections.

    Bounded; a shard written again gets the same bytes under the same name.
    """

    run_uri: str
    recipe: Recipe

    def expand(self, shards: beam.PCollection[Any]) -> beam.PCollection[Rejection]:
        write = beam.FlatMap(_write, self.run_uri, self.recipe)
        return shards | "One shard" >> write.with_output_types(Rejection)


class _Groups(Generic[Row]):
    """Rows of a table by sample, read along with the samples: both come by ascending sample id."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._groups: Iterator[tuple[str, Iterator[Row]]] = groupby(rows, key=_sample_id)
        self._next: tuple[str, list[Row]] | None = self._read()

    def of(self, sample_id: str) -> list[Row]:
        """The rows of one sample; sample ids must ascend."""
        while self._next is not None and self._next[0] < sample_id:
            self._next = self._read()
        return self._next[1] if self._next is not None and self._next[0] == sample_id else []

    def _read(self) -> tuple[str, list[Row]] | None:
        group = next(self._groups, None)
        return (group[0], list(group[1])) if group else None


def _sample_id(row: Sample | Candidate | Verification | Route) -> str:
    return row.sample_id


def _write(shard: tuple[Any, ...], run_uri: str, recipe: Recipe) -> tuple[Rejection, ...]:
    run, target = RunFolder(run_uri), Shard(*shard)
    excluded = 0

    def included() -> Iterator[Draft]:
        nonlocal excluded
        for draft in drafts_of(run, target, recipe):
            if DRAIN.is_on:
                raise Interrupted("finalize: interrupted", remedy="run the same command again")
            COUNTERS.add("done")
            if is_included(draft.record, recipe) and not draft.is_refused:
                yield draft
            else:
                excluded += 1

    COUNTERS.share(run_uri)
    written = write_shard(
        target,
        included(),
        run.path("dataset"),
        recipe.taxonomy,
        recipe.dataset,
        recipe.limits,
        has_reference=recipe.has_references,
    )
    _note(run, written._replace(num_excluded=excluded))
    COUNTERS.add("rejected", len(written.rejections))
    COUNTERS.tell()
    return written.rejections


def _note(run: RunFolder, written: WrittenShard) -> None:
    """Leave what was written where the launcher reads it: it does not travel through the graph's result."""
    note = written._asdict() | {
        "files": {path: fact.model_dump() for path, fact in written.files.items()},
        "rejections": [rejection.model_dump() for rejection in written.rejections],
    }
    name = f"{written.path.rpartition('/')[2]}.json"
    write_atomically(run.path(".work", "written", written.config, name), json.dumps(note).encode())


def read_written(run: RunFolder, shards: tuple[Shard, ...]) -> tuple[WrittenShard, ...]:
    """What the graph wrote, shard by shard."""
    return tuple(_read_note(run, shard) for shard in shards)


def _read_note(run: RunFolder, shard: Shard) -> WrittenShard:
    name = f"{shard_name(shard).rpartition('/')[2]}.json"
    with open_uri(run.path(".work", "written", shard.config, name)) as file:
        note = json.load(file)
    note["files"] = {path: FileFact.model_validate(fact) for path, fact in note["files"].items()}
    note["rejections"] = tuple(Rejection.model_validate(row) for row in note["rejections"])
    return WrittenShard(**note)
