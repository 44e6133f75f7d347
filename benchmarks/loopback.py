"""An aiohttp application that serves at 127.0.0.1 from a thread of its own while a ``with`` block runs."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import Self

from aiohttp import web

__all__ = ["LoopbackServer"]


class LoopbackServer(ABC):
    """A context manager; what it serves is the ``application`` of the class that inherits from it."""

    port: int

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base_url."""
        return f"http://127.0.0.1:{self.port}/v1"

    @abstractmethod
    def application(self) -> web.Application:
        """The routes; called once, when the server starts."""

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        runner = web.AppRunner(self.application(), access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self._stop.wait()
        await runner.cleanup()
