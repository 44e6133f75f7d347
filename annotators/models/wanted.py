"""What a model is asked to fill: small, and only what it can know.

Boxes are four numbers in the convention that the machine declares. Text is cited by exact quote and regions by
their number in the list; spans and ids are ours. The docstrings here are the words in the JSON schema that the
model reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, get_args

from schemas.base import Frozen
from schemas.candidate import Verdict
from schemas.media.types import Modality
from schemas.task import AskedAttribute, Task

from .conventions import Convention

__all__ = ["QUESTION_KINDS", "Question", "form_words", "response_format", "schema_text", "wanted_schema"]

Question = Literal["artifacts", "question", "written_question", "contrast", "attributes", "rubric"]
"""What one sample is asked: ``question`` is document_qa's, or a sample's own; ``written_question`` is the model's."""
QUESTION_KINDS: tuple[Question, ...] = get_args(Question)


class ArtifactRegion(Frozen):
    """One place that shows an artifact."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What is wrong there: one of the listed categories."""
    box: tuple[int, ...]
    """Where."""
    phrase: str
    """A few words that point to the place and to no other one, such as 'the left hand of the woman'."""
    explanation: str
    """What can be seen there that shows it, in one or two sentences."""


class SupportRegion(Frozen):
    """One place that a reason rests on."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What kind of place it is: one of the listed categories."""
    box: tuple[int, ...]
    """Where."""
    explanation: str
    """What can be seen there, in one or two sentences."""


class EvidenceRegion(Frozen):
    """One place that the answer rests on."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What kind of evidence it is: one of the listed categories."""
    box: tuple[int, ...]
    """Where."""
    quote: str
    """The words there, exactly as they stand; empty where there are no words."""
    explanation: str
    """What can be seen there, where there are no words; else empty."""


class CitedTime(Frozen):
    """A stretch of the clip."""

    start_s: float
    """Seconds from the start of the clip."""
    end_s: float
    """Seconds from the start of the clip, later than start_s."""


class CitedQuote(Frozen):
    """Words of a page."""

    page: int
    """Number of the page."""
    text: str
    """The words, copied exactly from the page."""


class CitedClaim(Frozen):
    """One stretch of the explanation and the evidence it rests on."""

    text: str
    """The stretch, copied exactly from 'explanation'."""
    regions: tuple[int, ...]
    """Numbers of the regions that show it, in the order of 'regions', from 1."""
    pages: tuple[int, ...]
    """Numbers of whole pages that show it."""
    times: tuple[CitedTime, ...]
    """Stretches of the clip that show it."""
    quotes: tuple[CitedQuote, ...]
    """Words of the pages that it rests on."""
    is_global: bool
    """Whether it is about the whole medium and rests on no single place."""


class Grade(Frozen):
    """One attribute's grade."""

    name: str
    """The attribute."""
    value: str
    """A word of the attribute's vocabulary; empty where it has none."""
    score: float
    """A number on the attribute's scale; 0 where it has none."""
    reason: str
    """What can be seen that earns this grade, in a sentence."""


class ArtifactAnswer(Frozen):
    """What the medium is, why, and where it shows."""

    verdict: Verdict
    """real: recorded by a device; generated: made by a model; edited: recorded, then altered; unclear: hard to tell."""
    explanation: str
    """Why, in two or three sentences that rest on what can be seen."""
    grades: tuple[Grade, ...]
    """One grade for each attribute."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[ArtifactRegion, ...]
    """Every place that shows an artifact; an empty list where there is none."""


class EvidenceAnswer(Frozen):
    """The answer to the question, and where it stands."""

    answer: str
    """The answer, as short as it can be; empty where the medium does not hold it."""
    regions: tuple[EvidenceRegion, ...]
    """Every place that the answer rests on; an empty list where there is none."""


class QuestionedAnswer(Frozen):
    """A question about the medium, its answer, and where that stands."""

    question: str
    """The question; empty where the medium holds nothing to ask about in this way."""
    answer: str
    """The answer, as short as it can be; empty where the question is."""
    regions: tuple[EvidenceRegion, ...]
    """Every place that the answer rests on; an empty list where there is no question."""


class OptionReason(Frozen):
    """What speaks for or against one option."""

    option: str
    """The option."""
    reason: str
    """Why it is right, for the one that is chosen; why it is not, for every other."""


class ContrastAnswer(Frozen):
    """Which option is right, why, and why no other is."""

    answer: str
    """The option that is right."""
    reasons: tuple[OptionReason, ...]
    """One reason for each option, chosen or not."""
    explanation: str
    """What decides it, in two or three sentences that rest on what can be seen."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[SupportRegion, ...]
    """Every place that the reasons rest on; an empty list where there is none."""


class GradedAnswer(Frozen):
    """The grades, why, and where it shows."""

    grades: tuple[Grade, ...]
    """One grade for each attribute."""
    explanation: str
    """What decides the grades, in two or three sentences that rest on what can be seen."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[SupportRegion, ...]
    """Every place that the grades rest on; an empty list where there is none."""


class Held(Frozen):
    """Whether one statement holds."""

    name: str
    """The criterion."""
    holds: bool
    """Whether its statement holds."""
    reason: str
    """What can be seen that shows it, in a sentence."""


class RubricAnswer(Frozen):
    """Which statements hold, why, and where it shows."""

    criteria: tuple[Held, ...]
    """One entry for each criterion."""
    explanation: str
    """What decides them, in two or three sentences that rest on what can be seen."""
    claims: tuple[CitedClaim, ...]
    """The explanation's stretches, each with its evidence; every region is cited by one."""
    regions: tuple[SupportRegion, ...]
    """Every place that the entries rest on; an empty list where there is none."""


