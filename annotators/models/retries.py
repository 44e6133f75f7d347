"""Asking a service that fails now and then: again, later, not for ever, and out of the others' way."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from schemas.candidate import Attempt
from schemas.errors import ServiceError

from .client import Reply, service_error
from .gate import Gate, Post, Quota, Turn, Way
from .pace import fate_of
from .reading import error_text, read_completion

__all__ = ["Answered", "Asker", "Backoff", "refusal", "refused"]

RETRIED = (408, 409, 425, 429)
FATAL_REMEDIES = {
    401: "check the API key in the environment",
    402: "the account is out of money",
    403: "check what the API key may do",
    404: "check base_url and model: there is no such model or address",
}
OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes of a 429 that no waiting mends."""
UNHELPED = 1 / 8
"""Where a wait that the server named has not helped, our own counts too, from so much of its first."""


class Answered(NamedTuple):
    """A reply that ends the asking, and how it was reached."""

    reply: Reply
    latency_s: float
    """Seconds from the request that was answered to its last byte."""
    failed_tries: tuple[Attempt, ...]
    """The tries before it, in order."""
    price_factor: float = 1.0
    """Share of the list price that was paid."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long to wait before the next try, in seconds.

    Exponential with full jitter: uniform between 0 and ``min(longest_s, first_s * 2 ** (n - 1))``
    after the n-th failure, so that callers who failed together do not come back together. A wait
    that the server names is honored, up to ``longest_asked_s``, and never shortened by jitter; where it has not
    helped, our own may be longer: some name 0 seconds for as long as they refuse.
    """

    first_s: float = 0.5
    longest_s: float = 20.0
    longest_asked_s: float = 120.0
    random: random.Random = field(default_factory=random.Random)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def wait_s(self, failures: int, asked_s: float | None) -> float:
        """Seconds to wait after so many failures, the last of which named ``asked_s`` (or nothing)."""
        first_s = self.first_s if asked_s is None else self.first_s * UNHELPED * (failures > 1)
        own_s = self.random.uniform(0.0, min(self.longest_s, first_s * 2 ** (failures - 1)))
        return max(own_s, min(asked_s or 0.0, self.longest_asked_s))


class _Failed(NamedTuple):
    """A try without an answer."""

    error: ServiceError
    asked_s: float | None
    """The wait that the server named, in seconds."""
    is_retried: bool


