"""Figures with their intervals, worked out by hand and by drawing."""

from __future__ import annotations

import random
import statistics

import pytest

from pipeline.ranges import Range, exactly, noise_of, total_of

SOME = Range(low=1, likely=2, high=4)


def test_products_and_sums_are_taken_end_by_end() -> None:
    assert SOME.times(3) == Range(low=3, likely=6, high=12)
    assert SOME.times(Range(low=0.5, likely=1, high=2), 2) == Range(low=1, likely=4, high=16)
    assert total_of([SOME, exactly(10)]) == Range(low=11, likely=12, high=14)


def test_one_unknown_cost_makes_the_sum_unknown_and_none_costs_nothing() -> None:
    assert total_of([SOME, None]) is None
    assert total_of([]) == exactly(0)


@pytest.mark.parametrize(("values", "population"), [([3.0, 5.0], 2), ([], 9), ([0.0, 0.0], 9)])
def test_who_knows_all_or_has_nothing_to_be_off_by_is_exact(values: list[float], population: int) -> None:
    assert noise_of(values, population) == exactly(1.0)


def test_one_value_of_many_may_be_a_tenth_off() -> None:
    assert noise_of([7.0], 100) == Range(low=0.9, likely=1.0, high=1.1)


def test_the_interval_holds_the_mean_of_all_in_95_of_100_draws() -> None:
    rng = random.Random(0)
    everyone = [rng.lognormvariate(5, 0.5) for _ in range(400)]
    held = 0
    for _ in range(1000):
        drawn = rng.sample(everyone, 100)
        noise = noise_of(drawn, len(everyone))
        share = statistics.fmean(everyone) / statistics.fmean(drawn)
        held += noise.low <= share <= noise.high
    assert 0.92 < held / 1000 < 0.98
