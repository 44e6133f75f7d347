"""What differs between two versions of a dataset: row by row and field by field, from their shards alone.

Rows of a config are read from all shards of both versions by ascending sample id, side by side: memory does not grow
with the rows. The Hub's changelog counts the same rows from their marks (``hub/rows.py``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Any, Literal, NamedTuple

from schemas.candidate import Region
from schemas.errors import RunError
from schemas.published import Config, record_from_row
from schemas.record import Record

from .dataset import HUB_CONFIGS, config_of, read_rows, row_columns, shard_uris

__all__ = ["Differences", "FieldChange", "Kind", "RowChange", "Tally", "differences"]

Kind = Literal["added", "changed", "removed"]
ROWS_AT_ONCE = 16
"""Rows of each shard that are held at once."""
MAX_TEXT = 300
"""Characters of one value that are shown."""
CONTEXT = 40
"""Characters of a text that are shown before and after what differs."""


class FieldChange(NamedTuple):
    """One field that differs, in words; of lists only what differs."""

    name: str
    before: str
    after: str


class RowChange(NamedTuple):
    """A row that is not the same in both versions."""

    kind: Kind
    config: Config
    old: Record | None
    new: Record | None
    shard: str
    """Where its medium is: a shard of the new version, or of the old one where the row is gone."""
    fields: tuple[FieldChange, ...] = ()

    @property
    def record(self) -> Record:
        """The row as it is, or was."""
        found = self.new or self.old
        if found is None:
            raise ValueError("a change is of a row")
        return found


@dataclass
class Tally:
    """Rows of one config and split, counted."""

    rows: int = 0
    """Rows of the new version."""
    added: int = 0
    changed: int = 0
    removed: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    """In how many changed rows each field differs."""

    @property
    def differing(self) -> int:
        """Rows that are not the same in both."""
        return self.added + self.changed + self.removed


class Differences:
    """Yields every change once, and counts as they pass."""

    def __init__(self, old_uri: str, new_uri: str) -> None:
        self.old_uri, self.new_uri = old_uri, new_uri
        self.tallies: dict[tuple[str, str], Tally] = {}
        """By config and split; a row that moved to another split is counted where it is now."""

    def __iter__(self) -> Iterator[RowChange]:
        self.tallies.clear()
        for config in HUB_CONFIGS:
            for old, new in _pairs(_rows(self.old_uri, config), _rows(self.new_uri, config)):
                change = _change(config, old, new)
                self._count(config, new, change)
                if change is not None:
                    yield change

    def _count(self, config: Config, new: _Line | None, change: RowChange | None) -> None:
        split = new.row["split"] if new else change.record.split if change else ""
        tally = self.tallies.setdefault((config, split), Tally())
        tally.rows += new is not None
        if change is not None:
            setattr(tally, change.kind, getattr(tally, change.kind) + 1)
            tally.fields.update(one.name for one in change.fields)


def differences(old: Record, new: Record) -> tuple[FieldChange, ...]:
    """Every field that differs."""
    return tuple(
        _field(name, getattr(old, name), getattr(new, name))
        for name in Record.model_fields
        if getattr(old, name) != getattr(new, name)
    )


class _Line(NamedTuple):
    """A row as it stands in its shard."""

    sample_id: str
    shard: str
    row: Mapping[str, Any]


def _rows(dataset_uri: str, config: Config) -> Iterator[_Line]:
    shards = [uri for uri in shard_uris(dataset_uri) if config_of(uri) == config]
    return merge(*map(_ordered, shards), key=lambda line: line.sample_id)


def _ordered(shard: str) -> Iterator[_Line]:
    """Rows of one shard. Raises RunError where their ids do not ascend: then they cannot be compared in one pass."""
    last = ""
    for row in read_rows(shard, row_columns(config_of(shard)), at_once=ROWS_AT_ONCE):
        if row["sample_id"] < last:
            raise RunError(f"{shard}: sample ids do not ascend", remedy="compare datasets that finalize wrote")
        last = row["sample_id"]
        yield _Line(last, shard, row)


def _pairs(old: Iterator[_Line], new: Iterator[_Line]) -> Iterator[tuple[_Line | None, _Line | None]]:
    """Rows of the same id together; both come by ascending id."""
    before, after = next(old, None), next(new, None)
    while before or after:
        if after is None or (before and before.sample_id < after.sample_id):
            yield before, None
            before = next(old, None)
        elif before is None or after.sample_id < before.sample_id:
            yield None, after
            after = next(new, None)
        else:
            yield before, after
            before, after = next(old, None), next(new, None)


def _change(config: Config, old: _Line | None, new: _Line | None) -> RowChange | None:
    """None where nothing differs. A field that an older version did not have yet has its default there."""
    if old and new and old.row == new.row:
        return None
    before, after = (line and record_from_row(line.row, config) for line in (old, new))
    if before and after and old and new:
        fields = differences(before, after)
        return RowChange("changed", config, before, after, new.shard, fields) if fields else None
    if new:
        return RowChange("added", config, None, after, new.shard)
    return RowChange("removed", config, before, None, old.shard) if old else None


def _field(name: str, old: Any, new: Any) -> FieldChange:
    if name in ("regions", "ground_truth"):
        return FieldChange(name, *_regions(old, new))
    if isinstance(old, tuple) and isinstance(new, tuple):
        gone, come = [one for one in old if one not in new], [one for one in new if one not in old]
        if gone or come:  # else only their order differs
            return FieldChange(name, _words(gone), _words(come))
    if isinstance(old, str) and isinstance(new, str):
        return FieldChange(name, *_around_the_change(old, new))
    return FieldChange(name, _words(old), _words(new))


def _around_the_change(old: str, new: str) -> tuple[str, str]:
    """Both texts from shortly before to shortly after where they differ."""
    start = _num_shared(old, new)
    end = _num_shared(old[start:][::-1], new[start:][::-1])
    return _cut(old, start, len(old) - end), _cut(new, start, len(new) - end)


def _num_shared(one: str, other: str) -> int:
    """Characters that both texts begin with."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _cut(text: str, start: int, end: int) -> str:
    first, last = max(0, start - CONTEXT), min(len(text), end + CONTEXT)
    return _words(f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}")


def _regions(old: Sequence[Region], new: Sequence[Region]) -> tuple[str, str]:
    """What is gone or was otherwise, and what is new or is otherwise, a region a line."""
    before, after = ({region.region_id: region for region in regions} for regions in (old, new))
    changed = [i for i in after if i in before and before[i] != after[i]]
    gone, come = [r for i, r in before.items() if i not in after], [r for i, r in after.items() if i not in before]
    old_lines = [*map(_region, gone), *(_region(before[i]) for i in changed)]
    new_lines = [*map(_region, come), *(f"{_region(after[i])}: {_parts(before[i], after[i])}" for i in changed)]
    if not (old_lines or new_lines):
        return "in another order", "in another order"
    return "\n".join(old_lines), "\n".join(new_lines)


def _region(region: Region) -> str:
    where = region.box and f" at {', '.join(f'{side:.4g}' for side in dict(region.box).values())}"
    return f"{region.category}{where or ''} ({region.source})"


def _parts(old: Region, new: Region) -> str:
    return ", ".join(name for name in Region.model_fields if getattr(old, name) != getattr(new, name))


def _words(value: Any) -> str:
    if value is None or value == [] or value == ():
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=_plain, ensure_ascii=False)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _plain(value: Any) -> Any:
    return value.model_dump(exclude_defaults=True)
