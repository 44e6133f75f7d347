"""The model server itself: the official client talks to it, its faults and figures are what they say."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ is no installed package

from benchmarks.model_answers import read_request
from benchmarks.model_server import FAULTS, ModelServer

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["real", "generated"]},
        "regions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "category": {"type": "string", "enum": ["blur"]},
                    "box": {"type": "array", "items": {"type": "integer"}},
                },
            },
        },
    },
}


def request(picture: bytes = b"a", words: str = "Look.", schema: dict[str, Any] | None = SCHEMA) -> dict[str, Any]:
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    content = [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": url}}]
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": content}]}
    if schema:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return body


def posted(server: ModelServer, body: dict[str, Any] | bytes) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(f"{server.base_url}/chat/completions", data=data)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(call, timeout=10) as response:  # noqa: S310
            text = response.read()
            return response.status, json.loads(text) if text.startswith(b"{") else {"text": text}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def words(reply: tuple[int, dict[str, Any]]) -> str:
    return str(reply[1]["choices"][0]["message"]["content"])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def test_the_official_client_talks_to_it(server: ModelServer) -> None:
    import openai

    with openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client:
        completion = client.chat.completions.create(**request())
        models = [model.id for model in client.models.list()]

    answer = json.loads(completion.choices[0].message.content or "")
    assert answer["verdict"] in ("real", "generated")
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 1000
    assert models == ["test-model"]


def test_the_official_client_understands_its_errors() -> None:
    import openai

    with (
        ModelServer(rates={"429": 1.0}) as server,
        openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client,
        pytest.raises(openai.RateLimitError) as raised,
    ):
        client.chat.completions.create(**request())

    assert raised.value.response.headers["retry-after"] == "1"
    assert raised.value.code == "429"


def test_lists_of_named_things_are_complete_and_judges_score_every_proposal() -> None:
    from annotators.models.conventions import CONVENTIONS
    from annotators.models.judging import judge_schema
    from annotators.models.wanted import wanted_schema
    from schemas.task import Criterion, Task

    task = Task(kind="rubric", criteria=tuple(Criterion(name=name, definition="?") for name in ("a", "b", "c")))
    rubric = wanted_schema("rubric", "image", ("blur",), CONVENTIONS["thousandths_xyxy"], task)
    with ModelServer() as server:
        held = json.loads(words(posted(server, request(schema=rubric))))["criteria"]
        scores = json.loads(words(posted(server, request(schema=judge_schema(["x", "y"], 3, (1, 5))))))["scores"]

    assert [entry["name"] for entry in held] == ["a", "b", "c"]
    assert [(entry["proposal"], entry["factor"]) for entry in scores] == [(n, f) for n in (1, 2, 3) for f in ("x", "y")]
    assert all(1 <= entry["score"] <= 5 for entry in scores)


def test_equal_pictures_get_equal_answers_in_any_order(server: ModelServer) -> None:
    pictures = [bytes([number]) * 50 for number in range(20)]

    forth = [words(posted(server, request(picture))) for picture in pictures]
    with ModelServer() as other:
        back = [words(posted(other, request(picture, "Other words."))) for picture in reversed(pictures)]

    assert forth == back[::-1]
    assert len(set(forth)) > 10
    for answer in map(json.loads, forth):
        for region in answer["regions"]:
            x1, y1, x2, y2 = region["box"]
            assert 0 <= x1 < x2 <= 1000
            assert 0 <= y1 < y2 <= 1000
            assert region["category"] == "blur"


def test_without_a_schema_the_answer_has_the_usual_form() -> None:
    with ModelServer(categories=("dust",), min_regions=1) as server:
        answer = json.loads(words(posted(server, request(schema=None))))

    assert set(answer) == {"verdict", "explanation", "regions"}
    assert {region["category"] for region in answer["regions"]} == {"dust"}


def test_what_is_counted(server: ModelServer) -> None:
    for picture in (b"a", b"b", b"a"):
        posted(server, request(picture))

    stats = server.stats()
    assert (stats["calls"], stats["by_status"], stats["by_fault"]) == (3, {"200": 3}, {"ok": 3})
    assert (stats["repeated_successes"], len(stats["answered"]), stats["in_flight"]) == (1, 2, 0)
    server.reset()
    assert server.stats()["calls"] == 0


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"hang", "reset"}))
def test_a_scripted_fault_hits_once(fault: str) -> None:
    with ModelServer(script=(fault,)) as server:
        first, second = posted(server, request()), posted(server, request())
        with ModelServer() as plain:
            good = posted(plain, request())

        assert server.stats()["by_fault"] == {fault: 1, "ok": 1}
    assert second == good
    assert first != good
    assert first[0] == {"429": 429, "500": 500, "400": 400, "filter": 400}.get(fault, 200)


def test_rates_are_met_and_do_not_depend_on_the_order() -> None:
    pictures = [number.to_bytes(2, "big") for number in range(600)]

    def met(order: list[bytes]) -> dict[bytes, int]:
        with ModelServer(rates={"429": 0.1, "500": 0.05}, seed=3) as server:
            return {picture: posted(server, request(picture))[0] for picture in order}

    forth, back = met(pictures), met(pictures[::-1])

    assert forth == back
    share = {status: count / 600 for status, count in Counter(forth.values()).items()}
    assert share[429] == pytest.approx(0.1, abs=0.04)
    assert share[500] == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b'{"messages": [{"content": "data:image/png;base64,AA'])
def test_a_body_that_is_none_is_a_400(server: ModelServer, body: bytes) -> None:
    status, answer = posted(server, body)

    assert status == 400
    assert "not valid" in answer["error"]["message"]


def test_only_its_key_is_let_in() -> None:
    with ModelServer(api_key="right") as server:
        assert posted(server, request())[0] == 401


def test_too_many_at_once_are_turned_away() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ModelServer(latency_s=0.3, max_concurrency=2) as server, ThreadPoolExecutor(6) as threads:
        statuses = Counter(status for status, _ in threads.map(lambda n: posted(server, request(bytes([n]))), range(6)))

    assert statuses == {200: 2, 429: 4}


def test_a_request_is_read_without_its_pictures() -> None:
    one, other = (read_request(json.dumps(request(picture)).encode()) for picture in (b"a", b"b"))

    assert one.content == other.content
    assert one.content["messages"][0]["content"][1]["image_url"]["url"] == ""
    assert one.picture_hash != other.picture_hash
    assert one.body_hash != other.body_hash
    assert one.picture_hash == read_request(json.dumps(request(b"a", "Else.")).encode()).picture_hash


def test_it_runs_in_a_process_of_its_own() -> None:
    with ModelServer(process=True, rates={"500": 1.0}, script=("ok",)) as server:
        assert [posted(server, request())[0] for _ in range(2)] == [200, 500]
        assert server.stats()["calls"] == 2


def test_it_runs_from_a_shell() -> None:
    command = [sys.executable, "-m", "benchmarks.model_server", "--rate", "500=1.0"]
    shell = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert shell.stdout is not None
    running = ModelServer()
    running.port = int(shell.stdout.readline().rsplit(":", 1)[1].removesuffix("/v1\n"))
    try:
        assert posted(running, request())[0] == 500
    finally:
        shell.terminate()
        shell.wait()
        shell.stdout.close()
