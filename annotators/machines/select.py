"""The best of the candidates before it, by named measures: no model, no key. What was not chosen stays where it is.

For the best of n answers of one model, give it ``repeats: n`` and a temperature, and name it in ``after`` here.
"""

from __future__ import annotations

import math
import time
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from schemas.base import canonical_json, content_id
from schemas.candidate import Candidate
from schemas.errors import AnswerError
from schemas.judgement import Judgement
from schemas.sample import Sample

from ..base import Annotator, MachineConfig, Reads
from ..consensus import MIN_IOU, MeasureName, measure

__all__ = ["Config", "Select"]

VERSION = "1"
"""Raised whenever a measure answers otherwise than before."""


class Config(MachineConfig):
    """Options of the selection."""

    kind: Literal["select"] = "select"
    """This machine."""
    by: dict[MeasureName, float] = Field(default={"agreement": 1.0}, min_length=1)
    """Measures and their weights: agreement (with the other candidates), certainty (its own scores), explained (regions
    with words), grounded (claims with evidence). The highest weighted mean is chosen, of equal ones the first by id."""
    min_iou: float = Field(MIN_IOU, gt=0, le=1)
    """Regions that overlap by this IoU are the same place."""

    @field_validator("by")
    @classmethod
    def _weighs_something(cls, value: dict[MeasureName, float]) -> dict[MeasureName, float]:
        if any(weight < 0 for weight in value.values()) or not any(value.values()):
            raise ValueError("weights are 0 or more, one of them more")
        return value


class Select(Annotator):
    """Proposes the best of earlier candidates, with the measures of all of them."""

    config: Config
    reads_earlier: ClassVar[Reads] = "always"

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: there is nothing to choose from."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate: the best one's annotation. Raises AnswerError where regions do not fit their picture."""
        start = time.perf_counter()
        candidates = sorted({c.candidate_id: c for c in earlier}.values(), key=lambda c: c.candidate_id)
        try:
            measured = {c.candidate_id: self._measured(c, candidates) for c in candidates}
        except ValueError as error:
            raise AnswerError(
                f"the candidates cannot be compared: {error}", remedy="correct the machine that drew them"
            ) from error
        best = min(candidates, key=lambda c: (-round(self._mean(measured[c.candidate_id]), 9), c.candidate_id))
        judgements = tuple(
            Judgement(candidate_id=owner, name=name, score=score, scale_min=0, scale_max=1)
            for owner, scores in measured.items()
            for name, score in scores.items()
        )
        return (self._selected(best, candidates, judgements, time.perf_counter() - start),)

    def _measured(self, candidate: Candidate, candidates: list[Candidate]) -> dict[MeasureName, float]:
        others = [other for other in candidates if other is not candidate]
        return {name: measure(name, candidate, others, min_iou=self.config.min_iou) for name in sorted(self.config.by)}

    def _mean(self, scores: dict[MeasureName, float]) -> float:
        weights = self.config.by
        return math.fsum(score * weights[name] for name, score in scores.items()) / math.fsum(weights.values())

    def _selected(
        self, best: Candidate, candidates: list[Candidate], judgements: tuple[Judgement, ...], latency_s: float
    ) -> Candidate:
        machine, model = self.config.title, f"select-{VERSION}"
        parameters = canonical_json(self.config.model_dump(include={"by", "min_iou"}))
        parents = tuple(candidate.candidate_id for candidate in candidates)
        is_told = any(candidate.conditioning == "label_given" for candidate in candidates)
        return Candidate(
            candidate_id=content_id(best.sample_id, machine, model, parameters, parents),
            sample_id=best.sample_id,
            machine=machine,
            kind=self.config.kind,
            model=model,
            model_snapshot=model,
            parameters=parameters,
            conditioning="label_given" if is_told else "blind",
            verdict=best.verdict,
            verdict_score=best.verdict_score,
            explanation=best.explanation,
            claims=best.claims,
            regions=best.regions,
            attributes=best.attributes,
            answers=best.answers,
            latency_s=latency_s,
            parent_ids=parents,
            chosen_id=best.candidate_id,
            judgements=judgements,
        )
