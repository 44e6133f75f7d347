"""What servers in use do otherwise than the API's reference says: each quirk by a server that has it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.candidate import Usage
from schemas.errors import AnswerError, ServiceError
from schemas.sample import Sample

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "servers"))
from quirky import Call, QuirkyServer, Said, completion

MakeImage = Callable[..., Sample]
Propose = Callable[..., list[Any]]
ANSWER = {
    "verdict": "edited",
    "explanation": "The edge is soft.",
    "regions": [{"category": "blur", "box": [100, 100, 500, 500], "explanation": "A soft edge."}],
}


def test_a_server_that_ignores_the_form_is_told_it_in_words(make_image: MakeImage, propose: Propose) -> None:
    """``transformers serve`` takes ``response_format`` and does nothing with it."""

    def reply(call: Call) -> Said:
        is_told = '"additionalProperties"' in call.system
        return completion(ANSWER if is_told else "The edge looks soft to me.")

    with QuirkyServer(reply) as server:
        (found,) = propose(server.base_url, make_image())

    assert [(a.status, a.defects) for a in found.attempts] == [("parse_error", ("not_json",)), ("ok", ())]
    assert all("response_format" in call.body for call in server.calls)


def test_once_told_in_words_every_later_sample_is(make_image: MakeImage, propose: Propose) -> None:
    def reply(call: Call) -> Said:
        return completion(ANSWER if '"additionalProperties"' in call.system else "Soft, I think.")

    with QuirkyServer(reply) as server:
        found = propose(server.base_url, *(make_image(seed) for seed in range(6)), concurrency=1)

    told = ['"additionalProperties"' in call.system for call in server.calls]
    assert [c.parse_status for c in found] == ["ok"] * 6
    assert told == sorted(told)  # never again without
    assert sum(told) == 6


def test_a_model_that_fills_the_form_with_its_own_words_is_told_so(make_image: MakeImage, propose: Propose) -> None:
    """Small models give back what the schema says about a field."""

    def reply(call: Call) -> Said:
        schema = call.body["response_format"]["json_schema"]["schema"]
        echo = {"explanation": schema["properties"]["explanation"]["description"]}
        return completion(ANSWER if call.is_again else {**ANSWER, **echo})

    with QuirkyServer(reply) as server:
        (found,) = propose(server.base_url, make_image())

    assert [(a.status, a.defects) for a in found.attempts] == [("parse_error", ("says_nothing",)), ("ok", ())]
    assert "which explains nothing" in server.calls[1].body["messages"][-1]["content"]


def test_a_model_that_is_cut_short_of_the_form_is_asked_for_less(make_image: MakeImage, propose: Propose) -> None:
    """A small model rambles until max_tokens; what it said is no JSON at all."""
    cut = {"finish_reason": "length", "index": 0, "message": {"role": "assistant", "content": "so so so so"}}

    with QuirkyServer(lambda call: completion(ANSWER) if call.is_again else completion("", choices=[cut])) as server:
        (found,) = propose(server.base_url, make_image())

    assert [(a.status, a.defects) for a in found.attempts] == [("truncated", ("cut_off",)), ("ok", ())]
    assert "be shorter" in server.calls[1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Internal Server Error", "Internal Server Error"),  # Starlette, under transformers serve
        ({"error": {"message": "cannot identify image file", "type": "BadRequest", "code": 500}}, "cannot identify"),
        ({"object": "error", "message": "decode failed", "type": "InternalServerError", "code": 500}, "decode failed"),
        ({"detail": "decode failed"}, "decode failed"),
        ({"error": "decode failed"}, "decode failed"),
        ("", "answered 500"),
    ],
)
def test_a_bad_picture_that_makes_the_server_fail_costs_only_its_own_sample(
    body: Any, message: str, make_image: MakeImage, propose: Propose
) -> None:
    bad, *good = (make_image(seed) for seed in range(5))
    data = base64.b64encode(Path(bad.primary.uri).read_bytes()).decode()

    def reply(call: Call) -> Said:
        url = call.body["messages"][1]["content"][1]["image_url"]["url"]
        return Said(body, 500) if url.endswith(data) else completion(ANSWER)

    with QuirkyServer(reply) as server:
        failed, *others = propose(server.base_url, bad, *good, max_tries=3)

    assert [c.parse_status for c in others] == ["ok"] * 4
    assert isinstance(failed, ServiceError)
    assert message in failed.message
    assert [a.status for a in failed.__dict__["history"]] == ["500"] * 3
    assert not failed.__dict__["is_fatal"]
    assert len(server.calls) == 7


@pytest.mark.parametrize("code", ["429", 429, None, "rate_limit_exceeded"])
def test_a_code_may_be_a_word_a_number_or_missing(code: Any, make_image: MakeImage, propose: Propose) -> None:
    """LiteLLM's proxy says the status as a string."""
    error = {"error": {"message": "No deployments available", "type": "None", "param": "None", "code": code}}

    def reply(call: Call) -> Said:
        return Said(error, 429, (("retry-after", "0"),)) if call.number == 1 else completion(ANSWER)

    with QuirkyServer(reply) as server:
        (found,) = propose(server.base_url, make_image())

    assert [(a.status, a.message) for a in found.attempts] == [
        ("429", "the model server answered 429: No deployments available"), ("ok", "")
    ]  # fmt: skip


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "completion_tokens": None}])
def test_what_is_not_counted_is_not_priced(usage: Any, make_image: MakeImage, propose: Propose) -> None:
    said = completion(ANSWER, usage=usage) if usage is not None else completion(ANSWER)
    if usage is None:
        said.body.pop("usage")
    with QuirkyServer(lambda call: said) as server:
        (found,) = propose(server.base_url, make_image())
        (free,) = propose(server.base_url, make_image(1), price_per_million={"input": 0, "output": 0})

    assert found.usage == Usage(input_tokens=0, output_tokens=0, usd=None)
    assert free.usage == Usage(input_tokens=0, output_tokens=0, usd=0.0)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "The prompt was filtered.", "code": "content_filter", "status": 400},  # Azure
        {"message": "litellm.ContentPolicyViolationError: The prompt was filtered.", "type": "None", "code": "400"},
        {"message": "litellm.BadRequestError: The prompt was filtered. content_policy_violation", "code": "400"},
    ],
)
def test_a_filter_before_the_model_is_a_refusal_that_costs_nothing(
    error: dict[str, Any], make_image: MakeImage, propose: Propose
) -> None:
    with QuirkyServer(lambda call: Said({"error": error}, 400)) as server:
        (found,) = propose(server.base_url, make_image(), max_attempts=1)

    assert isinstance(found, AnswerError)
    assert found.message.startswith("the model's answer cannot be used: it is a refusal: ")
    assert "The prompt was filtered." in found.message
    assert [a.usage for a in found.__dict__["history"]] == [Usage(usd=0.0)]


