"""A sample's question, whole but for the pictures' bytes, and the key that its answer is stored under."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from schemas.base import content_id
from schemas.candidate import Candidate, View
from schemas.errors import SampleError
from schemas.geometry import Box
from schemas.media.types import Modality
from schemas.sample import Sample
from schemas.task import Task
from schemas.taxonomy import Taxonomy

from .asked import Asked, Reading
from .conventions import Convention
from .earlier import earlier_words
from .forms import Question
from .parse import parse
from .prompt import render_prompt, sample_words
from .reading import Completion
from .request import Exchange
from .views import Seeing, compared_view, plan_views
from .wanted import form_words, schema_text, wanted_schema
from .wording import BUILT_IN

__all__ = ["Inquirer", "Inquiry", "Terms", "question_of", "reask_key"]

KEY_FORMAT = 2
"""Raised when what a key stands for changes: what is stored under older keys is then asked for again."""
FORM = "Answer with one JSON object and nothing else, in the form of this JSON schema:"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is the same for all samples of a machine."""

    model: str
    parameters: str
    """Everything configured that may change an answer, as canonical JSON."""
    prompt: str
    """Prompt with its places; empty for the built-in one of each question."""
    taxonomy: Taxonomy
    task: Task
    convention: Convention
    """What the four numbers of a box mean."""
    is_native: bool = False
    """Whether the model answers in marks of its own."""
    seeing: Seeing
    max_text_chars: int
    max_regions: int
    prefix: str
    """Start of the regions' ids."""


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """One sample's question."""

    sample: Sample
    question: Question
    views: tuple[View, ...]
    schema: dict[str, Any]
    system: str
    system_with_schema: str
    """The same for a server that is told the answer's form in words."""
    words: str
    prompt_sha256: str
    read: Callable[[Completion, Asked], Reading] = parse
    """How an answer is read."""
    covers: tuple[tuple[Box, ...], ...] = ()
    """What is hidden in each view, in its pixels; nothing where there are none."""
    beside: View | None = None
    """The second image of a pair, shown after the views; nothing is located in it."""
    key: str
    """Hash of all that the first answer depends on: model, parameters, prompt, schema, words, media and views."""

    def asked(self, terms: Terms, page_texts: Mapping[int, str]) -> Asked:
        """What the answer is read against; ``page_texts`` are the text layers of the pages shown, by 0-based index."""
        return Asked(
            question=self.question,
            question_text=self.sample.task_input.question or "",
            asset=self.sample.primary,
            view=lambda number: self.views[number - 1] if 1 <= number <= len(self.views) else None,
            taxonomy=terms.taxonomy,
            task=terms.task,
            convention=terms.convention,
            is_native=terms.is_native,
            form_words=form_words(self.schema),
            page_text=page_texts.get,
            max_regions=terms.max_regions,
            prefix=terms.prefix,
        )

    def instead(
        self,
        kind: str,
        *,
        system: str,
        words: str,
        schema: dict[str, Any],
        read: Callable[[Completion, Asked], Reading],
    ) -> Inquiry:
        """Another ``kind`` of question about the sample, shown as here, under a key of its own."""
        return replace(
            self,
            schema=schema,
            system=system,
            system_with_schema=f"{system}\n\n{FORM}\n{schema_text(schema)}",
            words=words,
            prompt_sha256=hashlib.sha256(f"{system}\n{words}".encode()).hexdigest(),
            read=read,
            key=content_id(kind, self.key, system, words, schema),
        )


class _Form(NamedTuple):
    """What samples of one question and modality share."""

    schema: dict[str, Any]
    system: str
    system_with_schema: str
    key: str


class Inquirer:
    """Makes the inquiries of one machine."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._forms: dict[tuple[Question, Modality], _Form] = {}

    def inquire(self, sample: Sample, earlier: tuple[Candidate, ...] = ()) -> Inquiry:
        """The question about a sample, with what earlier passes proposed.

        Raises SampleError where it has none and the task is to answer one.
        """
        question = question_of(sample, self.terms.task)
        form = self._form(question, sample.modality)
        views = plan_views(sample, self.terms.seeing)
        told = earlier_words(earlier, views, sample.primary, self.terms.convention)
        second, beside = sample.compared_with, compared_view(sample, self.terms.seeing)
        own = sample_words(sample.task_input, second.role if second else None)
        words = "\n\n".join(part for part in (own, told) if part)
        shown = (*views, beside) if beside else views
        return Inquiry(
            sample=sample,
            question=question,
            views=views,
            schema=form.schema,
            system=form.system,
            system_with_schema=form.system_with_schema,
            words=words,
            prompt_sha256=hashlib.sha256(f"{form.system}\n{words}".encode()).hexdigest(),
            beside=beside,
            key=content_id(form.key, words, [view.model_dump() for view in shown]),
        )

    def _form(self, question: Question, modality: Modality) -> _Form:
        if (question, modality) not in self._forms:
            self._forms[question, modality] = self._made(question, modality)
        return self._forms[question, modality]

    def _made(self, question: Question, modality: Modality) -> _Form:
        terms = self.terms
        schema = wanted_schema(question, modality, terms.taxonomy.names(modality), terms.convention, terms.task)
        plain, with_schema = (
            render_prompt(
                terms.prompt or BUILT_IN[question, modality],
                modality=modality,
                taxonomy=terms.taxonomy,
                task=terms.task,
                convention=terms.convention,
                schema=shown,
            )
            for shown in (None, schema)
        )
        asked = (terms.convention.name, terms.max_text_chars)
        key = content_id(KEY_FORMAT, terms.model, terms.parameters, plain, schema, *asked)
        return _Form(schema, plain, with_schema, key)


def question_of(sample: Sample, task: Task) -> Question:
    """What is asked of a sample: its own question where it has one, else what the task says. Raises SampleError."""
    if task.kind in ("contrast", "attributes", "rubric"):
        return task.kind
    if sample.task_input.question is not None:
        return "question"
    if task.kind == "document_qa" and task.questions == "written":
        return "written_question"
    if task.kind == "document_qa":
        raise SampleError(
            f"{sample.item_id} has no question, and the task is document_qa",
            remedy="give each item a question in the manifest, set task.questions=written, or task: artifacts",
        )
    return "artifacts"


def reask_key(key: str, exchange: Exchange) -> str:
    """The key of the answer that follows an unusable one."""
    return content_id(key, exchange.answer, exchange.complaint)
