"""Groups are dealt to splits evenly, and keep what they got; shards are functions of ids, pinned."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.splits import Group, dealt, kept_split, shard_of, shards_for

PINNED_SHARDS = [5, 6, 4, 1, 6, 0, 4, 2, 2, 5, 4, 6]
WEIGHTS = {"train": 0.8, "validation": 0.1, "test": 0.1}

names = st.text(max_size=6)
groups_of = st.lists(
    st.builds(Group, names, st.integers(1, 5), st.tuples(st.sampled_from(["images", "videos"]), names)),
    max_size=40,
    unique_by=lambda group: group.name,
)  # fmt: skip


def singles(count: int, stratum: tuple[str, ...] = ("images",), prefix: str = "g") -> list[Group]:
    return [Group(f"{prefix}{i}", 1, stratum) for i in range(count)]


def test_shards_are_pinned() -> None:
    assert [shard_of(str(i), 8) for i in range(12)] == PINNED_SHARDS


def test_weights_are_met_to_the_group() -> None:
    assert Counter(dealt(singles(1000), WEIGHTS, 0)) == {"train": 800, "validation": 100, "test": 100}


def test_every_stratum_is_divided_by_the_weights() -> None:
    strata = [("images", origin, name) for origin, name in (("real", ""), ("generated", "a"), ("generated", "b"))]
    groups = [group for i, stratum in enumerate(strata) for group in singles(97, stratum, f"{i}-")]
    splits = dealt(groups, WEIGHTS, 7)
    for stratum in strata:
        counts = Counter(split for group, split in zip(groups, splits, strict=True) if group.stratum == stratum)
        assert abs(counts["train"] - 77.6) <= 1.5
        assert abs(counts["test"] - 9.7) <= 1.5


def test_samples_are_what_weights_count_and_large_groups_are_made_up_for() -> None:
    groups = [Group("burst", 300, ("images",)), *singles(700)]
    splits = dealt(groups, {"a": 0.5, "b": 0.5}, 0)
    counts = Counter[str]()
    for group, split in zip(groups, splits, strict=True):
        counts[split] += group.size
    assert counts == {"a": 500, "b": 500}


@pytest.mark.parametrize("count", range(3, 12))
@pytest.mark.parametrize("seed", range(5))
def test_no_split_is_empty_where_there_are_enough_groups(count: int, seed: int) -> None:
    small = dealt([*singles(count), *singles(500, ("videos",), "v")], WEIGHTS, seed)[:count]
    assert set(small) == set(WEIGHTS)


def test_too_few_groups_leave_splits_empty_and_nobody_is_lost() -> None:
    assert len(dealt(singles(2), WEIGHTS, 0)) == 2
    assert dealt([], WEIGHTS, 0) == []
    assert dealt(singles(3), {"train": 1.0}, 0) == ["train"] * 3


def test_a_split_without_weight_gets_nothing() -> None:
    assert set(dealt(singles(50), {"none": 0.0, "all": 2.0}, 0)) == {"all"}


def test_a_seed_gives_another_division() -> None:
    assert dealt(singles(50), WEIGHTS, 0) != dealt(singles(50), WEIGHTS, 1)


def test_a_single_group_goes_by_the_weights_over_the_seeds() -> None:
    counts = Counter(dealt(singles(1), {"train": 0.5, "test": 0.5}, seed)[0] for seed in range(400))
    assert abs(counts["train"] - 200) < 60  # six standard deviations


@given(groups_of, st.integers(0, 3), st.randoms(use_true_random=False))
def test_neither_the_order_of_groups_nor_of_weights_matters(
    groups: list[Group], seed: int, chance: random.Random
) -> None:
    found = dict(zip(groups, dealt(groups, WEIGHTS, seed), strict=True))
    shuffled = chance.sample(groups, len(groups))
    assert dict(zip(shuffled, dealt(shuffled, dict(reversed(WEIGHTS.items())), seed), strict=True)) == found


@given(groups_of, groups_of, st.integers(0, 3))
def test_groups_keep_their_split_whatever_is_added(old: list[Group], new: list[Group], seed: int) -> None:
    before = dealt(old, WEIGHTS, seed)
    kept = [group._replace(fixed=split) for group, split in zip(old, before, strict=True)]
    assert dealt(kept, WEIGHTS, seed) == before
    added = [group for group in new if group.name not in {group.name for group in old}]
    assert dealt([*kept, *added], WEIGHTS, seed)[: len(old)] == before


def test_what_is_added_makes_up_for_what_is_kept() -> None:
    kept = [group._replace(fixed="train") for group in singles(80)]
    assert Counter(dealt([*kept, *singles(20, prefix="new")], WEIGHTS, 0)) == {
        "train": 80,
        "validation": 10,
        "test": 10,
    }


def test_a_group_that_is_held_out_does_not_count_in_the_weights() -> None:
    held = [group._replace(fixed="unseen") for group in singles(100, ("images", "generated"), "held")]
    counts = Counter(dealt([*held, *singles(100)], WEIGHTS, 0))
    assert counts == {"unseen": 100, "train": 80, "validation": 10, "test": 10}


def test_most_of_the_earlier_samples_decide() -> None:
    assert kept_split({"test": 3, "train": 2}, WEIGHTS) == "test"
    assert kept_split({"train": 2, "test": 2}, WEIGHTS) == "test"  # the first by name
    assert kept_split({"gone": 5, "train": 1}, WEIGHTS) == "train"
    assert kept_split({"train": 5}, {"train": 0.0, "test": 1.0}) is None
    assert kept_split({}, WEIGHTS) is None


@given(st.text(), st.integers(0, 6))
def test_doubling_the_shards_splits_each_in_two(sample_id: str, power: int) -> None:
    assert shard_of(sample_id, 2 << power) % (1 << power) == shard_of(sample_id, 1 << power)


@given(st.integers(0, 10**12), st.integers(1, 10**9))
def test_shard_numbers_are_the_smallest_sufficient_power_of_two(total: int, target: int) -> None:
    number = shards_for(total, target)
    assert number & (number - 1) == 0
    assert number * target >= total
    assert number == 1 or (number // 2) * target < total
