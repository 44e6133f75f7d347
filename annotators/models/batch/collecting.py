"""Who "asks" in batch mode: gives what a batch brought back, and writes down everything else for the next batch."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from schemas.candidate import Attempt
from schemas.errors import ConfigError, SampleError, ServiceError

from ..client import Reply, service_error
from ..prices import usd
from ..request import PATHS
from ..retries import Answered
from ..tokens import text_tokens
from .parts import Account, Failure, PartWriter, Request, Room

if TYPE_CHECKING:
    from ...base import Workbench
    from ..options import ModelOptions

__all__ = ["Collector", "Deferred", "account_of"]

PICTURE_TOKENS = 1500
"""What a picture counts towards the limit of enqueued tokens where nobody said more exactly."""
REFUSED = (400, 413, 422)
PARTS_OF_BUDGET = 4
"""Under a budget a part is expected to cost at most this share of what is left, so that it can be nearly used up."""


class Deferred(ServiceError):  # noqa: N818 - not a failure: the answer comes later
    """The request waits for a batch: neither an answer nor a failure yet."""


class Collector:
    """Collects the requests of one machine in one worker process. See ``endpoints.Asks``."""

    throttled_s = 0.0

    def __init__(self, options: ModelOptions, bench: Workbench) -> None:
        if bench.spool is None:
            raise ConfigError("mode: batch needs a run folder on this machine", remedy="name a local --run folder")
        self._options, self._purse = options, bench.purse
        self._room = Room(bench.spool)
        self._account = account_of(options)
        self._writer: PartWriter | None = None
        self._collected: set[str] = set()
        self._failures: dict[str, list[Failure]] = {}
        for failure in self._room.failures(options.title):
            self._failures.setdefault(failure.key, []).append(failure)

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the server said to requests that it would not take, each once, in order."""
        said = (f.message for failures in self._failures.values() for f in failures if f.status in map(str, REFUSED))
        return tuple(dict.fromkeys(said))

    async def ask(
        self, body: Callable[[], Awaitable[tuple[bytes, ...]]], *, key: str = "", sample_id: str = ""
    ) -> Answered:
        """What a batch brought back. Raises Deferred where the request is for the next one, ServiceError where it has
        come back without an answer too often."""
        reply = self._room.reply(key)
        failed = self._attempts(key)
        if reply is not None and reply.status not in REFUSED:
            return self._answered(reply.status, reply.body, reply.latency_s, failed)
        pieces = await body()
        form = hashlib.sha256(pieces[0]).hexdigest()[:16]
        if reply is not None and reply.form == form:
            return self._answered(reply.status, reply.body, reply.latency_s, failed)
        if len(failed) >= self._options.max_tries:
            raise _given_up(failed)
        if key not in self._collected:
            self._collected.add(key)
            self._collect(Request(key=key, sample_id=sample_id, tokens=_tokens(pieces), form=form), pieces)
        raise Deferred("the request waits for a batch", remedy="it is sent when all requests are collected")

    async def close(self) -> None:
        """Ends the part that is being written."""
        self.end_part()

    def end_part(self) -> None:
        """What was collected is whole; more goes into another part."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _answered(self, status: int, body: str, latency_s: float, failed: tuple[Attempt, ...]) -> Answered:
        return Answered(Reply(status, {}, body), latency_s, failed, self._options.batch.price_factor)

    def _collect(self, request: Request, pieces: tuple[bytes, ...]) -> None:
        size = sum(map(len, pieces)) + 200
        if size > self._options.batch.max_bytes:
            raise SampleError(
                f"the request has {size:,} bytes, more than a whole batch may have",
                remedy="lower max_view_side, max_pages or max_frames, or max_own_bytes",
            )
        if self._writer is not None and not self._fits(self._writer, request, size):
            self.end_part()
        if self._writer is None:
            name = (
                f"{hashlib.sha256(self._options.title.encode()).hexdigest()[:8]}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
            )
            self._writer = PartWriter(self._room.spool, name, self._account)
        self._writer.add(request, pieces)

    def _fits(self, writer: PartWriter, request: Request, size: int) -> bool:
        batch, tokens = self._options.batch, writer.tokens + request.tokens
        if writer.requests >= batch.max_requests or writer.num_bytes + size > batch.max_bytes:
            return False
        if batch.max_enqueued_tokens is not None and tokens > batch.max_enqueued_tokens:
            return False
        if self._purse is None or self._purse.budget is None:
            return True
        return expected_usd(self._account, writer.requests + 1, tokens) <= self._purse.left / PARTS_OF_BUDGET

    def _attempts(self, key: str) -> tuple[Attempt, ...]:
        failures = (f for f in self._failures.get(key, ()) if f.status not in map(str, REFUSED))
        return tuple(Attempt(number=n, status=f.status, message=f.message) for n, f in enumerate(failures, 1))


def account_of(options: ModelOptions) -> Account:
    """Where a machine's batches are sent."""
    return Account(
        machine=options.title,
        model=options.model,
        base_url=options.addresses[0],
        endpoint=PATHS[options.api],
        api_key_env=options.api_key_env,
        price=options.price_per_million,
        price_factor=options.batch.price_factor,
        max_enqueued_tokens=options.batch.max_enqueued_tokens,
        poll_s=options.batch.poll_s,
        max_tokens=options.max_tokens,
    )


def expected_usd(account: Account, requests: int, tokens: int) -> float:
    """What requests are expected to cost at most: answers are rarely a quarter of what they may be."""
    price = usd(account.model, tokens, requests * max(1, account.max_tokens // 4), account.price)
    return (price or 0.0) * account.price_factor


def _tokens(pieces: tuple[bytes, ...]) -> int:
    """Words by length, pictures by number: pieces that are longer than any words of ours."""
    pictures = sum(piece.startswith(_PICTURE_STARTS) for piece in pieces)
    words = sum(len(piece) for piece in pieces if not piece.startswith(_PICTURE_STARTS))
    return text_tokens(words) + pictures * PICTURE_TOKENS


_PICTURE_STARTS = (b"/9j/", b"iVBORw0KGgo", b"UklGR")
"""The first base64 characters of JPEG, PNG and WebP."""


def _given_up(failed: tuple[Attempt, ...]) -> ServiceError:
    last = failed[-1]
    error = service_error(
        f"{len(failed)} batches brought no answer, the last one: {last.status} {last.message}".rstrip(),
        status=last.status,
        remedy="run again later: what is paid for is kept",
    )
    error.__dict__.update(attempts=len(failed), history=failed)
    return error
