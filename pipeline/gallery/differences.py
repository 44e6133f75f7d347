"""Two versions of a dataset side by side: what is printed, and a page with the old and the new outlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from schemas.errors import ConfigError
from schemas.media.limits import DEFAULT_LIMITS
from schemas.taxonomy import Taxonomy

from ..dataset import shard_uris
from ..filesystems import absolute
from ..passwords import Passwords
from ..stages import recipe_of
from ..storage import Manifest, RunFolder
from ..untrusted import visible
from ..versions import Differences, RowChange, Tally
from .build import PartFacts, part_name, write_page
from .parts import Options, media_in, write_part
from .rows import Row, facets_of, row_of

__all__ = ["Compared", "Version", "compare", "lines", "opened", "told"]

MOST_SHOWN = 5_000
"""Rows of the page; all of them are counted."""

MOST_PRINTED = 120
"""Characters of one value in the terminal."""

Write = Callable[[str], None]


class Version(NamedTuple):
    """One of the two."""

    dataset_uri: str
    run: RunFolder | None
    manifest: Manifest | None
    """None, like ``run``, where only a dataset folder was named."""


class Compared(NamedTuple):
    """What came of it."""

    tallies: Mapping[tuple[str, str], Tally]
    """By config and split."""
    changes: Sequence[RowChange]
    """The first of them."""
    page: str | None
    """The page's URI; None where none was asked for."""


def told(old: str, new: str, *, out: str | None, most: int, write: Write) -> Iterator[str]:
    """Compare two folders, write the page where there is a place for it, and tell what differs."""
    before, after = opened(old), opened(new)
    place = absolute(out) if out else after.run.path("diff") if after.run else None
    compared = compare(before, after, out=place, write=write)
    yield from lines(compared, most)
    yield compared.page or "no page: NEW is a dataset folder; --out DIR says where to put one"


def opened(uri: str) -> Version:
    """A run folder or a dataset folder. Raises ConfigError where it is neither."""
    uri = absolute(uri)
    run = RunFolder(uri)
    manifest = run.read_manifest()
    if manifest is not None:
        return Version(run.path("dataset"), run, manifest)
    if shard_uris(uri):
        return Version(uri, None, None)
    raise ConfigError(f"{uri} holds neither a run nor a dataset", remedy="name a run folder, or a folder with data/")


def compare(old: Version, new: Version, *, out: str | None, side: int = 640, write: Write) -> Compared:
    """Count all changes and, with ``out``, write a page of the first ones into that folder."""
    found = Differences(old.dataset_uri, new.dataset_uri)
    shown: list[RowChange] = []
    for change in found:
        if len(shown) < MOST_SHOWN:
            shown.append(change)
    page = _write(out, old, new, shown, found.tallies, side, write) if out else None
    return Compared(found.tallies, shown, page)


def lines(compared: Compared, most: int) -> Iterator[str]:
    """What a person reads: counts by config and split, then the first rows with their fields."""
    for (config, split), tally in sorted(compared.tallies.items()):
        yield f"{config}/{visible(split)}: {_counts(tally)}, {tally.rows:,} in all"
        if tally.fields:
            yield f"  fields: {', '.join(f'{name} {count:,}' for name, count in tally.fields.most_common())}"
    for change in compared.changes[:most]:
        yield from _described(change)
    left = _total(compared.tallies).differing - min(most, len(compared.changes))
    if left:
        yield f"… {left:,} more rows"


def _total(tallies: Mapping[tuple[str, str], Tally]) -> Tally:
    names = ("rows", "added", "changed", "removed")
    return Tally(*(sum(getattr(tally, name) for tally in tallies.values()) for name in names))


def _counts(tally: Tally) -> str:
    return f"{tally.added:,} added, {tally.changed:,} changed, {tally.removed:,} removed"


def _described(change: RowChange) -> Iterator[str]:
    record, sign = change.record, {"added": "+", "changed": "~", "removed": "-"}[change.kind]
    yield f"{sign} {change.config}/{visible(record.split)} {record.sample_id[:12]} {visible(record.file_name)}"
    for name, before, after in change.fields:
        yield f"    {name}: {_line(before)} -> {_line(after)}"


def _line(text: str) -> str:
    line = visible(" | ".join(text.splitlines()))
    return (line if len(line) <= MOST_PRINTED else f"{line[:MOST_PRINTED]}…") or "nothing"


def _write(
    out: str,
    old: Version,
    new: Version,
    changes: Sequence[RowChange],
    tallies: Mapping[tuple[str, str], Tally],
    side: int,
    write: Write,
) -> str:
    parts = []
    for shard, some in groupby(sorted(changes, key=lambda change: change.shard), key=lambda change: change.shard):
        is_new = shard.startswith(f"{new.dataset_uri}/")
        version = new if is_new else old
        name = f"{'new' if is_new else 'old'}-{part_name(shard)}"
        rows, options = map(_row, some), _options(version, side)
        num_rows = write_part(f"{out}/parts/{name}", name, rows, media_in(shard, version.dataset_uri), options)
        parts.append(PartFacts(name, num_rows))
        write(f"diff: {sum(part.rows for part in parts):,} rows")
    taxonomy, title = _about(new)
    total = _total(tallies)
    first = f"; the first {len(changes):,} are shown" if len(changes) < total.differing else ""
    about = {"title": title, "mode": "diff", "summary": f"{_counts(total)}, {total.rows:,} rows in all{first}"}
    return write_page(out, parts, taxonomy, about)


def _row(change: RowChange) -> Row:
    layers = {side: record.regions for side, record in (("old", change.old), ("new", change.new)) if record}
    facets = {"change": (change.kind,), "field": tuple(one.name for one in change.fields), **facets_of(change.record)}
    fields = [[one.name, visible(one.before), visible(one.after)] for one in change.fields]
    return row_of(change.record, layers, {"sides": list(layers), "changes": fields}, facets)


def _options(version: Version, side: int) -> Options:
    if version.run is None or version.manifest is None:
        return Options(side=side, limits=DEFAULT_LIMITS)
    recipe = recipe_of(version.manifest)
    passwords = Passwords(recipe, version.manifest.inputs, version.run)
    return Options(side=side, limits=recipe.limits, password_of=passwords.of_sample)


def _about(version: Version) -> tuple[Taxonomy | None, str]:
    """The categories' colors and the dataset's name, as far as they are known."""
    if version.manifest is None:
        return None, visible(version.dataset_uri.rstrip("/").rpartition("/")[2])
    recipe = recipe_of(version.manifest)
    return recipe.taxonomy, visible(recipe.dataset.title or recipe.name)
