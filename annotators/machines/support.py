"""Whether the words of each answer stand where its evidence is, by the document's text layer. No model, no key.

The first candidate of ``after`` again, with an attribute ``answer_support`` (numbered where there are several answers):

``evidence``       the answer's words stand, in a row, within its evidence
``page``           they stand elsewhere on a page of its evidence
``nowhere``        they stand on none of these pages, or there is no evidence: computed, worded anew, or made up
``no_text_layer``  these pages have no text, or the medium is no document: nothing can be compared
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from schemas.base import canonical_json
from schemas.candidate import Answer, Attribute, Candidate, Measurement
from schemas.errors import AnswerError
from schemas.media.documents import Word
from schemas.media.types import Document
from schemas.sample import Sample

from ..base import Annotator, MachineConfig, Reads
from ..consensus.keeping import recited_claims
from ..models.supporting import ATTRIBUTE, RANK, SAID, Level, support_of
from ..models.texts import placed_words
from ..reworked import reworked

__all__ = ["Config", "Support"]

VERSION = "1"
"""Raised whenever equal answers are found otherwise than before."""


class Config(MachineConfig):
    """Options of the comparison."""

    kind: Literal["support"] = "support"
    """This machine."""
    least: Literal["nowhere", "page", "evidence"] = "nowhere"
    """Answers with less support are left out, with evidence that serves no other answer; nowhere keeps all. What has no
    text layer is kept in any case."""


class Support(Annotator):
    """Proposes an earlier candidate with what its answers rest on."""

    config: Config
    reads_earlier: ClassVar[Reads] = "always"

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: there is nothing to compare."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate. Raises MediaError where the file is no longer the one that was asked about."""
        start, first = time.perf_counter(), earlier[0]
        regions = {region.region_id: region for region in first.regions}
        words = await self._words(sample, first)
        levels = [support_of(answer, regions, words) for answer in first.answers]
        return (self._checked(first, levels, time.perf_counter() - start),)

    async def _words(self, sample: Sample, candidate: Candidate) -> Mapping[int, Sequence[Word]]:
        """The words of the pages that hold evidence, by 0-based index."""
        if not isinstance(sample.primary.media, Document) or not candidate.answers:
            return {}
        cited = {region_id for answer in candidate.answers for region_id in answer.region_ids}
        found = {r.page_index for r in candidate.regions if r.region_id in cited and r.page_index is not None}
        pages, bench = tuple(sorted(found)), self.bench
        placed = await bench.sandbox.run(placed_words, sample.primary, pages, bench.open_uri)
        return dict(zip(pages, placed, strict=True))

    def _checked(self, first: Candidate, levels: Sequence[Level], latency_s: float) -> Candidate:
        model = f"support-{VERSION}"
        parameters = canonical_json({"least": self.config.least})
        judged = list(zip(first.answers, levels, strict=True))
        kept = [(answer, level) for answer, level in judged if self._is_enough(level)]
        gone = {i for a, level in judged if not self._is_enough(level) for i in a.region_ids}
        gone -= {i for answer, _ in kept for i in answer.region_ids}
        regions = tuple(region for region in first.regions if region.region_id not in gone)
        return reworked(
            first,
            self.config,
            model=model,
            parameters=parameters,
            latency_s=latency_s,
            seed=None,
            claims=recited_claims(first, {region.region_id: region.region_id for region in regions}),
            regions=regions,
            answers=tuple(answer for answer, _ in kept),
            attributes=(*first.attributes, *_attributes(kept)),
            measurements=tuple(_left_out(a, level) for a, level in judged if not self._is_enough(level)),
        )

    def _is_enough(self, level: Level) -> bool:
        return level == "no_text_layer" or RANK[level] >= RANK[self.config.least]


def _attributes(kept: Sequence[tuple[Answer, Level]]) -> tuple[Attribute, ...]:
    names = [ATTRIBUTE] if len(kept) == 1 else [f"{ATTRIBUTE}.{number}" for number in range(1, len(kept) + 1)]
    return tuple(
        Attribute(name=name, value=level, reason=f"{answer.answer!r} {SAID[level]}.")
        for name, (answer, level) in zip(names, kept, strict=True)
    )


def _left_out(answer: Answer, level: Level) -> Measurement:
    return Measurement(
        finding="left_out",
        name=ATTRIBUTE,
        value=RANK[level],
        text=f"{answer.question} {answer.answer!r} {SAID[level]}.",
    )
