"""Counting what the tables hold after each stage, so that nothing can vanish unseen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import annotators.machines
from schemas.arrow import from_arrow
from schemas.errors import RunError, ServiceError
from schemas.plugins import load
from schemas.sample import Sample

from .passes import taking_part
from .recipe import Recipe
from .shards import WrittenShard
from .storage import RunFolder, StageCounts
from .tables import read_batches

__all__ = ["count_finalize", "count_ingest", "count_propose", "rejected_samples"]


def count_ingest(run: RunFolder, items: int | None) -> StageCounts:
    """Items by their fate; ``items`` is what the graph itself counted, None where its runner tells nothing."""
    rows = list(_column(run, "samples", "sample_id"))
    kept = len(set(rows))
    rejected = sum(row["stage"] == "ingest" for row in _rejections(run))
    found = len(rows) + rejected if items is None else items
    return _adding_up("ingest", StageCounts(found=found, kept=kept, duplicate=len(rows) - kept, rejected=rejected))


def count_propose(run: RunFolder, recipe: Recipe) -> StageCounts:
    """Samples by their fate. Raises ServiceError where every call failed, RunError where a sample vanished."""
    found, rejected = set(_column(run, "samples", "sample_id")), rejected_samples(run)
    proposed = set(_column(run, "candidates", "sample_id"))
    if not proposed:
        _check_that_somebody_answered(run)
    counts = StageCounts(
        found=len(found),
        kept=len(proposed) + _accepted_by_nobody(run, recipe, found - proposed - rejected),
        rejected=len(rejected),
        candidates=len(set(_column(run, "candidates", "candidate_id"))),
    )
    return _adding_up("propose", counts)


def count_finalize(found: int, written: Sequence[WrittenShard]) -> StageCounts:
    """Samples by their fate, from what each shard says it did."""
    counts = StageCounts(
        found=found,
        kept=sum(shard.num_rows for shard in written),
        rejected=sum(len(shard.rejections) for shard in written),
        excluded=sum(shard.num_excluded for shard in written),
    )
    return _adding_up("finalize", counts)


def rejected_samples(run: RunFolder) -> frozenset[str]:
    """Samples on which every machine failed."""
    return frozenset(r["sample_id"] for r in _rejections(run) if r["stage"] == "propose" and r["is_final"])


def _accepted_by_nobody(run: RunFolder, recipe: Recipe, silent: set[str]) -> int:
    """How many samples of those without a candidate or rejection no machine looks at; the others have vanished."""
    machines = [load(annotators.machines, config) for config in recipe.machines]
    if not machines or not silent:
        return len(silent)
    wanted = pa.array(sorted(silent), pa.string())
    unseen: set[str] = set()
    for batch in read_batches(run, "samples"):
        for row in batch.filter(pc.is_in(batch.column("sample_id"), wanted)).to_pylist():
            sample = from_arrow(row, Sample)
            if not taking_part(machines, sample, recipe.taxonomy):
                unseen.add(sample.sample_id)
    return len(unseen)


def _check_that_somebody_answered(run: RunFolder) -> None:
    failed = [row for row in _rejections(run) if row["error"] == "api_error"]
    if failed:
        raise ServiceError(
            f"no call succeeded, {len(failed)} failed: {failed[0]['message']}", remedy=failed[0]["remedy"]
        )


def _adding_up(name: str, counts: StageCounts) -> StageCounts:
    if not counts.adds_up:
        raise RunError(
            f"{name} does not add up: {counts!r}",
            remedy="this is a defect of Witnessmark; the run folder is kept as it is",
        )
    return counts


def _column(run: RunFolder, table: str, name: str) -> Iterator[str]:
    for batch in read_batches(run, table, (name,)):
        yield from batch.column(0).to_pylist()


def _rejections(run: RunFolder) -> Iterator[dict[str, Any]]:
    columns = ("stage", "sample_id", "is_final", "error", "message", "remedy")
    for batch in read_batches(run, "rejections", columns, prefix="propose"):
        yield from batch.to_pylist()