def test_new_names_and_fixed_temperatures_are_learned(make_image: MakeImage, propose: Propose) -> None:
    """OpenAI's reasoning models; LiteLLM passes their words on, its own before them."""

    def reply(call: Call) -> Said:
        if "max_tokens" in call.body:
            text = (
                "litellm.BadRequestError: OpenAIException - Unsupported parameter: 'max_tokens' is not supported with "
                "this model. Use 'max_completion_tokens' instead."
            )
            return Said({"error": {"message": text, "type": None, "param": None, "code": "400"}}, 400)
        if "temperature" in call.body:
            text = "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1)."
            return Said({"error": {"message": text, "code": "unsupported_value"}}, 400)
        return completion(ANSWER)

    with QuirkyServer(reply) as server:
        found = [propose(server.base_url, make_image(0))[0], *propose(server.base_url, make_image(1))]

    assert [c.parse_status for c in found] == ["ok", "ok"]
    assert [a.status for a in found[0].attempts] == ["400", "400", "ok"]
    assert found[0].parameters == '{"max_completion_tokens":2048,"model":"gpt-4o-mini"}'


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "Unrecognized request argument supplied: max_tokens", "code": None}}),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_tokens"], "msg": "Extra inputs"}]}),
        (400, {"error": "max_tokens is not supported by this model"}),
    ],
)
def test_a_server_that_only_says_what_it_does_not_know_is_understood(
    status: int, body: Any, make_image: MakeImage, propose: Propose
) -> None:
    with QuirkyServer(lambda call: Said(body, status) if "max_tokens" in call.body else completion(ANSWER)) as server:
        (found,) = propose(server.base_url, make_image())

    assert [a.status for a in found.attempts] == [str(status), "ok"]
    assert server.calls[1].body["max_completion_tokens"] == 2048


def test_a_length_that_is_too_large_is_told_and_not_spelled_otherwise_for_good(
    make_image: MakeImage, propose: Propose
) -> None:
    error = {"error": {"message": "max_tokens is too large: 2048. At most 512 are left.", "code": 400}}
    with QuirkyServer(lambda call: Said(error, 400)) as server:
        (found,) = propose(server.base_url, make_image())

    assert isinstance(found, ServiceError)
    assert "max_tokens is too large" in found.message
    assert len(server.calls) == 1


