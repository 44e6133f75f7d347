"""The schema that a model is asked to fill: pinned, and within what strict mode takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from annotators.models.wanted import Question, response_format, wanted_schema
from schemas.media.types import Modality

GOLDEN = Path(__file__).parents[2] / "golden"
EVERY = [(question, modality) for question in get_args(Question) for modality in get_args(Modality)]
ALLOWED = {"type", "properties", "required", "additionalProperties", "items", "enum", "description"}


@pytest.mark.parametrize(("question", "modality"), EVERY)
def test_the_schema_is_pinned(question: Question, modality: Modality) -> None:
    text = json.dumps(wanted_schema(question, modality, ("blur", "noise")), indent=1) + "\n"
    path = GOLDEN / f"wanted.{question}.{modality}.json"
    if os.environ.get("WITNESSMARK_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")

    pinned = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == pinned, "if that is meant: WITNESSMARK_UPDATE_GOLDEN=1; stored answers are then asked for again"


@pytest.mark.parametrize(("question", "modality"), EVERY)
def test_strict_mode_takes_it(question: Question, modality: Modality) -> None:
    """OpenAI's structured outputs: closed objects, all properties required, few keywords, no references."""
    for node in nodes(wanted_schema(question, modality, ("blur",))):
        assert set(node) <= ALLOWED
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])
        assert node.get("description") or node["type"] in ("integer", "object")


@pytest.mark.parametrize(("modality", "place"), [("image", set()), ("video", {"frame"}), ("document", {"page"})])
@pytest.mark.parametrize("question", get_args(Question))
def test_a_region_says_where_only_if_there_are_several_pictures(
    question: Question, modality: Modality, place: set[str]
) -> None:
    region = wanted_schema(question, modality, ("blur",))["properties"]["regions"]["items"]["properties"]

    assert set(region) & {"frame", "page"} == place
    assert region["category"]["enum"] == ["blur"]


def test_the_response_format_is_strict() -> None:
    schema = wanted_schema("artifacts", "image", ("blur",))

    assert response_format(schema) == {
        "type": "json_schema",
        "json_schema": {"name": "annotation", "strict": True, "schema": schema},
    }


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for child in schema.get("properties", {}).values():
        yield from nodes(child)
    if "items" in schema:
        yield from nodes(schema["items"])
