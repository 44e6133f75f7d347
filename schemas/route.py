"""Whether a sample goes to people, why, and how likely that was."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat

from .base import Frozen
from .media.types import Modality

__all__ = ["Reason", "Route", "Signal"]

Signal = Literal[
    "audit", "gold", "disagreement", "uncertainty", "conditioning", "rarity", "flags", "corrected_twin", "cartography",
    "overrides",
]  # fmt: skip


class Reason(Frozen):
    """One thing that speaks for asking a person."""

    signal: Signal
    """What speaks: ``audit`` and ``gold`` are chance and known truth, the others are signals of the recipe."""
    value: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How strongly, 0 to 1, before the recipe's weight."""


class Route(Frozen):
    """One sample's way: to people, or straight into the dataset.

    Who is audited depends on the sample's id and the audit's share alone, so it stays when data
    are added and when the budget changes. ``inclusion_probability`` is what an unbiased estimate
    divides by: 1 where the sample goes to people for certain, else the share of the audit.
    """

    sample_id: str
    """The sample."""
    modality: Modality
    """Its medium."""
    is_routed: bool
    """Whether people are asked."""
    is_audit: bool = False
    """Whether chance chose it; such samples are never used to rank others."""
    is_gold: bool = False
    """Whether it is asked because its truth is known, to measure the people."""
    inclusion_probability: Annotated[float, Field(gt=0, le=1)]
    """How likely it was, before the draw, that people are asked."""
    priority: Annotated[float, Field(ge=0, le=1)]
    """Weighted mean of the signals, 0 to 1; the budget is filled from the highest."""
    effort_s: NonNegativeFloat
    """Seconds of people that it is expected to take, all reviewers together."""
    reasons: tuple[Reason, ...] = ()
    """What speaks for asking, by descending contribution."""
    categories: tuple[str, ...] = ()
    """Categories of the machines' regions that would be published, sorted: whose error rate it speaks of."""
