"""Finalize's first step: which samples stay, who belongs together, which split and shard each goes to.

Works on a few columns of ``samples/``, not on whole samples, and knows no Beam: 10 million rows are
a few gigabytes of columns, one row is a few hundred bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.published import Config
from schemas.record import Assignment, Duplicate

from .counting import rejected_samples
from .grouping import as_edges, components, edges_of_equal
from .lookalikes import LookAlike, look_alikes
from .near_pairs import Indices
from .recipe import Recipe
from .seen import Seen, family_of, hashes_once, plain, seen_samples
from .splits import Group, dealt, kept_split, shard_of, shards_for
from .storage import RunFolder
from .tables import read_rows

__all__ = ["Move", "Place", "Plan", "assignments", "make_plan", "plan_of"]


class Place(NamedTuple):
    """Where a sample goes."""

    config: Config
    split: str
    shard: int
    group_id: str


class Move(NamedTuple):
    """Samples whose split is another one than in the version before."""

    group_id: str
    before: str
    after: str
    samples: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every kept sample's place, and what was found twice."""

    places: Mapping[str, Place]
    """By sample id."""
    shards: Mapping[str, int]
    """Number of shards of each ``CONFIG/SPLIT``."""
    duplicates: tuple[Duplicate, ...]
    """Exact duplicates, one per further item, then near ones: each with the earlier item that it resembles most."""
    moves: tuple[Move, ...] = ()
    """What could not keep its split: a group that was joined with a larger one, or that is held out now."""


def plan_of(run: RunFolder, recipe: Recipe, *, shards: Mapping[str, int] | None = None) -> Plan:
    """The plan of a run as its tables stand; splits of the version before are kept."""
    earlier = {row.sample_id: row.split for row in read_rows(run, "splits", Assignment) if row.seed == _seed(recipe)}
    return make_plan(seen_samples(run), recipe, rejected=rejected_samples(run), shards=shards, earlier=earlier)


def assignments(plan: Plan, recipe: Recipe) -> Iterator[Assignment]:
    """The splits for the next version to keep."""
    for sample_id, place in plan.places.items():
        yield Assignment(sample_id=sample_id, group_id=place.group_id, split=place.split, seed=_seed(recipe))


def make_plan(
    seen: Iterable[Seen],
    recipe: Recipe,
    *,
    rejected: frozenset[str] = frozenset(),
    shards: Mapping[str, int] | None = None,
    earlier: Mapping[str, str] | None = None,
) -> Plan:
    """Groups, splits and shards of all samples but the ``rejected`` ones; order of the rows does not matter.

    ``shards`` are the numbers of an earlier plan of the run. They stay, so that a fixed row changes one file, until
    the shards would be more than twice their target size: a pilot of twenty files must not decide for a million.
    ``earlier`` are the splits that samples had before; ``splits`` says who keeps them.
    """
    rows = sorted(seen, key=lambda s: (s.item_id, s.sample_id))
    kept: dict[str, Seen] = {}
    exact = [_exact(row, kept[row.sample_id]) for row in rows if kept.setdefault(row.sample_id, row) is not row]
    samples = sorted((s for s in kept.values() if s.sample_id not in rejected), key=lambda s: s.sample_id)
    by_name = sorted(samples, key=lambda s: s.item_id)
    bits = recipe.dataset.near_duplicate_bits
    once = list(hashes_once(by_name))
    alike = list(look_alikes([hashes for hashes, _ in once], [altered for _, altered in once], bits))
    component = _components(samples, rows, [(by_name[a.position].sample_id, a.clusters) for a in alike], recipe)
    groups = _groups(samples, rows, component)
    splits, moves = _splits(samples, rows, groups, recipe, earlier or {})
    numbers = _shard_numbers(samples, splits, recipe.dataset.shard_bytes, shards or {})
    places = {
        s.sample_id: Place(s.config, split, shard_of(s.sample_id, numbers[f"{s.config}/{split}"]), group)
        for s, split, group in zip(samples, splits, groups, strict=True)
    }
    near = [_near(by_name[a.position], by_name[a.closest], a) for a in alike if a.closest != a.position]
    return Plan(places=places, shards=numbers, duplicates=(*exact, *near), moves=moves)


def _seed(recipe: Recipe) -> int:
    return recipe.dataset.seed


def _exact(row: Seen, kept: Seen) -> Duplicate:
    return Duplicate(item_id=row.item_id, sample_id=kept.sample_id, kept_item_id=kept.item_id, kind="exact")


