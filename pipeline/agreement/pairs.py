"""Agreement on one sample: every pair of people who looked at it independently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean
from typing import Literal

from schemas.record import ReviewAgreement
from schemas.verification import Verification

from .likeness import region_likeness
from .outlines import outline_likeness
from .texts import rouge_l

__all__ = ["MEASURES", "Measure", "independent", "review_agreement"]

Measure = Literal["decision", "verdict", "categories", "regions", "boundaries", "explanation"]
Likeness = Callable[[Verification, Verification], float | None]
"""0 to 1; None where the two cannot be compared."""


def review_agreement(verifications: Sequence[Verification]) -> tuple[ReviewAgreement, ...]:
    """Each measure's mean over all pairs; none where fewer than two people looked independently."""
    answers = independent(verifications)
    people = len({answer.reviewer for answer in answers})
    return tuple(
        ReviewAgreement(measure=measure, value=min(1.0, fmean(values)), reviewers=people)
        for measure, likeness in MEASURES.items()
        if (values := _of_pairs(answers, likeness))
    )


def independent(verifications: Sequence[Verification]) -> tuple[Verification, ...]:
    """The answers given without sight of others', one per person, by id: no skips, adjudications or relays."""
    given = [v for v in verifications if v.verdict != "skipped" and v.purpose != "adjudication" and not v.is_relayed]
    last = {v.reviewer: v for v in sorted(given, key=_when)}
    return tuple(sorted(last.values(), key=lambda v: v.verification_id))


def _when(verification: Verification) -> tuple[int, str, str]:
    return verification.pass_number, verification.updated_at, verification.verification_id


def _of_pairs(answers: Sequence[Verification], likeness: Likeness) -> list[float]:
    found = (likeness(one, other) for one, other in combinations(answers, 2))
    return [value for value in found if value is not None]


def _decision(one: Verification, other: Verification) -> float:
    return float(one.verdict == other.verdict)


def _verdict(one: Verification, other: Verification) -> float | None:
    if one.origin_verdict is None or other.origin_verdict is None:
        return None
    return float(one.origin_verdict == other.origin_verdict)


def _categories(one: Verification, other: Verification) -> float | None:
    ours, theirs = ({region.category for region in side.regions} for side in (one, other))
    if "rejected" in (one.verdict, other.verdict):
        return None
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0


def _regions(one: Verification, other: Verification) -> float | None:
    return None if "rejected" in (one.verdict, other.verdict) else region_likeness(one.regions, other.regions)


def _boundaries(one: Verification, other: Verification) -> float | None:
    return None if "rejected" in (one.verdict, other.verdict) else outline_likeness(one.regions, other.regions)


def _explanation(one: Verification, other: Verification) -> float | None:
    if not (one.explanation or other.explanation):
        return None
    return rouge_l(one.explanation, other.explanation)


MEASURES: dict[Measure, Likeness] = {
    "decision": _decision,
    "verdict": _verdict,
    "categories": _categories,
    "regions": _regions,
    "boundaries": _boundaries,
    "explanation": _explanation,
}
"""How each measure compares two people; what a person rejected has no regions to compare."""
