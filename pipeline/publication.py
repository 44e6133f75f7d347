"""What stands beside the shards: card, exports, report, and the hash of every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

import pipeline.exports
from annotators.base import MachineConfig
from annotators.sandbox import shared_sandbox
from schemas.arrow import from_arrow, hub_features
from schemas.errors import SampleError
from schemas.plugins import load
from schemas.record import Duplicate, Record, Rejection
from schemas.sample import Asset, Sample

from .cards import CardFacts, ConfigFacts, MachineFacts, SplitFacts, card
from .citation import citation
from .croissant import croissant
from .dataset import HUB_CONFIGS, read_records
from .evaluation import Evaluation
from .evaluation.bench import BenchRun, bench
from .evaluation.runs import bench_run, evaluation_of
from .evaluation.words import pareto
from .exports.base import ExportPlace
from .filesystems import list_files, open_uri, remove, write_atomically
from .passwords import Passwords
from .plan import Plan
from .quality import read_quality, write_quality
from .recipe import Recipe
from .report import EvaluationRow, GalleryEntry, ReportFacts, write_report
from .report.facts import MachineSpend
from .reviews import write_reviews
from .shards import WrittenShard
from .shortcuts import Shortcut, audit_shortcuts, read_shortcuts, warnings_of
from .spend import Payment, Work, spend_of, work_by_machine
from .split_proof import SplitProof, proof_of, write_proof
from .storage import STAGES, FileFact, Manifest, RunFolder, sha256_of
from .tables import TABLES, part_uris, read_batches
from .tables import read_rows as read_table
from .tables import write_table as write_rows
from .tally import RecordCounts, Tally, choose_gallery, group_rejections
from .thumbnails import thumbnail
from .unit_costs import unit_costs

__all__ = ["publication", "rewrite_report"]

GALLERY = 48
MOST_JUDGED = 20_000
"""Samples that the report holds machines against, in some 300 MB; more would hardly narrow the intervals."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """One pass over the published rows."""

    counts: RecordCounts
    gallery: tuple[Record, ...]
    candidates: Counter[str]


def publication(
    run: RunFolder,
    manifest: Manifest,
    recipe: Recipe,
    plan: Plan,
    written: Sequence[WrittenShard],
    write: Callable[[str], None],
) -> Manifest:
    """Write card, exports and report, remove what an earlier pass left, and note every file in the manifest."""
    files = {f"dataset/{path}": fact for shard in written for path, fact in shard.files.items()}
    _remove_stale(run, files)
    seen = _look_through(run)
    reviews, num_reviews = write_reviews(run, plan.places.keys())
    files |= reviews | write_quality(run, recipe)
    facts = _card_facts(manifest, recipe, written, seen, plan)
    proof = proof_of(run, recipe, plan.moves)
    files |= write_proof(run, proof)
    _tell(proof, write)
    write_rows(run, "shortcuts", audit_shortcuts(run), Shortcut)
    shortcuts = read_shortcuts(run)
    for line in warnings_of(shortcuts):
        write(line)
    facts = facts.evolve(quality=read_quality(run), num_reviews=num_reviews, proof=proof, shortcuts=shortcuts)
    for path, text in _descriptions(facts, recipe, files).items():
        write_atomically(run.path(*path.split("/")), text.encode())
        files[path] = sha256_of(run.path(*path.split("/")))
    files |= _hashed(run, _exported(run, recipe, write))
    _remove_known(run, manifest.files.keys() - files.keys())
    files |= _hashed(run, (f"{table}/{uri.rpartition('/')[2]}" for table in TABLES for uri in part_uris(run, table)))
    manifest = manifest.evolve(files=files)
    return _report(run, manifest, recipe, seen)


def rewrite_report(run: RunFolder, manifest: Manifest) -> Manifest:
    """The report again, from the run folder alone; the manifest follows."""
    from .stages import recipe_of

    manifest = _report(run, manifest, recipe_of(manifest), _look_through(run))
    run.write_manifest(manifest)
    return manifest


def _tell(proof: SplitProof, write: Callable[[str], None]) -> None:
    for move in proof.moved:
        write(f"group {move.group_id}: {move.samples} samples moved from split {move.before} to {move.after}")
    for split in proof.unmatched:
        write(f"split {split} is empty: no row names a generator or source that the recipe keeps for it")


def _remove_stale(run: RunFolder, files: dict[str, FileFact]) -> None:
    folder = run.path("dataset", "data")
    for uri, _ in list_files(folder):
        if uri.removeprefix(f"{run.uri}/") not in files:
            remove(uri)


def _remove_known(run: RunFolder, paths: Iterable[str]) -> None:
    """What an earlier pass made beside the shards and this recipe does not: an export, a citation.

    The paths are a manifest's, which may come from elsewhere: nothing outside of the two folders is touched.
    """
    for path in paths:
        folder, *below = path.split("/")
        if folder in ("dataset", "exports") and not {"", ".", ".."} & set(below):
            remove(run.path(folder, *below))


def _look_through(run: RunFolder) -> _Seen:
    tally, candidates = Tally(), Counter[str]()

    def counted() -> Iterator[Record]:
        for record in read_records(run.path("dataset")):
            tally.add(record)
            candidates.update(line.machine for line in record.lineage)
            yield record

    gallery = choose_gallery(counted(), GALLERY)
    return _Seen(counts=tally.counts, gallery=gallery, candidates=candidates)


def _descriptions(facts: CardFacts, recipe: Recipe, files: dict[str, FileFact]) -> dict[str, str]:
    """The texts that say what the dataset is, by path in the run folder."""
    shards = {path.removeprefix("dataset/"): fact for path, fact in files.items()}
    texts = {"dataset/README.md": card(facts)}
    if facts.configs:  # without a shard, datasets.load_dataset would take the JSON for the data
        texts["dataset/croissant.json"] = croissant(facts, shards)
    if recipe.dataset.authors:
        texts["dataset/CITATION.cff"] = citation(facts, recipe.dataset.authors)
    return texts


def _card_facts(
    manifest: Manifest, recipe: Recipe, written: Sequence[WrittenShard], seen: _Seen, plan: Plan
) -> CardFacts:
    counts = seen.counts
    return CardFacts(
        title=recipe.dataset.title or recipe.name,
        description=recipe.dataset.description,
        licence=recipe.dataset.licence,
        recipe=recipe.name,
        task=recipe.task.kind,
        language=recipe.task.language,
        taxonomy=recipe.taxonomy,
        configs=tuple(
            _config_facts(name, written, recipe) for name in HUB_CONFIGS if any(w.config == name for w in written)
        ),
        stages={name: manifest.stages[name] for name in STAGES if name in manifest.stages},
        machines=tuple(_machine_facts(config, seen) for config in recipe.machines),
        sources=counts.sources,
        origins=counts.origins,
        annotation_status=counts.annotation_status,
        review=counts.review,
        storage=counts.storage,
        categories=counts.categories,
        near_duplicate_groups=_near_groups(plan.duplicates),
    )


def _config_facts(name: str, written: Sequence[WrittenShard], recipe: Recipe) -> ConfigFacts:
    splits = []
    for split in recipe.split_names:
        shards = [w for w in written if (w.config, w.split) == (name, split)]
        if shards:
            size = sum(w.files[w.path].bytes for w in shards)
            splits.append(
                SplitFacts(name=split, num_rows=sum(w.num_rows for w in shards), num_bytes=size, num_files=len(shards))
            )
    config = next(config for config in HUB_CONFIGS if config == name)
    return ConfigFacts(
        name=config,
        splits=tuple(splits),
        features=hub_features(config, has_preview=recipe.dataset.preview, has_reference=recipe.has_references),
    )


def _machine_facts(config: MachineConfig, seen: _Seen) -> MachineFacts:
    candidates = seen.candidates[config.title]
    return MachineFacts(name=config.title, kind=config.kind, model=config.model_asked, candidates=candidates)


def _near_groups(duplicates: Iterable[Duplicate]) -> int:
    """Clusters of look-alikes: kept items that further items look like, joined."""
    from .grouping import as_edges, components

    pairs = [(d.kept_item_id, d.item_id) for d in duplicates if d.kind == "near"]
    number = {name: i for i, name in enumerate(sorted({name for pair in pairs for name in pair}))}
    if not number:
        return 0
    return len(set(components(len(number), as_edges((number[a], number[b]) for a, b in pairs)).tolist()))


def _exported(run: RunFolder, recipe: Recipe, write: Callable[[str], None]) -> Iterator[str]:
    for config in recipe.exports:
        export = load(pipeline.exports, config)
        place = ExportPlace(
            out_uri=run.path("exports", config.kind), taxonomy=recipe.taxonomy, dataset_uri=run.path("dataset")
        )
        for uri in export.write(read_records(run.path("dataset")), place):
            yield uri.removeprefix(f"{run.uri}/")
        write(f"export {config.kind}: {place.out_uri}")


def _hashed(run: RunFolder, found: Iterable[str]) -> dict[str, FileFact]:
    """Every file's fact by its path; an export's media are hashed on all cores, for hashing leaves the GIL."""
    paths = list(found)
    with ThreadPoolExecutor(thread_name_prefix="hash") as pool:
        return dict(zip(paths, pool.map(sha256_of, [run.path(path) for path in paths]), strict=True))


def _report(run: RunFolder, manifest: Manifest, recipe: Recipe, seen: _Seen) -> Manifest:
    duplicates = [
        Duplicate.model_validate(row) for batch in read_batches(run, "duplicates") for row in batch.to_pylist()
    ]
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
        unit_costs=unit_costs(read_table(run, "payments", Payment), accepted_regions=seen.counts.regions),
        counts=seen.counts,
        rejections=group_rejections(read_table(run, "rejections", Rejection)),
        near_duplicates=sum(d.kind == "near" for d in duplicates),
        near_duplicate_groups=_near_groups(duplicates),
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
