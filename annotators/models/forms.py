"""The answers that models are asked for, each small, and only what a model can know.

Boxes are four numbers in the convention that the machine declares. Text is cited by exact quote and regions by
their number in the list; spans and ids are ours. The docstrings here are the words in the JSON schema that the
model reads.
"""

from __future__ import annotations

from typing import Literal, get_args

from schemas.base import Frozen
from schemas.candidate import Verdict

__all__ = ["ANSWERS", "QUESTION_KINDS", "Question"]

Question = Literal["artifacts", "question", "written_question", "contrast", "attributes", "rubric"]
"""What one sample is asked: ``question`` is document_qa's, or a sample's own; ``written_question`` is the model's."""
QUESTION_KINDS: tuple[Question, ...] = get_args(Question)


class ArtifactRegion(Frozen):
    """One place that shows an artifact."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What is wrong there: one of the listed categories."""
    box: tuple[int, ...]
    """Where."""
    phrase: str
    """A few words that point to the place and to no other one, such as 'the left hand of the woman'."""
    explanation: str
    """What can be seen there that shows it, in one or two sentences."""


class SupportRegion(Frozen):
    """One place that a reason rests on."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What kind of place it is: one of the listed categories."""
    box: tuple[int, ...]
    """Where."""
    explanation: str
    """What can be seen there, in one or two sentences."""


class EvidenceRegion(Frozen):
    """One place that the answer rests on."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What kind of evidence it is: one of the listed categories."""
    box: tuple[int, ...]
    """Where."""
    quote: str
    """The words there, exactly as they stand; empty where there are no words."""
    explanation: str
    """What can be seen there, where there are no words; else empty."""


class CitedTime(Frozen):
    """A stretch of the clip."""

    start_s: float
    """Seconds from the start of the clip."""
    end_s: float
    """Seconds from the start of the clip, later than start_s."""


class CitedQuote(Frozen):
    """Words of a page."""

    page: int
    """Number of the page."""
    text: str
    """The words, copied exactly from the page."""


class CitedClaim(Frozen):
    """One stretch of the explanation and the evidence it rests on."""

    text: str
    """The stretch, copied exactly from 'explanation'."""
    regions: tuple[int, ...]
    """Numbers of the regions that show it, in the order of 'regions', from 1."""
    pages: tuple[int, ...]
    """Numbers of whole pages that show it."""
    times: tuple[CitedTime, ...]
    """Stretches of the clip that show it."""
    quotes: tuple[CitedQuote, ...]
    """Words of the pages that it rests on."""
    is_global: bool
    """Whether it is about the whole medium and rests on no single place."""


class Grade(Frozen):
    """One attribute's grade."""

    name: str
    """The attribute."""
    value: str
    """A word of the attribute's vocabulary; empty where it has none."""
    score: float
    """A number on the attribute's scale; 0 where it has none."""
    reason: str
    """What can be seen that earns this grade, in a sentence."""


class ArtifactAnswer(Frozen):
    """What the medium is, why, and where it shows."""

    verdict: Verdict
    """real: recorded by a device; generated: made by a model; edited: recorded, then altered; unclear: hard to tell."""
    explanation: str
    """Why, in two or three sentences that rest on what can be seen."""
    grades: tuple[Grade, ...]
    """One grade for each attribute."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[ArtifactRegion, ...]
    """Every place that shows an artifact; an empty list where there is none."""


class EvidenceAnswer(Frozen):
    """The answer to the question, and where it stands."""

    answer: str
    """The answer, as short as it can be; empty where the medium does not hold it."""
    regions: tuple[EvidenceRegion, ...]
    """Every place that the answer rests on; an empty list where there is none."""


class QuestionedAnswer(Frozen):
    """A question about the medium, its answer, and where that stands."""

    question: str
    """The question; empty where the medium holds nothing to ask about in this way."""
    answer: str
    """The answer, as short as it can be; empty where the question is."""
    regions: tuple[EvidenceRegion, ...]
    """Every place that the answer rests on; an empty list where there is no question."""


class OptionReason(Frozen):
    """What speaks for or against one option."""

    option: str
    """The option."""
    reason: str
    """Why it is right, for the one that is chosen; why it is not, for every other."""


class ContrastAnswer(Frozen):
    """Which option is right, why, and why no other is."""

    answer: str
    """The option that is right."""
    reasons: tuple[OptionReason, ...]
    """One reason for each option, chosen or not."""
    explanation: str
    """What decides it, in two or three sentences that rest on what can be seen."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[SupportRegion, ...]
    """Every place that the reasons rest on; an empty list where there is none."""


class GradedAnswer(Frozen):
    """The grades, why, and where it shows."""

    grades: tuple[Grade, ...]
    """One grade for each attribute."""
    explanation: str
    """What decides the grades, in two or three sentences that rest on what can be seen."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[SupportRegion, ...]
    """Every place that the grades rest on; an empty list where there is none."""


class Held(Frozen):
    """Whether one statement holds."""

    name: str
    """The criterion."""
    holds: bool
    """Whether its statement holds."""
    reason: str
    """What can be seen that shows it, in a sentence."""


class RubricAnswer(Frozen):
    """Which statements hold, why, and where it shows."""

    criteria: tuple[Held, ...]
    """One entry for each criterion."""
    explanation: str
    """What decides them, in two or three sentences that rest on what can be seen."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[SupportRegion, ...]
    """Every place that the entries rest on; an empty list where there is none."""


ANSWERS: dict[Question, type[Frozen]] = {
    "artifacts": ArtifactAnswer,
    "question": EvidenceAnswer,
    "written_question": QuestionedAnswer,
    "contrast": ContrastAnswer,
    "attributes": GradedAnswer,
    "rubric": RubricAnswer,
}
"""What each question is answered with."""
