"""Which label is true, and how each person errs, from labels alone.

Maximum likelihood by EM as in A. P. Dawid and A. M. Skene, "Maximum Likelihood Estimation of Observer Error-Rates
Using the EM Algorithm", Applied Statistics 28 (1979) 20-28, equations 2.3 to 2.5, begun from each item's share of
votes (3.1). Written here because the libraries that have it bring a model framework along.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DawidSkene", "Label", "dawid_skene"]

Floats = NDArray[np.float64]


class Label(NamedTuple):
    """What one person called one item; a person may label an item more than once."""

    item: str
    person: str
    label: str


class DawidSkene(NamedTuple):
    """The estimate; every array is in the order of ``items``, ``people`` and ``labels``, each sorted."""

    items: tuple[str, ...]
    people: tuple[str, ...]
    labels: tuple[str, ...]
    shares: Floats
    """How frequent each true label is, ``(labels,)``."""
    confusion: Floats
    """Probability that a person gives label l to an item whose true label is j, ``(people, j, l)``."""
    chances: Floats
    """Probability of each true label of each item, ``(items, labels)``."""
    log_likelihood: float
    iterations: int

    def accuracy(self, person: str) -> float:
        """How often the person is right, on items as they come."""
        return float(self.shares @ np.diag(self.confusion[self.people.index(person)]))


def dawid_skene(labels: Iterable[Label], *, tolerance: float = 1e-8, max_iterations: int = 1000) -> DawidSkene:
    """The estimate from all labels, in any order. Raises ValueError for no label."""
    given = sorted(labels)
    if not given:
        raise ValueError("there is no label")
    items, people, names = (tuple(sorted({label[i] for label in given})) for i in range(3))
    counts = _counts(given, items, people, names)
    votes = counts.sum(axis=1)
    chances = votes / votes.sum(axis=1, keepdims=True)
    before, likelihood, iterations = -np.inf, -np.inf, 0
    while iterations < max_iterations and (iterations < 2 or likelihood - before >= tolerance):
        before, iterations = likelihood, iterations + 1
        shares, confusion = _maximized(counts, chances)
        chances, likelihood = _expected(counts, shares, confusion)
    return DawidSkene(items, people, names, shares, confusion, chances, likelihood, iterations)


def _counts(given: list[Label], items: tuple[str, ...], people: tuple[str, ...], names: tuple[str, ...]) -> Floats:
    """How often each person gave each label to each item, ``(items, people, labels)``."""
    places = [{name: i for i, name in enumerate(side)} for side in (items, people, names)]
    counts = np.zeros((len(items), len(people), len(names)))
    for label in given:
        counts[places[0][label.item], places[1][label.person], places[2][label.label]] += 1
    return counts


def _maximized(counts: Floats, chances: Floats) -> tuple[Floats, Floats]:
    """Shares and confusion that are most likely under the chances; a label that nobody meets confuses evenly."""
    joint = np.einsum("ij,ipl->pjl", chances, counts)
    totals = joint.sum(axis=2, keepdims=True)
    even = np.full_like(joint, 1 / joint.shape[2])
    return chances.mean(axis=0), np.divide(joint, totals, out=even, where=totals > 0)


def _expected(counts: Floats, shares: Floats, confusion: Floats) -> tuple[Floats, float]:
    """Chances of each item's true labels, and the log likelihood; in logarithms, for many labels underflow."""
    tiny = np.finfo(np.float64).tiny
    logs = np.log(np.maximum(shares, tiny)) + np.einsum("ipl,pjl->ij", counts, np.log(np.maximum(confusion, tiny)))
    highest = logs.max(axis=1, keepdims=True)
    scaled = np.exp(logs - highest)
    totals = scaled.sum(axis=1, keepdims=True)
    return scaled / totals, float((np.log(totals) + highest).sum())
