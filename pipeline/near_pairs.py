"""Pairs of hashes that differ in few bits, found without comparing all pairs: multi-index hashing in numpy.

A hash of 256 bits is cut into pieces (Norouzi, Punjani and Fleet 2012). Two hashes that differ in at most 31 bits
differ in at most t of the bits of some piece, where the pieces' allowances t are chosen so that exceeding all of them
takes 32 bits (the general pigeonhole principle of Qin et al. 2020). For every pattern of at most t flipped bits the
rows of each piece are looked up in a table of the rows in the order of that piece. It finds every pair: no recall
is lost. The cost grows with rows x patterns, and with the pairs that share a piece by chance; memory with the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BITS", "Indices", "Words", "hash_words", "near_between", "near_blocks"]

Words = NDArray[np.uint64]
"""Hashes of 256 bits, ``(n, 4)``, the first bit the highest of the first word."""
Indices = NDArray[np.int64]
Keys = NDArray[np.int64]
"""Values of one piece, as numpy indexes with."""

BITS = 256
MOST_BITS = 31
"""Largest distance that is searched for: what PDQ's authors call a match."""
MOST_PIECES, FEWEST_PIECES = 16, 11
"""Pieces of 16 to 24 bits: a table of 24 bits takes 64 MB, and one more would take twice that."""
BLOCK_PAIRS = 1 << 20
"""Pairs that are compared at once: bounds the memory, not the number of pairs."""
BLOCK_ROWS = 1 << 20
"""Rows that are looked up at once."""


class _Piece(NamedTuple):
    start: int
    """First bit, 0 the highest."""
    width: int
    flips: int
    """Bits in which two rows may differ within the piece."""


class _Table(NamedTuple):
    """Rows in the order of one piece."""

    order: Indices
    keys: Keys
    words: Words
    first: NDArray[np.int32]
    """For each value of the piece the position of its first row, and one more at the end."""
    is_taken: NDArray[np.bool_]
    """For each value whether a row has it: small enough to stay in the processor's cache."""


def hash_words(hashes: Iterable[bytes]) -> Words:
    """Hashes of 32 bytes, any number of them in each piece of ``hashes``, as ``(n, 4)`` uint64."""
    return np.frombuffer(b"".join(hashes), dtype=">u8").astype(np.uint64).reshape(-1, 4)


def near_blocks(words: Words, max_bits: int) -> Iterator[Indices]:
    """Blocks of pairs ``(i, j, distance)`` with ``i < j`` of rows that differ in at most ``max_bits`` (0 to 31) bits.

    Each block is ``(m, 3)`` int64 and of bounded size; a pair may come more than once.
    """
    for piece in _pieces(len(words), max_bits):
        table = _table(words, piece)
        for left, right in _within(table, piece):
            if len(block := _close(table.words, left, table.words, right, max_bits)):
                block[:, :2] = np.sort(table.order[block[:, :2]], axis=1)
                yield block


def near_between(words: Words, others: Words, max_bits: int, *, sure_bits: int | None = None) -> Iterator[Indices]:
    """The same for pairs of a row ``i`` of ``words`` and a row ``j`` of ``others``.

    With ``sure_bits`` below ``max_bits`` every pair of at most ``sure_bits`` is found, and most of the others: 21
    instead of 31 takes a tenth of the time, and finds 93 of 100 pairs that differ in 31 random bits, 99 of those in 25.
    """
    for piece in _pieces(len(words), max_bits if sure_bits is None else sure_bits):
        table = _table(words, piece)
        for start in range(0, len(others), BLOCK_ROWS):
            for block in _between(table, others[start : start + BLOCK_ROWS], piece, max_bits):
                block[:, 1] += start
                yield block


def _between(table: _Table, others: Words, piece: _Piece, max_bits: int) -> Iterator[Indices]:
    asked = _table(others, piece, has_index=False)
    everyone = np.arange(len(asked.keys))
    for mask in _patterns(piece):
        for left, right in _looked_up(table, everyone, asked.keys ^ mask):
            if len(block := _close(table.words, right, asked.words, left, max_bits)):
                block[:, 0], block[:, 1] = table.order[block[:, 0]], asked.order[block[:, 1]]
                yield block


