"""The pace of one endpoint: a few steps by hand, then whole runs against limits that move, on a clock of their own."""

from __future__ import annotations

import asyncio
import importlib.util
import math
import random
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from annotators.models.client import Reply, service_error
from annotators.models.gate import Quota
from annotators.models.pace import EARLY_PROBES, FAILURES_TO_OPEN, REFUSALS_TO_OPEN, Pace, fate_of
from annotators.models.retries import Answered, Asker, Backoff
from schemas.errors import ServiceError

_spec = importlib.util.spec_from_file_location("timeless", Path(__file__).with_name("timeless.py"))
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
timeless = _module.timeless

Limit = Callable[[float], float]


@pytest.mark.parametrize(
    ("status", "fate"),
    [("429", "refused"), ("503", "refused"), ("529", "refused"), ("timeout", "slow"), ("504", "slow"),
     ("500", "broken"), ("connection_reset", "broken")],
)  # fmt: skip
def test_what_a_failure_says(status: str, fate: str) -> None:
    assert fate_of(status) == fate


def test_a_first_volley_shows_at_once_how_many_are_taken() -> None:
    pace = Pace(64)
    starts = [pace.start(0.0) for _ in range(64)]
    for start in starts[8:]:
        pace.end(start, "refused", now=0.01)
    assert (pace.limit, pace.in_flight) == (8.0, 8)
    assert pace.wait_s(0.01) is None
    assert pace.is_throttled


def test_later_a_round_of_refusals_costs_three_tenths_at_most() -> None:
    pace = Pace(20)
    for _ in range(20):
        pace.end(pace.start(0.0), "answered", now=1.0)
    starts = [pace.start(1.0) for _ in range(20)]
    for start in starts[1:]:
        pace.end(start, "refused", now=1.1)
    assert pace.limit == pytest.approx(14.0)


def test_a_silence_halves_once_per_round() -> None:
    pace = Pace(16)
    for start in [pace.start(0.0) for _ in range(16)]:
        pace.end(start, "slow", now=10.0)
    assert pace.limit == 8.0


def test_who_uses_less_than_is_allowed_learns_nothing() -> None:
    pace = Pace(64)
    for start in [pace.start(0.0) for _ in range(64)][8:]:
        pace.end(start, "refused", now=0.01)
    for _ in range(100):
        pace.end(pace.start(1.0), "answered", now=1.2, is_wanted=False)
    assert pace.limit == 8.0


def test_an_endpoint_that_only_fails_is_left_alone_and_then_asked_by_one() -> None:
    pace = Pace(64)
    for start in [pace.start(0.0) for _ in range(FAILURES_TO_OPEN)]:
        assert not pace.is_open
        pace.end(start, "broken", now=0.0, wait_s=3.0)
    assert pace.is_open
    assert pace.wait_s(1.0) == 2.0
    assert pace.wait_s(3.0) == 0.0
    probe = pace.start(3.0)
    assert probe.is_probe
    assert pace.wait_s(3.0) is None
    pace.end(probe, "broken", now=3.1, wait_s=5.0)
    assert (pace.wait_s(3.1), pace.failed_probes) == (5.0, 1)
    pace.end(pace.start(9.0), "answered", now=9.2)
    assert not pace.is_open


def test_where_nothing_is_in_flight_only_time_helps_and_others_ask_a_little_earlier() -> None:
    pace = Pace(1)
    for _ in range(REFUSALS_TO_OPEN):
        pace.end(pace.start(0.0), "refused", now=0.0, asked_s=10.0)
    assert pace.wait_s(0.0) == pytest.approx(10 / EARLY_PROBES)
    pace.end(pace.start(1.0), "refused", now=1.0, asked_s=10.0)
    assert pace.wait_s(1.0) == pytest.approx(10 / EARLY_PROBES)
    pace.end(pace.start(2.0), "refused", now=2.0, asked_s=10.0)
    assert pace.wait_s(2.0) == pytest.approx(20 / EARLY_PROBES)


