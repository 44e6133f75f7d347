"""How much of a figure is chance: bootstrap intervals, and a paired test between two machines.

What is drawn is groups of samples, not samples: near duplicates, pairs and pages of one document say much the same, and
drawing them one by one would make every interval too narrow (cluster bootstrap: Davison & Hinkley 1997, 3.8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "DRAWS", "Interval", "drawn", "grouped", "interval", "p_value"]

DRAWS = 1000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Where a figure would lie if other groups had been drawn: percentiles of the bootstrap."""

    low: float
    high: float


def grouped(groups: Sequence[str]) -> NDArray[np.int64]:
    """The number of each sample's group, counted from 0 in the order of their names."""
    number = {name: i for i, name in enumerate(sorted(set(groups)))}
    import numpy as np

    return np.array([number[name] for name in groups], np.int64)


def drawn(
    value_at: Callable[[NDArray[np.float64]], float | None],
    groups: NDArray[np.int64],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float | None, ...]:
    """A figure for each of so many draws of groups; ``value_at`` gives it for weights of the samples.

    Equal groups and seed give equal draws, so that two figures can be subtracted draw by draw. Empty for
    fewer than two groups: there is nothing to draw from.
    """
    import numpy as np

    count = len(np.unique(groups))
    rng = np.random.default_rng(seed)
    if count < 2:
        return ()
    chosen = (np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(draws))
    return tuple(value_at(times.astype(float)[groups]) for times in chosen)


def interval(values: Sequence[float | None]) -> Interval | None:
    """The 95 % interval from the draws; None where none gives a figure."""
    import numpy as np

    known = [value for value in values if value is not None]
    if not known:
        return None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def p_value(
    difference_at: Callable[[NDArray[np.float64]], float | None],
    groups: NDArray[np.int64],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> float | None:
    """How often a difference as large arises when it is chance which machine said what (paired permutation test).

    ``difference_at`` gives the difference where each sample's answers are swapped (1) or not (0). Swaps are by group;
    two-sided, the observed one counted among them (Phipson & Smyth 2010), so it is never 0. None without a difference.
    """
    import numpy as np

    observed = difference_at(np.zeros(len(groups)))
    if observed is None:
        return None
    rng, count = np.random.default_rng(seed), int(groups.max(initial=-1)) + 1
    found = [difference_at(rng.integers(0, 2, count).astype(float)[groups]) for _ in range(draws)]
    values = [value for value in found if value is not None]
    as_large = sum(abs(value) >= abs(observed) - 1e-12 for value in values)
    return (as_large + 1) / (len(values) + 1)
