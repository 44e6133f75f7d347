"""The batch server is faithful: the official client lives a whole batch on it. And ours sees the same."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest

from annotators.models.batch.api import BatchApi
from annotators.models.retries import Backoff
from schemas.errors import ServiceError

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))  # benchmarks/ is no installed package
from benchmarks.batch_server import BatchServer


def request(number: int) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": f"question {number}"}]}
    line = {"custom_id": f"id-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


REQUESTS = b"".join(map(request, range(5)))


def test_the_official_client_lives_a_whole_batch() -> None:
    import openai

    with (
        BatchServer(per_look=2, api_key="sk-key") as server,
        openai.OpenAI(base_url=server.base_url, api_key="sk-key", max_retries=0) as client,
    ):
        file = client.files.create(file=("requests.jsonl", io.BytesIO(REQUESTS)), purpose="batch")
        assert (file.bytes, file.purpose, client.files.retrieve(file.id).filename) == (
            len(REQUESTS), "batch", "requests.jsonl",
        )  # fmt: skip
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"mark": "x"}
        )
        seen = [batch.status]
        while batch.status != "completed":
            batch = client.batches.retrieve(batch.id)
            seen.append(batch.status)
        assert list(dict.fromkeys(seen)) == ["validating", "in_progress", "finalizing", "completed"]
        assert batch.request_counts
        assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (5, 5, 0)
        assert batch.output_file_id
        lines = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
        assert [line["custom_id"] for line in lines] != [f"id-{n}" for n in range(5)]
        assert {line["custom_id"] for line in lines} == {f"id-{n}" for n in range(5)}
        assert {line["response"]["status_code"] for line in lines} == {200}
        assert [listed.metadata for listed in client.batches.list(limit=1)] == [{"mark": "x"}]
        other = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert client.batches.cancel(other.id).status == "cancelling"
        assert client.batches.retrieve(other.id).status == "cancelled"
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve("batch_none")
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="another").batches.list()


def test_a_file_that_breaks_the_rules_fails_as_the_service_says_it() -> None:
    import openai

    bad = request(1) + request(1) + b"no JSON\n" + request(2).replace(b'"m"', b'"n"')
    with BatchServer() as server, openai.OpenAI(base_url=server.base_url, api_key="x") as client:
        file = client.files.create(file=("requests.jsonl", bad), purpose="batch")
        batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        batch = client.batches.retrieve(batch.id)
        assert batch.status == "failed"
        assert batch.errors
        assert batch.errors.data
        assert [(error.code, error.line) for error in batch.errors.data] == [
            ("duplicate_custom_id", 2), ("invalid_json_line", 3), ("mismatched_model", None),
        ]  # fmt: skip


def test_ours_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk-key")
    (tmp_path / "part.jsonl").write_bytes(REQUESTS)

    async def live(server: BatchServer) -> list[str]:
        async with BatchApi(server.base_url, api_key_env="KEY") as api:
            file_id = await api.upload(tmp_path / "part.jsonl")
            batch = await api.create(file_id, "chat/completions", {"mark": "x"})
            while batch["status"] != "completed":
                batch = await api.retrieve(batch["id"])
            listed = [one["metadata"] async for one in api.batches()]
            assert listed == [{"mark": "x"}]
            return [line["custom_id"] async for line in api.lines(batch["output_file_id"])]

    with BatchServer(per_look=2, api_key="sk-key") as server:
        assert sorted(asyncio.run(live(server))) == [f"id-{n}" for n in range(5)]


def test_all_batches_are_listed_page_by_page(tmp_path: Path) -> None:
    (tmp_path / "part.jsonl").write_bytes(REQUESTS)

    async def live(server: BatchServer) -> int:
        async with BatchApi(server.base_url, api_key_env="KEY") as api:
            file_id = await api.upload(tmp_path / "part.jsonl")
            for number in range(205):
                await api.create(file_id, "chat/completions", {"mark": str(number)})
            return len({one["metadata"]["mark"] async for one in api.batches()})

    with BatchServer() as server:
        assert asyncio.run(live(server)) == 205
        assert server.calls["GET /v1/batches"] == 3


def test_a_wrong_key_is_said_at_once_and_a_dead_server_after_its_tries() -> None:
    async def look(url: str) -> None:
        backoff = Backoff(first_s=0.0)
        async with BatchApi(url, api_key_env="NO_SUCH_KEY", max_tries=3, backoff=backoff) as api:
            await api.retrieve("batch_1")

    with BatchServer(api_key="sk-key") as server:
        with pytest.raises(ServiceError, match="Incorrect API key") as error:
            asyncio.run(look(server.base_url))
        assert error.value.__dict__["is_fatal"]
        assert server.calls["GET /v1/batches/{id}"] == 1
        url = server.base_url
    with pytest.raises(ServiceError, match="answered nothing"):
        asyncio.run(look(url))
