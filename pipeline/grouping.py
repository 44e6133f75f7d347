"""Which samples belong together: duplicates, look-alikes, pairs and stated groups, joined.

Near duplicates are PDQ hashes that differ in at most 31 of 256 bits (the threshold of the hash's
authors). They are found without comparing all pairs: two such hashes agree to within one bit in at
least one of sixteen 16-bit pieces, because 16 pieces with two or more differing bits make 32.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_edges", "components", "edges_of_equal", "hash_words", "joined", "near_blocks"]

Words = NDArray[np.uint16]
"""PDQ hashes, ``(n, 16)``."""
Indices = NDArray[np.int64]

PIECES = 16
BLOCK_PAIRS = 1 << 20
FLIPS = np.array([0, *(1 << bit for bit in range(16))], dtype=np.uint16)


def hash_words(hashes: Sequence[str]) -> Words:
    """Hex PDQ hashes as ``(n, 16)`` uint16."""
    data = b"".join(bytes.fromhex(text) for text in hashes)
    return np.frombuffer(data, dtype=">u2").astype(np.uint16).reshape(-1, PIECES)


def near_blocks(words: Words, max_bits: int) -> Iterator[Indices]:
    """Blocks of pairs ``(i, j, distance)`` with ``i < j`` of rows that differ in at most ``max_bits`` (0 to 31) bits.

    ``words`` is ``(n, 16)`` uint16, each block ``(m, 3)`` int64 of bounded size; a pair may come more than once. Cost
    grows with the number of rows that share a piece, not with all pairs.
    """
    if not 0 <= max_bits < 2 * PIECES:
        raise ValueError(f"max_bits is {max_bits}, must be 0 to {2 * PIECES - 1}")
    for left, right in _sharing_a_piece(words):
        if len(block := _close(words, left, right, max_bits)):
            yield block


def joined(labels: Indices, pairs: Indices) -> Indices:
    """Component labels ``(n,)`` after the nodes of each pair ``(m, 2)`` are joined too."""
    edges = labels[pairs]
    edges = np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0)
    return components(len(labels), edges)[labels] if len(edges) else labels


def components(size: int, edges: Indices) -> Indices:
    """Component number of each of ``size`` nodes, ``(size,)``: nodes on a path of ``(m, 2)`` edges share one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def as_edges(pairs: Iterable[tuple[int, int]]) -> Indices:
    """Pairs as ``(m, 2)`` int64."""
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)


def edges_of_equal(values: Iterable[tuple[int, Hashable | None]]) -> Iterator[tuple[int, int]]:
    """Edges that join the nodes of each equal value; None joins nothing."""
    first: dict[Hashable, int] = {}
    for node, value in values:
        if value is not None:
            yield node, first.setdefault(value, node)


def _sharing_a_piece(words: Words) -> Iterator[tuple[Indices, Indices]]:
    for piece in range(PIECES):
        values = words[:, piece]
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        for flip in FLIPS:
            wanted = values ^ flip
            low = np.searchsorted(ordered, wanted, "left")
            yield from _expanded(order, low, np.searchsorted(ordered, wanted, "right") - low)


def _expanded(order: Indices, low: Indices, counts: Indices) -> Iterator[tuple[Indices, Indices]]:
    """All ``(row, order[low + k])`` for ``k < counts[row]``, in blocks of bounded size."""
    rows = np.flatnonzero(counts)
    ends = np.cumsum(counts[rows])
    start = 0
    while start < len(rows):
        base = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + BLOCK_PAIRS, "right")))
        chosen = rows[start:stop]
        left = np.repeat(chosen, counts[chosen])
        within = np.arange(len(left)) - np.repeat(np.cumsum(counts[chosen]) - counts[chosen], counts[chosen])
        yield left, order[np.repeat(low[chosen], counts[chosen]) + within]
        start = stop


def _close(words: Words, left: Indices, right: Indices, max_bits: int) -> Indices:
    ascending = left < right
    left, right = left[ascending], right[ascending]
    distance = np.bitwise_count(words[left] ^ words[right]).sum(axis=1, dtype=np.int64)
    near = distance <= max_bits
    return np.stack([left[near], right[near], distance[near]], axis=1)
