"""A second pass that tries an explanation: are its places found from its words alone, and does it fall with them?

Its judgements name each statement of the candidates before it (``models.relocating``); ``witnessmark evaluate`` makes
the figures ``faithfulness`` and ``reliance`` of them. The annotation is that of the first candidate, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from schemas.base import content_id
from schemas.candidate import Candidate
from schemas.errors import AnswerError
from schemas.sample import Sample
from schemas.task import Task

from ..base import Reads
from ..models.conversation import Outcome
from ..models.inquiry import Inquiry
from ..models.options import ModelOptions
from ..models.portions import portions
from ..models.relocating import PLACE_TOKENS, hiding_all, locating_all, statements_of
from ..questioned import questioned
from .vlm import VisionModel

__all__ = ["Config", "Relocate"]


class Config(ModelOptions):
    """Options of a model that looks for the places of an explanation; best another one than explained."""

    kind: Literal["relocate"] = "relocate"
    """This machine."""
    min_iou: float = Field(0.25, gt=0, le=1)
    """A place counts as found again from this IoU of the boxes on."""
    covers: bool = True
    """Whether to ask a second time, with all places covered, what can still be seen."""


class Relocate(VisionModel):
    """Proposes the first candidate as it is, with how faithful the words of all candidates are to their places."""

    config: Config
    reads_earlier: ClassVar[Reads] = "always"

    @property
    def rounds(self) -> tuple[int, int, int]:
        """Once; never where nothing is said of a place, and in portions where there are as many places as may be."""
        return (0, 1, len(portions([PLACE_TOKENS] * self.config.max_regions, self.config.max_tokens)))

    def answer_tokens(self, task: Task) -> int:
        """The answer about one statement with one place."""
        return PLACE_TOKENS

    def expected_tokens(self, sample: Sample) -> tuple[int, ...]:
        return super().expected_tokens(sample) * (len(self.config.after) or 1) * (2 if self.config.covers else 1)

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: there is nothing to look for."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate. Raises AnswerError or ServiceError as a model does, MediaError where covering fails."""
        base = self._inquirer.inquire(sample)
        candidates = tuple({c.candidate_id: c for c in earlier}.values())
        questions = [question for candidate in candidates for question in self._questions(base, candidate)]
        outcomes = await self._conversations.hold_all(questions)
        return (self._tried(base, candidates, questions, outcomes),)

    def _questions(self, base: Inquiry, candidate: Candidate) -> list[Inquiry]:
        """Where the places are, and what can be seen without them; none for a candidate that names no place."""
        statements = statements_of(candidate, base.views)
        if not statements:
            return []
        owner, most = candidate.candidate_id, self.config.max_tokens
        convention, min_iou = self._inquirer.terms.convention, self.config.min_iou
        where = locating_all(base, owner, statements, convention=convention, min_iou=min_iou, max_tokens=most)
        return [*where, *hiding_all(base, owner, statements, max_tokens=most)] if self.config.covers else where

    def _tried(
        self, base: Inquiry, candidates: Sequence[Candidate], questions: Sequence[Inquiry], outcomes: Sequence[Outcome]
    ) -> Candidate:
        """The first candidate's annotation, with the judgements on all of them and the way to these."""
        first, config = candidates[0], self.config
        asked = [[question.key for question in questions], [c.candidate_id for c in candidates], config.min_iou]
        prompt = questions[0].prompt_sha256 if questions else ""
        return first.evolve(
            candidate_id=content_id(base.sample.sample_id, config.title, base.key, asked),
            **questioned(config, base, outcomes, candidates, prompt_sha256=prompt),
            measurements=(),
            chosen_id=first.candidate_id,
            judgements=tuple(j for outcome in outcomes for j in outcome.proposal.judgements),
            is_consistent=None,
            agreement=None,
        )
