"""Finalize's first step: which samples stay, who belongs together, which split and shard each goes to.

Works on a few columns of ``samples/``, not on whole samples, and knows no Beam: 10 million rows are
a few gigabytes of columns, one row is a few hundred bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.arrow import CONFIG_OF, Config
from schemas.record import Duplicate

from .grouping import as_edges, components, edges_of_equal
from .lookalikes import look_alikes
from .recipe import Recipe
from .splits import shard_of, shards_for, split_of
from .storage import RunFolder
from .tables import read_batches

__all__ = ["Place", "Plan", "Seen", "make_plan", "seen_samples"]

COLUMNS = ("sample_id", "item_id", "group_id", "pair_id", "assets")


class Seen(NamedTuple):
    """The few facts of one row of ``samples/`` that decide its place."""

    sample_id: str
    item_id: str
    group_id: str | None
    pair_id: str | None
    asset_ids: tuple[str, ...]
    hashes: tuple[str, ...]
    config: Config
    byte_size: int


class Place(NamedTuple):
    """Where a sample goes."""

    config: Config
    split: str
    shard: int
    group_id: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every kept sample's place, and what was found twice."""

    places: Mapping[str, Place]
    """By sample id."""
    shards: Mapping[str, int]
    """Number of shards of each ``CONFIG/SPLIT``."""
    duplicates: tuple[Duplicate, ...]
    """Exact duplicates, one per further item, then near ones: each with the earlier item that it resembles most."""


def seen_samples(run: RunFolder) -> Iterator[Seen]:
    """The rows of ``samples/`` as far as the plan needs them."""
    for batch in read_batches(run, "samples", COLUMNS):
        for row in batch.to_pylist():
            yield _seen(row)


def make_plan(
    seen: Iterable[Seen],
    recipe: Recipe,
    *,
    rejected: frozenset[str] = frozenset(),
    shards: Mapping[str, int] | None = None,
) -> Plan:
    """Groups, splits and shards of all samples but the ``rejected`` ones; order of the rows does not matter.

    ``shards`` are the numbers of an earlier plan of the run. They stay, so that a fixed row changes one file, until
    the shards would be more than twice their target size: a pilot of twenty files must not decide for a million.
    """
    rows = sorted(seen, key=lambda s: (s.item_id, s.sample_id))
    kept: dict[str, Seen] = {}
    exact = [_exact(row, kept[row.sample_id]) for row in rows if kept.setdefault(row.sample_id, row) is not row]
    samples = sorted((s for s in kept.values() if s.sample_id not in rejected), key=lambda s: s.sample_id)
    by_name = sorted(samples, key=lambda s: s.item_id)
    alike = list(look_alikes([s.hashes for s in by_name], recipe.dataset.near_duplicate_bits))
    groups = _groups(samples, rows, [(by_name[a.position].sample_id, a.clusters) for a in alike])
    splits = [split_of(group, recipe.splits, recipe.dataset.seed) for group in groups]
    numbers = _shard_numbers(samples, splits, recipe.dataset.shard_bytes, shards or {})
    places = {
        s.sample_id: Place(s.config, split, shard_of(s.sample_id, numbers[f"{s.config}/{split}"]), group)
        for s, split, group in zip(samples, splits, groups, strict=True)
    }
    near = [_near(by_name[a.position], by_name[a.closest], a.distance) for a in alike if a.closest != a.position]
    return Plan(places=places, shards=numbers, duplicates=(*exact, *near))


def _seen(row: Mapping[str, Any]) -> Seen:
    assets = row["assets"]
    kind = next(kind for kind in CONFIG_OF if assets[0]["media"][kind] is not None)
    return Seen(
        sample_id=row["sample_id"],
        item_id=row["item_id"],
        group_id=row["group_id"],
        pair_id=row["pair_id"],
        asset_ids=tuple(asset["asset_id"] for asset in assets),
        hashes=tuple(text for asset in assets for text in asset["perceptual_hashes"]),
        config=CONFIG_OF[kind],
        byte_size=sum(asset["byte_size"] for asset in assets),
    )


def _exact(row: Seen, kept: Seen) -> Duplicate:
    return Duplicate(item_id=row.item_id, sample_id=kept.sample_id, kept_item_id=kept.item_id, kind="exact")


def _near(row: Seen, kept: Seen, distance: int) -> Duplicate:
    return Duplicate(
        item_id=row.item_id, sample_id=kept.sample_id, kept_item_id=kept.item_id, kind="near", distance=distance
    )


def _groups(samples: list[Seen], rows: list[Seen], alike: list[tuple[str, tuple[int, ...]]]) -> list[str]:
    """A name per sample: the stated group where its whole component states one, else the smallest sample id."""
    index = {sample.sample_id: i for i, sample in enumerate(samples)}
    present = [(index[row.sample_id], row) for row in rows if row.sample_id in index]
    edges = list(edges_of_equal((index[sample_id], cluster) for sample_id, found in alike for cluster in found))
    edges += edges_of_equal((i, row.group_id) for i, row in present)
    edges += edges_of_equal((i, row.pair_id) for i, row in present)
    edges += edges_of_equal((i, asset) for i, row in present for asset in row.asset_ids)
    component = components(len(samples), as_edges(edges))
    stated: dict[int, set[str | None]] = {}
    for i, row in present:
        stated.setdefault(int(component[i]), set()).add(row.group_id)
    names: dict[int, str] = {}
    for i, sample in enumerate(samples):
        names.setdefault(int(component[i]), _name(stated[int(component[i])], sample))
    return [names[int(number)] for number in component]


def _name(stated: set[str | None], first: Seen) -> str:
    (only, *others) = stated
    return only if only is not None and not others else first.sample_id


def _shard_numbers(samples: list[Seen], splits: list[str], target: int, fixed: Mapping[str, int]) -> dict[str, int]:
    total: dict[str, int] = {}
    for sample, split in zip(samples, splits, strict=True):
        key = f"{sample.config}/{split}"
        total[key] = total.get(key, 0) + sample.byte_size
    return {key: _shard_number(size, target, fixed.get(key, 0)) for key, size in sorted(total.items())}


def _shard_number(size: int, target: int, fixed: int) -> int:
    return fixed if fixed and size <= 2 * fixed * target else shards_for(size, target)
