"""Reading a run back and believing nothing: every row, medium, mask, hash and sum."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from schemas.arrow import from_arrow
from schemas.base import Frozen, content_id
from schemas.candidate import Candidate
from schemas.checks import check_record
from schemas.errors import RunError
from schemas.plugins import readable
from schemas.published import Config, dataset_schema, record_from_row
from schemas.record import Record
from schemas.route import Route
from schemas.sample import Sample
from schemas.verification import Verification

from .assembly import join_duplicates
from .dataset import config_of, read_rows, shard_uris
from .filesystems import exists, list_files
from .media_checks import media_defects
from .merge import published_record
from .parquet_files import open_parquet
from .passwords import Passwords
from .plan import Plan, plan_of
from .recipe import Recipe
from .split_proof import near_across
from .stages import recipe_of
from .storage import Manifest, RunFolder, sha256_of
from .tables import HIDDEN, read_batches

__all__ = ["verify_run"]

HASH = re.compile("[0-9a-f]{64}")
OURS_ALONE = ("dataset", "exports", "samples", "candidates")
"""Folders that hold nothing but what a finished run knows; what people do may be newer than the dataset."""
ROWS_AT_ONCE = 8
ROWS_COMPARED = 4096
"""Rows that are held at once to be compared with the tables, which are read once for so many."""

T = TypeVar("T", bound=Frozen)


def verify_run(run: RunFolder, manifest: Manifest) -> list[str]:
    """Every defect of a finished run as a line; empty when there is none."""
    recipe = recipe_of(manifest)
    defects = [*_sums(manifest), *_files(run, manifest)]
    tables, passwords = _Tables(run, recipe, manifest), Passwords(recipe, manifest.inputs, run)
    across, rows = _Across(), 0
    compared: list[tuple[str, Record]] = []
    for uri in shard_uris(run.path("dataset")):
        name = uri.removeprefix(f"{run.uri}/")
        for defect, record in _shard(uri, recipe, passwords):
            if defect:
                defects.append(f"{name}: {defect}")
            if record is None:
                continue
            rows += 1
            defects += [f"{name}: {found}" for found in across.defects(record)]
            compared.append((name, record))
            if len(compared) == ROWS_COMPARED:
                defects += tables.differences(compared)
                compared = []
    defects += tables.differences(compared)
    defects += across.near_pairs(recipe.dataset.near_duplicate_bits)
    kept = manifest.stages["finalize"].kept if "finalize" in manifest.stages else rows
    if rows != kept:
        defects.append(f"dataset: {rows} rows can be read, the manifest counts {kept}")
    return defects


class _Tables:
    """What the run's tables say each row should be: the assembly once more, from samples and candidates."""

    def __init__(self, run: RunFolder, recipe: Recipe, manifest: Manifest) -> None:
        self.run, self.recipe, self.manifest = run, recipe, manifest
        self._can_be_read = True

    @cached_property
    def plan(self) -> Plan:
        """Where each sample belongs, as the tables stand."""
        return plan_of(self.run, self.recipe, shards=self.manifest.shards)

    def differences(self, rows: Sequence[tuple[str, Record]]) -> Iterator[str]:
        """A line for every row, with the name of its shard, that the tables would not give.

        Tables that cannot be read are one line, and nothing is compared with them from then on.
        """
        if not self._can_be_read:
            return
        try:
            expected = self._expected({record.sample_id for _, record in rows})
        except RunError as error:
            self._can_be_read = False
            yield f"{error.message.removeprefix(f'{self.run.uri}/')}; no row was compared with the tables"
            return
        for shard, record in rows:
            name = f"{shard}: row {record.sample_id[:12]}…"
            wanted = expected.get(record.sample_id)
            if wanted is None:
                yield f"{name}: is not in the run's tables"
            elif differing := [field for field, value in dict(wanted).items() if getattr(record, field) != value]:
                yield f"{name}: differs from what the run's tables say: {', '.join(differing)}"

    def _expected(self, ids: set[str]) -> dict[str, Record]:
        candidates, routes = self._grouped("candidates", Candidate, ids), self._grouped("routes", Route, ids)
        verifications, shown = self._grouped("verifications", Verification, ids), self._grouped("shown", Candidate, ids)
        return {
            i: self._record(found, (candidates[i], verifications[i], routes[i], shown[i]))
            for i, found in self._grouped("samples", Sample, ids).items()
        }

    def _record(
        self,
        samples: list[Sample],
        known: tuple[list[Candidate], list[Verification], list[Route], list[Candidate]],
    ) -> Record:
        sample = join_duplicates(samples)
        place = self.plan.places[sample.sample_id]
        grouped = sample.evolve(group_id=place.group_id)
        return published_record(grouped, *known, self.recipe, split=place.split)[0]

    def _grouped(self, table: str, model: type[T], ids: set[str]) -> dict[str, list[T]]:
        found: dict[str, list[T]] = defaultdict(list)
        wanted = pa.array(sorted(ids & set(self.plan.places)), pa.string())
        for batch in read_batches(self.run, table):
            for row in batch.filter(pc.is_in(batch.column("sample_id"), wanted)).to_pylist():
                found[row["sample_id"]].append(_valid(row, table, model))
        return found


