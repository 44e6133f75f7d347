"""Which samples need a judge, and why: made from the reviews, and gone once somebody has adjudicated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Literal

from schemas.base import Frozen
from schemas.verification import Verification

from ..review import by_sample, has_clear_majority
from .likeness import region_likeness
from .pairs import independent

__all__ = ["LEAST_LIKENESS", "Dispute", "DisputeReason", "disputes"]

DisputeReason = Literal["decision", "verdict", "regions", "votes"]
LEAST_LIKENESS = 0.5
"""Below this soft F1, on average, people have not marked the same thing."""


class Dispute(Frozen):
    """A sample on which independent reviewers differ and that nobody has adjudicated."""

    sample_id: str
    """The sample."""
    reasons: tuple[DisputeReason, ...]
    """decision: no clear majority accepted, corrected or rejected it; verdict: different words for the medium;
    regions: little overlap; votes: one is sure of a region, another sure of the opposite."""
    likeness: float
    """Mean soft F1 of the reviewers' regions; the least alike come first."""
    verification_ids: tuple[str, ...]
    """The reviews, for the judge to see side by side."""


def disputes(verifications: Iterable[Verification], *, least_likeness: float = LEAST_LIKENESS) -> tuple[Dispute, ...]:
    """Every dispute, the least alike first, then by sample."""
    found = (_dispute(answers, least_likeness) for answers in by_sample(verifications).values())
    return tuple(sorted((d for d in found if d), key=lambda d: (d.likeness, d.sample_id)))


def _dispute(verifications: Sequence[Verification], least_likeness: float) -> Dispute | None:
    if any(v.purpose == "adjudication" and v.verdict != "skipped" for v in verifications):
        return None
    answers = independent(verifications)
    kept = [answer for answer in answers if answer.verdict != "rejected"]
    alike = [region_likeness(one.regions, other.regions) for one, other in combinations(kept, 2)]
    likeness = sum(alike) / len(alike) if alike else 1.0
    reasons = tuple(_reasons(answers, likeness, least_likeness))
    if not reasons:
        return None
    ids = tuple(answer.verification_id for answer in answers)
    return Dispute(sample_id=answers[0].sample_id, reasons=reasons, likeness=likeness, verification_ids=ids)


def _reasons(answers: Sequence[Verification], likeness: float, least_likeness: float) -> Iterator[DisputeReason]:
    words = {answer.origin_verdict for answer in answers if answer.origin_verdict}
    if answers and not has_clear_majority(answers):
        yield "decision"
    if len(words) > 1:
        yield "verdict"
    if likeness < least_likeness:
        yield "regions"
    votes: dict[str, set[float]] = {}
    for answer in answers:
        for vote in answer.votes:
            votes.setdefault(vote.region_id, set()).add(vote.confidence)
    if any(0.0 in given and 1.0 in given for given in votes.values()):
        yield "votes"