class Server:
    """Refuses beyond a limit of requests in flight, or of requests per second, counted anew each second."""

    def __init__(self, limit: Limit, *, per_second: bool = False, retry_after: str = "1", sigma: float = 0.0) -> None:
        self.limit, self.per_second, self.retry_after, self.sigma = limit, per_second, retry_after, sigma
        self.in_flight = self.answered = self.refused = 0
        self.recent: deque[float] = deque()
        self.draw = random.Random(0)

    async def post(self, pieces: tuple[bytes, ...]) -> Reply:
        await asyncio.sleep(0.003)
        now = asyncio.get_running_loop().time()
        while self.recent and self.recent[0] < int(now):
            self.recent.popleft()
        if (len(self.recent) if self.per_second else self.in_flight) >= self.limit(now):
            self.refused += 1
            return Reply(429, {"Retry-After": self.retry_after} if self.retry_after else {}, "{}")
        self.recent.append(now)
        self.in_flight += 1
        spread = self.draw.lognormvariate(-(self.sigma**2) / 2, self.sigma) if self.sigma else 1.0
        await asyncio.sleep(0.2 * spread)
        self.in_flight -= 1
        self.answered += 1
        return Reply(200, {}, "{}")

    async def close(self) -> None:
        return None

    def floor_s(self, count: int) -> float:
        done, now, rate = 0.0, 0.0, 1.0 if self.per_second else 1 / 0.2
        while done < count:
            done += self.limit(now) * rate * 0.005
            now += 0.005
        return now


async def asked(*servers: Server, count: int, concurrency: int = 64, quota: Quota | None = None) -> Asker:
    clock = asyncio.get_running_loop().time
    backoff = Backoff(random=random.Random(1))
    asker = Asker(*servers, concurrency=concurrency, max_tries=6, backoff=backoff, quota=quota, clock=clock)
    window = asyncio.Semaphore(2 * concurrency)

    async def one() -> Answered:
        async with window:
            return await asker.ask(lambda: asyncio.sleep(0, (b"",)))

    answers = await asyncio.gather(*(one() for _ in range(count)))
    assert [answer.reply.status for answer in answers] == [200] * count
    return asker


def jumping(*limits: int, every_s: float) -> Limit:
    return lambda now: limits[int(now / every_s) % len(limits)]


MOVING: dict[str, tuple[Limit, float]] = {
    "constant": (lambda now: 8, 1.15),
    "jumps": (jumping(4, 40, 10, 64, every_s=3), 1.3),
    "wave": (lambda now: int(16 + 12 * math.sin(now)), 1.3),
    "saw": (jumping(8, 32, every_s=2), 1.45),
}
"""Limits, and how many times their floor is allowed; a round is 0.2 s, and the saw jumps fourfold every ten rounds."""


@pytest.mark.parametrize(("name", "retry_after", "per_second"), [
    *((name, wait, False) for name in MOVING for wait in ("1", "", "0")),
    *((name, "1", True) for name in MOVING),
])  # fmt: skip
def test_all_are_answered_near_the_floor_of_a_moving_limit(name: str, retry_after: str, per_second: bool) -> None:
    moving, allowed = MOVING[name]
    server = Server((lambda now: 3 * moving(now)) if per_second else moving, per_second=per_second)
    server.retry_after = retry_after
    _, seconds = timeless(asked(server, count=1200))
    assert server.answered == 1200
    assert seconds <= allowed * server.floor_s(1200)
    assert server.refused < 850


class Faulty(Server):
    """Refuses, fails and falls silent by chance, however little it is asked."""

    async def post(self, pieces: tuple[bytes, ...]) -> Reply:
        chance = self.draw.random()
        if chance < 0.1:
            self.refused += 1
            return Reply(429, {"Retry-After": "1"}, "{}")
        if chance < 0.13:
            return Reply(500, {}, "{}")
        if chance < 0.15:
            await asyncio.sleep(10)
            raise service_error("no answer", status="timeout")
        return await super().post(pieces)


async def asked_plainly(server: Server, count: int, concurrency: int = 64) -> None:
    """What a script does: so many at once, and each again until it is answered."""
    window = asyncio.Semaphore(concurrency)

    async def one() -> None:
        async with window:
            while True:
                try:
                    reply = await server.post(())
                except ServiceError:
                    continue
                if reply.status == 200:
                    return
                await asyncio.sleep(1 if reply.status == 429 else 0.5)

    await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.parametrize("count", [450, 2000])
def test_faults_that_come_whatever_is_asked_cost_no_more_than_a_plain_script(count: int) -> None:
    ours, theirs = Faulty(lambda now: 1000), Faulty(lambda now: 1000)
    _, seconds = timeless(asked(ours, count=count))
    _, plainly = timeless(asked_plainly(theirs, count))
    assert (ours.answered, theirs.answered) == (count, count)
    assert seconds <= 1.05 * plainly


