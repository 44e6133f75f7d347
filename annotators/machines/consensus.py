"""What the machines before it say together: regions matched and fused, verdicts voted on. No model, no key.

``annotators.consensus`` has the rules. Publish it with ``dataset.annotation: consensus``.
"""

from __future__ import annotations

import time
from typing import ClassVar, Literal

from pydantic import Field

from schemas.base import canonical_json, content_id
from schemas.candidate import Candidate
from schemas.errors import AnswerError
from schemas.sample import Sample

from ..base import Annotator, MachineConfig, Reads
from ..consensus import MIN_IOU, Consensus, consensus

__all__ = ["Config", "Fusion"]

VERSION = "1"
"""Raised whenever equal candidates are taken together otherwise than before."""


class Config(MachineConfig):
    """Options of the consensus."""

    kind: Literal["consensus"] = "consensus"
    """This machine."""
    min_iou: float = Field(MIN_IOU, gt=0, le=1)
    """Regions that overlap by this IoU are the same place."""
    min_share: float = Field(0.0, ge=0, le=1)
    """Regions, attribute values and answers that a smaller share of the machines gives are left out; 0 keeps all, 1
    asks for unanimity."""
    min_region_share: float | None = Field(None, ge=0, le=1)
    """Another bar for regions alone; that of min_share where none is set."""


class Fusion(Annotator):
    """Proposes the consensus of earlier candidates, with figures on how far they agree."""

    config: Config
    reads_earlier: ClassVar[Reads] = "always"

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: alone there is nothing to agree on."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate. Raises AnswerError where regions do not fit their picture."""
        start = time.perf_counter()
        try:
            found = consensus(
                sample,
                earlier,
                min_iou=self.config.min_iou,
                min_share=self.config.min_share,
                min_region_share=self.config.min_region_share,
                prefix=self.config.title,
            )
        except ValueError as error:
            raise AnswerError(
                f"the candidates cannot be taken together: {error}", remedy="correct the machine that drew them"
            ) from error
        return (self._candidate(sample, earlier, found, time.perf_counter() - start),)

    def _candidate(
        self, sample: Sample, earlier: tuple[Candidate, ...], found: Consensus, latency_s: float
    ) -> Candidate:
        machine, model = self.config.title, f"consensus-{VERSION}"
        parameters = canonical_json(self.config.model_dump(include={"min_iou", "min_share", "min_region_share"}))
        parents = tuple(dict.fromkeys(candidate.candidate_id for candidate in earlier))
        is_told = any(candidate.conditioning == "label_given" for candidate in earlier)
        return Candidate(
            candidate_id=content_id(sample.sample_id, machine, model, parameters, sorted(parents)),
            sample_id=sample.sample_id,
            machine=machine,
            kind=self.config.kind,
            model=model,
            model_snapshot=model,
            parameters=parameters,
            conditioning="label_given" if is_told else "blind",
            parent_ids=parents,
            latency_s=latency_s,
            **found._asdict(),
        )