def test_an_account_without_money_ends_the_run_and_not_each_sample(make_image: MakeImage, propose: Propose) -> None:
    """OpenRouter's 402."""
    with QuirkyServer(lambda call: Said({"error": {"message": "Insufficient credits", "code": 402}}, 402)) as server:
        (found,) = propose(server.base_url, make_image())

    assert isinstance(found, ServiceError)
    assert (found.__dict__["status"], found.__dict__["is_fatal"], found.remedy) == (
        "402", True, "the account is out of money",
    )  # fmt: skip
    assert len(server.calls) == 1


RESPONSE = {
    "object": "response",
    "model": "m-1",
    "status": "completed",
    "usage": {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110},
}


def responses(text: str, **changes: Any) -> Said:
    thought = {"type": "reasoning", "summary": []}
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return Said({**RESPONSE, "output": [thought, message], **changes})


def test_the_responses_api_where_the_recipe_asks_for_it(make_image: MakeImage, propose: Propose) -> None:
    def reply(call: Call) -> Said:
        if call.number == 1:
            return responses("{", status="incomplete", incomplete_details={"reason": "max_output_tokens"})
        return responses(json.dumps(ANSWER))

    with QuirkyServer(reply) as server:
        (found,) = propose(server.base_url, make_image(), api="responses", max_tokens=300)

    first, second = server.calls
    assert (first.path, first.body["max_output_tokens"], first.body["store"]) == ("/v1/responses", 300, False)
    assert first.body["text"]["format"]["type"] == "json_schema"
    assert first.body["text"]["format"]["name"] == "annotation"
    assert [part["type"] for part in first.body["input"][0]["content"]] == ["input_text", "input_image"]
    assert [message["role"] for message in second.body["input"]] == ["user", "assistant", "user"]
    assert [a.status for a in found.attempts] == ["truncated", "ok"]
    assert (found.parse_status, found.usage.input_tokens, found.usage.output_tokens) == ("ok", 200, 20)


@pytest.mark.parametrize(("allowed", "status"), [(10, "truncated"), (11, "parse_error")])
def test_a_cut_answer_that_is_called_complete_is_known_by_its_tokens(
    allowed: int, status: str, make_image: MakeImage, propose: Propose
) -> None:
    """``transformers serve``, in the Responses API: ``completed``, with all the tokens that were allowed."""
    with QuirkyServer(lambda call: responses(json.dumps(ANSWER) if call.is_again else "so so so")) as server:
        (found,) = propose(server.base_url, make_image(), api="responses", max_tokens=allowed)

    assert [a.status for a in found.attempts] == [status, "ok"]
    assert ("be shorter" in server.calls[1].body["input"][-1]["content"]) == (status == "truncated")


def test_a_server_that_streams_unless_it_is_told_not_to_is_told(make_image: MakeImage, propose: Propose) -> None:
    """``transformers serve``, in the Responses API."""
    created = json.dumps({"response": {**RESPONSE, "output": [], "status": "queued"}, "type": "response.created"})

    def reply(call: Call) -> Said:
        return responses(json.dumps(ANSWER)) if call.body.get("stream") is False else Said(f"data: {created}\n\n")

    with QuirkyServer(reply) as server:
        (found,) = propose(server.base_url, make_image(), api="responses")

    assert [a.status for a in found.attempts] == ["ok"]


def test_a_form_that_the_responses_api_refuses_is_told_in_words(make_image: MakeImage, propose: Propose) -> None:
    def reply(call: Call) -> Said:
        if "text" in call.body:
            return Said({"error": {"message": "Unsupported parameter: 'text.format'", "code": "unsupported"}}, 400)
        return responses(json.dumps(ANSWER))

    with QuirkyServer(reply) as server:
        (found,) = propose(server.base_url, make_image(), api="responses")

    assert [a.status for a in found.attempts] == ["400", "400", "ok"]
    assert '"additionalProperties"' in server.calls[-1].system


def test_a_refusal_of_the_responses_api_is_one(make_image: MakeImage, propose: Propose) -> None:
    refusing = {"type": "message", "content": [{"type": "refusal", "refusal": "I will not look at this."}]}
    with QuirkyServer(lambda call: Said({**RESPONSE, "output": [refusing]})) as server:
        (found,) = propose(server.base_url, make_image(), api="responses", max_attempts=1)

    assert isinstance(found, AnswerError)
    assert "it is a refusal: I will not look at this." in found.message
