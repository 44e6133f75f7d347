"""What a person decided. It exists only when a person acted."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeFloat, PositiveInt

from .base import Frozen
from .candidate import Region
from .candidate import Verdict as OriginVerdict

__all__ = ["RegionChange", "Verification"]


class RegionChange(Frozen):
    """What a person did to one region of a candidate."""

    region_id: str
    """The region."""
    change: Literal["kept", "moved", "relabeled", "reworded", "added", "removed"]
    """What was done."""


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
