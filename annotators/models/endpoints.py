"""From a machine's options to somebody who asks: the clients of all its endpoints behind one gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from .client import Client
from .gate import Quota
from .request import PATHS
from .retries import Answered, Asker, Backoff

if TYPE_CHECKING:
    from ..base import Workbench
    from .options import ModelOptions

__all__ = ["Asks", "asks_of"]


class Asks(Protocol):
    """Who gets answers: at once (Asker), or by a batch (batch.Collector)."""

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the server is known to have said to requests that it would not take."""
        ...

    @property
    def throttled_s(self) -> float:
        """Seconds in which requests waited for the service or a quota, since the start."""
        ...

    async def ask(
        self, body: Callable[[], Awaitable[tuple[bytes, ...]]], *, key: str = "", sample_id: str = ""
    ) -> Answered:
        """The reply to a request, about which sample, that is stored under ``key``."""
        ...

    async def close(self) -> None:
        """Ends all connections."""
        ...


def asks_of(options: ModelOptions, bench: Workbench, backoff: Backoff) -> Asks:
    """Who asks for a machine, in the worker's event loop."""
    if options.mode == "batch":
        from .batch.collecting import Collector

        return Collector(options, bench)
    clients = tuple(
        Client(
            address,
            api_key=options.api_key,
            connections=options.concurrency,
            timeout_s=options.timeout_s,
            path=PATHS[options.api],
        )
        for address in options.addresses
    )
    quota = Quota(
        options.concurrency,
        requests_per_minute=options.requests_per_minute,
        tokens_per_minute=options.tokens_per_minute,
        folder=bench.shared,
        name=f"{options.title} {options.model} {' '.join(sorted(options.addresses))}",
        account=options.account,
    )
    return Asker(*clients, concurrency=options.concurrency, max_tries=options.max_tries, backoff=backoff, quota=quota)
