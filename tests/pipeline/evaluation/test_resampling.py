"""Intervals cover what they promise, and the test finds a difference only where there is one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pipeline.evaluation.resampling import drawn, grouped, interval, p_value


def mean_of(values: np.ndarray):
    return lambda weights: float(weights @ values / weights.sum()) if weights.sum() else None


def test_groups_are_numbered_by_name() -> None:
    assert grouped(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    at = interval(drawn(mean_of(values), np.arange(400)))
    assert at is not None
    half = 1.96 * values.std() / 20
    assert (at.low, at.high) == (
        pytest.approx(values.mean() - half, abs=0.03),
        pytest.approx(values.mean() + half, abs=0.03),
    )
    assert interval(drawn(mean_of(values), np.arange(400))) == at


def test_samples_of_one_group_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(2).normal(size=40), 10)
    one_by_one, by_group = (
        interval(drawn(mean_of(values), np.arange(400))),
        interval(drawn(mean_of(values), np.arange(400) // 10)),
    )
    assert one_by_one is not None
    assert by_group is not None
    assert (by_group.high - by_group.low) / (one_by_one.high - one_by_one.low) == pytest.approx(10**0.5, rel=0.15)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        at = interval(drawn(mean_of(rng.normal(0, 1, 60)), np.arange(60)))
        assert at is not None
        covered += at.low <= 0 <= at.high
    assert 88 <= covered <= 100


def difference_of(one: np.ndarray, other: np.ndarray):
    return lambda swaps: float(((1 - 2 * swaps) * (one - other)).mean())


def test_p_is_that_of_all_permutations_there_are() -> None:
    one, other = np.array([0.9, 0.8, 0.7, 0.9, 0.6, 0.8]), np.array([0.5, 0.6, 0.7, 0.4, 0.7, 0.5])
    difference = difference_of(one, other)
    observed = abs(difference(np.zeros(6)))
    every = [abs(difference(np.array(swaps))) >= observed - 1e-12 for swaps in product((0, 1), repeat=6)]
    assert p_value(difference, np.arange(6)) == pytest.approx(sum(every) / 64, abs=0.03)


def test_equal_machines_do_not_differ_and_unequal_ones_do() -> None:
    rng = np.random.default_rng(4)
    base = rng.random(200)
    assert p_value(difference_of(base, base), np.arange(200)) == 1.0
    assert p_value(difference_of(base + 0.1 + rng.normal(0, 0.2, 200), base), np.arange(200)) == pytest.approx(1 / 1001)
    random = [
        p_value(difference_of(base, base + rng.normal(0, 0.2, 200)), np.arange(200), seed=seed) for seed in range(20)
    ]
    assert sum(p < 0.05 for p in random if p is not None) <= 4


def test_what_says_nothing_has_no_interval_and_no_test() -> None:
    assert interval(drawn(lambda _: None, np.arange(5))) is None
    assert drawn(lambda _: 1.0, np.zeros(5, int)) == ()
    assert interval(()) is None
    assert p_value(lambda _: None, np.arange(5)) is None
