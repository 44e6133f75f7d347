"""Relay rounds: each goes on from what the round before left, as the annotators of X-AIGD worked (arXiv 2601.19430).

A round's result becomes a candidate that the next round is shown, so that what is shown, read back and compared is
the same as ever. It stands in ``shown/`` beside the machines' own and is nobody's voice in routing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from annotators.base import RELAY
from schemas.base import content_id
from schemas.candidate import Candidate
from schemas.verification import Verification

from .review import Decision, decide

__all__ = ["Legs", "credited", "left_by", "proposed_by"]


class Legs:
    """What each round left, by sample and round."""

    def __init__(self, verifications: Iterable[Verification]) -> None:
        self._answers: defaultdict[tuple[str, int], list[Verification]] = defaultdict(list)
        for verification in verifications:
            if verification.purpose != "adjudication":
                self._answers[verification.sample_id, verification.pass_number].append(verification)

    def start(self, sample_id: str, pass_number: int, candidates: Mapping[str, Candidate]) -> Candidate | None:
        """What a round after the first one is shown; None while the round before is open, skipped, or left it out."""
        decision = decide(self._answers[sample_id, pass_number - 1])
        if decision is None or decision.chosen is None or decision.is_rejected:
            return None
        return left_by(decision.chosen, candidates.get(decision.chosen.candidate_id or ""))


def left_by(answer: Verification, shown: Candidate | None) -> Candidate:
    """The candidate that says what a person left of the one that was shown; equal decisions give one id."""
    said = answer.origin_verdict, answer.explanation, answer.regions, answer.attributes, answer.answers
    return Candidate(
        candidate_id=content_id("relay", answer.verification_id, answer.candidate_id, *map(repr, said)),
        sample_id=answer.sample_id,
        machine=RELAY,
        kind=RELAY,
        conditioning=shown.conditioning if shown else "blind",
        verdict=answer.origin_verdict,
        explanation=answer.explanation,
        claims=shown.claims if shown and shown.explanation == answer.explanation else (),
        regions=answer.regions,
        attributes=answer.attributes,
        answers=answer.answers,
        parent_ids=(answer.candidate_id,) if answer.candidate_id else (),
    )


def credited(decision: Decision, answers: Iterable[Verification], begun_with: Mapping[str, str | None]) -> Decision:
    """A relay's last word, told as what all rounds together made of the proposal that the relay began with.

    ``answers`` are everybody's on the sample: who worked in two rounds changed something in each, and of a round
    answered again the last answer stands. ``begun_with`` is the first proposal by candidate that a relay left.
    """
    chosen = decision.chosen
    shown = chosen.candidate_id if chosen else None
    if chosen is None or shown is None or shown not in begun_with:
        return decision
    last = {(a.purpose, a.pass_number, a.reviewer): a for a in sorted(answers, key=_when)}
    changes = (change for answer in last.values() for change in answer.changes if change.change != "kept")
    return decision._replace(chosen=chosen.evolve(candidate_id=begun_with[shown], changes=tuple(changes)))


def _when(answer: Verification) -> tuple[int, str, str]:
    return answer.pass_number, answer.updated_at, answer.verification_id


def proposed_by(candidates: Sequence[Candidate], candidate_id: str | None) -> str | None:
    """The machines' proposal that a relay began with; the candidate itself where it is no relay's."""
    known = {candidate.candidate_id: candidate for candidate in candidates}
    while candidate_id in known and known[candidate_id].kind == RELAY:
        candidate_id = next(iter(known[candidate_id].parent_ids), None)
    return candidate_id
