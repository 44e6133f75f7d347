"""The published interval covers: by exact probabilities in small populations, by simulation in large ones."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import hypergeom

from pipeline.error_rate import ErrorEstimate, Judged, estimate_errors, wrong_limits
from pipeline.routing.selection import chances, ranked, select

RUNS, SAMPLES, AUDIT = 50, 20_000, 0.05


def rows(population: int, audited: int, errors: int, share: float = 0.1, open_: int = 0) -> list[Judged]:
    audit = [Judged(share, True, i < audited - open_, i < errors) for i in range(audited)]
    return [*audit, *(Judged(share, False, False) for _ in range(population - audited))]


def unreviewed(judged: list[Judged], **options: object) -> ErrorEstimate:
    return estimate_errors(judged, confidence=0.95, **options)[0]


@pytest.mark.parametrize(("population", "sampled"), [(12, 5), (30, 10), (60, 3)])
def test_the_limits_cover_every_small_population(population: int, sampled: int) -> None:
    for truth in range(population + 1):
        found = range(max(0, truth - (population - sampled)), min(sampled, truth) + 1)
        limits = {wrong: wrong_limits(population, sampled, wrong, 0.95) for wrong in found}
        covered = sum(
            hypergeom.pmf(wrong, population, truth, sampled)
            for wrong, (low, high) in limits.items()
            if low <= truth <= high
        )
        assert covered >= 0.95 - 1e-12


def test_the_limits_are_those_that_the_test_does_not_reject() -> None:
    for wrong in range(6):
        low, high = wrong_limits(40, 5, wrong, 0.9)
        kept = [
            truth
            for truth in range(wrong, 40 - 5 + wrong + 1)
            if hypergeom.sf(wrong - 1, 40, truth, 5) > 0.05 and hypergeom.cdf(wrong, 40, truth, 5) > 0.05
        ]
        assert (low, high) == (kept[0], kept[-1])


def test_nothing_sampled_says_nothing_and_everything_sampled_says_all() -> None:
    assert wrong_limits(10, 0, 0, 0.95) == (0, 10)
    assert wrong_limits(10, 10, 4, 0.95) == (4, 4)


def test_a_rate_by_hand() -> None:
    found = unreviewed(rows(1000, 100, 3))
    assert (found.population, found.audited, found.errors) == (900, 100, 3)
    assert found.rate == pytest.approx(0.03)
    assert found.wrong_rows == pytest.approx(3 / 0.1 - 3)
    assert found.low < 0.03 < found.high


def test_published_and_machines_share_the_errors_among_more_rows() -> None:
    sure = [Judged(1.0, False, True, i < 40) for i in range(100)]
    pending = [Judged(1.0, False, False) for _ in range(7)]
    found, published, machines = estimate_errors([*rows(1000, 100, 3), *sure, *pending], confidence=0.95)
    assert (published.population, machines.population) == (1100, 1100)
    assert (found.undecided, published.undecided, machines.undecided) == (0, 7, 7)
    assert published.rate == pytest.approx(0.03 * 900 / 1100)
    assert machines.rate == pytest.approx((0.03 * 900 + 3 + 40) / 1100)
    assert machines.wrong_rows == pytest.approx((found.wrong_rows or 0) + 43)
    assert published.high == pytest.approx(found.high * 900 / 1100)


def test_what_people_left_out_is_not_published() -> None:
    def judged(share: float, is_audit: bool, *, is_left_out: bool) -> Judged:
        return Judged(share, is_audit, True, is_left_out, is_left_out=is_left_out)

    sure = [judged(1.0, False, is_left_out=i < 30) for i in range(100)]
    audited = [judged(0.1, True, is_left_out=i < 2) for i in range(100)]
    rest = [Judged(0.1, False, False)] * 900
    found, published, machines = estimate_errors([*sure, *audited, *rest], confidence=0.95)
    assert (found.population, published.population, machines.population) == (900, 1100 - 32, 1100)
    assert published.rate == pytest.approx(0.02 * 900 / 1068)
    assert machines.rate == pytest.approx((0.02 * 900 + 32) / 1100)


def test_open_reviews_are_said_and_bounded() -> None:
    found, whole = unreviewed(rows(1000, 100, 2, open_=20)), unreviewed(rows(1000, 100, 22))
    assert (found.audited, found.open, found.errors) == (80, 20, 2)
    assert found.wrong_rows is None
    assert found.worst > whole.high > found.high


def test_no_audit_is_not_no_error() -> None:
    found = unreviewed(rows(50, 0, 0))
    assert (found.rate, found.low, found.high) == (None, 0, 1)
    everything_seen = unreviewed([Judged(1.0, True, True, True)])
    assert (everything_seen.population, everything_seen.rate, everything_seen.high) == (0, 0, 0)


def test_several_looks_and_several_shares_widen_the_limits() -> None:
    once, often = unreviewed(rows(1000, 100, 3)), unreviewed(rows(1000, 100, 3), looks=10)
    assert often.high > once.high
    mixed = unreviewed([*rows(500, 50, 1, share=0.1), *rows(500, 100, 2, share=0.2)])
    assert mixed.rate == pytest.approx((450 * 1 / 50 + 400 * 2 / 100) / 850)
    assert mixed.wrong_rows == pytest.approx(1 / 0.1 + 2 / 0.2 - 3)


def test_categories_have_rates_of_their_own() -> None:
    audit = [
        Judged(0.5, True, True, True, ("blur",), ("blur",)),
        Judged(0.5, True, True, False, ("blur",)),
        Judged(0.5, True, True, True, ("noise",), (), ("blur",)),
        Judged(0.5, True, True, False, ()),
    ]
    rest = [Judged(0.5, False, False, categories=("blur",))] * 6 + [Judged(0.5, False, False)] * 2
    found = {(e.scope, e.name): e for e in estimate_errors([*audit, *rest], confidence=0.95, categories=["blur"])}
    wrong, missed = found["category", "blur"], found["missed", "blur"]
    assert (wrong.population, wrong.audited, wrong.errors, wrong.rate) == (6, 2, 1, 0.5)
    assert (missed.population, missed.audited, missed.errors, missed.rate) == (2, 2, 1, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("error_rate", [0.001, 0.02, 0.3])
def test_simulated_reviewers(error_rate: float) -> None:
    """20,000 samples, 50 runs: ranked, budgeted, audited; doubtful samples are wrong more often than others."""
    covered, budgets, misses = 0, [], []
    for run in range(RUNS):
        truth, estimate, spent = one_run(np.random.default_rng([run, int(error_rate * 1e5)]), run, error_rate)
        covered += estimate.low <= truth / estimate.population <= estimate.high
        budgets.append(spent)
        misses.append((estimate.wrong_rows or 0.0) - truth)
    assert covered >= 0.93 * RUNS
    assert min(budgets) > 0.99
    assert max(budgets) <= 1 + 1e-6
    # Unbiased: the mean error of 50 runs is within four of its standard errors.
    assert abs(np.mean(misses)) <= 4 * np.std(misses, ddof=1) / RUNS**0.5


@cache
def chances_of(run: int) -> np.ndarray:
    """Those of the run's samples, whatever the rate."""
    return chances([f"{run}-{i}" for i in range(SAMPLES)], "audit")


def one_run(draws: np.random.Generator, run: int, error_rate: float) -> tuple[int, ErrorEstimate, float]:
    """True wrong rows that nobody looked at, what is published of them, and the share of the budget that was used."""
    doubt = draws.beta(1, 4, SAMPLES)
    is_wrong = draws.random(SAMPLES) < np.clip(doubt / doubt.mean() * error_rate, 0, 1)
    priority = np.clip(doubt + draws.normal(0, 0.1, SAMPLES), 0, 1).round(2)
    effort = draws.choice([71.0, 450.0, 180.0], SAMPLES) / 3600
    budget = float(effort.sum()) / 4
    share, certain = np.full(SAMPLES, AUDIT), np.zeros(SAMPLES, np.bool_)
    order = ranked(priority, draws.random(SAMPLES))
    chosen = select(order, effort, chances_of(run), share, certain, budget)
    columns = chosen.inclusion, chosen.is_audit, chosen.is_routed, chosen.is_routed & is_wrong
    judged = list(map(Judged, *(column.tolist() for column in columns)))
    spent = float(effort[chosen.is_routed].sum()) / budget
    return int(is_wrong[~chosen.is_routed].sum()), unreviewed(judged), spent
