"""A model that judges what the machines before it proposed, and takes over the best, or the regions that hold.

Every question is asked twice, the second time with proposals and factors in the reverse order; scores are the mean of
both, and ``is_consistent`` says whether both led to the same choice. More than an answer of ``max_tokens`` holds is
asked in several questions. What was not chosen stays in ``candidates/`` as it is, with its scores in the judge's
candidate.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from schemas.base import canonical_json, content_id
from schemas.candidate import Candidate
from schemas.errors import AnswerError
from schemas.judgement import Judgement
from schemas.sample import Sample
from schemas.task import Task

from ..base import Reads
from ..consensus.keeping import recited_answers, recited_claims
from ..models.conversation import Outcome
from ..models.earlier import candidate_words, region_words
from ..models.inquiry import Inquiry
from ..models.judging import SCORE_TOKENS, Factor, Judged, Order, judging
from ..models.options import ModelOptions
from ..models.portions import portions
from ..questioned import questioned
from .vlm import VisionModel

__all__ = ["Config", "Judge"]

FACTORS = (
    Factor(name="truth", definition="What it says about the medium can be seen there; nothing in it is made up."),
    Factor(name="grounding", definition="Each box lies tightly around just what its words describe."),
    Factor(name="completeness", definition="Everything that matters is named; nothing of weight is missing."),
    Factor(name="clarity", definition="A reader can check each statement by looking at the place that it names."),
)


class Config(ModelOptions):
    """Options of a judging model."""

    kind: Literal["judge"] = "judge"
    """This machine."""
    judges: Literal["candidates", "regions"] = "candidates"
    """candidates: the best candidate is taken over whole; regions: each region is judged by itself, and those that
    reach ``min_score`` are taken over, with the words of the first candidate. What one answer of ``max_tokens`` has no
    room for, at 80 tokens a score, is asked in further questions."""
    factors: tuple[Factor, ...] = Field(FACTORS, min_length=1)
    """What is scored, each with a definition and a weight."""
    scale_min: int = 1
    """Lower end of the scale."""
    scale_max: int = 5
    """Upper end of the scale."""
    min_score: float | None = None
    """Mean score below which nothing is taken over: the sample is rejected by this machine (candidates), or the region
    is left out (regions; 3 where none is set)."""
    swaps: bool = True
    """Whether to ask a second time in the reverse order; without it nobody knows how much the order decides."""

    @field_validator("factors")
    @classmethod
    def _are_told_apart(cls, value: tuple[Factor, ...]) -> tuple[Factor, ...]:
        if len({factor.name for factor in value}) < len(value):
            raise ValueError("two factors have one name")
        if any(factor.weight < 0 for factor in value) or not any(factor.weight for factor in value):
            raise ValueError("weights are 0 or more, one of them more")
        return value

    @model_validator(mode="after")
    def _is_a_scale(self) -> Config:
        if self.scale_min >= self.scale_max:
            raise ValueError("scale_min must lie below scale_max")
        return self


class _Trial(NamedTuple):
    """What was judged, how it was asked, and what came of it."""

    candidates: Sequence[Candidate]
    base: Inquiry
    questions: Sequence[Sequence[Inquiry]]
    """One in each order, of each portion."""
    outcomes: Sequence[Sequence[Outcome]]
    """What came of each."""

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """All scores, question by question."""
        return _scores(self.answered)

    @property
    def answered(self) -> list[Outcome]:
        """All outcomes, in the order of the questions."""
        return [outcome for portion in self.outcomes for outcome in portion]

    @property
    def by_order(self) -> list[tuple[Judgement, ...]]:
        """All scores, order by order; a portion whose order cannot matter was asked once and counts for both."""
        count = max(map(len, self.outcomes), default=0)
        return [_scores(portion[min(at, len(portion) - 1)] for portion in self.outcomes) for at in range(count)]


class Judge(VisionModel):
    """Proposes what it finds best of what was proposed."""

    config: Config
    reads_earlier: ClassVar[Reads] = "always"

    @property
    def rounds(self) -> tuple[int, int, int]:
        """Once, in portions where there are more candidates, or as many regions as may be, than an answer has room for;
        about regions never where there are none.
        """
        count = max(1, len(self.config.after))
        if self.config.judges == "candidates":
            asked = len(self._portions(count))
            return (1, asked, asked)
        return (0, 1, len(self._portions(self.config.max_regions * count)))

    def answer_tokens(self, task: Task) -> int:
        """Scores of one proposal: an answer holds at least these."""
        return SCORE_TOKENS * len(self.config.factors)

    def expected_tokens(self, sample: Sample) -> tuple[int, ...]:
        return super().expected_tokens(sample) * (2 if self.config.swaps else 1)

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: there is nothing to judge."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate. Raises AnswerError or ServiceError as a model does, and where nothing is good enough."""
        candidates = sorted({c.candidate_id: c for c in earlier}.values(), key=lambda c: c.candidate_id)
        base = self._inquirer.inquire(sample)
        questions = self._questions(base, self._items(candidates, base))
        rest = iter(await self._conversations.hold_all([q for portion in questions for q in portion]))
        trial = _Trial(candidates, base, questions, [[next(rest) for _ in portion] for portion in questions])
        return (self._with_good_regions(trial) if self.config.judges == "regions" else self._with_best(trial),)

    def _questions(self, base: Inquiry, items: Sequence[Judged]) -> list[list[Inquiry]]:
        """In each order, by portions of which an answer has room for all scores."""
        return [
            [self._question(base, items[part.start : part.stop], order) for order in self._orders(len(part))]
            for part in self._portions(len(items))
        ]

    def _portions(self, count: int) -> tuple[range, ...]:
        return portions([SCORE_TOKENS * len(self.config.factors)] * count, self.config.max_tokens)

    def _question(self, base: Inquiry, items: Sequence[Judged], order: Order) -> Inquiry:
        return judging(base, items, self.config.factors, (self.config.scale_min, self.config.scale_max), order)

    def _items(self, candidates: Sequence[Candidate], base: Inquiry) -> list[Judged]:
        """What is judged, in an order that no name decides."""
        convention, asset = self._inquirer.terms.convention, base.sample.primary
        if self.config.judges == "candidates":
            return [Judged(c.candidate_id, None, candidate_words(c, base.views, asset, convention)) for c in candidates]
        return [
            Judged(c.candidate_id, r.region_id, canonical_json(region_words(r, base.views, asset, convention)))
            for c in candidates
            for r in c.regions
        ]

    def _orders(self, count: int) -> list[Order]:
        """None where there is nothing to judge; one where order cannot matter."""
        factors = tuple(range(len(self.config.factors)))
        first = Order(tuple(range(count)), factors)
        turned = Order(first.items[::-1], factors[::-1])
        if not count:
            return []
        return [first, turned] if self.config.swaps and turned != first else [first]

    def _with_best(self, trial: _Trial) -> Candidate:
        means, judged = self._means(trial.judgements), self._judged(trial)
        best = _best(means)
        if self.config.min_score is not None and means[best] < self.config.min_score:
            raise self._not_good_enough(means[best], len(trial.candidates), judged)
        chosen = next(candidate for candidate in trial.candidates if candidate.candidate_id == best[0])
        choices = {_best(self._means(judgements)) for judgements in trial.by_order}
        return judged.evolve(
            **_annotation(chosen),
            chosen_id=chosen.candidate_id,
            is_consistent=len(choices) == 1 if len(trial.by_order) > 1 else None,
        )

    def _with_good_regions(self, trial: _Trial) -> Candidate:
        first, kept = trial.candidates[0], self._kept(trial.judgements)
        owned = [(c.candidate_id, r) for c in trial.candidates for r in c.regions]
        owned = [(candidate_id, region) for candidate_id, region in owned if (candidate_id, region.region_id) in kept]
        names = {(owner, r.region_id): f"{self.config.title}-{n}" for n, (owner, r) in enumerate(owned, 1)}
        firsts = {region_id: name for (owner, region_id), name in names.items() if owner == first.candidate_id}
        choices = {frozenset(self._kept(judgements)) for judgements in trial.by_order}
        regions = tuple(region.evolve(region_id=names[owner, region.region_id]) for owner, region in owned)
        is_consistent = len(choices) == 1 if len(trial.by_order) > 1 else None
        recited = {"claims": recited_claims(first, firsts), "answers": recited_answers(first, firsts)}
        said = {**_annotation(first), **recited, "regions": regions}
        return self._judged(trial).evolve(**said, is_consistent=is_consistent)

    def _kept(self, judgements: Sequence[Judgement]) -> set[tuple[str, str]]:
        bar = 3.0 if self.config.min_score is None else self.config.min_score
        means = self._means(judgements)
        return {(candidate_id, region_id) for (candidate_id, region_id), mean in means.items() if mean >= bar - 1e-9}

    def _means(self, judgements: Sequence[Judgement]) -> dict[tuple[str, str], float]:
        """Weighted mean score by candidate and region (empty for a whole candidate), over every order asked."""
        weights = {factor.name: factor.weight for factor in self.config.factors}
        given: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for judgement in judgements:
            key = judgement.candidate_id, judgement.region_id or ""
            given[key].append((judgement.score or 0.0, weights[judgement.name]))
        return {
            key: math.fsum(score * weight for score, weight in scores) / math.fsum(weight for _, weight in scores)
            for key, scores in given.items()
        }

    def _judged(self, trial: _Trial) -> Candidate:
        """The judge's candidate before it has taken anything over."""
        candidates, base = trial.candidates, trial.base
        keys = [question.key for portion in trial.questions for question in portion]
        asked = keys or [base.key, *(c.candidate_id for c in candidates)]
        rule = canonical_json(self.config.model_dump(include={"judges", "min_score", "factors"}))
        prompt = trial.questions[0][0].prompt_sha256 if trial.questions else ""
        return Candidate(
            candidate_id=content_id(base.sample.sample_id, self.config.title, asked, rule),
            **questioned(self.config, base, trial.answered, candidates, prompt_sha256=prompt),
            judgements=trial.judgements,
        )

    def _not_good_enough(self, mean: float, count: int, judged: Candidate) -> AnswerError:
        error = AnswerError(
            f"the best of {count} candidates scores {mean:.2f}, below min_score {self.config.min_score:g}",
            remedy="nothing is wrong with the answers; lower min_score to let more through",
        )
        error.__dict__.update(answer_key=judged.answer_key, attempts=len(judged.attempts), history=judged.attempts)
        return error


def _scores(outcomes: Iterable[Outcome]) -> tuple[Judgement, ...]:
    return tuple(judgement for outcome in outcomes for judgement in outcome.proposal.judgements)


def _best(means: dict[tuple[str, str], float]) -> tuple[str, str]:
    """The highest mean; of equal ones the first by id, whatever the order they were shown in."""
    return min(means, key=lambda key: (-round(means[key], 9), key))


def _annotation(candidate: Candidate) -> dict[str, object]:
    """What a candidate says about the medium."""
    names = ("verdict", "verdict_score", "explanation", "claims", "regions", "attributes", "answers")
    return {name: getattr(candidate, name) for name in names}
