"""A figure and how far it may be off: what it is in a good, the likely and a bad case."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import NonNegativeFloat

from schemas.base import Frozen

__all__ = ["Range", "exactly", "noise_of", "total_of"]


class Range(Frozen):
    """A figure and what it may be in a good and in a bad case."""

    low: NonNegativeFloat
    """In a good case."""
    likely: NonNegativeFloat
    """The figure."""
    high: NonNegativeFloat
    """In a bad case."""

    def times(self, *factors: Range | float) -> Range:
        """The product, end by end."""
        low, likely, high = self.low, self.likely, self.high
        for factor in factors:
            each = factor if isinstance(factor, Range) else exactly(factor)
            low, likely, high = low * each.low, likely * each.likely, high * each.high
        return Range(low=low, likely=likely, high=high)


def exactly(value: float) -> Range:
    """A figure that is known."""
    return Range(low=value, likely=value, high=value)


def total_of(costs: Sequence[Range | None]) -> Range | None:
    """The sum; None where one is unknown."""
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    return Range(
        low=sum(cost.low for cost in known),
        likely=sum(cost.likely for cost in known),
        high=sum(cost.high for cost in known),
    )


def noise_of(values: Sequence[float], population: int) -> Range:
    """The relative 95 % interval of a mean over ``population`` values of which these are known.

    By the normal approximation with the correction for a finite population (Cochran 1977, section 2.5): who knows all
    values knows the mean. A tenth where there is but one value.
    """
    count, total = len(values), sum(values)
    if count >= population or not total:
        return exactly(1.0)
    if count < 2:
        return Range(low=0.9, likely=1.0, high=1.1)
    mean = total / count
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    half = 1.96 * math.sqrt(variance / count * (1 - count / population)) / mean
    return Range(low=max(0.0, 1 - half), likely=1.0, high=1 + half)
