"""Asking a service that fails now and then: again, later, not for ever, and out of the others' way."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Protocol

from schemas.candidate import Attempt
from schemas.errors import ServiceError

from .client import Reply, service_error
from .reading import error_text

__all__ = ["Answered", "Asker", "Backoff", "Post", "refusal", "refused"]

RETRIED = (408, 409, 425, 429)
FATAL_REMEDIES = {
    401: "check the API key in the environment",
    403: "check what the API key may do",
    404: "check base_url and model: there is no such model or address",
}
OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes of a 429 that no waiting mends."""


class Post(Protocol):
    """What a Client does: posts pieces, gives the Reply or raises ServiceError."""

    async def post(self, pieces: tuple[bytes, ...]) -> Reply: ...


class Answered(NamedTuple):
    """A reply that ends the asking, and how it was reached."""

    reply: Reply
    latency_s: float
    """Seconds from the request that was answered to its last byte."""
    failed_tries: tuple[Attempt, ...]
    """The tries before it, in order."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long to wait before the next try, in seconds.

    Exponential with full jitter: uniform between 0 and ``min(longest_s, first_s * 2 ** (n - 1))``
    after the n-th failure, so that callers who failed together do not come back together. A wait
    that the server names is honored, up to ``longest_asked_s``, and never shortened by jitter.
    """

    first_s: float = 0.5
    longest_s: float = 20.0
    longest_asked_s: float = 120.0
    random: random.Random = field(default_factory=random.Random)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def wait_s(self, failures: int, asked_s: float | None) -> float:
        """Seconds to wait after so many failures, the last of which named ``asked_s`` (or nothing)."""
        if asked_s is not None:
            return min(asked_s, self.longest_asked_s)
        return self.random.uniform(0.0, min(self.longest_s, self.first_s * 2 ** (failures - 1)))


class Asker:
    """Asks until an answer comes: at most ``concurrency`` requests in flight, at most ``max_tries`` each.

    A place in flight is held only while a request is: who waits to try again lets others go first.
    """

    def __init__(self, client: Post, *, concurrency: int, max_tries: int, backoff: Backoff) -> None:
        self._client = client
        self._places = asyncio.Semaphore(concurrency)
        self._max_tries = max_tries
        self._backoff = backoff

    async def ask(self, body: Callable[[], Awaitable[tuple[bytes, ...]]]) -> Answered:
        """The first reply that is no service failure (a 200, or a refusal of this request: 400, 413, 422).

        ``body`` is called when there is a place, so that nothing waits with its picture in memory.
        Raises ServiceError with ``status``, ``attempts`` (their number), ``history`` and ``is_fatal``.
        """
        failed: list[Attempt] = []
        while True:
            async with self._places:
                pieces = await body()
                start = time.perf_counter()
                failure = await self._try(pieces)
                latency_s = time.perf_counter() - start
            del pieces
            if isinstance(failure, Reply):
                return Answered(failure, latency_s, tuple(failed))
            error, asked_s, is_retried = failure
            failed.append(_attempt(len(failed) + 1, error, latency_s))
            if not is_retried or len(failed) >= self._max_tries:
                raise _given_up(error, tuple(failed))
            await self._backoff.sleep(self._backoff.wait_s(len(failed), asked_s))

    async def _try(self, pieces: tuple[bytes, ...]) -> Reply | tuple[ServiceError, float | None, bool]:
        """A reply to keep; or the failure, the wait the server asks for in seconds, and whether to try again."""
        try:
            reply = await self._client.post(pieces)
        except ServiceError as unanswered:
            return unanswered, None, True
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
        return error, _asked_wait_s(reply), not is_fatal and (reply.status in RETRIED or reply.status >= 500)


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
    except ValueError:
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
