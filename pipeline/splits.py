"""Which split each group goes to, and which shard each sample.

The rule for a group (docs/decisions/0012-splits-and-audit.md says why):

1. A group with a member of an unseen generator or source goes to the split that is kept for it, the first in the
   recipe.
2. Else a group whose members had a split in the version before keeps it, as long as the split has a weight and
   ``dataset.seed`` is the same; changed weights move nobody. Where such groups were joined meanwhile, all go where
   most of their earlier samples were (of equal numbers to the first by name): a move, which is told.
3. The others are dealt: stratum by stratum (modality, origin, generator, category), in each after those of rule 2
   and the larger groups first, else in the order of a hash of seed and name, each to the split that is furthest
   behind its weight in samples, over everything that was passed so far. So every stratum is divided by the
   weights to within a group or two, and a seed gives another division.
4. Where a split got no group of a modality that has at least as many groups as there are splits, the smallest dealt
   group of the split that has most of them moves there.

The result depends on the groups as a set, never on their order, and dealing again with the result as the version
before changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["Group", "dealt", "kept_split", "shard_of", "shards_for"]


class Group(NamedTuple):
    """Samples that stay together, as far as their split depends on it."""

    name: str
    size: int
    """Samples."""
    stratum: tuple[str, ...]
    """What is divided evenly, the modality first."""
    fixed: str | None = None
    """The split that it is kept for, or had before; None where it is dealt."""


def kept_split(earlier: Mapping[str, int], weights: Mapping[str, float]) -> str | None:
    """The split that members had before, by their numbers in each; None where no split of the recipe is among them.

    >>> kept_split({"test": 2, "train": 1, "gone": 9}, {"train": 0.5, "test": 0.5})
    'test'
    """
    known = [(-count, split) for split, count in earlier.items() if weights.get(split, 0) > 0]
    return min(known)[1] if known else None


def dealt(groups: Sequence[Group], weights: Mapping[str, float], seed: int) -> list[str]:
    """The split of each group, by rules 3 and 4."""
    order = sorted(range(len(groups)), key=lambda i: _turn(groups[i], seed))
    shares = {split: weight / sum(weights.values()) for split, weight in sorted(weights.items()) if weight > 0}
    behind = dict(shares)  # as if one sample had gone to a split that the seed drew
    behind[_drawn(shares, seed)] -= 1
    splits = [""] * len(groups)
    for i in order:
        group = groups[i]
        if group.fixed is not None and group.fixed not in shares:
            splits[i] = group.fixed
            continue
        for split, share in shares.items():
            behind[split] += share * group.size
        splits[i] = group.fixed or max(behind, key=behind.__getitem__)
        behind[splits[i]] -= group.size
    _fill(groups, splits, shares, seed)
    return splits


def _turn(group: Group, seed: int) -> tuple[tuple[str, ...], bool, int, bytes]:
    return group.stratum, group.fixed is None, -group.size, _digest(f"{seed}:{group.name}")


def _drawn(shares: Mapping[str, float], seed: int) -> str:
    share = int.from_bytes(_digest(f"first:{seed}"), "big") / 2**64
    for split, weight in shares.items():
        if share < weight:
            return split
        share -= weight
    return max(shares)


def _fill(groups: Sequence[Group], splits: list[str], shares: Mapping[str, float], seed: int) -> None:
    """Rule 4, modality by modality."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        if splits[i] in shares:
            members[group.stratum[0]].append(i)
    for _, mine in sorted(members.items()):
        while len(mine) >= len(shares) and (move := _missing(groups, splits, mine, shares, seed)):
            splits[move[0]] = move[1]


def _missing(
    groups: Sequence[Group], splits: list[str], mine: list[int], shares: Mapping[str, float], seed: int
) -> tuple[int, str] | None:
    """A group and the empty split that it moves to; None where no split is empty or none may be moved."""
    counts = Counter(splits[i] for i in mine)
    empty = [split for split in shares if not counts[split]]
    movable = [i for i in mine if groups[i].fixed is None and counts[splits[i]] > 1]
    if not empty or not movable:
        return None
    first = min(movable, key=lambda i: (-counts[splits[i]], groups[i].size, _digest(f"{seed}:{groups[i].name}")))
    return first, max(empty, key=shares.__getitem__)


def shard_of(sample_id: str, num_shards: int) -> int:
    """0-based shard of a sample; doubling the shards splits each in two."""
    return int.from_bytes(_digest(sample_id), "big") % num_shards


def shards_for(total_bytes: int, target_bytes: int) -> int:
    """The power of two at which a shard does not exceed the target on average.

    >>> [shards_for(n, 100) for n in (0, 100, 101, 400, 401)]
    [1, 1, 2, 4, 8]
    """
    needed = max(1, -(-total_bytes // target_bytes))
    return 1 << (needed - 1).bit_length()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
