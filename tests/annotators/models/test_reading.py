"""A response body, read: whatever servers and models put around and into an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models.reading import error_text, read_answer, read_completion, whole_text

ANSWER = {"verdict": "real", "regions": []}
TEXT = json.dumps(ANSWER)


def body(content: Any, **choice: Any) -> str:
    message = {"role": "assistant", "content": content, "refusal": choice.pop("refusal", None)}
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    return json.dumps(
        {"model": "m-1", "choices": [{"finish_reason": "stop", "message": message, **choice}], "usage": usage}
    )


def test_a_completion_is_words_reason_model_and_tokens() -> None:
    completion = read_completion(body("hello"))

    assert completion == ("hello", "", "stop", "m-1", 12, 3, "", False, False)


def test_words_in_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "he"}, {"type": "image"}, "x", {"type": "text", "text": "llo"}]

    assert read_completion(body(parts)).words == "hello"


def test_a_refusal_is_told_in_the_models_or_the_filters_words() -> None:
    assert read_completion(body(None, refusal="I won't.")).refusal == "I won't."
    assert "content filter" in read_completion(body("", finish_reason="content_filter")).refusal


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("<html>", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no message: []"),
        ('{"choices": []}', "no message"),
        ('{"choices": [{"message": "x"}]}', "no message"),
        ('{"error": {"message": "upstream is gone"}}', "no message: upstream is gone"),
    ],
)
def test_what_is_no_completion_says_why(text: str, problem: str) -> None:
    assert problem in read_completion(text).problem


@pytest.mark.parametrize("count", [-1, "12", None, True, 1.5, 2**60])
def test_tokens_that_are_no_count_are_none(count: Any) -> None:
    text = json.dumps({**json.loads(body("x")), "usage": {"prompt_tokens": count, "completion_tokens": 1}})

    assert read_completion(text)[4:6] == (0, 1)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_breaks_the_reading(value: Any) -> None:
    read_completion(json.dumps(value))
    read_completion(json.dumps({"choices": [{"message": {"content": value}}], "usage": value, "model": value}))
    read_completion(json.dumps({"choices": [{"message": value, "finish_reason": value}]}))


RESPONSE = {
    "object": "response",
    "status": "completed",
    "model": "m-1",
    "output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "he"}, {"type": "output_text", "text": "llo"}]},
    ],
    "usage": {"input_tokens": 12, "output_tokens": 3},
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("hello", "", "stop", "m-1", 12, 3, "")),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            ("hello", "", "length", "m-1", 12, 3, ""),
        ),
        ({"usage": None}, ("hello", "", "stop", "m-1", 0, 0, "")),
        (
            {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]},
            ("", "No.", "stop", "m-1", 12, 3, ""),
        ),
    ],
)
def test_the_responses_api_says_the_same(change: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert read_completion(json.dumps({**RESPONSE, **change})) == (*expected, False, False)


def test_a_failed_response_says_why() -> None:
    failed = {**RESPONSE, "status": "failed", "error": {"message": "out of memory"}}

    assert "no message: out of memory" in read_completion(json.dumps(failed)).problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"error": {"message": "m", "code": "c"}}', ("c", "m")),
        ('{"error": {"message": "m", "code": 400, "type": "t"}}', ("400", "m")),
        ('{"error": {"message": "m", "code": null, "type": "t"}}', ("t", "m")),
        ('{"error": "out of tokens"}', ("", '{"error": "out of tokens"}')),
        ('{"object": "error", "message": "m", "code": 400}', ("", '{"object": "error", "message": "m", "code": 400}')),
    ],
)
def test_an_error_is_read_in_any_shape(text: str, expected: tuple[str, str]) -> None:
    assert error_text(text) == expected


def test_text_that_no_table_can_hold_is_made_whole() -> None:
    assert whole_text("a\ud83dz\0") == "a\ufffdz"
    assert whole_text("a\0b") == "ab"
    assert whole_text("\ud83d\ude00") == "\U0001f600"


@given(st.text(st.characters(exclude_categories=())))
def test_whole_text_is_valid_unicode_without_nul(text: str) -> None:
    assert "\0" not in whole_text(text).encode("utf-8").decode("utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"error": {"code": "c", "type": "t", "message": "m  n"}}', ("c", "m n")),
        ('{"error": {"code": null, "type": "t", "message": "m"}}', ("t", "m")),
        ('{"error": "plain"}', ("", '{"error": "plain"}')),
        ("<html>\nno</html>", ("", "<html> no</html>")),
        ("x" * 5000, ("", "x" * 500)),
    ],
)
def test_an_error_is_its_code_and_message(text: str, expected: tuple[str, str]) -> None:
    assert error_text(text) == expected


@pytest.mark.parametrize(("most", "is_full"), [(None, False), (6, False), (7, True), (8, False)])
def test_an_answer_is_full_where_it_holds_what_was_allowed(most: int | None, is_full: bool) -> None:
    body = json.dumps({"choices": [{"message": {"content": "so so"}}], "usage": {"completion_tokens": 7}})
    assert read_answer(200, body, most_tokens=most).is_full is is_full


def test_another_status_than_200_is_the_servers_refusal() -> None:
    assert read_answer(400, '{"error": {"message": "not this picture"}}').refusal == "not this picture"
    assert read_answer(200, body("x")).words == "x"
