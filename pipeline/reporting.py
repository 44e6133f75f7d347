"""The report of a run, from its folder alone: what was counted, spent, refused and found, and a gallery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from annotators.base import MachineConfig
from annotators.sandbox import shared_sandbox
from schemas.arrow import from_arrow
from schemas.errors import SampleError
from schemas.record import Duplicate, Record, Rejection
from schemas.sample import Asset, Sample

from .dataset import read_records
from .evaluation import Evaluation
from .evaluation.bench import BenchRun, bench
from .evaluation.runs import bench_run, evaluation_of
from .evaluation.words import pareto
from .filesystems import open_uri
from .passwords import Passwords
from .quality import read_quality
from .recipe import Recipe
from .report import EvaluationRow, GalleryEntry, ReportFacts, write_report
from .report.facts import MachineSpend
from .shortcuts import read_shortcuts
from .spend import Payment, Work, spend_of, work_by_machine
from .storage import STAGES, Manifest, RunFolder, sha256_of
from .tables import read_batches, read_rows
from .tally import RecordCounts, Tally, choose_gallery, group_rejections
from .thumbnails import thumbnail
from .unit_costs import unit_costs

__all__ = ["Seen", "look_through", "near_groups", "reported", "rewrite_report"]

GALLERY = 48
MOST_JUDGED = 20_000
"""Samples that the report holds machines against, in some 300 MB; more would hardly narrow the intervals."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One pass over the published rows."""

    counts: RecordCounts
    gallery: tuple[Record, ...]
    candidates: Counter[str]


def look_through(run: RunFolder) -> Seen:
    """Read every published row once."""
    tally, candidates = Tally(), Counter[str]()

    def counted() -> Iterator[Record]:
        for record in read_records(run.path("dataset")):
            tally.add(record)
            candidates.update(line.machine for line in record.lineage)
            yield record

    gallery = choose_gallery(counted(), GALLERY)
    return Seen(counts=tally.counts, gallery=gallery, candidates=candidates)


def reported(run: RunFolder, manifest: Manifest, recipe: Recipe, seen: Seen) -> Manifest:
    """Write the report; the manifest follows."""
    duplicates = list(read_rows(run, "duplicates", Duplicate))
    judged = bench_run(run, recipe, most=MOST_JUDGED)
    evaluation, compared = evaluation_of(judged, recipe), bench([judged])
    works = work_by_machine(run)
    facts = ReportFacts(
        title=recipe.dataset.title or recipe.name,
        recipe=recipe.name,
        task=recipe.task.kind,
        dataset=run.path("dataset"),
        taxonomy=recipe.taxonomy,
        stages={name: manifest.stages[name] for name in STAGES if name in manifest.stages},
        spend=manifest.spend,
        machines=tuple(_machine_spend(config, works.get(config.title, Work())) for config in recipe.machines),
        unit_costs=unit_costs(read_rows(run, "payments", Payment), accepted_regions=seen.counts.regions),
        counts=seen.counts,
        rejections=group_rejections(read_rows(run, "rejections", Rejection)),
        near_duplicates=sum(d.kind == "near" for d in duplicates),
        near_duplicate_groups=near_groups(duplicates),
        evaluation=tuple(_evaluation_rows(evaluation)),
        evaluation_note=f"{evaluation.criterion}{_drawn(judged)}",
        bench=compared,
        pareto=pareto(compared),
        quality=read_quality(run),
        shortcuts=read_shortcuts(run),
        gallery=tuple(_gallery(run, recipe, Passwords(recipe, manifest.inputs, run), seen.gallery)),
        versions=manifest.versions,
    )
    uri = run.path("report.html")
    write_report(facts, uri)
    return manifest.evolve(files={**manifest.files, "report.html": sha256_of(uri)})


def _drawn(judged: BenchRun) -> str:
    if not judged.drawn_from:
        return ""
    return (
        f"; {len(judged.samples):,} samples, drawn by their ids from {judged.drawn_from:,}: "
        "witnessmark evaluate looks at all"
    )


def _machine_spend(config: MachineConfig, work: Work) -> MachineSpend:
    spend = spend_of([work])
    return MachineSpend(
        name=config.title,
        kind=config.kind,
        model=config.model_asked,
        candidates=len(work.candidates),
        failed=len(work.failed),
        calls=spend.calls,
        cached=spend.cached,
        input_tokens=spend.input_tokens,
        output_tokens=spend.output_tokens,
        usd=spend.usd if spend.calls > spend.unpriced_calls else None,
    )


def _evaluation_rows(evaluation: Evaluation) -> Iterator[EvaluationRow]:
    for scores in evaluation.machines:
        for score in (*scores.categories, scores.overall):
            yield EvaluationRow(
                machine=scores.machine,
                category=score.name,
                known=score.planted,
                found=score.found,
                proposed=score.proposed,
                pixel_iou=score.pixel_iou,
                time_iou=score.time_iou,
            )


def _gallery(run: RunFolder, recipe: Recipe, passwords: Passwords, records: Sequence[Record]) -> Iterator[GalleryEntry]:
    """The chosen rows with their pictures, made where a hostile file can do no harm."""
    wanted = pa.array([record.sample_id for record in records], pa.string())
    assets: dict[str, tuple[Asset, ...]] = {}
    for batch in read_batches(run, "samples") if records else ():
        for row in batch.filter(pc.is_in(batch.column("sample_id"), wanted)).to_pylist():
            sample = passwords.unlocked(from_arrow(row, Sample))
            assets[row["sample_id"]] = tuple(filter(None, (sample.primary, sample.compared_with)))
    sandbox = shared_sandbox(recipe.limits)
    futures = [
        [
            sandbox.submit(thumbnail, open_uri, asset, regions=(*r.regions, *r.ground_truth))
            for asset in assets[r.sample_id]
        ]
        for r in records
    ]
    for record, pictures in zip(records, futures, strict=True):
        try:
            yield GalleryEntry(record=record, thumbnails=tuple(p for future in pictures for p in future.result()))
        except SampleError:
            yield GalleryEntry(record=record)


def rewrite_report(run: RunFolder, manifest: Manifest) -> Manifest:
    """The report again, from the run folder alone; the manifest follows."""
    from .stages import recipe_of

    manifest = reported(run, manifest, recipe_of(manifest), look_through(run))
    run.write_manifest(manifest)
    return manifest


def near_groups(duplicates: Iterable[Duplicate]) -> int:
    """Clusters of look-alikes: kept items that further items look like, joined."""
    from .grouping import as_edges, components

    pairs = [(d.kept_item_id, d.item_id) for d in duplicates if d.kind == "near"]
    number = {name: i for i, name in enumerate(sorted({name for pair in pairs for name in pair}))}
    if not number:
        return 0
    return len(set(components(len(number), as_edges((number[a], number[b]) for a, b in pairs)).tolist()))
