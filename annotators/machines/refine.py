"""A bounded loop: a critic says what is wrong with a proposal, and the model answers anew, until nothing is left.

The first candidate of ``after`` is refined; put a judge or a consensus before it to choose among several. Every
round's verdict stands in ``judgements``, every answer in ``attempts``; the earlier candidate stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from schemas.base import content_id
from schemas.candidate import Attempt, Candidate
from schemas.errors import AnswerError, SampleError, ServiceError
from schemas.judgement import Judgement
from schemas.sample import Sample

from ..base import Reads
from ..models.conversation import Outcome
from ..models.critique import criticizing, revising
from ..models.earlier import candidate_words
from ..models.history import numbered
from ..models.inquiry import Inquiry
from ..models.options import ModelOptions
from ..questioned import questioned
from .vlm import VisionModel

__all__ = ["Config", "Refine"]


class Config(ModelOptions):
    """Options of a model that refines."""

    kind: Literal["refine"] = "refine"
    """This machine."""
    max_rounds: int = Field(2, ge=1, le=8)
    """Most revisions; each costs an answer and a criticism, and the first criticism comes on top."""


class Refine(VisionModel):
    """Proposes an earlier candidate, revised until a critic accepts it or the rounds are used up."""

    config: Config
    reads_earlier: ClassVar[Reads] = "always"

    @property
    def rounds(self) -> tuple[int, int, int]:
        """One criticism; one revision and its criticism as a rule; all revisions, each with its criticism."""
        return (1, 3, 1 + 2 * self.config.max_rounds)

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: there is nothing to refine."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate; the last judgement says whether it was accepted. Raises as a model does."""
        base, current = self._inquirer.inquire(sample), earlier[0]
        outcomes: list[Outcome] = []
        for number in range(1, self.config.max_rounds + 2):
            words = candidate_words(current, base.views, sample.primary, self._inquirer.terms.convention)
            verdict = await self._hold(criticizing(base, words, current.candidate_id, number), outcomes)
            (judgement,) = verdict.proposal.judgements
            if judgement.score or number > self.config.max_rounds:
                break
            question = revising(base, words, judgement.reason)
            revised = await self._hold(question, outcomes)
            current = self._revised(question, revised)
        return (self._refined(earlier[0], current, base, outcomes),)

    async def _hold(self, question: Inquiry, outcomes: list[Outcome]) -> Outcome:
        """Asks, and notes the outcome; a failure also tells what was answered, and paid, before it."""
        try:
            outcome = await self._conversations.hold(question)
        except (ServiceError, SampleError) as error:
            ours = copy.copy(error)
            whole = numbered((*_history(outcomes), *getattr(error, "history", ())))
            ours.__dict__.update(history=whole, attempts=len(whole) or 1)
            raise ours from error
        outcomes.append(outcome)
        return outcome

    def _revised(self, question: Inquiry, outcome: Outcome) -> Candidate:
        """What the model answered, as the next thing that the critic is shown."""
        sample_id = question.sample.sample_id
        return Candidate(
            candidate_id=content_id(sample_id, self.config.title, question.key),
            sample_id=sample_id,
            machine=self.config.title,
            kind=self.config.kind,
            parse_status=outcome.status,
            **outcome.proposal._asdict(),
        )

    def _refined(self, first: Candidate, current: Candidate, base: Inquiry, outcomes: Sequence[Outcome]) -> Candidate:
        """The last version with the way to it; where the critic accepted the first one, that is taken over."""
        config, sample_id = self.config, base.sample.sample_id
        way = questioned(config, base, outcomes, (first,), prompt_sha256=base.prompt_sha256, main=-1)
        return current.evolve(
            candidate_id=content_id(sample_id, config.title, base.key, first.candidate_id, config.max_rounds),
            **{**way, "parse_status": current.parse_status},
            measurements=(),
            chosen_id=first.candidate_id if current is first else None,
            judgements=_verdicts(outcomes),
            is_consistent=None,
            agreement=None,
        )


def _history(outcomes: Sequence[Outcome]) -> list[Attempt]:
    return [attempt for outcome in outcomes for attempt in outcome.history]


def _verdicts(outcomes: Sequence[Outcome]) -> tuple[Judgement, ...]:
    return tuple(judgement for outcome in outcomes for judgement in outcome.proposal.judgements)
