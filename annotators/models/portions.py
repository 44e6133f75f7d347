"""A question whose answer would be too long for one is asked in portions, each whole. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["portions"]


def portions(tokens: Sequence[int], max_tokens: int) -> tuple[range, ...]:
    """The fewest runs of entries, in order, whose answers stay within ``max_tokens`` together; an entry that alone
    exceeds them is a run by itself.

    ``tokens`` is what the answer about each entry takes; without entries there are no runs. All but the last run reach
    the mean, so that none is left with a single entry, to be looked at without others, while the rest are full.
    """
    if not tokens:
        return ()
    mean = math.ceil(sum(tokens) / len(_filled(tokens, max_tokens)))
    past_mean = mean + max(tokens) - 1  # what has no room for one more entry has reached the mean
    return _filled(tokens, min(max_tokens, past_mean))


def _filled(tokens: Sequence[int], most: int) -> tuple[range, ...]:
    """Runs that take one entry after the other while they have room."""
    starts, total = [0], tokens[0]
    for at, needed in enumerate(tokens[1:], 1):
        if total + needed > most:
            starts.append(at)
            total = 0
        total += needed
    return tuple(range(start, stop) for start, stop in zip(starts, [*starts[1:], len(tokens)], strict=True))
