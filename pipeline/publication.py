"""What stands beside the shards: card, exports, report, and the hash of every file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import pipeline.exports
from annotators.base import MachineConfig
from schemas.plugins import load
from schemas.published import hub_features
from schemas.record import Record

from .cards import CardFacts, ConfigFacts, MachineFacts, SplitFacts, card
from .citation import citation
from .croissant import croissant
from .dataset import HUB_CONFIGS, read_records
from .drain import GO_ON, Interrupted
from .exports.base import ExportPlace
from .filesystems import name_of, write_atomically
from .leftovers import note_theirs, remove_stale_shards, remove_unfinished, remove_unnamed
from .plan import Plan
from .quality import read_quality, write_quality
from .recipe import Recipe
from .reporting import Seen, look_through, near_groups, reported
from .reviews import write_reviews
from .shards import WrittenShard
from .shortcuts import Shortcut, audit_shortcuts, read_shortcuts, warnings_of
from .split_proof import SplitProof, crowding, proof_of, write_proof
from .storage import STAGES, FileFact, Manifest, RunFolder, sha256_of
from .tables import TABLES, part_uris, write_table

__all__ = ["publication"]

T = TypeVar("T")


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
    note_theirs(run, manifest.files)
    remove_stale_shards(run, files)
    remove_unfinished(run)
    with _beside(lambda is_over: _hashed(run, _exported(run, recipe, write, is_over))) as exported:
        seen = look_through(run)
        files |= _described(run, manifest, recipe, plan, written, seen, files, write)
        told = reported(run, manifest.evolve(files=files), recipe, seen)
        files = {**told.files, **exported.result()}
    remove_unnamed(run, manifest.files, files)
    return told.evolve(files=files)


def _described(
    run: RunFolder,
    manifest: Manifest,
    recipe: Recipe,
    plan: Plan,
    written: Sequence[WrittenShard],
    seen: Seen,
    shards: Mapping[str, FileFact],
    write: Callable[[str], None],
) -> dict[str, FileFact]:
    """Write the reviews, what was proved and audited, and the card of ``shards``; every file, the tables among them."""
    reviews, num_reviews = write_reviews(run, plan.places.keys())
    proof = proof_of(run, recipe, plan.moves)
    files = reviews | write_quality(run, recipe) | write_proof(run, proof)
    _tell(proof, recipe, write)
    write_table(run, "shortcuts", audit_shortcuts(run), Shortcut)
    shortcuts = read_shortcuts(run)
    for line in warnings_of(shortcuts):
        write(line)
    facts = _card_facts(manifest, recipe, written, seen, plan)
    facts = facts.evolve(quality=read_quality(run), num_reviews=num_reviews, proof=proof, shortcuts=shortcuts)
    for path, text in _descriptions(facts, recipe, {**shards, **files}).items():
        write_atomically(run.path(*path.split("/")), text.encode())
        files[path] = sha256_of(run.path(*path.split("/")))
    return files | _hashed(run, (f"{table}/{name_of(uri)}" for table in TABLES for uri in part_uris(run, table)))


@contextmanager
def _beside(work: Callable[[Event], T]) -> Iterator[Future[T]]:
    """The work in a thread of its own. Where the block raises, the event tells the work to stop, and it is awaited."""
    is_over = Event()
    with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
        try:
            yield pool.submit(work, is_over)
        finally:
            is_over.set()


def _tell(proof: SplitProof, recipe: Recipe, write: Callable[[str], None]) -> None:
    for move in proof.moved:
        write(f"group {move.group_id}: {move.samples} samples moved from split {move.before} to {move.after}")
    for split in proof.unmatched:
        write(f"split {split} is empty: no row names a generator or source that the recipe keeps for it")
    if line := crowding(proof, recipe.splits):
        write(line)


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
    manifest: Manifest, recipe: Recipe, written: Sequence[WrittenShard], seen: Seen, plan: Plan
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
        near_duplicate_groups=near_groups(plan.duplicates),
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


def _machine_facts(config: MachineConfig, seen: Seen) -> MachineFacts:
    candidates = seen.candidates[config.title]
    return MachineFacts(name=config.title, kind=config.kind, model=config.model_asked, candidates=candidates)


def _exported(run: RunFolder, recipe: Recipe, write: Callable[[str], None], is_over: Event) -> Iterator[str]:
    for config in recipe.exports:
        export = load(pipeline.exports, config)
        place = ExportPlace(
            out_uri=run.path("exports", config.kind), taxonomy=recipe.taxonomy, dataset_uri=run.path("dataset")
        )
        for uri in export.write(_until(is_over, read_records(run.path("dataset"))), place):
            yield uri.removeprefix(f"{run.uri}/")
        write(f"export {config.kind}: {place.out_uri}")


def _until(is_over: Event, records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        if is_over.is_set():
            raise Interrupted("the exports were stopped", remedy=GO_ON)
        yield record


def _hashed(run: RunFolder, found: Iterable[str]) -> dict[str, FileFact]:
    """Every file's fact by its path; an export's media are hashed on all cores, for hashing leaves the GIL."""
    paths = list(found)
    with ThreadPoolExecutor(thread_name_prefix="hash") as pool:
        return dict(zip(paths, pool.map(sha256_of, [run.path(path) for path in paths]), strict=True))
