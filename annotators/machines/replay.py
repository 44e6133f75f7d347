"""Recorded answers instead of a model: no key, no network. ``models.recorded`` says how they are written down.

For tests and demonstrations, for answers that were bought elsewhere, and to read a paid run's candidates again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, ValidationError

from schemas.base import content_id
from schemas.candidate import Candidate, Usage, View
from schemas.errors import AnswerError, ConfigError
from schemas.media.types import Document
from schemas.plugins import readable
from schemas.sample import Sample
from schemas.task import BoxConvention
from schemas.taxonomy import Taxonomy

from ..base import Annotator, MachineConfig, Workbench
from ..models.asked import Asked
from ..models.conventions import CONVENTIONS
from ..models.inquiry import question_of
from ..models.parse import parse
from ..models.reading import Completion
from ..models.recorded import Recorded, read_recording
from ..models.texts import quotable_texts
from ..models.views import whole_view

__all__ = ["Config", "Replay"]


class Config(MachineConfig):
    """Options of replayed answers."""

    kind: Literal["replay"] = "replay"
    """This machine."""
    path: str = Field(min_length=1)
    """The recorded answers: a JSONL file, or its URI."""
    convention: BoxConvention = "thousandths_xyxy"
    """What the four numbers of a recorded box mean, over the whole upright medium, frame or page."""
    max_regions: PositiveInt = 1000
    """Most regions of an answer."""


class Replay(Annotator):
    """Proposes what was recorded about a sample."""

    config: Config

    def check(self, taxonomy: Taxonomy) -> None:
        """Raises ConfigError for a file that is missing or has a bad line."""
        if "://" in self.config.path:
            return
        try:
            with Path(self.config.path).open("rb") as file:
                read_recording(file, where=self.config.path)
        except OSError as error:
            raise ConfigError(
                f"the recorded answers {self.config.path} cannot be read: {error.strerror}", remedy="check 'path'"
            ) from error

    async def connect(self, bench: Workbench) -> None:
        await super().connect(bench)
        with bench.open_uri(self.config.path) as file:
            self._recording = read_recording(file, where=self.config.path)

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """One candidate per recorded line. Raises AnswerError where none was recorded, or one cannot be used."""
        lines = self._recording.about(sample)
        if not lines:
            raise AnswerError(
                f"no answer is recorded about {sample.item_id}",
                remedy=f"add a line with its item_id, file_name or asset_id to {self.config.path}",
            )
        return tuple([await self._candidate(sample, line, number) for number, line in enumerate(lines, 1)])

    async def _candidate(self, sample: Sample, line: Recorded, number: int) -> Candidate:
        if line.candidate is not None:
            return self._recorded(sample, line)
        return self._answered(sample, line, await self._asked(sample, number))

    def _recorded(self, sample: Sample, line: Recorded) -> Candidate:
        """A candidate as it stands, but for what it cost: nothing is paid for a replay."""
        try:
            candidate = Candidate.model_validate_json(json.dumps(line.candidate))
        except ValidationError as error:
            raise AnswerError(
                f"the candidate recorded about {sample.item_id} is not one: {readable(error, Candidate)}",
                remedy="record rows of candidates/ as they are",
            ) from error
        return candidate.evolve(machine=self.config.title, kind="replay", usage=Usage(), attempts=(), is_cached=True)

    def _answered(self, sample: Sample, line: Recorded, asked: Asked) -> Candidate:
        words = line.answer if isinstance(line.answer, str) else json.dumps(line.answer)
        reading = parse(Completion(words=words), asked)
        if reading.proposal is None:
            raise AnswerError(
                f"the answer recorded about {sample.item_id} cannot be used: {reading.message}",
                remedy=f"correct it in {self.config.path}",
            )
        return Candidate(
            candidate_id=content_id(sample.sample_id, self.config.title, words),
            sample_id=sample.sample_id,
            machine=self.config.title,
            kind="replay",
            model=line.model,
            conditioning="blind" if sample.task_input.label_given is None else "label_given",
            parse_status=reading.status,
            is_cached=True,
            **reading.proposal._asdict(),
        )

    async def _asked(self, sample: Sample, number: int) -> Asked:
        def view(place: int) -> View | None:
            return whole_view(sample.primary, place - 1)

        bench, asset, question = self.bench, sample.primary, question_of(sample, self.bench.task)
        pages = tuple(page.page_index for page in asset.media.pages) if isinstance(asset.media, Document) else ()
        texts = await quotable_texts(asset, pages, question, bench.task, open_uri=bench.open_uri, sandbox=bench.sandbox)
        return Asked(
            question=question,
            question_text=sample.task_input.question or "",
            asset=asset,
            view=view,
            taxonomy=bench.taxonomy,
            task=bench.task,
            convention=CONVENTIONS[self.config.convention],
            page_text=texts.get,
            max_regions=self.config.max_regions,
            prefix=self.config.title if number == 1 else f"{self.config.title}-{number}",
        )
