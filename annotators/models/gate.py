"""Who may ask now, and which endpoint: the one place through which all requests of a machine go.

First come, first served, also after a refusal: who was sent away keeps its place in the queue. One event loop only.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

from schemas.errors import ServiceError

from .client import Reply, service_error
from .pace import Fate, Pace, Start, fate_of
from .shares import Bucket, Places, SharedBucket, SharedPlaces

__all__ = ["Endpoint", "Gate", "Post", "Quota", "Turn", "Way"]

LOOK_AGAIN_S = 0.02
"""How often a place that other processes hold is looked for."""
PATIENCE_S = 90.0
"""An endpoint that only says "not now" is not given up sooner: quotas are counted by the minute, and a server that is
started anew loads its model for as long."""
FIRST_GUESS_TOKENS = 1500.0
"""Tokens that a request is taken to cost before the first answer said so."""


class Post(Protocol):
    """What a Client does."""

    async def post(self, pieces: tuple[bytes, ...]) -> Reply:
        """Posts pieces, gives the Reply or raises ServiceError."""
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...


class Quota(NamedTuple):
    """What is configured; totals over all endpoints and over all processes that share the ``folder``."""

    concurrency: int
    """Requests in flight."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    folder: Path | None = None
    """Where processes meet; None for this process alone."""
    name: str = "model"
    """Whose places they are: what shares a name and a folder shares them."""
    account: str = "model"
    """Whose minute it is, likewise: several machines may ask one model."""

    def places(self) -> Places:
        """The places in flight."""
        if self.folder is None:
            return Places(self.concurrency)
        return SharedPlaces(self._file("places", self.name), self.concurrency)

    def bucket(self, kind: str, per_minute: float | None, clock: Callable[[], float]) -> Bucket | None:
        """The bucket of ``requests`` or ``tokens``; None where they are not limited."""
        if per_minute is None:
            return None
        return (
            Bucket(per_minute, clock)
            if self.folder is None
            else SharedBucket(self._file(kind, self.account), per_minute)
        )

    def _file(self, kind: str, owner: str) -> Path:
        digest = hashlib.sha256(owner.encode()).hexdigest()[:16]
        return Path(f"{self.folder}/{digest}.{kind}")


@dataclass(eq=False)
class Turn:
    """One request's claim to be asked, from its first try to its last."""

    number: int
    tries: int = 0
    """Tries that failed, other than by being told to wait while others were served."""


class Way(NamedTuple):
    """A place in flight."""

    endpoint: Endpoint
    place: int
    start: Start
    tokens: float
    """Tokens that were taken from the minute's, before it was known how many they are."""


@dataclass(eq=False)
class Endpoint:
    """One address of the model."""

    client: Post
    pace: Pace
    answers: int = 0
    """Replies that were no failure."""
    last_error: ServiceError | None = field(default=None, repr=False)


@dataclass(eq=False)
class _Waiting:
    turn: Turn
    admitted: asyncio.Future[Way]