def _valid(row: dict[str, Any], table: str, model: type[T]) -> T:
    try:
        return from_arrow(row, model)
    except ValidationError as error:
        raise RunError(
            f"{table}: the row of sample {row['sample_id'][:12]}… is no {model.__name__}: {readable(error, model)}"
        ) from error


def _sums(manifest: Manifest) -> Iterator[str]:
    for name, counts in manifest.stages.items():
        if not counts.adds_up:
            yield f"manifest.json: {name} does not add up: {counts!r}"
    if "finalize" not in manifest.stages:
        yield "manifest.json: the run is not finalized"


def _files(run: RunFolder, manifest: Manifest) -> Iterator[str]:
    for path, fact in manifest.files.items():
        uri = run.path(*path.split("/"))
        if not exists(uri):
            yield f"{path}: the file is missing"
        elif (found := sha256_of(uri)) != fact:
            hashes = f"sha256 {found.sha256[:12]}… instead of {fact.sha256[:12]}…"
            yield f"{path}: its bytes are not those of the manifest ({hashes})"
    for folder in OURS_ALONE:
        for uri, _ in list_files(run.path(folder)):
            path = uri.removeprefix(f"{run.uri}/")
            if path not in manifest.files and f"/{HIDDEN}/" not in path:
                yield f"{path}: the manifest does not know this file"


class _Across:
    """What only shows when all rows have passed: a sample published twice, a group on both sides of a split."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._splits: dict[str, str] = {}
        self._hashes: list[bytes] = []
        self._of_hash: list[int] = []
        self._numbers: dict[str, int] = {}

    def defects(self, record: Record) -> Iterator[str]:
        """A line for everything that contradicts an earlier row."""
        if record.sample_id in self._seen:
            yield f"sample {record.sample_id}: published twice"
        self._seen.add(record.sample_id)
        other = self._splits.setdefault(record.group_id, record.split)
        if other != record.split:
            yield f"sample {record.sample_id}: its group {record.group_id!r} straddles {other} and {record.split}"
        number = self._numbers.setdefault(record.split, len(self._numbers))
        said = (*record.perceptual_hashes, *(record.reference.perceptual_hashes if record.reference else ()))
        hashes = [bytes.fromhex(text) for text in said if HASH.fullmatch(text)]
        self._hashes.extend(hashes)
        self._of_hash.extend([number] * len(hashes))

    def near_pairs(self, max_bits: int) -> Iterator[str]:
        """A line where look-alikes lie in two splits; after all rows."""
        if count := near_across(self._hashes, self._of_hash, max_bits):
            yield f"dataset: {count:,} pairs of perceptual hashes within {max_bits} bits lie in two splits"


def _shard(uri: str, recipe: Recipe, passwords: Passwords) -> Iterator[tuple[str, Record | None]]:
    config = config_of(uri)
    try:
        yield from ((defect, None) for defect in _schema(uri, config, recipe))
        for row in read_rows(uri, at_once=ROWS_AT_ONCE):
            yield from _row(row, config, recipe, passwords, uri)
    except (pa.ArrowException, OSError) as error:
        yield f"cannot be read: {error}", None


def _schema(uri: str, config: Config, recipe: Recipe) -> Iterator[str]:
    with open_parquet(uri) as parquet:
        shown = {"has_preview": recipe.dataset.preview, "has_reference": recipe.has_references}
        if not parquet.schema_arrow.equals(dataset_schema(config, **shown)):
            yield "its schema is not the one of this version"


def _row(
    row: dict[str, Any], config: Config, recipe: Recipe, passwords: Passwords, uri: str
) -> Iterator[tuple[str, Record | None]]:
    name = f"row {str(row.get('sample_id'))[:12]}…"
    try:
        record = record_from_row(row, config)
    except ValidationError as error:
        yield f"{name}: is no Record: {error.errors(include_url=False)[0]['msg']}", None
        return
    yield "", record
    problems = [defect.message for defect in check_record(record, recipe.taxonomy)]
    problems += _identity(record, uri)
    problems += media_defects(row, record, config, recipe, passwords, uri.rsplit("/data/", 1)[0])
    yield from ((f"{name}: {problem}", None) for problem in problems)


def _identity(record: Record, uri: str) -> Iterator[str]:
    media = [[asset.role, asset.asset_id] for asset in (record, record.reference) if asset]
    if content_id(media, record.task_input.model_dump()) != record.sample_id:
        yield "sample_id is not the sample of its medium and task"
    if not uri.rpartition("/")[2].startswith(f"{record.split}-"):
        yield f"says split {record.split!r} but lies in another"
