"""What is left of a candidate's words when some of its regions go: claims and answers on those that stay."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.candidate import Answer, Candidate, Claim

__all__ = ["recited_answers", "recited_claims"]


def recited_claims(candidate: Candidate, names: Mapping[str, str]) -> tuple[Claim, ...]:
    """Claims on the regions that stay, under their new names; one that lost all its evidence with them is gone."""
    return tuple(
        claim.evolve(region_ids=tuple(names[i] for i in claim.region_ids if i in names))
        for claim in candidate.claims
        if claim.stands_alone or not claim.region_ids or any(i in names for i in claim.region_ids)
    )


def recited_answers(candidate: Candidate, names: Mapping[str, str]) -> tuple[Answer, ...]:
    """All answers, each on what stays of its evidence."""
    return tuple(
        answer.evolve(region_ids=tuple(names[i] for i in answer.region_ids if i in names))
        for answer in candidate.answers
    )