def _near(row: Seen, kept: Seen, alike: LookAlike) -> Duplicate:
    return Duplicate(
        item_id=row.item_id,
        sample_id=kept.sample_id,
        kept_item_id=kept.item_id,
        kind="near",
        distance=alike.distance,
        is_altered=alike.is_altered,
    )


def _components(
    samples: Sequence[Seen], rows: Sequence[Seen], alike: Sequence[tuple[str, tuple[int, ...]]], recipe: Recipe
) -> Indices:
    """Number of the group of each sample."""
    index = {sample.sample_id: i for i, sample in enumerate(samples)}
    present = [(index[row.sample_id], row) for row in rows if row.sample_id in index]
    edges = list(edges_of_equal((index[sample_id], cluster) for sample_id, found in alike for cluster in found))
    edges += edges_of_equal((i, row.group_id) for i, row in present)
    edges += edges_of_equal((i, row.pair_id) for i, row in present)
    edges += edges_of_equal((i, asset) for i, row in present for asset in row.asset_ids)
    for family in recipe.dataset.group_by:
        edges += edges_of_equal((i, family_of(row, family)) for i, row in present)
    return components(len(samples), as_edges(edges))


def _groups(samples: Sequence[Seen], rows: Sequence[Seen], component: Indices) -> list[str]:
    """A name per sample: the stated group where its whole component states one, else the smallest sample id."""
    number_of = {s.sample_id: number for s, number in zip(samples, component.tolist(), strict=True)}
    stated: dict[int, set[str | None]] = {}
    for row in rows:
        if row.sample_id in number_of:
            stated.setdefault(number_of[row.sample_id], set()).add(row.group_id)
    names: dict[int, str] = {}
    for sample, number in zip(samples, component.tolist(), strict=True):
        names.setdefault(number, _name(stated[number], sample))
    return [names[number] for number in component.tolist()]


def _splits(
    samples: Sequence[Seen], rows: Sequence[Seen], groups: Sequence[str], recipe: Recipe, earlier: Mapping[str, str]
) -> tuple[list[str], tuple[Move, ...]]:
    """The split of each sample, and who had another one before."""
    held = _held_out(samples, rows, groups, recipe)
    before: dict[str, Counter[str]] = {}
    for sample, group in zip(samples, groups, strict=True):
        if sample.sample_id in earlier:
            before.setdefault(group, Counter())[earlier[sample.sample_id]] += 1
    members: dict[str, list[Seen]] = {}
    for sample, group in zip(samples, groups, strict=True):
        members.setdefault(group, []).append(sample)
    common = Counter(category for sample in samples for category in sample.categories)
    fixed = {name: held.get(name) or kept_split(before.get(name, {}), recipe.splits) for name in members}
    facts = [Group(name, len(found), _stratum(found, common), fixed[name]) for name, found in members.items()]
    split_of = dict(zip(members, dealt(facts, recipe.splits, _seed(recipe)), strict=True))
    moves = sorted(
        Move(name, split, split_of[name], count)
        for name, counts in before.items()
        for split, count in counts.items()
        if split != split_of[name]
    )
    return [split_of[group] for group in groups], tuple(moves)


def _held_out(samples: Sequence[Seen], rows: Sequence[Seen], groups: Sequence[str], recipe: Recipe) -> dict[str, str]:
    """The unseen split of each group that has one: any item of any member decides, and the recipe's order."""
    found: dict[str, int] = {}
    group_of = {sample.sample_id: group for sample, group in zip(samples, groups, strict=True)}
    wanted = [(frozenset(map(plain, u.generators)), frozenset(map(plain, u.sources))) for u in recipe.unseen]
    for row in rows if wanted else ():
        names = {plain(row.generator), plain(f"{row.generator} {row.version}")} - {""}
        for number, (generators, sources) in enumerate(wanted):
            if row.sample_id in group_of and (names & generators or plain(row.source) in sources):
                group = group_of[row.sample_id]
                found[group] = min(number, found.get(group, number))
    return {group: recipe.unseen[number].split for group, number in found.items()}


def _stratum(members: Sequence[Seen], common: Mapping[str, int]) -> tuple[str, ...]:
    """Modality, origin, generator and the rarest category of a group; several of one kind are joined."""
    rarest = min({c for s in members for c in s.categories}, key=lambda c: (common[c], c), default="")
    kinds = ({s.config for s in members}, {s.origin for s in members}, {s.generator for s in members})
    return (*("+".join(sorted(kind)) for kind in kinds), rarest)


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
