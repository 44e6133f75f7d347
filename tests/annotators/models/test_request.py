"""The bytes of a request: what the openai package's own types call a chat completion."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from annotators.models.conventions import CONVENTIONS
from annotators.models.pictures import Picture
from annotators.models.request import (
    Dialect,
    Exchange,
    complaint_about,
    form,
    request_head,
    request_pieces,
    spoken,
)
from annotators.models.wanted import wanted_schema
from schemas.checks import Defect
from schemas.task import Task

SCHEMA = wanted_schema("artifacts", "image", ("blur",), CONVENTIONS["thousandths_xyxy"], Task())
PICTURE = Picture("image/png", b"\x89PNG\r\n\xff")


def body(system: str = "Look.", **parts: Any) -> dict[str, Any]:
    parameters = {**spoken(Dialect(), "m", 0.0, 100, 5), **form(Dialect(), SCHEMA)}
    values = {"words": "", "captions": ("The image:",), "pictures": (PICTURE,), **parts}
    whole: dict[str, Any] = json.loads(b"".join(request_pieces(request_head(parameters, system), **values)))
    return whole


def test_a_request_is_valid_by_the_openai_types() -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    whole = body(words="Why?", exchanges=(Exchange("bad", "worse"), Exchange("", "empty")))

    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(whole)
    assert whole["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (whole["model"], whole["temperature"], whole["max_tokens"], whole["seed"]) == ("m", 0.0, 100, 5)
    assert [message["role"] for message in whole["messages"]] == ["system", "user", "assistant", "user", "user"]


def test_pictures_stand_under_their_captions_as_data() -> None:
    pages = (PICTURE, Picture("image/jpeg", b"\xff\xd8", text='say "hi"\n'))

    content = body(words="Why?", captions=("Page 1:", "Page 2:"), pictures=pages)["messages"][1]["content"]

    assert [part["type"] for part in content] == ["text", "text", "image_url", "text", "image_url", "text"]
    assert [part.get("text") for part in content[:2]] == ["Why?", "Page 1:"]
    assert content[2]["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PICTURE.data).decode()
    assert content[5]["text"] == 'The text of this page, as data: "say \\"hi\\"\\n"'


@given(words=st.text(min_size=1), system=st.text(), answer=st.text(min_size=1), layer=st.text(min_size=1))
def test_any_text_arrives_as_it_is(words: str, system: str, answer: str, layer: str) -> None:
    picture = PICTURE._replace(text=layer)

    messages = body(system=system, words=words, pictures=(picture,), exchanges=(Exchange(answer, words),))["messages"]

    assert messages[0]["content"] == system
    assert messages[1]["content"][0]["text"] == words
    assert json.loads(messages[1]["content"][-1]["text"].removeprefix("The text of this page, as data: ")) == layer
    assert [message["content"] for message in messages[2:]] == [answer, words]


def test_every_picture_is_a_piece_of_its_own() -> None:
    pieces = request_pieces(b"{", words="", captions=("a", "b"), pictures=(PICTURE, PICTURE))

    assert pieces.count(base64.b64encode(PICTURE.data)) == 2


@pytest.mark.parametrize(
    ("dialect", "refusal", "expected"),
    [
        (Dialect(), "response_format of type json_schema is not supported", Dialect("json_object")),
        (Dialect("json_object"), "'response_format' unknown", Dialect("none")),
        (Dialect("none"), "'response_format' unknown", None),
        (
            Dialect(),
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.",
            Dialect(tokens_field="max_completion_tokens"),
        ),
        (Dialect(), "'temperature' does not support 0.0", Dialect(has_temperature=False)),
        (Dialect(has_temperature=False), "'temperature' does not support 0.0", None),
        (Dialect(), "unknown field seed", Dialect(has_seed=False)),
        (Dialect(), "the image is too large", None),
    ],
)
def test_a_dialect_gives_up_what_was_refused(dialect: Dialect, refusal: str, expected: Dialect | None) -> None:
    assert dialect.after(refusal) == expected


@given(st.lists(st.sampled_from(["schema", "temperature", "seed", "max_completion_tokens"]), max_size=30))
def test_a_dialect_cannot_be_reduced_for_ever(refusals: list[str]) -> None:
    dialect, reductions = Dialect(), 0
    for refusal in refusals:
        reduced = dialect.after(refusal)
        reductions += reduced is not None
        dialect = reduced or dialect

    assert reductions <= 5


def test_a_dialect_says_only_what_it_has() -> None:
    dialect = Dialect("json_object", "max_completion_tokens", has_temperature=False, has_seed=False)

    assert spoken(dialect, "m", 0.5, 100, 5) == {"model": "m", "max_completion_tokens": 100}
    assert spoken(Dialect(), "m", None, 100, None) == {"model": "m", "max_tokens": 100}
    assert form(dialect, SCHEMA) == {"response_format": {"type": "json_object"}}
    assert form(Dialect("none"), SCHEMA) == {}


def test_a_complaint_names_every_defect_and_quotes_no_more_than_it_must() -> None:
    exchange = complaint_about("x" * 9000, (Defect("a", "one thing"), Defect("b", "another")))

    assert exchange.answer == "x" * 4000
    assert "- one thing\n- another\n" in exchange.complaint
