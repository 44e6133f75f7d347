"""A run's gallery: ``RUN/gallery/index.html`` and one part per shard, made from the shards as they stream by.

A shard whose bytes are those of the last time is left alone. The page opens from a folder, without a server.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.candidate import Region
from schemas.errors import ConfigError
from schemas.published import record_from_row
from schemas.record import Record
from schemas.taxonomy import Taxonomy

from ..dataset import config_of, read_rows, row_columns, shard_uris
from ..filesystems import exists, list_files, open_uri, remove, write_atomically
from ..passwords import Passwords
from ..recipe import Recipe
from ..report.page import category_colors
from ..stages import recipe_of
from ..storage import Manifest, RunFolder, clear_disk_errors, sha256_of
from ..tables import read_batches
from ..untrusted import visible
from .parts import PER_TEXT, VERSION, Options, call, media_in, write_part
from .pictures import PER_SHEET, TILE, cells_of
from .rows import DECIDED, Row, facets_of, layers_of, row_of

__all__ = ["FOLDER", "Made", "PartFacts", "build_gallery", "part_name", "renew_gallery", "write_page"]

FOLDER = "gallery"
"""Name of the gallery in the run folder."""
HERE = Path(__file__).parent
PAGE = ("index.html", "gallery.css", "gallery.js", "cards.js", "details.js")

Write = Callable[[str], None]


class PartFacts(NamedTuple):
    """One part on the page."""

    name: str
    rows: int


class Made(NamedTuple):
    """What a build did."""

    uri: str
    """The page."""
    rows: int
    parts: int
    unchanged: int
    """Parts that were left alone."""


def renew_gallery(run: RunFolder, *, side: int, write: Write) -> str:
    """Build the gallery while the run is locked, and say what was done. Raises ConfigError where there is no run."""
    with clear_disk_errors(run.uri), run.locked():
        manifest = run.read_manifest()
        if manifest is None:
            raise ConfigError(f"{run.uri} holds no run", remedy="witnessmark run RECIPE --input ... makes one")
        made = build_gallery(run, manifest, recipe_of(manifest), side=side, write=write)
    return f"{made.rows:,} rows in {made.parts:,} parts, {made.unchanged:,} of them unchanged\n{made.uri}"


def build_gallery(run: RunFolder, manifest: Manifest, recipe: Recipe, *, side: int = 640, write: Write) -> Made:
    """Write or renew the gallery of a finished run, pictures at ``side`` pixels (0: tiles only)."""
    place = run.path(FOLDER)
    passwords = Passwords(recipe, manifest.inputs, run)
    options = Options(side=side, limits=recipe.limits, password_of=passwords.of_sample)
    proposed = _Proposed(run)
    parts, unchanged = [], 0
    for shard in shard_uris(run.path("dataset")):
        name = part_name(shard)
        folder = f"{place}/parts/{name}"
        key = _key(shard, run, manifest, side)
        known = _known(folder, key)
        unchanged += known is not None
        if known is None:
            known = write_part(folder, name, _rows(shard, proposed), media_in(shard, run.path("dataset")), options)
            write_atomically(f"{folder}/part.json", json.dumps({"key": key, "rows": known}).encode())
        parts.append(PartFacts(name, known))
        write(f"gallery: {sum(part.rows for part in parts):,} rows")
    title = recipe.dataset.title or recipe.name
    page = write_page(place, parts, recipe.taxonomy, {"title": visible(title), "mode": "gallery"})
    return Made(page, sum(part.rows for part in parts), len(parts), unchanged)


def write_page(place: str, parts: Sequence[PartFacts], taxonomy: Taxonomy | None, about: Mapping[str, Any]) -> str:
    """Write what is common to all parts, remove parts that are no more, and return the page's URI."""
    colors = category_colors(taxonomy) if taxonomy else {}
    columns, _ = cells_of(PER_SHEET)
    sizes = {"tile": TILE, "columns": columns, "perSheet": PER_SHEET, "perText": PER_TEXT}
    write_atomically(f"{place}/index.js", call("start", {**about, **sizes, "colors": colors, "parts": list(parts)}))
    for name in PAGE:
        write_atomically(f"{place}/{name}", (HERE / name).read_bytes())
    kept = {part.name for part in parts}
    for uri, _ in list_files(f"{place}/parts"):
        if uri.rsplit("/", 2)[-2] not in kept:
            remove(uri)
    return f"{place}/index.html"


def part_name(shard_uri: str) -> str:
    """The folder of a shard's part: harmless wherever split names go, and the same every time."""
    config, file = shard_uri.rsplit("/", 2)[-2:]
    return hashlib.sha256(f"{config}/{file}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _key(shard: str, run: RunFolder, manifest: Manifest, side: int) -> str:
    """What the part is made from; what machines and people said is named in the rows by the hash of its content."""
    fact = manifest.files.get(shard.removeprefix(f"{run.uri}/")) or sha256_of(shard)
    return f"{VERSION}-{side}-{fact.sha256}"


def _known(folder: str, key: str) -> int | None:
    """Rows of the part if it was made from the same; None where it must be made."""
    if not exists(f"{folder}/part.json"):
        return None
    with open_uri(f"{folder}/part.json") as file:
        known = json.load(file)
    rows: int = known["rows"]
    return rows if known["key"] == key else None


def _rows(shard: str, proposed: _Proposed) -> Iterator[Row]:
    config = config_of(shard)
    for line in read_rows(shard, row_columns(config)):
        record = record_from_row(line, config)
        yield row_of(record, layers_of(record, proposed.of(record)), {}, facets_of(record))


class _Proposed:
    """What people were shown before they decided, looked up once; some hundred bytes per decided row."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def of(self, record: Record) -> tuple[Region, ...] | None:
        """The machine's regions of a row that a person decided; None where nobody did or nothing was shown."""
        if record.review not in DECIDED:
            return None
        shown = [self._candidates[i] for i in record.verification_ids if i in self._candidates]
        known = [self._regions[i] for i in shown if i in self._regions]
        return tuple(map(Region.model_validate, json.loads(zlib.decompress(known[-1])))) if known else None

    @cached_property
    def _candidates(self) -> dict[str, str]:
        """The candidate that each decision started from."""
        batches = read_batches(self._run, "verifications", ("verification_id", "candidate_id"))
        rows = (row for batch in batches for row in batch.to_pylist())
        return {row["verification_id"]: row["candidate_id"] for row in rows if row["candidate_id"]}

    @cached_property
    def _regions(self) -> dict[str, bytes]:
        wanted = pa.array(sorted(set(self._candidates.values())), pa.string())
        found = {}
        for table in ("candidates", "shown"):
            for batch in read_batches(self._run, table, ("candidate_id", "regions")) if len(wanted) else ():
                for row in batch.filter(pc.is_in(batch.column("candidate_id"), wanted)).to_pylist():
                    found[row["candidate_id"]] = zlib.compress(json.dumps(row["regions"]).encode())
        return found
