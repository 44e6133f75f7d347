"""Near pairs against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.near_pairs import hash_words, near_between, near_blocks


def every(blocks: list[np.ndarray]) -> list[list[int]]:
    """All blocks, each pair once."""
    return np.unique(np.concatenate([np.empty((0, 3), dtype=np.int64), *blocks]), axis=0).tolist()


def near_pairs(words: np.ndarray, max_bits: int) -> list[list[int]]:
    return every(list(near_blocks(words, max_bits)))


def bits_between(one: np.ndarray, other: np.ndarray) -> int:
    return sum(int(a ^ b).bit_count() for a, b in zip(one.tolist(), other.tolist(), strict=True))


def all_pairs(words: np.ndarray, max_bits: int) -> list[list[int]]:
    """The oracle: every pair, one by one."""
    pairs = ((i, j, bits_between(words[i], words[j])) for i in range(len(words)) for j in range(i + 1, len(words)))
    return [[i, j, distance] for i, j, distance in pairs if distance <= max_bits]


def turned(words: np.ndarray, row: int, bits: np.ndarray) -> None:
    for bit in bits.tolist():
        words[row, bit // 64] ^= np.uint64(1 << (63 - bit % 64))


def related(seed: int, rows: int = 30, most: int = 41) -> np.ndarray:
    """Hashes most of which are earlier ones with fewer than ``most`` bits turned."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**64, (rows, 4), dtype=np.uint64)
    for row in range(rows // 3, rows):
        words[row] = words[rng.integers(0, row)]
        turned(words, row, rng.choice(256, rng.integers(0, most), replace=False))
    return words


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 31))
def test_near_pairs_are_all_pairs_within_the_distance(seed: int, max_bits: int) -> None:
    words = related(seed)
    assert near_pairs(words, max_bits) == all_pairs(words, max_bits)


@pytest.mark.parametrize("rows", [3_000, 20_000])
def test_pieces_that_depend_on_the_number_of_rows_lose_nothing(rows: int) -> None:
    words = np.random.default_rng(rows).integers(0, 2**64, (rows, 4), dtype=np.uint64)
    words[:20] = 0
    for row in range(20):  # in one spot, so that one piece takes all of it, and spread, so that each takes its part
        bits = np.arange(12 * row, 12 * row + 16) if row % 2 else np.arange(row // 2, 256, 17)
        turned(words, row, bits[bits < 256])
    assert near_pairs(words, 31) == all_pairs(words[:20], 31)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.integers(0, 25))
def test_pairs_between_two_tables_are_all_pairs(seed: int, max_bits: int, cut: int) -> None:
    words = related(seed)
    expected = [[i, j - cut, d] for i, j, d in all_pairs(words, max_bits) if i < cut <= j]
    assert every(list(near_between(words[:cut], words[cut:], max_bits))) == expected


def test_rows_that_are_looked_up_in_blocks_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    words = related(5)
    whole = every(list(near_between(words[:9], words[9:], 31)))
    monkeypatch.setattr("pipeline.near_pairs.BLOCK_ROWS", 4)
    assert len(whole) > 3
    assert every(list(near_between(words[:9], words[9:], 31))) == whole


def test_all_pairs_that_are_sure_are_found_and_most_of_the_others() -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2**64, (2_000, 4), dtype=np.uint64)
    others, distances = words.copy(), np.tile([21, 25, 31, 32], 500)
    for row, distance in enumerate(distances.tolist()):
        turned(others, row, rng.choice(256, distance, replace=False))
    found = {i: d for i, j, d in every(list(near_between(words, others, 31, sure_bits=21))) if i == j}
    share = {d: sum(found.get(i) == d for i in np.flatnonzero(distances == d).tolist()) / 500 for d in (21, 25, 31, 32)}
    assert share[21] == 1
    assert share[25] > 0.97
    assert share[31] > 0.88
    assert share[32] == 0


def test_a_pair_whose_every_16_bits_differ_by_one_is_found() -> None:
    words = np.zeros((2, 4), dtype=np.uint64)
    words[1] = 0x0001_0001_0001_0001
    assert near_pairs(words, 16) == [[0, 1, 16]]
    assert near_pairs(words, 15) == []


def test_distance_31_is_found_and_32_refused() -> None:
    words = np.zeros((2, 4), dtype=np.uint64)
    words[1] = 0x0003_0003_0003_0003
    words[1, 0] = 0x0001_0003_0003_0003
    assert near_pairs(words, 31) == [[0, 1, 31]]
    assert near_pairs(words, 30) == []
    with pytest.raises(ValueError, match="must be 0 to 31"):
        near_pairs(words, 32)


def test_many_equal_hashes_are_expanded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.near_pairs.BLOCK_PAIRS", 7)
    words = np.zeros((12, 4), dtype=np.uint64)
    blocks = list(near_blocks(words, 0))
    assert max(map(len, blocks)) <= 11  # one row's pairs are never cut
    assert every(blocks) == [[i, j, 0] for i in range(12) for j in range(i + 1, 12)]


@pytest.mark.parametrize("rows", [0, 1])
def test_there_are_no_pairs_of_fewer_than_two(rows: int) -> None:
    assert near_pairs(np.zeros((rows, 4), dtype=np.uint64), 31) == []


def test_hash_words_keep_the_order_of_digits() -> None:
    digits = ["0001" + "0" * 56 + "fffe", "f" * 64]
    expected = [[1 << 48, 0, 0, 0xFFFE], [2**64 - 1] * 4]
    assert hash_words([bytes.fromhex("".join(digits))]).tolist() == expected
    assert hash_words(bytes.fromhex(text) for text in digits).tolist() == expected
    assert hash_words([]).shape == (0, 4)