_ANSWERS: dict[Question, type[Frozen]] = {
    "artifacts": ArtifactAnswer,
    "question": EvidenceAnswer,
    "written_question": QuestionedAnswer,
    "contrast": ContrastAnswer,
    "attributes": GradedAnswer,
    "rubric": RubricAnswer,
}
_PLACE: dict[Modality, str] = {"video": "frame", "document": "page"}
_CITED: dict[Modality, set[str]] = {"image": set(), "video": {"times"}, "document": {"pages", "quotes"}}


def wanted_schema(
    question: Question, modality: Modality, categories: tuple[str, ...], convention: Convention, task: Task
) -> dict[str, Any]:
    """The JSON schema of the answer, within what strict mode of structured outputs allows.

    Every property is required, none is open, nothing is referenced, and no keyword is used beyond
    type, properties, items, enum and description. ``page`` and ``frame`` are there only where the
    modality has them, claims only where the task has them cited; choices are enums.
    """
    schema = _ANSWERS[question].model_json_schema()
    answer: dict[str, Any] = _strict(schema, schema.get("$defs", {}))
    region = answer["properties"]["regions"]["items"]
    _without(region, {"page", "frame"} - {_PLACE.get(modality, "")})
    region["properties"]["category"]["enum"] = list(categories)
    region["properties"]["box"] = _box(convention)
    if question == "artifacts":
        _without(region, set() if task.phrases else {"phrase"})
        answer["properties"]["grades"] = _one_by_one(task.graded(modality))
        _without(answer, set() if task.graded(modality) else {"grades"})
    if task.claims != "cited":
        _without(answer, {"claims"})
    elif "claims" in answer["properties"]:
        _without(answer["properties"]["claims"]["items"], {"times", "pages", "quotes"} - _CITED[modality])
    _choices(question, modality, answer["properties"], task)
    return answer


def response_format(schema: dict[str, Any]) -> dict[str, Any]:
    """The request's ``response_format`` for a schema, in strict mode."""
    return {"type": "json_schema", "json_schema": {"name": "annotation", "strict": True, "schema": schema}}


def schema_text(schema: dict[str, Any]) -> str:
    """The schema as one line of JSON, for a prompt."""
    return json.dumps(schema, ensure_ascii=False)


def form_words(schema: dict[str, Any]) -> frozenset[str]:
    """Every description in the schema: what models that do not understand it give back as their answer."""
    own = {schema["description"]} if isinstance(schema.get("description"), str) else set()
    parts = (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else []))
    return frozenset(own).union(*map(form_words, parts))


def _box(convention: Convention) -> dict[str, Any]:
    kind = "integer" if convention.is_whole else "number"
    return {"type": "array", "description": f"Where: {convention.words}.", "items": {"type": kind}}


def _choices(question: Question, modality: Modality, properties: dict[str, Any], task: Task) -> None:
    """What the task asks about, as enums."""
    if question == "contrast":
        properties["answer"]["enum"] = list(task.options)
        properties["reasons"]["items"]["properties"]["option"]["enum"] = list(task.options)
    if question == "attributes":
        properties["grades"]["items"]["properties"]["name"]["enum"] = [a.name for a in task.graded(modality)]
    if question == "rubric":
        properties["criteria"]["items"]["properties"]["name"]["enum"] = [c.name for c in task.criteria]


def _one_by_one(attributes: Sequence[AskedAttribute]) -> dict[str, Any]:
    """Grades as one object with a property for each attribute: none can be missing, repeated, or of another's words."""
    reason = {"type": "string", "description": "What can be seen that earns this grade, in a sentence."}
    grades: dict[str, Any] = {}
    for attribute in attributes:
        asked: dict[str, Any] = {"reason": reason}
        if attribute.values:
            asked["value"] = {"type": "string", "enum": list(attribute.values), "description": "The grade."}
        if attribute.scale_min is not None:
            scale = f"From {attribute.scale_min:g} (lowest) to {attribute.scale_max:g} (highest)."
            asked["score"] = {"type": "number", "description": scale}
        grades[attribute.name] = _closed(asked, " ".join(attribute.definition.split()))
    return _closed(grades, "What else is asked of the medium as a whole.")


def _closed(properties: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _without(node: dict[str, Any], names: set[str]) -> None:
    for name in names:
        node["properties"].pop(name, None)
    node["required"] = list(node["properties"])


def _strict(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _strict({**target, **{k: v for k, v in node.items() if k != "$ref"}}, definitions)
    kept: dict[str, Any] = {key: node[key] for key in ("type", "enum") if key in node}
    if "description" in node:
        kept["description"] = " ".join(node["description"].split())
    if "properties" in node:
        kept["properties"] = {name: _strict(child, definitions) for name, child in node["properties"].items()}
        kept["required"] = list(kept["properties"])
        kept["additionalProperties"] = False
    if "items" in node:
        kept["items"] = _strict(node["items"], definitions)
    return kept
