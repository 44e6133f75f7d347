"""Which split and shard a sample belongs to: a function of its group and id, stable when data are added."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

__all__ = ["shard_of", "shards_for", "split_of"]


def split_of(group_id: str, weights: Mapping[str, float], seed: int = 0) -> str:
    """The split of a whole group: its hash in [0, 1) against the weights, cumulated by ascending name.

    >>> split_of("a", {"train": 1.0, "test": 0.0})
    'train'
    """
    share = _unit(f"{seed}:{group_id}") * sum(weights.values())
    last = ""
    for name, weight in sorted(weights.items()):
        if weight <= 0:
            continue
        last = name
        if share < weight:
            return name
        share -= weight
    return last


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


def _unit(text: str) -> float:
    return int.from_bytes(_digest(text), "big") / 2**64
