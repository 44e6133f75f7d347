"""Krippendorff's alpha, for values of any level of measurement and for anything that has a distance.

Formulas of K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): alpha = 1 - Do/De, where Do is the
mean distance of the pairs within units and De that of all pairs. 1 is full agreement, 0 what chance gives. The
library for it is under the GPL; nltk's is held against ours in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Alpha", "Level", "alpha_of_distances", "alpha_of_values"]

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Floats = NDArray[np.float64]
T = TypeVar("T")

RESAMPLES = 1000
PAIRS = 5_000
"""Pairs that are compared for De: all where there are fewer, else so many by chance; comparing masks takes time."""


class Alpha(NamedTuple):
    """Alpha with a bootstrap interval over units."""

    alpha: float
    low: float
    high: float
    units: int
    """Units with two values or more; only these count."""
    values: int
    """Their values."""


def alpha_of_values(
    units: Sequence[Sequence[Any]], level: Level = "nominal", *, confidence: float = 0.95, seed: int = 0
) -> Alpha | None:
    """Alpha of each unit's values, in any order, missing ones left out; values are numbers except for ``nominal``.

    None where no unit has two values, or all values are the same: then there is nothing to agree about.
    """
    pairable = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in pairable for value in unit})
    if len(values) < 2:
        return None
    counts = _counts(pairable, values)
    return _of_counts(counts, _distances(values, counts.sum(axis=0), level), confidence, seed)


def alpha_of_distances(
    units: Sequence[Sequence[T]],
    distance: Callable[[T, T], float],
    *,
    key: Callable[[T], Hashable] = lambda value: value,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alpha | None:
    """The same for anything with a symmetric distance of 0 or more: regions, masks, texts, sets.

    Values of one ``key`` are at distance 0 from each other and alike to all others. Exact where few of them differ,
    however often each was given; else De is that of PAIRS pairs drawn by chance.
    """
    pairable = [unit for unit in units if len(unit) > 1]
    kinds = {key(value): value for unit in pairable for value in unit}
    if len(kinds) * (len(kinds) - 1) // 2 <= PAIRS:
        between = _between(list(kinds.values()), distance)
        counts = _counts([[key(value) for value in unit] for unit in pairable], list(kinds))
        return _of_counts(counts, between, confidence, seed) if between.any() else None
    pooled = [(number, value) for number, unit in enumerate(pairable) for value in unit]
    sizes = np.array([len(unit) for unit in pairable], np.float64)
    within = np.array([_within(unit, distance) for unit in pairable])
    rows, columns = _pairs(len(pooled), seed)
    apart = np.array([distance(pooled[i][1], pooled[j][1]) for i, j in zip(rows, columns, strict=True)])
    if not apart.any():
        return None
    owner = np.array([number for number, _ in pooled])
    ours, theirs = owner[rows], owner[columns]

    def expected(weights: Floats) -> Floats:
        both = weights[:, ours] * weights[:, theirs]
        return both @ apart / np.maximum(both.sum(axis=1), 1e-12)

    return _alpha(within, sizes, expected, confidence, seed)


def _between(values: Sequence[T], distance: Callable[[T, T], float]) -> Floats:
    """Distances between all values, ``(V, V)``, each asked for once."""
    found = np.zeros((len(values), len(values)))
    for i, j in zip(*np.tril_indices(len(values), -1), strict=True):
        found[i, j] = found[j, i] = distance(values[i], values[j])
    return found


def _counts(units: Sequence[Sequence[T]], values: Sequence[T]) -> Floats:
    """How often each value was given for each unit, ``(U, V)``."""
    index = {value: i for i, value in enumerate(values)}
    counts = np.zeros((len(units), len(values)))
    for row, unit in zip(counts, units, strict=True):
        for value in unit:
            row[index[value]] += 1
    return counts


def _of_counts(counts: Floats, distances: Floats, confidence: float, seed: int) -> Alpha | None:
    """From how often each value was given for each unit ``(U, V)``, and the distances between values ``(V, V)``."""
    sizes = counts.sum(axis=1)
    within = ((counts @ distances) * counts).sum(axis=1) / (sizes - 1)

    def expected(weights: Floats) -> Floats:
        totals = weights @ counts
        pooled = totals.sum(axis=1)
        quadratic: Floats = ((totals @ distances) * totals).sum(axis=1)
        return quadratic / (pooled * (pooled - 1))

    return _alpha(within, sizes, expected, confidence, seed)


def _alpha(
    within: Floats, sizes: Floats, expected: Callable[[Floats], Floats], confidence: float, seed: int
) -> Alpha | None:
    """Alpha, and its interval by drawing units with replacement."""

    def figures(weights: Floats) -> Floats:
        observed = weights @ within / (weights @ sizes)
        chance = expected(weights)
        return np.where(chance > 0, 1 - observed / np.where(chance > 0, chance, 1), 1.0)

    alpha = float(figures(np.ones((1, len(sizes))))[0])
    draws = np.random.default_rng(seed)
    drawn = [
        figures(draws.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), 50).astype(np.float64))
        for _ in range(RESAMPLES // 50)
    ]
    low, high = np.quantile(np.concatenate(drawn), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Alpha(alpha, float(low), float(high), len(sizes), int(sizes.sum()))


def _distances(values: Sequence[Any], totals: Floats, level: Level) -> Floats:
    """Squared differences between all values, ``(V, V)``."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "ordinal":
        reached = np.cumsum(totals)
        middle = reached - totals / 2
        return (middle[:, None] - middle[None, :]) ** 2
    numbers = np.array(values, np.float64)
    difference = numbers[:, None] - numbers[None, :]
    if level == "interval":
        return difference**2
    total = numbers[:, None] + numbers[None, :]
    return np.divide(difference, total, out=np.zeros_like(difference), where=total != 0) ** 2


def _within(unit: Sequence[T], distance: Callable[[T, T], float]) -> float:
    pairs = sum(distance(unit[i], unit[j]) for i in range(len(unit)) for j in range(i))
    return 2 * pairs / (len(unit) - 1)


def _pairs(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of different values, or a seeded sample of them."""
    if count * (count - 1) // 2 <= PAIRS:
        rows, columns = np.tril_indices(count, -1)
        return rows.astype(np.int64), columns.astype(np.int64)
    draws = np.random.default_rng(seed)
    rows = draws.integers(0, count, PAIRS)
    columns = (rows + draws.integers(1, count, len(rows))) % count
    return rows, columns
