"""What people said about one sample, brought to one decision.

Adjudication wins over review. The majority decides; of those who are with it, the person who is closest to all
others is published whole: a mean of several people's boxes is nobody's judgement. Where everybody starts from the
machines' proposal, never from each other's work, all passes count alike; in a relay the last round holds all that the
rounds before it did, and decides. Raw reviews stay in ``verifications/``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from schemas.verification import Verification

from .agreement.likeness import region_likeness

__all__ = ["Decision", "by_sample", "decide", "finding_of", "has_clear_majority", "latest"]

Outcome = Literal["accepted", "fixed_and_accepted", "rejected"]


class Decision(NamedTuple):
    """What the people's answers come to."""

    chosen: Verification | None
    """Whose annotation is published; None where everybody skipped."""
    review: Literal["reviewed", "skipped", "adjudicated"]
    """What the Record's ``review`` says."""
    is_disputed: bool
    """Whether the majority was not clear, or people called the medium different things, and nobody adjudicated."""
    verifications: tuple[Verification, ...]
    """All answers that count, by id."""

    @property
    def is_rejected(self) -> bool:
        """Whether the sample is kept out of the dataset."""
        return self.chosen is not None and self.chosen.verdict == "rejected"

    @property
    def is_error(self) -> bool:
        """Whether the machine's annotation was found wrong: not accepted as it stood, or disputed."""
        return self.chosen is not None and (self.chosen.verdict != "accepted" or self.is_disputed)


def by_sample(verifications: Iterable[Verification]) -> dict[str, tuple[Verification, ...]]:
    """Verifications by their sample."""
    found: defaultdict[str, list[Verification]] = defaultdict(list)
    for verification in verifications:
        found[verification.sample_id].append(verification)
    return {sample_id: tuple(group) for sample_id, group in found.items()}


def latest(verifications: Iterable[Verification]) -> tuple[Verification, ...]:
    """One answer per person, and one as a judge, by id: who answers again, in a later pass too, changed their mind."""
    last: dict[tuple[str, bool], Verification] = {}
    for verification in sorted(verifications, key=lambda v: (v.pass_number, v.updated_at, v.verification_id)):
        last[verification.reviewer, verification.purpose == "adjudication"] = verification
    return tuple(sorted(last.values(), key=lambda v: v.verification_id))


def decide(verifications: Sequence[Verification]) -> Decision | None:
    """One decision from all answers on one sample; None where there is none."""
    if not verifications:
        return None
    answers = latest(verifications)
    given = [answer for answer in answers if answer.verdict != "skipped"]
    if not given:
        return Decision(None, "skipped", False, answers)
    judges = [answer for answer in given if answer.purpose == "adjudication"]
    voices = judges or _last_leg(given, verifications)
    outcome, is_clear = _majority([answer.verdict for answer in voices])
    chosen = _most_typical([answer for answer in voices if answer.verdict == outcome], voices)
    if judges:
        return Decision(chosen, "adjudicated", False, answers)
    return Decision(chosen, "reviewed", not (is_clear and _is_one_voice(voices)), answers)


def _last_leg(given: Sequence[Verification], everything: Sequence[Verification]) -> Sequence[Verification]:
    """All answers, or those of a relay's last round; what an earlier round corrected is corrected in the end, too.

    ``everything`` holds earlier rounds of the same people as well.
    """
    last = max(answer.pass_number for answer in given)
    if not any(answer.is_relayed for answer in given):
        return given
    legs = [answer for answer in given if answer.pass_number == last]
    if all(answer.verdict in ("accepted", "skipped") for answer in everything):
        return legs
    return [leg.evolve(verdict="fixed_and_accepted") if leg.verdict == "accepted" else leg for leg in legs]


def finding_of(decision: Decision | None) -> bool | None:
    """Whether people found the machine wrong; a skip counts as wrong, no answer is None."""
    return None if decision is None else decision.is_error or decision.chosen is None


def has_clear_majority(answers: Sequence[Verification]) -> bool:
    """Whether more than half decided the same about the sample; skips are no answers."""
    verdicts = [answer.verdict for answer in answers if answer.verdict != "skipped"]
    return bool(verdicts) and _majority(verdicts)[1]


def _majority(verdicts: Sequence[str]) -> tuple[Outcome, bool]:
    """The outcome, and whether it is clear. Whether the sample stays is decided first, then whether it was right.

    A tie keeps the sample and counts it as corrected: neither is more than half.
    """
    counts = Counter(verdicts)
    accepted, fixed, rejected = counts["accepted"], counts["fixed_and_accepted"], counts["rejected"]
    if rejected > accepted + fixed:
        return "rejected", True
    is_clear = rejected < accepted + fixed and accepted != fixed
    return ("accepted" if accepted > fixed else "fixed_and_accepted"), is_clear


def _is_one_voice(answers: Sequence[Verification]) -> bool:
    """Whether nobody calls the medium something else than the others."""
    return len({answer.origin_verdict for answer in answers if answer.origin_verdict}) < 2


def _most_typical(candidates: Sequence[Verification], everybody: Sequence[Verification]) -> Verification:
    """Of the candidates, the one most like everybody's regions and word on the medium; ids decide among equals."""

    def key(one: Verification) -> tuple[float, str]:
        alike = sum(region_likeness(one.regions, other.regions) for other in everybody)
        voices = sum(one.origin_verdict == other.origin_verdict for other in everybody)
        return -(alike + voices), one.verification_id

    return min(candidates, key=key)
