"""The JSON schema of the answer to a question: its form, of ``models.forms``, with what task and taxonomy say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from schemas.media.types import Modality
from schemas.task import AskedAttribute, Task

from .conventions import Convention
from .forms import ANSWERS, Question

__all__ = ["form_words", "response_format", "schema_text", "wanted_schema"]

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
    schema = ANSWERS[question].model_json_schema()
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
