"""``witnessmark forget``: a removal request. What the run holds of a sample goes, and does not come back.

What stays is a row of ``forgotten/`` with hashes, by which a later ingest rejects the sample and the same bytes, and
the payments, which hold no content. A medium that samples hold which were not named, such as the original of several
pairs, stays with them. Every step may be repeated, and the sample's own row goes last: a killed command goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from annotators.answers import AnswerStore
from schemas.errors import ConfigError, MediaError
from schemas.ledger import SubmittedTask
from schemas.record import Duplicate, Forgotten, Rejection
from schemas.sample import Item, Sample

from .counting import count_ingest, count_propose
from .filesystems import list_files, open_uri, remove
from .ingest import rejection_of
from .recipe import recipe_from
from .storage import Manifest, RunFolder, Stage, StageCounts, WholeFile
from .tables import TABLES, part_uris, read_batches, read_rows, write_table

__all__ = ["check_not_forgotten", "forget", "forgotten_hashes"]

KEPT_TABLES = ("payments", "forgotten", "shortcuts")
"""They hold no sample's content."""
PAGES = ("gallery", "diff")
"""Folders of pages that show samples; the commands that write them do so anew."""
MIN_PREFIX = 8
"""Digits of a hash that name a sample."""


class _Found(NamedTuple):
    samples: tuple[Sample, ...]
    held: Mapping[str, frozenset[str]]
    """Items that stay and hold a medium of these samples, by its sha256."""

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(sample.sample_id for sample in self.samples)

    def assets(self, sample: Sample) -> tuple[str, ...]:
        """sha256 of what nothing but these samples holds of one of them."""
        return tuple(asset.asset_id for asset in sample.assets if asset.asset_id not in self.held)


def forget(
    run: RunFolder, manifest: Manifest, names: Sequence[str], *, answers_uri: str, write: Callable[[str], None]
) -> Manifest:
    """Remove samples by sample id, sha256 of the medium (both may be shortened to 8 digits), or item's name.

    The manifest gets new counts; the dataset is written anew by the next ``finalize``. Raises ConfigError where a name
    fits no sample of the run, before anything is removed.
    """
    named = tuple(_named(run, names))
    found = _Found(named, _held(run, named))
    rows = {row.sample_id: row for row in read_rows(run, "forgotten", Forgotten)}
    rows |= {sample.sample_id: _tombstone(sample, found) for sample in found.samples}
    write_table(run, "forgotten", [rows[sample_id] for sample_id in sorted(rows)], Forgotten)
    for line in _left_elsewhere(run, found):
        write(line)
    for key in _answer_keys(run, found.ids):
        AnswerStore(answers_uri, payer="").remove(key)
    for uri in (*_copies(run, found), *_files(run, PAGES)):
        remove(uri)
    _remove_rows(run, found)
    manifest = manifest.evolve(stages={**manifest.stages, **_counted(run, manifest)})
    run.write_manifest(manifest)
    return manifest


def _copies(run: RunFolder, found: _Found) -> list[str]:
    """Where the run keeps bytes of the media: what a source made, and what people were shown. Named by content."""
    assets = tuple(asset for sample in found.samples for asset in found.assets(sample))
    return [uri for uri in _files(run, ("media", "people")) if uri.rpartition("/")[2].startswith(assets)]


def _files(run: RunFolder, folders: Sequence[str]) -> list[str]:
    return [uri for folder in folders for uri, _ in list_files(run.path(folder))]


def forgotten_hashes(run: RunFolder) -> frozenset[str]:
    """Every sample, and the sha256 of every medium, that may not come back."""
    return frozenset(name for row in read_rows(run, "forgotten", Forgotten) for name in (row.sample_id, *row.asset_ids))


def _counted(run: RunFolder, manifest: Manifest) -> dict[Stage, StageCounts]:
    if "propose" not in manifest.stages:
        return {}  # it has not finished: the rerun that does counts
    return {
        "ingest": count_ingest(run, None),
        "propose": count_propose(run, recipe_from(manifest.recipe, where="manifest.json")),
    }


def check_not_forgotten(sample: Sample, forgotten: frozenset[str]) -> None:
    """Raises MediaError where the sample, or a medium of it, may not come back."""
    if not forgotten.isdisjoint((sample.sample_id, *(asset.asset_id for asset in sample.assets))):
        raise _refusal()


def _refusal() -> MediaError:
    return MediaError("its removal was asked for", remedy="take it out of the input")


