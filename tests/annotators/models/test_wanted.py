"""The schema that a model is asked to fill: pinned, and within what strict mode takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from annotators.models.conventions import CONVENTIONS
from annotators.models.forms import Question
from annotators.models.wanted import response_format, wanted_schema
from schemas.media.types import Modality
from schemas.task import AskedAttribute, BoxConvention, Criterion, Task

GOLDEN = Path(__file__).parents[2] / "golden"
EVERY = [(question, modality) for question in get_args(Question) for modality in get_args(Modality)]
TASK = Task(
    options=("photo", "render"),
    attributes=(AskedAttribute(name="clarity", definition="Sharpness.", scale_min=1, scale_max=5),),
    criteria=(Criterion(name="grounded", definition="Says where."),),
)
ALLOWED = {"type", "properties", "required", "additionalProperties", "items", "enum", "description"}


def schema_of(
    question: Question, modality: Modality, *, boxes: BoxConvention = "thousandths_xyxy", **task: Any
) -> dict[str, Any]:
    return wanted_schema(question, modality, ("blur", "noise"), CONVENTIONS[boxes], TASK.evolve(**task))


@pytest.mark.parametrize(("question", "modality"), EVERY)
def test_the_schema_is_pinned(question: Question, modality: Modality) -> None:
    text = json.dumps(schema_of(question, modality), indent=1) + "\n"
    path = GOLDEN / f"wanted.{question}.{modality}.json"
    if os.environ.get("WITNESSMARK_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")

    pinned = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == pinned, "if that is meant: WITNESSMARK_UPDATE_GOLDEN=1; stored answers are then asked for again"


@pytest.mark.parametrize(("question", "modality"), EVERY)
@pytest.mark.parametrize("claims", ["by_region", "cited"])
def test_strict_mode_takes_it(question: Question, modality: Modality, claims: str) -> None:
    """OpenAI's structured outputs: closed objects, all properties required, few keywords, no references."""
    for node in nodes(schema_of(question, modality, claims=claims)):
        assert set(node) <= ALLOWED
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])
        assert node.get("description") or node["type"] in ("integer", "number", "object")


@pytest.mark.parametrize(("modality", "place"), [("image", set()), ("video", {"frame"}), ("document", {"page"})])
@pytest.mark.parametrize("question", get_args(Question))
def test_a_region_says_where_only_if_there_are_several_pictures(
    question: Question, modality: Modality, place: set[str]
) -> None:
    region = schema_of(question, modality)["properties"]["regions"]["items"]["properties"]

    assert set(region) & {"frame", "page"} == place
    assert region["category"]["enum"] == ["blur", "noise"]


def test_grades_beside_artifacts_are_one_object_with_each_attributes_own_words() -> None:
    light = AskedAttribute(name="light", definition="Where it\ncomes from.", values=("front", "back"))
    scale = AskedAttribute(name="clarity", definition="Sharpness.", scale_min=1, scale_max=5, modalities=("video",))

    image, video, document = (
        schema_of("artifacts", modality, attributes=(light, scale))["properties"].get("grades")
        for modality in get_args(Modality)
    )
    assert image["required"] == document["required"] == ["light"]
    assert video["required"] == ["light", "clarity"]
    assert image["properties"]["light"]["description"] == "Where it comes from."
    assert image["properties"]["light"]["properties"]["value"]["enum"] == ["front", "back"]
    assert video["properties"]["clarity"]["required"] == ["reason", "score"]
    assert "grades" not in schema_of("artifacts", "image", attributes=(scale,))["properties"]


def test_phrases_are_asked_for_where_the_task_wants_them() -> None:
    for wanted in (True, False):
        region = schema_of("artifacts", "image", phrases=wanted)["properties"]["regions"]["items"]
        assert ("phrase" in region["properties"], "phrase" in region["required"]) == (wanted, wanted)


def test_the_response_format_is_strict() -> None:
    schema = schema_of("artifacts", "image")

    assert response_format(schema) == {
        "type": "json_schema",
        "json_schema": {"name": "annotation", "strict": True, "schema": schema},
    }


@pytest.mark.parametrize("boxes", CONVENTIONS)
def test_a_box_says_its_convention_and_takes_its_numbers(boxes: BoxConvention) -> None:
    box = schema_of("artifacts", "image", boxes=boxes)["properties"]["regions"]["items"]["properties"]["box"]

    assert CONVENTIONS[boxes].words in box["description"]
    assert box["items"]["type"] == ("number" if boxes.startswith(("unit", "percent")) else "integer")


def test_claims_are_asked_for_where_the_task_has_them_cited_and_cite_what_the_medium_has() -> None:
    asked = {modality: schema_of("artifacts", modality, claims="cited") for modality in get_args(Modality)}
    cited = {name: set(schema["properties"]["claims"]["items"]["properties"]) for name, schema in asked.items()}

    assert "claims" not in schema_of("artifacts", "image")["properties"]
    assert cited["image"] == {"text", "regions", "is_global"}
    assert cited["video"] == cited["image"] | {"times"}
    assert cited["document"] == cited["image"] | {"pages", "quotes"}


def test_what_the_task_asks_about_is_an_enum() -> None:
    contrast, graded, rubric = (schema_of(q, "image")["properties"] for q in ("contrast", "attributes", "rubric"))

    assert contrast["answer"]["enum"] == ["photo", "render"]
    assert contrast["reasons"]["items"]["properties"]["option"]["enum"] == ["photo", "render"]
    assert graded["grades"]["items"]["properties"]["name"]["enum"] == ["clarity"]
    assert rubric["criteria"]["items"]["properties"]["name"]["enum"] == ["grounded"]


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for child in schema.get("properties", {}).values():
        yield from nodes(child)
    if "items" in schema:
        yield from nodes(schema["items"])
