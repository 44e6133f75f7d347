"""An OpenAI-compatible model server on this machine, for tests and benchmarks: latency, faults, statistics.

``with ModelServer(latency_s=0.2) as server: ...`` gives ``server.base_url`` and ``server.stats()``. It runs in a
thread, or with ``process=True`` in a process of its own, which a benchmark needs. From a shell::

    python -m benchmarks.model_server --port 8080 --latency 0.2 --rate 429=0.1 --rate 500=0.03

What it speaks is in ``model_protocol``, what can go wrong in ``model_faults``, what it answers in ``model_answers``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from .model_faults import FAULTS, Settings
from .model_protocol import listen

__all__ = ["FAULTS", "ModelServer", "Settings"]


class ModelServer:
    """A running server; a context manager. Settings are those of Settings."""

    def __init__(self, *, process: bool = False, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self._is_process = process
        self._child: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def base_url(self) -> str:
        """What a client takes as its base_url."""
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> dict[str, Any]:
        """What was counted: see ServerState.stats."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as response:
            found: dict[str, Any] = json.load(response)
        return found

    def reset(self) -> None:
        """Forget what was counted, and which pictures came before."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/reset", method="POST")
        urllib.request.urlopen(request).close()  # noqa: S310 - our own address

    def __enter__(self) -> Self:
        self.port = self._start_process() if self._is_process else self._start_thread()
        return self

    def __exit__(self, *error: object) -> None:
        if self._child:
            self._child.send_signal(signal.SIGTERM)
            self._child.wait()
            if self._child.stdout:
                self._child.stdout.close()
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _start_process(self) -> int:
        command = [sys.executable, "-m", "benchmarks.model_server", "--settings", json.dumps(asdict(self.settings))]
        root = Path(__file__).resolve().parent.parent
        self._child = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        line = self._child.stdout.readline() if self._child.stdout else ""
        return int(line.rsplit(":", 1)[1].removesuffix("/v1\n"))

    def _start_thread(self) -> int:
        ready = threading.Event()

        def run() -> None:
            asyncio.run(self._serve(ready))

        self._thread = threading.Thread(target=run, name="model-server", daemon=True)
        self._thread.start()
        ready.wait()
        return self.port

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await listen(self.settings, 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()


async def _main(settings: Settings, port: int) -> None:
    server = await listen(settings, port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_server", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, which is printed")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds per call")
    parser.add_argument("--sigma", type=float, default=0.0, help="spread of a lognormal latency")
    parser.add_argument("--rate", action="append", default=[], metavar="FAULT=SHARE", help=", ".join(FAULTS))
    parser.add_argument("--retry-after", default="1", help="Retry-After of a 429")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-concurrency", type=int, default=0, help="calls at once before 429")
    parser.add_argument("--api-key", default="", help="the only key that is let in")
    parser.add_argument("--settings", help="all of it as JSON, instead of the above")
    return parser.parse_args()


def _settings(arguments: argparse.Namespace) -> Settings:
    if arguments.settings:
        given = json.loads(arguments.settings)
        lists = {name: tuple(given[name]) for name in ("script", "categories", "refuses") if name in given}
        return Settings(**{**given, **lists})
    return Settings(
        latency_s=arguments.latency,
        sigma=arguments.sigma,
        rates={name: float(share) for name, _, share in (rate.partition("=") for rate in arguments.rate)},
        retry_after=arguments.retry_after,
        seed=arguments.seed,
        max_concurrency=arguments.max_concurrency,
        api_key=arguments.api_key,
    )


if __name__ == "__main__":
    arguments = _arguments()
    try:
        asyncio.run(_main(_settings(arguments), arguments.port))
    except KeyboardInterrupt:
        sys.exit(0)
