"""Run folders as the bench reads them, and what ``witnessmark evaluate`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow import from_arrow
from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.record import Rejection
from schemas.sample import Sample
from schemas.verification import Verification

from ..assembly import join_duplicates
from ..plan import make_plan
from ..recipe import Recipe
from ..seen import seen_samples
from ..storage import RunFolder
from ..tables import read_batches, read_rows
from .bench import BenchRun, bench, with_human_truth
from .measures import VERDICTS
from .scores import Evaluation, evaluate_run, lines
from .words import bench_lines

__all__ = ["bench_run", "bench_runs", "evaluation_of", "printed"]

Run = tuple[RunFolder, Recipe]
T = TypeVar("T", bound=Frozen)


def evaluation_of(one: BenchRun, recipe: Recipe) -> Evaluation:
    """Candidates against the known truth of the samples that have one, category by category."""
    return evaluate_run(one.samples, one.candidates, recipe.taxonomy)


def bench_runs(runs: Sequence[Run]) -> list[BenchRun]:
    """What the runs say; they are named by the ends of their folders, as far as they differ."""
    names = _names([run.uri for run, _ in runs])
    return [bench_run(run, recipe, name) for (run, recipe), name in zip(runs, names, strict=True)]


def bench_run(run: RunFolder, recipe: Recipe, name: str = "", *, most: int | None = None) -> BenchRun:
    """What the tables of a run say about the samples whose truth or origin is known; groups are those of finalize.

    Of more than ``most`` such samples those with the smallest ids are looked at: an id is a hash, so nothing about a
    sample decides. Nothing else is held, however many samples there are.
    """
    wanted = pc.unique(pa.chunked_array(_stated(run), pa.string()))
    chosen = wanted if most is None else pc.array_take(wanted, pc.array_sort_indices(wanted)[:most])
    samples: dict[str, list[Sample]] = {}
    for sample in _rows_of(run, "samples", Sample, chosen):
        samples.setdefault(sample.sample_id, []).append(sample)
    decided = _rows_of(run, "verifications", Verification, chosen)
    joined = with_human_truth(map(join_duplicates, samples.values()), decided)
    known = {s.sample_id: s for s in joined if s.has_ground_truth or s.origin in VERDICTS}
    rejections = read_rows(run, "rejections", Rejection, prefix="propose") if known else iter(())
    places = make_plan(seen_samples(run), recipe).places if known else {}
    return BenchRun(
        name=name,
        samples=tuple(known.values()),
        candidates=tuple({c.candidate_id: c for c in _rows_of(run, "candidates", Candidate, _ids(known))}.values()),
        rejections=tuple(r for r in rejections if r.sample_id in known and r.machine),
        groups={sample_id: places[sample_id].group_id for sample_id in known if sample_id in places},
        drawn_from=len(wanted) if len(chosen) < len(wanted) else 0,
    )


def _ids(known: Iterable[str]) -> pa.Array:
    return pa.array(known, pa.string())


def _rows_of(run: RunFolder, table: str, model: type[T], sample_ids: pa.Array) -> Iterator[T]:
    """The rows of a table that are about one of these samples."""
    for batch in read_batches(run, table) if len(sample_ids) else ():
        for row in batch.filter(pc.is_in(batch.column("sample_id"), sample_ids)).to_pylist():
            yield from_arrow(row, model)


def _stated(run: RunFolder) -> Iterator[pa.Array]:
    """Ids of the samples of which some row states a truth or an origin, or that a person verified."""
    for batch in read_batches(run, "verifications", ("sample_id",)):
        yield batch.column("sample_id")
    for batch in read_batches(run, "samples", ("sample_id", "origin", "has_ground_truth")):
        has_origin = pc.is_in(batch.column("origin"), pa.array(VERDICTS))
        yield batch.filter(pc.or_(batch.column("has_ground_truth"), has_origin)).column("sample_id")


def printed(runs: Sequence[Run], *, as_json: bool) -> str:
    """The tables of every run, then all machines side by side; as JSON, one object ``{"runs": ..., "bench": ...}``.

    The JSON of a single run is its Evaluation with the bench beside it.
    """
    read = bench_runs(runs)
    evaluations = [(run.uri, evaluation_of(one, recipe)) for (run, recipe), one in zip(runs, read, strict=True)]
    compared = bench(read)
    if as_json:
        tables = {uri: evaluation.model_dump(mode="json") for uri, evaluation in evaluations}
        single = evaluations[0][1].model_dump(mode="json") if len(evaluations) == 1 else {"runs": tables}
        return json.dumps({**single, "bench": compared.model_dump(mode="json")}, indent=1)
    text = []
    for uri, evaluation in evaluations:
        text += [*([f"run {uri}"] if len(evaluations) > 1 else []), *lines(evaluation), ""]
    return "\n".join([*text, *bench_lines(compared)]).rstrip()


def _names(uris: Sequence[str]) -> list[str]:
    """The last parts of the folders' names, as many as it takes to tell them apart."""
    parts = [uri.rstrip("/").split("/") for uri in uris]
    for count in range(1, max(map(len, parts), default=1)):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return list(uris)
