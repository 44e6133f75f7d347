"""A question whose answer would be too long for one is asked in portions, each whole. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["portions"]


def portions(tokens: Sequence[int], max_tokens: int) -> tuple[range, ...]:
    """Runs of entries, in order, whose answers stay within ``max_tokens`` together; an entry that alone exceeds them
    is a run by itself.

    ``tokens`` is what the answer about each entry takes; without entries there are no runs.
    """
    runs: list[range] = []
    start = total = 0
    for at, needed in enumerate(tokens):
        if at > start and total + needed > max_tokens:
            runs.append(range(start, at))
            start, total = at, 0
        total += needed
    return (*runs, range(start, len(tokens))) if tokens else ()
