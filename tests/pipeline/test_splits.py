"""Splits and shards are functions of ids: pinned values, since a change would reshuffle every dataset."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.splits import shard_of, shards_for, split_of

PINNED_SPLITS = [
    "train",
    "validation",
    "train",
    "test",
    "train",
    "train",
    "train",
    "test",
    "train",
    "train",
    "train",
    "train",
]
PINNED_SHARDS = [5, 6, 4, 1, 6, 0, 4, 2, 2, 5, 4, 6]
WEIGHTS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_assignment_is_pinned() -> None:
    assert [split_of(str(i), WEIGHTS) for i in range(12)] == PINNED_SPLITS
    assert [shard_of(str(i), 8) for i in range(12)] == PINNED_SHARDS


def test_weights_are_met_within_three_standard_deviations() -> None:
    counts = Counter(split_of(f"group {i}", WEIGHTS) for i in range(20_000))
    assert abs(counts["train"] - 16_000) < 3 * (20_000 * 0.8 * 0.2) ** 0.5
    assert abs(counts["test"] - 2_000) < 3 * (20_000 * 0.1 * 0.9) ** 0.5


def test_the_order_in_which_weights_are_written_does_not_matter() -> None:
    turned = dict(reversed(WEIGHTS.items()))
    assert [split_of(str(i), turned) for i in range(200)] == [split_of(str(i), WEIGHTS) for i in range(200)]


def test_a_seed_gives_another_assignment() -> None:
    first = [split_of(str(i), WEIGHTS, seed=0) for i in range(50)]
    assert first != [split_of(str(i), WEIGHTS, seed=1) for i in range(50)]


@given(st.text())
def test_a_split_without_weight_gets_nothing(group: str) -> None:
    assert split_of(group, {"none": 0.0, "all": 2.0, "nothing": 0.0}) == "all"


@given(st.text(), st.integers(0, 6))
def test_doubling_the_shards_splits_each_in_two(sample_id: str, power: int) -> None:
    assert shard_of(sample_id, 2 << power) % (1 << power) == shard_of(sample_id, 1 << power)


@given(st.integers(0, 10**12), st.integers(1, 10**9))
def test_shard_numbers_are_the_smallest_sufficient_power_of_two(total: int, target: int) -> None:
    number = shards_for(total, target)
    assert number & (number - 1) == 0
    assert number * target >= total
    assert number == 1 or (number // 2) * target < total
