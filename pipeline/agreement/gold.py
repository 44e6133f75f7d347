"""How right people are where the truth is known: gold tasks among the others, which nobody can tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from pydantic import NonNegativeInt

from schemas.base import Frozen
from schemas.candidate import Verdict
from schemas.sample import Sample
from schemas.verification import Verification

from ..review import by_sample
from .likeness import region_likeness
from .pairs import independent

__all__ = ["GoldScore", "gold_scores"]

VERDICTS: Mapping[str, Verdict] = {"real": "real", "generated": "generated", "edited": "edited"}
"""Origins as verdicts; an unknown origin is no truth."""


class GoldScore(Frozen):
    """One person against known truth."""

    reviewer: str
    """Pseudonym."""
    tasks: NonNegativeInt
    """Answered samples whose regions are known."""
    region_f1: float | None = None
    """Mean soft F1 of the person's regions against the known ones; None without such a task."""
    verdicts: NonNegativeInt = 0
    """Answered samples whose origin is known, on which the person gave a word."""
    verdicts_right: NonNegativeInt = 0
    """Of these, with the right word."""

    @property
    def verdict_accuracy(self) -> float | None:
        """Share of right words; None where none was asked for."""
        return self.verdicts_right / self.verdicts if self.verdicts else None


def gold_scores(verifications: Iterable[Verification], samples: Mapping[str, Sample]) -> tuple[GoldScore, ...]:
    """Everybody's scores, by pseudonym; ``samples`` are those with known truth. Skips and rejections say nothing.

    A person counts once per sample, with the last answer given without sight of others': what a judge decides between,
    and what a relay goes on from, is not that person's own find.
    """
    found: dict[str, list[tuple[Verification, Sample]]] = {}
    for sample_id, answers in by_sample(v for v in verifications if v.sample_id in samples).items():
        for answer in independent(answers):
            if answer.verdict in ("accepted", "fixed_and_accepted"):
                found.setdefault(answer.reviewer, []).append((answer, samples[sample_id]))
    return tuple(_score(reviewer, answers) for reviewer, answers in sorted(found.items()))


def _score(reviewer: str, answers: list[tuple[Verification, Sample]]) -> GoldScore:
    known = [region_likeness(v.regions, s.ground_truth) for v, s in answers if s.has_ground_truth]
    words = [(v.origin_verdict, VERDICTS[s.origin]) for v, s in answers if v.origin_verdict and s.origin in VERDICTS]
    return GoldScore(
        reviewer=reviewer,
        tasks=len(known),
        region_f1=fmean(known) if known else None,
        verdicts=len(words),
        verdicts_right=sum(said == true for said, true in words),
    )