def test_latencies_that_vary_do_not_disturb_it() -> None:
    server = Server(MOVING["jumps"][0], sigma=0.6)
    _, seconds = timeless(asked(server, count=1200))
    assert seconds <= 1.35 * server.floor_s(1200)


def test_throttled_time_is_the_time_that_the_limit_cost() -> None:
    asker, seconds = timeless(asked(Server(lambda now: 4), count=200))
    assert 0.8 * seconds <= asker.throttled_s <= seconds
    asker, _ = timeless(asked(Server(lambda now: 1000), count=200))
    assert asker.throttled_s == 0.0


def test_two_endpoints_share_the_work_by_what_they_take() -> None:
    small, large = Server(lambda now: 4), Server(lambda now: 24)
    _, seconds = timeless(asked(small, large, count=1200))
    assert seconds <= 1.3 * 1200 * 0.2 / 28
    assert small.answered < large.answered / 3


def test_an_endpoint_that_is_down_leaves_all_to_the_other() -> None:
    class Down(Server):
        async def post(self, pieces: tuple[bytes, ...]) -> Reply:
            self.refused += 1
            raise service_error("gone", status="connection_refused")

    down, up = Down(lambda now: 0), Server(lambda now: 1000)
    timeless(asked(down, up, count=600, concurrency=16))
    assert up.answered == 600
    assert down.refused < 60


def test_where_all_are_down_it_says_so_soon() -> None:
    class Down(Server):
        async def post(self, pieces: tuple[bytes, ...]) -> Reply:
            raise service_error("gone", status="connection_refused")

    async def ask_all() -> None:
        with pytest.raises(ServiceError, match=r"gone"):
            await asked(Down(lambda now: 0), Down(lambda now: 0), count=200)

    _, seconds = timeless(ask_all())
    assert seconds < 120


class Away(Server):
    """Answers nothing before ``back_s``, then as many as are asked."""

    def __init__(self, back_s: float, status: int, retry_after: str) -> None:
        super().__init__(lambda now: 1000, retry_after=retry_after)
        self.back_s, self.status = back_s, status

    async def post(self, pieces: tuple[bytes, ...]) -> Reply:
        if asyncio.get_running_loop().time() < self.back_s:
            self.refused += 1
            return Reply(self.status, {"Retry-After": self.retry_after} if self.retry_after else {}, "{}")
        return await super().post(pieces)


@pytest.mark.parametrize("count", [1, 2, 200])
@pytest.mark.parametrize("retry_after", ["", "0", "2", "30", "1000000000"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_says_not_now_for_a_minute_is_waited_for_and_not_hammered(
    status: int, retry_after: str, count: int
) -> None:
    server = Away(60, status, retry_after)
    _, seconds = timeless(asked(server, count=count))
    assert server.answered == count
    assert seconds < 60 + (120 if retry_after == "1000000000" else 30)
    assert server.refused < 64 + 36


@pytest.mark.parametrize("count", [1, 2, 200])
@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_says_not_now_for_ever_is_given_up(status: int, count: int) -> None:
    server = Away(1e9, status, "0")

    async def ask_all() -> None:
        with pytest.raises(ServiceError, match=str(status)):
            await asked(server, count=count)

    _, seconds = timeless(ask_all())
    assert 90 <= seconds < 150
    assert server.refused < 64 + 36


def test_requests_per_minute_are_kept() -> None:
    server = Server(lambda now: 1000)
    _, seconds = timeless(asked(server, count=300, quota=Quota(64, requests_per_minute=600)))
    assert server.refused == 0
    assert 28 <= seconds <= 32


def test_tokens_per_minute_are_kept_by_what_the_answers_say() -> None:
    class Counting(Server):
        async def post(self, pieces: tuple[bytes, ...]) -> Reply:
            reply = await super().post(pieces)
            usage = '{"prompt_tokens": 900, "completion_tokens": 100}'
            return reply._replace(text=f'{{"choices": [{{"message": {{"content": "x"}}}}], "usage": {usage}}}')

    _, seconds = timeless(asked(Counting(lambda now: 1000), count=300, quota=Quota(64, tokens_per_minute=600_000)))
    assert 28 <= seconds <= 36
