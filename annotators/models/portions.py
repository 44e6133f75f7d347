"""A question whose answer would be too long for one is asked in portions, each whole. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["portions"]


def portions(tokens: Sequence[int], max_tokens: int) -> tuple[range, ...]:
    """The fewest runs of entries, in order, whose answers stay within ``max_tokens`` together; an entry that alone
    exceeds them is a run by itself.

    ``tokens`` is what the answer about each entry takes; without entries there are no runs. A run ends where it is
    full, or has reached the mean of what is left while the others have room for the rest. So entries of one size make
    runs that differ by one at most: none is looked at alone while the others are full.
    """
    runs: list[range] = []
    start = 0
    for others in reversed(range(_needed(tokens, max_tokens))):
        stop = _end(tokens, start, others, max_tokens)
        runs.append(range(start, stop))
        start = stop
    return tuple(runs)


def _end(tokens: Sequence[int], start: int, others: int, most: int) -> int:
    """Where a run from ``start`` ends when ``others`` come after it."""
    mean = sum(tokens[start:]) / (others + 1)
    total = tokens[start]
    for stop in range(start + 1, len(tokens)):
        is_full = total + tokens[stop] > most
        if is_full or (total >= mean and _needed(tokens[stop:], most) <= others):
            return stop
        total += tokens[stop]
    return len(tokens)


def _needed(tokens: Sequence[int], most: int) -> int:
    """Runs that are needed at least: each takes one entry after the other while it has room."""
    count, room = 0, -1
    for needed in tokens:
        room -= needed
        if room < 0:
            count, room = count + 1, most - needed
    return count