class Asker:
    """Asks the endpoints of one model until an answer comes, at the pace that they take: see gate and pace.

    A place in flight is held only while a request is: who waits to try again lets others go first. Being told to wait
    (429, 503) is no failed try while the endpoint serves others; it is where nothing else succeeds.
    """

    def __init__(
        self,
        *clients: Post,
        concurrency: int,
        max_tries: int,
        backoff: Backoff,
        quota: Quota | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.gate = Gate(clients, quota or Quota(concurrency), max_probes=max_tries, clock=clock)
        self._clients = clients
        self._max_tries = max_tries
        self._backoff = backoff

    refusals: tuple[str, ...] = ()

    @property
    def throttled_s(self) -> float:
        """Seconds in which requests waited for the service or a quota, since the start."""
        return self.gate.throttled_s

    async def close(self) -> None:
        """Ends all connections."""
        for client in self._clients:
            await client.close()

    async def ask(
        self, body: Callable[[], Awaitable[tuple[bytes, ...]]], *, key: str = "", sample_id: str = ""
    ) -> Answered:
        """The first reply that is no service failure (a 200, or a refusal of this request: 400, 413, 422).

        ``body`` is called when there is a place, so that nothing waits with its picture in memory.
        Raises ServiceError with ``status``, ``attempts`` (their number), ``history`` and ``is_fatal``.
        """
        failed: list[Attempt] = []
        turn, served = self.gate.turn(), dict[int, int]()
        while True:
            way = await self._enter(turn, failed)
            outcome, latency_s = await self._asked(way, body, turn.tries + 1)
            if isinstance(outcome, Reply):
                return Answered(outcome, latency_s, tuple(failed))
            failed.append(_attempt(len(failed) + 1, outcome.error, latency_s))
            if self._is_failed_try(way, outcome, served):
                turn.tries += 1
            if not outcome.is_retried or turn.tries >= self._max_tries:
                raise _given_up(outcome.error, tuple(failed))
            await self._backoff.sleep(self._backoff.wait_s(max(turn.tries, 1), outcome.asked_s))

    async def _enter(self, turn: Turn, failed: list[Attempt]) -> Way:
        try:
            return await self.gate.enter(turn)
        except ServiceError as down:
            raise _given_up(down, tuple(failed)) from down

    async def _asked(
        self, way: Way, body: Callable[[], Awaitable[tuple[bytes, ...]]], tries: int
    ) -> tuple[Reply | _Failed, float]:
        """One try, and its seconds."""
        try:
            pieces = await body()
            start = time.perf_counter()
            outcome = await _try(way.endpoint.client, pieces)
            latency_s = time.perf_counter() - start
        except BaseException:
            self.gate.forget(way)
            raise
        if isinstance(outcome, Reply):
            if self.gate.counts_tokens and outcome.status == 200:
                said = read_completion(outcome.text)
                self.gate.count_tokens(way, said.input_tokens + said.output_tokens)
            self.gate.leave(way, "answered")
        else:
            fate = fate_of(outcome.error.__dict__["status"])
            failures = max(tries, way.endpoint.pace.failed_probes + 1)
            own_s = self._backoff.wait_s(failures, None if outcome.asked_s is None else 0.0)
            asked_s = min(outcome.asked_s or 0.0, self._backoff.longest_asked_s)
            self.gate.leave(way, fate, wait_s=own_s, asked_s=asked_s, error=outcome.error)
        return outcome, latency_s

    def _is_failed_try(self, way: Way, outcome: _Failed, served: dict[int, int]) -> bool:
        """Whether it counts: a refusal does not while the endpoint is waited for, or has served others meanwhile."""
        endpoint = way.endpoint
        before = served.get(id(endpoint), 0)
        served[id(endpoint)] = endpoint.answers
        if fate_of(outcome.error.__dict__["status"]) != "refused":
            return True
        return endpoint.answers == before and not self.gate.is_waited_for(endpoint)


async def _try(client: Post, pieces: tuple[bytes, ...]) -> Reply | _Failed:
    """A reply to keep, or the failure."""
    try:
        reply = await client.post(pieces)
    except ServiceError as unanswered:
        return _Failed(unanswered, None, True)
    if reply.status == 200 or reply.status in (400, 413, 422):
        return reply
    code, text = error_text(reply.text)
    is_fatal = reply.status in FATAL_REMEDIES or code in OUT_OF_MONEY
    error = service_error(
        f"the model server answered {reply.status}" + (f": {text}" if text else ""),
        status=str(reply.status),
        remedy=FATAL_REMEDIES.get(reply.status, "" if not is_fatal else "the account is out of money"),
        is_fatal=is_fatal,
    )
    return _Failed(error, _asked_wait_s(reply), not is_fatal and (reply.status in RETRIED or reply.status >= 500))


def refused(reply: Reply, latency_s: float) -> Attempt:
    """A request that the server will not take as it is."""
    code, text = error_text(reply.text)
    message = text or code or "no reason given"
    return Attempt(number=1, status=str(reply.status), message=message, latency_s=round(latency_s, 6))


def refusal(failed: tuple[Attempt, ...]) -> ServiceError:
    """The error for a request that was refused last, with all that was tried before."""
    last = failed[-1]
    error = service_error(
        f"the model server refused the request with {last.status}: {last.message}",
        status=last.status,
        remedy="check the machine's options against what the server takes",
    )
    error.__dict__.update(attempts=len(failed), history=failed)
    return error


def _asked_wait_s(reply: Reply) -> float | None:
    """Seconds to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or HTTP date (RFC 9110); or None."""
    milliseconds = _number(reply.headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = reply.headers.get("Retry-After")
    return _number(value) if _number(value) is not None else _seconds_until(value)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else -1.0
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _seconds_until(http_date: str | None) -> float | None:
    try:
        when = parsedate_to_datetime(http_date or "")
    except (ValueError, OverflowError):  # no date, or numbers in it that no date has
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _attempt(number: int, error: ServiceError, latency_s: float) -> Attempt:
    return Attempt(number=number, status=error.__dict__["status"], message=error.message, latency_s=round(latency_s, 6))


def _given_up(error: ServiceError, failed: tuple[Attempt, ...]) -> ServiceError:
    tries = f" ({len(failed)} tries)" if len(failed) > 1 else ""
    last = error.__dict__
    given_up = service_error(
        error.message + tries,
        status=last["status"],
        remedy=error.remedy or "run again later: what is paid for is kept",
        is_fatal=last["is_fatal"],
    )
    given_up.__dict__.update(attempts=len(failed), history=failed)
    return given_up
