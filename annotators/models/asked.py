"""What an answer is read against, and what it is read into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.candidate import Answer, Attribute, Claim, ParseStatus, Region, Verdict, View
from schemas.checks import Defect
from schemas.judgement import Judgement
from schemas.sample import Asset
from schemas.task import Task
from schemas.taxonomy import Taxonomy

from .conventions import CONVENTIONS, Convention
from .forms import Question

__all__ = ["Asked", "Findings", "Proposal", "Reading"]

MAX_DEFECTS = 10
"""Defects that are named; a model that makes more has understood nothing yet."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked about one sample."""

    question: Question
    question_text: str
    """The sample's own question; empty for artifacts."""
    asset: Asset
    view: Callable[[int], View | None]
    """The picture with that number, from 1; None where none was shown."""
    taxonomy: Taxonomy
    task: Task
    convention: Convention = CONVENTIONS["thousandths_xyxy"]
    """What the four numbers of a box mean."""
    is_native: bool = False
    """Whether the model answers in marks of its own: regions, and no words about them."""
    form_words: frozenset[str] = frozenset()
    """What the answer's form says about its fields: an answer that repeats it says nothing of its own."""
    page_text: Callable[[int], str | None] = field(default=lambda page_index: None)
    """The text layer of the page with that 0-based index; None where it has none or it was not read."""
    max_regions: int
    prefix: str
    """Start of the regions' ids, unique per machine."""


class Proposal(NamedTuple):
    """The parts of a Candidate that a model says."""

    verdict: Verdict | None = None
    explanation: str = ""
    claims: tuple[Claim, ...] = ()
    regions: tuple[Region, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    answers: tuple[Answer, ...] = ()
    judgements: tuple[Judgement, ...] = ()


class Reading(NamedTuple):
    """What became of an answer: a proposal, or the defects that make it unusable."""

    status: ParseStatus
    defects: tuple[Defect, ...] = ()
    proposal: Proposal | None = None
    repairs: tuple[Defect, ...] = ()
    """What was mended without guessing."""

    @property
    def message(self) -> str:
        """What is wrong with it, in one line; what was mended, where nothing is wrong."""
        return "; ".join(defect.message for defect in self.defects or self.repairs)

    @property
    def names(self) -> tuple[str, ...]:
        """The defects by name, each once, and what was mended."""
        return tuple(dict.fromkeys(defect.code for defect in (*self.defects, *self.repairs)))


@dataclass
class Findings:
    """Collects what is wrong, so that one look at an answer finds all of it."""

    defects: list[Defect] = field(default_factory=list)
    repairs: list[Defect] = field(default_factory=list)

    def wrong(self, defect: Defect) -> None:
        """The answer cannot be used."""
        if defect not in self.defects:
            self.defects.append(defect)

    def mended(self, defect: Defect) -> None:
        """The answer can be used as it was mended."""
        if defect not in self.repairs:
            self.repairs.append(defect)
