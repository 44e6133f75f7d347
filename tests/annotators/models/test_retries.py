"""Trying again: how long is waited, how often, and what is not tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models.client import Reply, service_error
from annotators.models.retries import Answered, Asker, Backoff, refusal, refused
from schemas.errors import ServiceError

OK = Reply(200, {}, "{}")


class Script:
    """A client whose replies are written down before."""

    def __init__(self, *replies: Reply | ServiceError) -> None:
        self.replies = list(replies)
        self.calls = 0

    async def post(self, pieces: tuple[bytes, ...]) -> Reply:
        self.calls += 1
        reply = self.replies.pop(0)
        if isinstance(reply, ServiceError):
            raise reply
        return reply


def error(status: int, headers: Mapping[str, str] | None = None, code: str = "c") -> Reply:
    return Reply(status, headers or {}, f'{{"error": {{"message": "no", "code": "{code}"}}}}')


def asked(client: Script, *, max_tries: int = 6, **backoff: float) -> tuple[Answered | ServiceError, list[float]]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def body() -> tuple[bytes, ...]:
        return (b"{}",)

    async def ask() -> Answered | ServiceError:
        pause = Backoff(random=Random(0), sleep=sleep, **backoff)
        asker = Asker(client, concurrency=1, max_tries=max_tries, backoff=pause)
        try:
            return await asker.ask(body)
        except ServiceError as failure:
            return failure

    return asyncio.run(ask()), waits


def test_an_answer_at_once_waits_for_nothing() -> None:
    answered, waits = asked(Script(OK))

    assert isinstance(answered, Answered)
    assert (answered.reply, answered.failed_tries, waits) == (OK, (), [])


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(status: int) -> None:
    answered, waits = asked(Script(error(status), OK))

    assert isinstance(answered, Answered)
    assert [(attempt.number, attempt.status) for attempt in answered.failed_tries] == [(1, str(status))]
    assert answered.failed_tries[0].message == f"the model server answered {status}: no"
    assert len(waits) == 1


@pytest.mark.parametrize("status", ["timeout", "connection_reset", "connection_refused"])
def test_silence_is_tried_again(status: str) -> None:
    answered, _ = asked(Script(service_error("gone", status=status), OK))

    assert isinstance(answered, Answered)
    assert answered.failed_tries[0].status == status


@pytest.mark.parametrize(
    ("reply", "remedy"),
    [
        (error(401), "check the API key"),
        (error(402), "out of money"),
        (error(403), "check what the API key may do"),
        (error(404), "check base_url and model"),
        (error(429, code="insufficient_quota"), "out of money"),
    ],
)
def test_what_never_passes_is_fatal_at_once(reply: Reply, remedy: str) -> None:
    failure, waits = asked(Script(reply))

    assert isinstance(failure, ServiceError)
    assert failure.__dict__["is_fatal"]
    assert remedy in failure.remedy
    assert waits == []


@pytest.mark.parametrize("status", [301, 405, 418])
def test_another_status_is_not_tried_again_and_not_fatal(status: int) -> None:
    failure, waits = asked(Script(error(status)))

    assert isinstance(failure, ServiceError)
    assert (failure.__dict__["status"], failure.__dict__["is_fatal"], waits) == (str(status), False, [])


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_a_reply(status: int) -> None:
    answered, _ = asked(Script(error(status)))

    assert isinstance(answered, Answered)
    assert answered.reply.status == status
    attempt = refused(answered.reply, 0.25)
    assert (attempt.status, attempt.message, attempt.latency_s) == (str(status), "no", 0.25)
    assert f"refused the request with {status}: no" in str(refusal((attempt,)))


def test_it_gives_up_after_so_many_tries_with_all_of_them_told() -> None:
    client = Script(*[error(500)] * 9)

    failure, waits = asked(client, max_tries=3)

    assert isinstance(failure, ServiceError)
    assert (client.calls, len(waits)) == (3, 2)
    assert "500: no (3 tries)" in failure.message
    assert [attempt.number for attempt in failure.__dict__["history"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "7", "retry-after-ms": "20"}, 0.02),
        ({"Retry-After": "99999"}, 120.0),
    ],
)
def test_a_wait_that_the_server_names_is_honored_and_capped(headers: dict[str, str], expected: float) -> None:
    _, waits = asked(Script(error(429, headers), OK))

    assert waits == [expected]


def test_a_date_is_waited_for() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)

    (_, future), (_, gone) = (asked(Script(error(503, {"Retry-After": date}), OK)) for date in (when, past))

    assert 50 < future[0] <= 60
    assert gone == [0.0]


def test_a_wait_that_has_not_helped_is_not_all_there_is() -> None:
    backoff = Backoff(random=Random(0))

    assert [backoff.wait_s(1, asked_s) for asked_s in (0.0, 3.0, 1e9)] == [0.0, 3.0, 120.0]
    assert all(0 < backoff.wait_s(failures, 0.0) <= 20 for failures in range(2, 20))
    assert max(backoff.wait_s(19, 0.0) for _ in range(50)) > 10
    assert [backoff.wait_s(6, asked_s) for asked_s in (30.0, 1e9)] == [30.0, 120.0]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-1",
        "nan",
        "inf",
        "Fri, 99 Foo 2026",
        "Wed, 21 Oct 2026 07:28:00 +99999999999999",
        "Wed, 99999999999999999999 Oct 2026 07:28:00 GMT",
    ],
)
def test_a_wait_that_is_none_is_ones_own(value: str) -> None:
    _, waits = asked(Script(error(429, {"Retry-After": value}), OK), first_s=0.5)

    assert 0 <= waits[0] <= 0.5


@given(failures=st.integers(1, 100), seed=st.integers())
def test_waits_are_exponential_with_full_jitter_and_capped(failures: int, seed: int) -> None:
    backoff = Backoff(first_s=0.5, longest_s=20, random=Random(seed))

    assert 0 <= backoff.wait_s(failures, None) <= min(20, 0.5 * 2 ** (failures - 1))


def test_callers_who_failed_together_do_not_come_back_together() -> None:
    backoff = Backoff(random=Random(0))

    assert len({backoff.wait_s(4, None) for _ in range(100)}) == 100
