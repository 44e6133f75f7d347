"""The paid answers: whole or not there, asked for once, kept when whoever asked is gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.answers import AnswerStore, StoredAnswer
from schemas.base import content_id
from schemas.candidate import Attempt
from schemas.errors import ConfigError, RunError

KEY = content_id("a question")
ANSWER = StoredAnswer(model="m", status=200, body='{"choices": []}', latency_s=0.5, paid_by="run-1")


@given(body=st.text(), latency_s=st.floats(0, 1e6), message=st.text(max_size=20))
def test_an_answer_comes_back_as_it_was_put(
    body: str, latency_s: float, message: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = AnswerStore(str(tmp_path_factory.mktemp("answers")), payer="run-1")
    tries = (Attempt(number=1, status="429", message=message, latency_s=0.1),)
    answer = StoredAnswer(model="m", status=200, body=body, latency_s=latency_s, failed_tries=tries, paid_by="run-1")

    store.put(KEY, answer)

    assert store.get(KEY) == answer


def test_an_answer_lies_under_its_key_in_one_readable_file(tmp_path: Path) -> None:
    AnswerStore(str(tmp_path / "answers"), payer="run-1").put(KEY, ANSWER)

    (file,) = (path for path in (tmp_path / "answers").rglob("*") if path.is_file())
    assert file == tmp_path / "answers" / KEY[:2] / f"{KEY}.json"
    assert json.loads(file.read_text()) == ANSWER.model_dump(mode="json")


def test_there_is_no_answer_where_none_was_put_or_half_of_one_is_left(tmp_path: Path) -> None:
    store = AnswerStore(str(tmp_path), payer="run-1")
    assert store.get(KEY) is None

    store.put(KEY, ANSWER)
    (tmp_path / KEY[:2] / f"{KEY}.json").write_text("")

    assert store.get(KEY) is None


@pytest.mark.parametrize("key", ["../../etc/passwd", "abc", "A" * 64, KEY + "0"])
def test_only_a_hash_is_a_key(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not a sha256"):
        AnswerStore(str(tmp_path), payer="run-1").get(key)


def test_a_disk_that_refuses_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file in the way")

    with pytest.raises(RunError, match="cannot be written"):
        AnswerStore(str(tmp_path / "answers"), payer="run-1").put(KEY, ANSWER)


def test_a_bucket_is_refused_before_anything_is_paid() -> None:
    with pytest.raises(ConfigError, match="gs://bucket/answers"):
        AnswerStore("gs://bucket/answers", payer="run-1")


def test_who_paid_is_told_apart(tmp_path: Path) -> None:
    AnswerStore(str(tmp_path), payer="run-1").put(KEY, ANSWER)

    stored = AnswerStore(str(tmp_path), payer="run-2").get(KEY)

    assert stored is not None
    assert AnswerStore(str(tmp_path), payer="run-1").is_paid_here(stored)
    assert not AnswerStore(str(tmp_path), payer="run-2").is_paid_here(stored)


def test_keys_are_those_of_whole_answers(tmp_path: Path) -> None:
    store = AnswerStore(str(tmp_path), payer="run-1")
    keys = sorted(content_id(number) for number in range(5))
    for key in keys:
        store.put(key, ANSWER)
    (tmp_path / KEY[:2]).mkdir(exist_ok=True)
    (tmp_path / KEY[:2] / f".{KEY}.1.0.part").write_text("torn")

    assert list(store) == keys


def test_concurrent_asks_of_one_key_make_one_call(tmp_path: Path) -> None:
    async def asked() -> tuple[int, list[tuple[StoredAnswer, bool]]]:
        store, calls, is_open = AnswerStore(str(tmp_path), payer="run-1"), 0, asyncio.Event()

        async def ask() -> StoredAnswer:
            nonlocal calls
            calls += 1
            await is_open.wait()
            return ANSWER

        callers = [asyncio.create_task(store.once(KEY, ask)) for _ in range(10)]
        await asyncio.sleep(0)
        is_open.set()
        answers = await asyncio.gather(*callers)
        answers.append(await store.once(KEY, ask))
        return calls, answers

    calls, answers = asyncio.run(asked())

    assert calls == 1
    assert answers == [(ANSWER, False)] + [(ANSWER, True)] * 10


def test_what_is_raised_reaches_every_caller_and_is_not_kept(tmp_path: Path) -> None:
    async def asked() -> tuple[list[object], tuple[StoredAnswer, bool]]:
        store = AnswerStore(str(tmp_path), payer="run-1")

        async def fail() -> StoredAnswer:
            await asyncio.sleep(0)
            raise RunError("no luck")

        async def succeed() -> StoredAnswer:
            return ANSWER

        failed = await asyncio.gather(*(store.once(KEY, fail) for _ in range(3)), return_exceptions=True)
        return [str(error) for error in failed], await store.once(KEY, succeed)

    assert asyncio.run(asked()) == (["no luck"] * 3, (ANSWER, False))


def test_a_paid_answer_is_kept_when_its_caller_is_gone(tmp_path: Path) -> None:
    async def asked() -> StoredAnswer | None:
        store, is_open = AnswerStore(str(tmp_path), payer="run-1"), asyncio.Event()

        async def ask() -> StoredAnswer:
            await is_open.wait()
            return ANSWER

        caller = asyncio.create_task(store.once(KEY, ask))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        is_open.set()
        while store.get(KEY) is None:
            await asyncio.sleep(0)
        return store.get(KEY)

    assert asyncio.run(asked()) == ANSWER


WRITER = """
import sys
from annotators.answers import AnswerStore, StoredAnswer
from schemas.base import content_id
store = AnswerStore(sys.argv[1], payer="run-1")
for number in range(10**9):
    store.put(content_id(number % 64), StoredAnswer(model="m", status=200, body="x" * 200_000, latency_s=0))
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_leaves_only_whole_answers(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert writer.stdout is not None
    for _ in range(100):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()

    store = AnswerStore(str(tmp_path), payer="run-1")
    answers = [store.get(key) for key in store]
    assert len(answers) == 64
    assert all(answer is not None and answer.body == "x" * 200_000 for answer in answers)