def _tombstone(sample: Sample, found: _Found) -> Forgotten:
    return Forgotten(sample_id=sample.sample_id, asset_ids=found.assets(sample))


def _held(run: RunFolder, samples: Sequence[Sample]) -> dict[str, frozenset[str]]:
    gone, assets = {s.sample_id for s in samples}, {asset.asset_id for s in samples for asset in s.assets}
    held: dict[str, set[str]] = {}
    for sample in read_rows(run, "samples", Sample):
        for asset in sample.assets if sample.sample_id not in gone else ():
            if asset.asset_id in assets:
                held.setdefault(asset.asset_id, set()).add(sample.item_id)
    return {asset_id: frozenset(items) for asset_id, items in held.items()}


def _named(run: RunFolder, names: Sequence[str]) -> Iterator[Sample]:
    """Every row of the named samples, further items with the same content among them."""
    fits: dict[str, set[str]] = {name: set() for name in names}
    for sample in read_rows(run, "samples", Sample):
        for name in names:
            if _is_named(sample, name):
                fits[name].add(sample.sample_id)
    for name, found in fits.items():
        if not found:
            raise ConfigError(
                f"{run.uri} holds no sample {name!r}",
                remedy="name a sample_id, the sha256 of the medium, or an item_id as samples/ has it",
            )
    wanted = set().union(*fits.values())
    yield from (sample for sample in read_rows(run, "samples", Sample) if sample.sample_id in wanted)


def _is_named(sample: Sample, name: str) -> bool:
    if name == sample.item_id:
        return True
    hashes = (sample.sample_id, *(asset.asset_id for asset in sample.assets))
    return len(name) >= MIN_PREFIX and any(value.startswith(name) for value in hashes)


def _left_elsewhere(run: RunFolder, found: _Found) -> Iterator[str]:
    """What this run cannot reach."""
    for task in read_rows(run, "tasks", SubmittedTask):
        if task.sample_id in found.ids:
            yield f"a task of it lies with people: {task.server} {task.project!r}, task {task.task_id or task.task_key}"
    for asset_id, items in sorted(found.held.items()):
        yield from (f"a medium of it stays with {item}: {asset_id}" for item in sorted(items))
    alike = {
        other
        for row in read_rows(run, "duplicates", Duplicate)
        if row.kind == "near" and row.sample_id in found.ids
        for other in (row.item_id, row.kept_item_id)
    }
    for item in sorted(alike - {sample.item_id for sample in found.samples}):
        yield f"a look-alike stays: {item}"
    for uri in sorted({asset.uri for sample in found.samples for asset in sample.assets}):
        if not uri.startswith(f"{run.media_uri}/"):
            yield f"the file itself is not touched: {uri}"


def _answer_keys(run: RunFolder, ids: frozenset[str]) -> Iterator[str]:
    """Keys of all answers about the samples: those that became something and those that did not."""
    for table in ("candidates", "rejections", "payments"):
        for batch in read_batches(run, table, ("sample_id", "answer_key")):
            chosen = batch.filter(_is_among(batch.column("sample_id"), ids))
            yield from filter(None, chosen.column("answer_key").to_pylist())


def _remove_rows(run: RunFolder, found: _Found) -> None:
    for table in TABLES:
        if table not in (*KEPT_TABLES, "samples"):
            _filter(run, table, found.ids)
    gone = {sample.item_id: _rejection(sample) for sample in found.samples}
    others = [row for row in read_rows(run, "rejections", Rejection, "propose") if row.item_id not in gone]
    write_table(run, "rejections", [*others, *gone.values()], Rejection, "propose")
    _filter(run, "samples", found.ids)


def _rejection(sample: Sample) -> Rejection:
    """The item in its place, so that the counts still add up: the row that a rerun of propose writes."""
    primary = sample.primary
    return rejection_of(Item(item_id=sample.item_id, uri=primary.uri, file_name=primary.file_name), _refusal())


def _filter(run: RunFolder, table: str, ids: frozenset[str]) -> None:
    """Write each part of the table anew without the samples, where it holds any."""
    for uri in part_uris(run, table):
        with open_uri(uri) as file:
            rows = pq.read_table(file)
        kept = rows.filter(pc.invert(_is_among(rows.column("sample_id"), ids)))
        if len(kept) < len(rows):
            with WholeFile(uri) as target:
                pq.write_table(kept, target, compression="zstd")


def _is_among(values: Any, ids: frozenset[str]) -> Any:
    return pc.fill_null(pc.is_in(values, pa.array(sorted(ids), pa.string())), False)
