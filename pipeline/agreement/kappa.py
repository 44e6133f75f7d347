"""Agreement beyond chance where the raters are known (Cohen) or merely as many for each item (Fleiss)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["cohen_kappa", "fleiss_kappa"]


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Cohen's kappa (1960) of two people's labels for the same items; None where both use one label throughout."""
    if len(one) != len(other):
        raise ValueError(f"{len(one)} labels against {len(other)}")
    if not one:
        return None
    names = {name: i for i, name in enumerate(dict.fromkeys([*one, *other]))}
    table = np.zeros((len(names), len(names)), np.int64)
    np.add.at(table, ([names[name] for name in one], [names[name] for name in other]), 1)
    by_chance = int(table.sum(axis=1) @ table.sum(axis=0))  # times n squared: whole numbers know what is exactly 1
    observed, everything = int(np.trace(table)) * len(one), len(one) ** 2
    return (observed - by_chance) / (everything - by_chance) if by_chance < everything else None


def fleiss_kappa(counts: NDArray[np.int64]) -> float | None:
    """Fleiss' kappa (1971) of ``(items, categories)`` counts, each item rated equally often, twice at least.

    None where all raters use one category throughout. Raises ValueError for unequal numbers of ratings.
    """
    raters = counts.sum(axis=1)
    if not len(counts) or raters.min() != raters.max() or raters[0] < 2:
        raise ValueError("each item needs equally many ratings, two at least")
    n = int(raters[0])
    observed = float(((counts**2).sum(axis=1) - n).mean() / (n * (n - 1)))
    shares = counts.sum(axis=0) / counts.sum()
    chance = float(shares @ shares)
    return (observed - chance) / (1 - chance) if chance < 1 else None
