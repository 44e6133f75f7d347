"""What a model is asked to fill: small, and only what it can know.

Boxes are integers 0-1000 of the picture shown, ``[x1, y1, x2, y2]``: the one convention that means the
same whatever a server does to a picture's size. Text is cited by exact quote; spans and ids are ours.
The docstrings here are the words in the JSON schema that the model reads.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from schemas.base import Frozen
from schemas.candidate import Verdict
from schemas.media.types import Modality

__all__ = ["BOX_SCALE", "Question", "wanted_schema"]

BOX_SCALE = 1000
"""A box's coordinates run from 0 to this, over the width and height of the picture shown."""

Question = Literal["artifacts", "question"]
"""``artifacts``: a verdict and regions with categories; ``question``: an answer and its evidence."""


class ArtifactRegion(Frozen):
    """One place that shows an artifact."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What is wrong there: one of the listed categories."""
    box: tuple[int, ...]
    """Where: exactly four integers [x1, y1, x2, y2] from 0 to 1000, left, top, right, bottom."""
    explanation: str
    """What can be seen there that shows it, in one or two sentences."""


class ArtifactAnswer(Frozen):
    """What the medium is, why, and where it shows."""

    verdict: Verdict
    """real: recorded by a device; generated: made by a model; edited: recorded, then altered; unclear: hard to tell."""
    explanation: str
    """Why, in two or three sentences that rest on what can be seen."""
    regions: tuple[ArtifactRegion, ...]
    """Every place that shows an artifact; an empty list where there is none."""


class EvidenceRegion(Frozen):
    """One place that the answer rests on."""

    page: int
    """Number of the page it is on, as given above the page's picture."""
    frame: int
    """Number of the frame it is in, as given above the frame's picture."""
    category: str
    """What kind of evidence it is: one of the listed categories."""
    box: tuple[int, ...]
    """Where: exactly four integers [x1, y1, x2, y2] from 0 to 1000, left, top, right, bottom."""
    quote: str
    """The words there, exactly as they stand; what can be seen, where there are no words."""


class EvidenceAnswer(Frozen):
    """The answer to the question, and where it stands."""

    answer: str
    """The answer, as short as it can be; empty where the medium does not hold it."""
    regions: tuple[EvidenceRegion, ...]
    """Every place that the answer rests on; an empty list where there is none."""


_ANSWERS: dict[Question, type[Frozen]] = {"artifacts": ArtifactAnswer, "question": EvidenceAnswer}
_PLACE: dict[Modality, str] = {"video": "frame", "document": "page"}


def wanted_schema(question: Question, modality: Modality, categories: tuple[str, ...]) -> dict[str, Any]:
    """The JSON schema of the answer, within what strict mode of structured outputs allows.

    Every property is required, none is open, nothing is referenced, and no keyword is used beyond
    type, properties, items, enum and description. ``page`` and ``frame`` are there only where the
    modality has them, ``category`` is an enum of ``categories``.
    """
    schema = _ANSWERS[question].model_json_schema()
    answer: dict[str, Any] = _strict(schema, schema.get("$defs", {}))
    properties = answer["properties"]["regions"]["items"]["properties"]
    for name in {"page", "frame"} - {_PLACE.get(modality)}:
        del properties[name]
    properties["category"]["enum"] = list(categories)
    answer["properties"]["regions"]["items"]["required"] = list(properties)
    return answer


def response_format(schema: dict[str, Any]) -> dict[str, Any]:
    """The request's ``response_format`` for a schema, in strict mode."""
    return {"type": "json_schema", "json_schema": {"name": "annotation", "strict": True, "schema": schema}}


def schema_text(schema: dict[str, Any]) -> str:
    """The schema as one line of JSON, for a prompt."""
    return json.dumps(schema, ensure_ascii=False)


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
