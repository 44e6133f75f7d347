"""Samples that look alike: who belongs together, and which earlier sample each one resembles most.

Equal hashes are compared once, and a burst of k look-alikes gives k rows, not k² pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .grouping import Indices, hash_words, joined, near_blocks

__all__ = ["LookAlike", "look_alikes"]

FAR = 1 << 62


class LookAlike(NamedTuple):
    """A sample and what it resembles, by their positions."""

    position: int
    """The sample."""
    closest: int
    """The earlier sample that it resembles most; its own position where there is none."""
    distance: int
    """Bits in which their closest hashes differ."""
    clusters: tuple[int, ...]
    """Numbers of the clusters that its hashes belong to: samples with a number in common belong together."""


def look_alikes(hashes: Sequence[tuple[str, ...]], max_bits: int) -> Iterator[LookAlike]:
    """One LookAlike for each sample that has a hash, in order; hashes of one sample are not compared."""
    owners: dict[str, int] = {}
    for position, found in enumerate(hashes):
        for text in found:
            owners.setdefault(text, position)
    first = np.fromiter(owners.values(), dtype=np.int64, count=len(owners))
    clusters, ranks = _compared(list(owners), first, len(hashes), max_bits)
    number = dict(zip(owners, range(len(owners)), strict=True))
    for position, found in enumerate(hashes):
        if found:
            mine = [number[text] for text in found]
            rank = min([int(first[n]) for n in mine if first[n] < position] or [int(min(ranks[n] for n in mine))])
            distance, closest = divmod(rank, len(hashes)) if rank < FAR else (0, position)
            yield LookAlike(position, closest, distance, tuple(int(clusters[n]) for n in mine))


def _compared(texts: list[str], first: Indices, size: int, max_bits: int) -> tuple[Indices, Indices]:
    """Cluster of every hash, and its best ``distance * size + position`` of an earlier sample, FAR where none."""
    clusters: Indices = np.arange(len(first))
    ranks: Indices = np.full(len(first), FAR)
    for block in near_blocks(hash_words(texts), max_bits):
        clusters = joined(clusters, block[:, :2])
        for one, other in ((block[:, 0], block[:, 1]), (block[:, 1], block[:, 0])):
            earlier = first[other] < first[one]
            np.minimum.at(ranks, one[earlier], block[earlier, 2] * size + first[other[earlier]])
    return clusters, ranks
