"""A sample's question, whole but for the pictures' bytes, and the key that its answer is stored under."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.base import content_id
from schemas.candidate import View
from schemas.errors import SampleError
from schemas.media.types import Modality
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

from .parse import Asked
from .prompt import BUILT_IN, render_prompt, sample_words
from .request import Exchange
from .views import Seeing, plan_views
from .wanted import Question, wanted_schema

__all__ = ["Inquirer", "Inquiry", "Terms", "question_of", "reask_key"]

KEY_FORMAT = 1
"""Raised when what a key stands for changes: what is stored under older keys is then asked for again."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is the same for all samples of a machine."""

    model: str
    parameters: str
    """Everything configured that may change an answer, as canonical JSON."""
    prompt: str
    """Prompt with its places; empty for the built-in one of each question."""
    taxonomy: Taxonomy
    task_kind: str
    instructions: str
    language: str
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
    key: str
    """Hash of all that the first answer depends on: model, parameters, prompt, schema, words, media and views."""

    def asked(self, terms: Terms) -> Asked:
        """What the answer is read against."""
        return Asked(
            question=self.question,
            question_text=self.sample.task_input.question or "",
            asset=self.sample.primary,
            view=lambda number: self.views[number - 1] if 1 <= number <= len(self.views) else None,
            taxonomy=terms.taxonomy,
            max_regions=terms.max_regions,
            prefix=terms.prefix,
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

    def inquire(self, sample: Sample) -> Inquiry:
        """The question about a sample. Raises SampleError where it has none and the task is to answer one."""
        question = question_of(sample, self.terms.task_kind)
        form = self._form(question, sample.modality)
        views, words = plan_views(sample, self.terms.seeing), sample_words(sample.task_input)
        return Inquiry(
            sample=sample,
            question=question,
            views=views,
            schema=form.schema,
            system=form.system,
            system_with_schema=form.system_with_schema,
            words=words,
            prompt_sha256=hashlib.sha256(f"{form.system}\n{words}".encode()).hexdigest(),
            key=content_id(form.key, words, [view.model_dump() for view in views]),
        )

    def _form(self, question: Question, modality: Modality) -> _Form:
        if (question, modality) not in self._forms:
            self._forms[question, modality] = self._made(question, modality)
        return self._forms[question, modality]

    def _made(self, question: Question, modality: Modality) -> _Form:
        terms = self.terms
        schema = wanted_schema(question, modality, terms.taxonomy.names(modality))
        plain, with_schema = (
            render_prompt(
                terms.prompt or BUILT_IN[question],
                modality=modality,
                taxonomy=terms.taxonomy,
                language=terms.language,
                instructions=terms.instructions,
                schema=shown,
            )
            for shown in (None, schema)
        )
        key = content_id(KEY_FORMAT, terms.model, terms.parameters, plain, schema, terms.max_text_chars)
        return _Form(schema, plain, with_schema, key)


def question_of(sample: Sample, task_kind: str) -> Question:
    """What is asked of a sample: its own question where it has one, else for artifacts. Raises SampleError."""
    if sample.task_input.question is not None:
        return "question"
    if task_kind == "document_qa":
        raise SampleError(
            f"{sample.item_id} has no question, and the task is document_qa",
            remedy="give each item a question in the manifest, or set task: artifacts",
        )
    return "artifacts"


def reask_key(key: str, exchange: Exchange) -> str:
    """The key of the answer that follows an unusable one."""
    return content_id(key, exchange.answer, exchange.complaint)