def _pieces(rows: int, max_bits: int) -> list[_Piece]:
    """Pieces about as wide as the number of rows has bits, and three more, so that few rows meet by chance."""
    if not 0 <= max_bits <= MOST_BITS:
        raise ValueError(f"max_bits is {max_bits}, must be 0 to {MOST_BITS}")
    count = min(MOST_PIECES, max(FEWEST_PIECES, BITS // (max(1, rows).bit_length() + 3)))
    edges = [BITS * i // count for i in range(count + 1)]
    slots = [(max_bits + 1) // count + (i < (max_bits + 1) % count) for i in range(count)]
    return [_Piece(edges[i], edges[i + 1] - edges[i], slots[i] - 1) for i in range(count) if slots[i] and rows]


def _table(words: Words, piece: _Piece, *, has_index: bool = True) -> _Table:
    keys = _keys(words, piece)
    order = np.argsort(keys, kind="stable")
    counts = np.bincount(keys, minlength=1 << piece.width) if has_index else np.zeros(0, dtype=np.int64)
    first = np.zeros(len(counts) + 1, dtype=np.int32)
    np.cumsum(counts, out=first[1:])
    return _Table(order, keys[order], words[order], first, counts > 0)


def _keys(words: Words, piece: _Piece) -> Keys:
    word, bit = divmod(piece.start, 64)
    end = bit + piece.width
    high = words[:, word] << np.uint64(bit) >> np.uint64(64 - piece.width)
    if end > 64:
        high |= words[:, word + 1] >> np.uint64(128 - end)
    return high.astype(np.int64)


def _patterns(piece: _Piece) -> Iterator[int]:
    """Every pattern of at most ``flips`` bits, those with the same highest bit in a row."""
    yield 0
    for top in range(piece.width):
        for count in range(piece.flips):
            for below in combinations(range(top), count):
                yield sum(1 << bit for bit in (top, *below))


def _within(table: _Table, piece: _Piece) -> Iterator[tuple[Indices, Indices]]:
    """Positions of two rows of the table, each pair once: the first one lacks the pattern's highest bit."""
    everywhere = np.arange(len(table.keys))
    yield from _expanded(everywhere, everywhere + 1, table.first[table.keys + 1] - everywhere - 1)
    top = 0
    chosen: Indices = everywhere
    keys: Keys = table.keys
    for mask in _patterns(piece):
        if not mask:
            continue
        if mask.bit_length() != top:
            top = mask.bit_length()
            chosen = np.flatnonzero((table.keys & 1 << (top - 1)) == 0)
            keys = table.keys[chosen]
        yield from _looked_up(table, chosen, keys ^ mask)


def _looked_up(table: _Table, rows: Indices, wanted: Keys) -> Iterator[tuple[Indices, Indices]]:
    found = np.flatnonzero(table.is_taken[wanted])
    values = wanted[found]
    low = table.first[values].astype(np.int64)
    yield from _expanded(rows[found], low, table.first[values + 1] - low)


def _expanded(rows: Indices, low: Indices, counts: Indices) -> Iterator[tuple[Indices, Indices]]:
    """All ``(rows[i], low[i] + k)`` for ``k < counts[i]``, in blocks of bounded size."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(rows):
        base = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + BLOCK_PAIRS, "right")))
        some = counts[start:stop]
        left = np.repeat(rows[start:stop], some)
        within = np.arange(len(left)) - np.repeat(np.cumsum(some) - some, some)
        yield left, np.repeat(low[start:stop], some) + within
        start = stop


def _close(one: Words, left: Indices, other: Words, right: Indices, max_bits: int) -> Indices:
    """``(left, right, distance)`` of those that are; half of the bits rules out nearly all the others."""
    near = np.flatnonzero(_distance(one[left, :2], other[right, :2]) <= max_bits)
    left, right = left[near], right[near]
    distance = _distance(one[left], other[right])
    near = np.flatnonzero(distance <= max_bits)
    return np.stack([left[near], right[near], distance[near].astype(np.int64)], axis=1)


def _distance(one: Words, other: Words) -> NDArray[np.uint16]:
    counts = np.bitwise_count(one ^ other)
    total = counts[:, 0].astype(np.uint16)
    for column in range(1, counts.shape[1]):
        total += counts[:, column]
    return total
