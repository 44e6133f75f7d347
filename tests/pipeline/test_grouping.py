"""Near pairs against all pairs, components against a search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.grouping import as_edges, components, edges_of_equal, hash_words, joined, near_blocks


def near_pairs(words: np.ndarray, max_bits: int) -> np.ndarray:
    """All blocks, each pair once."""
    blocks = list(near_blocks(words, max_bits))
    return np.unique(np.concatenate(blocks), axis=0) if blocks else np.empty((0, 3), dtype=np.int64)


def all_pairs(words: np.ndarray, max_bits: int) -> list[list[int]]:
    """The oracle: every pair, one by one."""
    found = []
    for i in range(len(words)):
        for j in range(i + 1, len(words)):
            distance = sum(int(a ^ b).bit_count() for a, b in zip(words[i].tolist(), words[j].tolist(), strict=True))
            if distance <= max_bits:
                found.append([i, j, distance])
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 31))
def test_near_pairs_are_all_pairs_within_the_distance(seed: int, max_bits: int) -> None:
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**16, (30, 16), dtype=np.uint16)
    for row in range(10, 30):  # most rows are earlier ones with up to 40 bits turned
        words[row] = words[rng.integers(0, row)]
        for bit in rng.choice(256, rng.integers(0, 41), replace=False):
            words[row, bit // 16] ^= np.uint16(1 << (bit % 16))
    assert near_pairs(words, max_bits).tolist() == all_pairs(words, max_bits)


def test_a_pair_whose_every_piece_differs_by_one_bit_is_found() -> None:
    words = np.zeros((2, 16), dtype=np.uint16)
    words[1] = 1
    assert near_pairs(words, 16).tolist() == [[0, 1, 16]]
    assert near_pairs(words, 15).tolist() == []


def test_distance_31_is_found_and_32_refused() -> None:
    words = np.zeros((2, 16), dtype=np.uint16)
    words[1] = 3
    words[1, 0] = 1
    assert near_pairs(words, 31).tolist() == [[0, 1, 31]]
    with pytest.raises(ValueError, match="must be 0 to 31"):
        near_pairs(words, 32)


def test_many_equal_hashes_are_expanded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.grouping.BLOCK_PAIRS", 7)
    words = np.zeros((12, 16), dtype=np.uint16)
    assert near_pairs(words, 0).tolist() == [[i, j, 0] for i in range(12) for j in range(i + 1, 12)]


def test_hash_words_keep_the_order_of_digits() -> None:
    assert hash_words(["0001" + "0" * 56 + "fffe"]).tolist() == [[1, *[0] * 14, 0xFFFE]]
    assert hash_words([]).shape == (0, 16)


def test_equal_values_are_joined_and_none_is_not() -> None:
    edges = list(edges_of_equal([(0, "x"), (1, None), (2, "x"), (3, "y"), (4, None)]))
    labels = components(5, as_edges(edges))
    assert [int(label) for label in labels] == [labels[0], labels[1], labels[0], labels[3], labels[4]]
    assert len(set(labels.tolist())) == 4


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_components_are_what_a_search_reaches(edges: list[tuple[int, int]]) -> None:
    labels = components(10, as_edges(edges))
    halves = joined(joined(np.arange(10), as_edges(edges[:6])), as_edges(edges[6:]))
    assert (halves[:, None] == halves).tolist() == (labels[:, None] == labels).tolist()
    for start in range(10):
        reached, border = {start}, [start]
        while border:
            node = border.pop()
            for a, b in edges:
                for here, there in ((a, b), (b, a)):
                    if here == node and there not in reached:
                        reached.add(there)
                        border.append(there)
        assert {i for i in range(10) if labels[i] == labels[start]} == reached
