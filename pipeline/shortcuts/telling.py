"""How much a feature tells about a class: mutual information against permutations, and a small tree across groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "Information", "Told", "cells_of", "columns_of", "folds_of", "information", "told_apart"]

Columns = NDArray[np.float64]
"""``(rows, columns)``."""
Truth = NDArray[np.bool_]
Numbers = NDArray[np.int64]

MOST_WORDS = 30
"""Words that get a column; the rarer ones share one."""
CELLS = 10
PERMUTATIONS = 200
RESAMPLES = 400
FOLDS = 5
DEPTH = 3
"""Questions that the tree may ask of a row."""
LEAST_IN_LEAF = 3


class Information(NamedTuple):
    """Mutual information in bits."""

    bits: float
    by_chance: float
    """What 95 of 100 permutations stay below."""
    p_value: float


class Told(NamedTuple):
    """Point, lower and upper limit of both measures."""

    balanced_accuracy: tuple[float, float, float]
    auc: tuple[float, float, float]


def columns_of(values: Sequence[str | tuple[float, ...]]) -> Columns:
    """Numbers as they are, words as one column of 0 and 1 for each frequent word."""
    if not isinstance(values[0], str):
        return np.array(values, dtype=np.float64)
    words, number, counts = np.unique(np.array(values, dtype=str), return_inverse=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:MOST_WORDS]
    place = np.full(len(words), len(frequent), dtype=np.int64)
    place[frequent] = np.arange(len(frequent))
    return np.eye(len(frequent) + 1)[place[number]]


def cells_of(columns: Columns, *, is_words: bool) -> Numbers:
    """The cell of each row: equal words share one, numbers are cut into tenths of equal counts, column by column."""
    if is_words:
        return columns.argmax(axis=1)
    edges = [np.unique(np.quantile(column, np.arange(1, CELLS) / CELLS, method="lower")) for column in columns.T]
    cut = [np.searchsorted(edge, column, "left") for edge, column in zip(edges, columns.T, strict=True)]
    return np.unique(np.column_stack(cut), axis=0, return_inverse=True)[1].reshape(-1)


def information(cells: Numbers, is_generated: Truth, groups: Numbers, seed: int) -> Information:
    """Mutual information, and that of permutations; classes change places between groups of the same size only."""
    observed = _bits(cells, is_generated)
    rng = np.random.default_rng(seed)
    blocks = _blocks(groups)
    chance = np.empty(PERMUTATIONS)
    for i in range(PERMUTATIONS):
        shuffled = is_generated.copy()
        for block in blocks:
            shuffled[block] = is_generated[block[rng.permutation(len(block))]]
        chance[i] = _bits(cells, shuffled)
    reached = int((chance >= observed - 1e-12).sum())
    return Information(observed, float(np.quantile(chance, 0.95)), (1 + reached) / (1 + PERMUTATIONS))


def folds_of(is_generated: Truth, groups: Numbers, seed: int) -> Numbers:
    """The fold of each row, ``(rows,)``: whole groups, with the classes about even in each of FOLDS folds."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    number = np.empty(len(groups), dtype=np.int64)
    for fold, (_, tried) in enumerate(folds.split(groups, is_generated, groups)):
        number[tried] = fold
    return number


def told_apart(
    columns: Columns,
    is_generated: Truth,
    groups: Numbers,
    seed: int,
    *,
    depth: int = DEPTH,
    folds: Numbers | None = None,
) -> Told:
    """A decision tree that is tried on groups it has not seen, with bootstrap intervals over groups.

    ``folds`` are those of ``folds_of``, for whoever tries several tables of the same rows: they take a millisecond per
    group. Where nothing was wrong the bootstrap says nothing, and the rule of three gives the lower limit: 3 groups of
    n of a class could still be wrong.
    """
    folds = folds_of(is_generated, groups, seed) if folds is None else folds
    scores = _scores(columns, is_generated, folds, seed, depth)
    values, ranks = np.unique(scores, return_inverse=True)
    ones = np.ones(len(scores))
    point = _measures(ranks, values, is_generated, ones)
    rng = np.random.default_rng(seed)
    number = int(groups.max()) + 1
    drawn = (np.bincount(rng.integers(0, number, number), minlength=number)[groups] for _ in range(RESAMPLES))
    found = np.array([_measures(ranks, values, is_generated, weights.astype(np.float64)) for weights in drawn])
    low, high = np.nanquantile(found, 0.025, axis=0), np.nanquantile(found, 0.975, axis=0)
    sure = _sure(is_generated, groups)
    lower = [min(limit, sure) if value == 1 else limit for value, limit in zip(point, low.tolist(), strict=True)]
    return Told((point[0], lower[0], float(high[0])), (point[1], lower[1], float(high[1])))


def _scores(columns: Columns, is_generated: Truth, folds: Numbers, seed: int, depth: int) -> NDArray[np.float64]:
    """Probability of ``generated`` of each row, by the tree that was made without its fold."""
    from sklearn.tree import DecisionTreeClassifier

    scores = np.empty(len(columns))
    for fold in np.unique(folds).tolist():
        tried = folds == fold
        tree = DecisionTreeClassifier(
            max_depth=depth, min_samples_leaf=LEAST_IN_LEAF, class_weight="balanced", random_state=seed
        )
        tree.fit(columns[~tried], is_generated[~tried])
        at = np.flatnonzero(tree.classes_)
        scores[tried] = tree.predict_proba(columns[tried])[:, at[0]] if len(at) else 0.0
    return scores


def _measures(
    ranks: Numbers, values: NDArray[np.float64], is_generated: Truth, weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Balanced accuracy at 0.5, and AUC (Mann-Whitney), of weighted rows; NaN where a class has no weight."""
    fake = np.bincount(ranks, weights * is_generated, len(values))
    real = np.bincount(ranks, weights * ~is_generated, len(values))
    if not fake.sum() or not real.sum():
        return float("nan"), float("nan")
    is_told = values > 0.5
    accuracy = (fake[is_told].sum() / fake.sum() + real[~is_told].sum() / real.sum()) / 2
    below = np.cumsum(real) - real / 2
    return float(min(accuracy, 1.0)), float(min((fake * below).sum() / (fake.sum() * real.sum()), 1.0))


def _sure(is_generated: Truth, groups: Numbers) -> float:
    counts = [len(np.unique(groups[side])) for side in (is_generated, ~is_generated)]
    return max(0.5, 1 - sum(3 / count for count in counts) / 2)


def _bits(cells: Numbers, is_generated: Truth) -> float:
    both = np.bincount(cells * 2 + is_generated, minlength=2 * int(cells.max()) + 2).reshape(-1, 2) / len(cells)
    alone = both.sum(axis=1, keepdims=True) * both.sum(axis=0, keepdims=True)
    there = both > 0
    return max(0.0, float((both[there] * np.log2(both[there] / alone[there])).sum()))


def _blocks(groups: Numbers) -> list[NDArray[np.int64]]:
    """Rows of the groups of each size, ``(groups, size)``: permuting the first axis moves whole groups."""
    order = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    return [
        np.stack([order[start : start + size] for start in starts[sizes == size]]) for size in np.unique(sizes).tolist()
    ]
