"""Alpha against Krippendorff's own example, nltk, and the shapes that break formulas."""

from __future__ import annotations

import random

import pytest
from nltk.metrics.agreement import AnnotationTask

from pipeline.agreement.alpha import Level, alpha_of_distances, alpha_of_values

# Krippendorff (2011), section C: four observers, twelve units, missing values.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
UNITS = [[value for value in unit if value is not None] for unit in zip(*OBSERVERS, strict=True)]


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_the_published_example(level: Level, published: float) -> None:
    found = alpha_of_values(UNITS, level)
    assert found is not None
    assert round(found.alpha, 3) == published
    assert found.low <= found.alpha <= found.high
    assert (found.units, found.values) == (11, 40)


def test_a_distance_gives_what_the_level_gives() -> None:
    by_level, by_distance = alpha_of_values(UNITS, "interval"), alpha_of_distances(UNITS, lambda a, b: (a - b) ** 2)
    assert by_level is not None
    assert by_distance is not None
    assert by_distance.alpha == pytest.approx(by_level.alpha, abs=1e-12)


def test_nltk_says_the_same() -> None:
    draws = random.Random(3)
    units = [[draws.choice("abc") for _ in range(3)] for _ in range(60)]
    triples = [(str(person), str(unit), label) for unit, row in enumerate(units) for person, label in enumerate(row)]
    found = alpha_of_values(units)
    assert found is not None
    assert found.alpha == pytest.approx(AnnotationTask(triples).alpha(), abs=1e-12)


def test_many_values_are_compared_by_a_sample_of_pairs() -> None:
    draws = random.Random(1)
    units = [[value, value + draws.random()] for value in (draws.random() * 9 for _ in range(300))]
    exact = alpha_of_values(units, "interval")
    sampled = alpha_of_distances(units, lambda a, b: (a - b) ** 2)
    assert exact is not None
    assert sampled is not None
    assert sampled.alpha == pytest.approx(exact.alpha, abs=0.03)
    assert sampled == alpha_of_distances(units, lambda a, b: (a - b) ** 2)


def test_the_interval_narrows_with_more_units() -> None:
    few, many = alpha_of_values(UNITS), alpha_of_values(UNITS * 20)
    assert few is not None
    assert many is not None
    assert many.high - many.low < (few.high - few.low) / 3


@pytest.mark.parametrize("units", [[], [["a"]], [["a"], ["b"]], [["a", "a"], ["a", "a", "a"]]])
def test_nothing_to_agree_about_gives_no_figure(units: list[list[str]]) -> None:
    assert alpha_of_values(units) is None
    assert alpha_of_distances(units, lambda a, b: float(a != b)) is None


def test_contradiction_is_below_chance() -> None:
    found = alpha_of_values([["a", "b"]] * 10)
    assert found is not None
    assert found.alpha < 0


def test_values_that_are_nearly_always_the_same_are_counted_not_drawn() -> None:
    rare = [["x", "x"], ["x", "y"], ["y", "y"]]
    units = [*rare, *[["y", "y"]] * 2997]

    by_distance = alpha_of_distances([[frozenset(value) for value in unit] for unit in units], lambda a, b: a != b)

    assert by_distance is not None
    assert by_distance == pytest.approx(alpha_of_values(units))
    assert by_distance.alpha == pytest.approx(1 - (2 / 6000) / (2 * 3 * 5997 / (6000 * 5999)))
