"""Samples that look alike: who belongs together, and which earlier sample each one resembles most.

Equal hashes are compared once, and a burst of k look-alikes gives k rows, not k² pairs. Beside the hashes that a
sample has, those count that mirrored or cropped copies of it would have. A copy that is both needs no hash of its own:
its mirrored copy is a cropped one of the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .grouping import joined
from .near_pairs import Indices, Words, hash_words, near_between, near_blocks

__all__ = ["HASH_BYTES", "SURE_BITS", "LookAlike", "look_alikes"]

HASH_BYTES = 32
SURE_BITS = 21
"""Up to this distance every mirrored or cropped copy is found, beyond it nearly every one: a tenth of the work."""
FAR = 1 << 62
PAIRS_AT_ONCE = 1 << 20
"""Pairs that are joined at once: every time costs as much as there are hashes."""


class _Copies(NamedTuple):
    """What altered copies of the samples would have."""

    words: Words
    owner: Indices
    """Number of the first hash of the sample that each one is of."""
    mirrored: Indices
    """Rows of ``words``: the first one of each sample, that of the mirrored copy."""


class LookAlike(NamedTuple):
    """A sample and what it resembles, by their positions."""

    position: int
    """The sample."""
    closest: int
    """The earlier sample that it resembles most; its own position where there is none."""
    distance: int
    """Bits in which their closest hashes differ."""
    is_altered: bool
    """Whether any of these is the hash of a mirrored or cropped copy."""
    clusters: tuple[int, ...]
    """Numbers of the clusters that its hashes belong to: samples with a number in common belong together."""


def look_alikes(hashes: Sequence[bytes], altered: Sequence[bytes], max_bits: int) -> Iterator[LookAlike]:
    """One LookAlike for each sample that has a hash, in order; hashes of one sample are not compared.

    ``hashes`` and ``altered`` hold the hashes of each sample and of its altered copies, the mirrored one first,
    HASH_BYTES each, in a row.
    """
    owner = np.repeat(np.arange(len(hashes)), [len(found) // HASH_BYTES for found in hashes])
    words, first, number = _distinct(hash_words(hashes), owner)
    copies = _copies(altered, number, owner)
    clusters, ranks = _compared(words, first, copies, len(hashes), max_bits)
    start = 0
    for position, found in enumerate(hashes):
        mine = number[start : start + len(found) // HASH_BYTES]
        start += len(mine)
        if len(mine):
            equal = int(first[mine].min())
            rank = equal if equal < position else int(ranks[mine].min())
            bits, closest = divmod(rank, len(hashes)) if rank < FAR else (0, position)
            yield LookAlike(position, closest, bits // 2, bool(bits % 2), tuple(dict.fromkeys(clusters[mine].tolist())))


def _distinct(words: Words, owner: Indices) -> tuple[Words, Indices, Indices]:
    """The distinct hashes, the position of the first sample that has each, and the number of every hash among them."""
    order = np.lexsort(words.T[::-1])  # stable: of equal ones the first sample's stays in front
    is_new = np.ones(len(words), dtype=np.bool_)
    is_new[1:] = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    number = np.empty(len(words), dtype=np.int64)
    number[order] = np.cumsum(is_new) - 1
    return words[order[is_new]], owner[order[is_new]], number


def _copies(altered: Sequence[bytes], number: Indices, owner: Indices) -> _Copies:
    """Hashes of the copies of every sample that has a hash."""
    heads = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else owner
    shown = owner[heads].tolist()
    counts = np.array([len(altered[position]) // HASH_BYTES for position in shown], dtype=np.int64)
    first = np.cumsum(counts) - counts
    return _Copies(
        hash_words(altered[position] for position in shown), np.repeat(number[heads], counts), first[counts > 0]
    )


def _compared(words: Words, first: Indices, copies: _Copies, size: int, max_bits: int) -> tuple[Indices, Indices]:
    """Cluster of every distinct hash, and its best ``(2 * distance + is_altered) * size + position`` of an earlier
    sample, FAR where there is none."""
    clusters: Indices = np.arange(len(first))
    ranks: Indices = np.full(len(first), FAR)
    waiting, count = list[Indices](), 0
    for pairs, bits in _pairs(words, copies, max_bits):
        waiting.append(pairs)
        count += len(pairs)
        if count >= PAIRS_AT_ONCE:
            clusters, waiting, count = joined(clusters, np.concatenate(waiting)), [], 0
        for one, other in ((pairs[:, 0], pairs[:, 1]), (pairs[:, 1], pairs[:, 0])):
            earlier = first[other] < first[one]
            np.minimum.at(ranks, one[earlier], bits[earlier] * size + first[other[earlier]])
    return joined(clusters, np.concatenate([np.empty((0, 2), dtype=np.int64), *waiting])), ranks


def _pairs(words: Words, copies: _Copies, max_bits: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of hash numbers, and twice their distance, one more where it is that of an altered copy."""
    for block in near_blocks(words, max_bits):
        yield block[:, :2], 2 * block[:, 2]
    sure_bits = min(SURE_BITS, max_bits)
    for block in near_between(words, copies.words, max_bits, sure_bits=sure_bits):
        yield np.stack([block[:, 0], copies.owner[block[:, 1]]], axis=1), 2 * block[:, 2] + 1
    mirrored = copies.owner[copies.mirrored]
    for block in near_between(copies.words[copies.mirrored], copies.words, max_bits, sure_bits=sure_bits):
        pairs = np.stack([mirrored[block[:, 0]], copies.owner[block[:, 1]]], axis=1)
        others = pairs[:, 0] != pairs[:, 1]
        yield pairs[others], 2 * block[others, 2] + 1