class Gate:
    """Lets requests through to the endpoints of one model.

    ``max_probes`` is how many probes of every endpoint must fail, one after the other, before all that wait are told
    that the service is down. ``clock`` gives seconds.
    """

    def __init__(
        self,
        clients: Sequence[Post],
        quota: Quota,
        *,
        max_probes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoints = tuple(Endpoint(client, Pace(quota.concurrency)) for client in clients)
        self.throttled_s = 0.0
        """Seconds in which requests waited because the service, or a quota, lets less through than configured."""
        self._places = quota.places()
        self._requests = quota.bucket("requests", quota.requests_per_minute, clock)
        self._tokens = quota.bucket("tokens", quota.tokens_per_minute, clock)
        self._mean_tokens, self._num_counted = FIRST_GUESS_TOKENS, 0
        self._max_probes = max_probes
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._throttled_since: float | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether somebody wants to know how many tokens a request took."""
        return self._tokens is not None

    def turn(self) -> Turn:
        """A new request's claim; earlier ones go first."""
        return Turn(next(self._numbers))

    async def enter(self, turn: Turn) -> Way:
        """Waits for the turn. Raises ServiceError where the service is down."""
        waiting = _Waiting(turn, asyncio.get_running_loop().create_future())
        insort(self._waiting, waiting, key=lambda other: other.turn.number)
        self._pump()
        try:
            return await waiting.admitted
        except asyncio.CancelledError:
            if not waiting.admitted.cancelled() and not waiting.admitted.exception():
                self.forget(waiting.admitted.result())
            raise

    def leave(
        self, way: Way, fate: Fate, *, wait_s: float = 0.0, asked_s: float = 0.0, error: ServiceError | None = None
    ) -> None:
        """A request came back; the waits are those of Pace."""
        endpoint, is_wanted = way.endpoint, bool(self._waiting)
        endpoint.pace.end(way.start, fate, now=self._clock(), wait_s=wait_s, asked_s=asked_s, is_wanted=is_wanted)
        if fate == "answered":
            endpoint.answers += 1
        else:
            endpoint.last_error = error
        self._places.give(way.place)
        self._pump()

    def forget(self, way: Way) -> None:
        """A request never went out."""
        way.endpoint.pace.forget(way.start)
        self._places.give(way.place)
        self._pump()

    def is_waited_for(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint is left alone now, and not yet given up."""
        return endpoint.pace.is_open and not self._is_down(endpoint)

    def count_tokens(self, way: Way, tokens: int) -> None:
        """What a request really took of the minute's tokens."""
        if self._tokens is None or not tokens:
            return
        self._tokens.correct(tokens - way.tokens)
        self._num_counted += 1
        self._mean_tokens += (tokens - self._mean_tokens) / min(self._num_counted, 100)

    def _pump(self) -> None:
        """Admit who may go now, and look again when time alone may change that."""
        self._waiting = [waiting for waiting in self._waiting if not waiting.admitted.done()]  # some were cancelled
        wait_s: float | None = None
        is_throttled = False
        while self._waiting:
            endpoint = self._choose()
            if endpoint is None:
                wait_s, is_throttled = self._until_open(), any(e.pace.is_throttled for e in self.endpoints)
                break
            place = self._places.take()
            if place is None:
                wait_s = LOOK_AGAIN_S
                break
            if wait := self._wait_for_quota():
                self._places.give(place)
                wait_s, is_throttled = wait, True
                break
            self._admit(endpoint, place)
        self._note(is_throttled)
        self._look_again(wait_s)
        self._give_up_if_down()

    def _choose(self) -> Endpoint | None:
        """The endpoint that is least busy for what it takes; one that is being tried again comes first."""
        now = self._clock()
        free = [endpoint for endpoint in self.endpoints if endpoint.pace.wait_s(now) == 0]
        return min(free, key=_busyness, default=None)

    def _admit(self, endpoint: Endpoint, place: int) -> None:
        is_probe = endpoint.pace.is_open
        # A request that has failed often may be the reason: the one that has failed least finds out.
        at = min(range(len(self._waiting)), key=lambda i: self._waiting[i].turn.tries) if is_probe else 0
        waiting = self._waiting.pop(at)
        start = endpoint.pace.start(self._clock())
        waiting.admitted.set_result(Way(endpoint, place, start, self._mean_tokens))

    def _wait_for_quota(self) -> float:
        """Takes a request and its tokens from the minute's; or takes none, and the seconds to wait."""
        wait = self._requests.wait_s(1) if self._requests else 0.0
        if wait or self._tokens is None:
            return wait
        wait = self._tokens.wait_s(self._mean_tokens)
        if wait and self._requests:
            self._requests.correct(-1)
        return wait

    def _until_open(self) -> float | None:
        """Seconds until an endpoint may be tried; None where only a request that ends changes anything."""
        now = self._clock()
        waits = [endpoint.pace.wait_s(now) for endpoint in self.endpoints]
        return min((wait for wait in waits if wait is not None), default=None)

    def _look_again(self, wait_s: float | None) -> None:
        if self._timer:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if wait_s is None else loop.call_later(max(wait_s, 0.001), self._pump)

    def _note(self, is_throttled: bool) -> None:
        now = self._clock()
        if self._throttled_since is not None:
            self.throttled_s += now - self._throttled_since
        self._throttled_since = now if is_throttled else None

    def _give_up_if_down(self) -> None:
        if not self._waiting or not all(self._is_down(endpoint) for endpoint in self.endpoints):
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.admitted.set_exception(_down(self.endpoints))

    def _is_down(self, endpoint: Endpoint) -> bool:
        pace, last = endpoint.pace, endpoint.last_error
        if not pace.is_open or pace.failed_probes < self._max_probes:
            return False
        patience = PATIENCE_S if last is not None and fate_of(str(last.__dict__.get("status"))) == "refused" else 0.0
        return self._clock() - (pace.opened_at or 0.0) >= patience


def _busyness(endpoint: Endpoint) -> float:
    return -1.0 if endpoint.pace.is_open else endpoint.pace.in_flight / endpoint.pace.limit


def _down(endpoints: Sequence[Endpoint]) -> ServiceError:
    last = next(endpoint.last_error for endpoint in endpoints if endpoint.last_error)
    number = "the service is" if len(endpoints) == 1 else f"all {len(endpoints)} endpoints are"
    return service_error(
        f"{number} down: {last.message}",
        status=str(last.__dict__.get("status", "down")),
        remedy=last.remedy or "run again later: what is paid for is kept",
    )
