"""What a person decided. It exists only when a person acted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from .base import Frozen
from .candidate import Answer, Attribute, Region
from .candidate import Verdict as OriginVerdict
from .ledger import Purpose

__all__ = ["RegionChange", "Verification", "Vote"]


class RegionChange(Frozen):
    """What a person did to one region of a candidate."""

    region_id: str
    """The region."""
    change: Literal["kept", "moved", "relabeled", "reworded", "added", "removed"]
    """What was done."""


class Vote(Frozen):
    """How sure a person is that a region is what it claims to be."""

    region_id: str
    """The region."""
    confidence: Annotated[float, Field(ge=0, le=1)]
    """0: it is not; 0.5: perhaps; 1: it is (the votes of X-AIGD)."""


class Verification(Frozen):
    """One person's decision on one sample."""

    verification_id: str
    """Unique: hash of tool, task and annotation."""
    sample_id: str
    """The sample."""
    candidate_id: str | None = None
    """The candidate that the person started from."""
    verdict: Literal["accepted", "fixed_and_accepted", "rejected", "skipped"]
    """What the person decided."""
    origin_verdict: OriginVerdict | None = None
    """What the person thinks the medium is."""
    explanation: str = ""
    """The person's words, or the candidate's where they stand."""
    regions: tuple[Region, ...] = ()
    """The regions as the person left them."""
    changes: tuple[RegionChange, ...] = ()
    """Region by region, what was done."""
    reviewer: str
    """Pseudonym from a keyed hash."""
    pass_number: PositiveInt = 1
    """Which round of review."""
    lead_time_s: NonNegativeFloat | None = None
    """Seconds the person took."""
    task_key: str = ""
    """The task in ``tasks/`` that this answers."""
    tool: str = ""
    """Name of the people tool in the recipe."""
    annotation: str = ""
    """What the tool calls this result: with ``updated_at`` and ``reviewer`` the record for audits."""
    updated_at: str = ""
    """When it was last changed, as the tool's clock says (ISO 8601)."""
    signed_by: str = ""
    """Pseudonym of the person that the result claims to be from, where the tool saw another one write it last; that
    other one is ``reviewer``."""
    purpose: Purpose = "review"
    """Why the person was asked: an adjudication decides between reviews, gold has a known truth."""
    is_relayed: bool = False
    """Whether the person started from what the round before left, not from the machines' proposal."""
    votes: tuple[Vote, ...] = ()
    """Confidence votes on single regions, where they are asked for."""
    attributes: tuple[Attribute, ...] = ()
    """Graded properties as the person left them."""
    answers: tuple[Answer, ...] = ()
    """Answers as the person left them, with the regions that support them."""
