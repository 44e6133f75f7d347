"""An OpenAI-compatible model server on this machine, for tests and benchmarks: latency, faults, statistics.

``with ModelServer(latency_s=0.2) as server: ...`` gives ``server.base_url`` and ``server.stats()``. It runs in a
thread, or with ``process=True`` in a process of its own, which a benchmark needs. From a shell::

    python -m benchmarks.model_server --port 8080 --latency 0.2 --rate 429=0.1 --rate 500=0.03

It speaks just enough HTTP/1.1 itself (asyncio.Protocol, Content-Length only): web frameworks cost 0.7 ms per call,
which would be measured as ours. What a picture meets depends on the picture, how often it came, and the seed, so
every client meets the same faults.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from .model_answers import Request, answer_for, read_request

__all__ = ["FAULTS", "ModelServer", "Settings"]

FAULTS = (
    "429",
    "500",
    "hang",
    "reset",
    "cut",
    "length",
    "prose",
    "refusal",
    "empty",
    "bad_category",
    "outside",
    "swapped",
    "garbage",
    "400",
    "filter",
)
"""What can go wrong: by status, by silence, or by an answer that breaks the contract. ``ok`` in a script is none."""
MAX_BODY_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the server behaves."""

    latency_s: float = 0.0
    """Seconds from a whole request to its answer; the mean where it is lognormal."""
    sigma: float = 0.0
    """Spread of a lognormal latency; 0 is a fixed latency."""
    rates: dict[str, float] = field(default_factory=dict)
    """Share of calls that meet each fault, drawn per picture and attempt."""
    script: tuple[str, ...] = ()
    """What the first, second, ... call with any picture meets, before the rates: ``("429", "ok")``."""
    only_for: str = ""
    """Faults hit only pictures whose hash starts so."""
    retry_after: str = "1"
    """The Retry-After of a 429; empty sends none."""
    seed: int = 0
    """Seed of faults and latencies."""
    max_concurrency: int = 0
    """Calls at once, beyond which a call gets 429; 0 is unbounded."""
    categories: tuple[str, ...] = ("artifact",)
    """Categories of an answer to a request without a schema."""
    min_regions: int = 0
    """Fewest regions of an answer; up to three more are drawn."""
    api_key: str = ""
    """The only key that is let in; empty lets every request in."""
    refuses: tuple[str, ...] = ()
    """Fields of a request that get a 400 naming them, e.g. ``temperature``, ``json_schema``."""
    model_name: str = ""
    """Model that responses name; empty echoes the one asked for."""
    keeps_requests: bool = False
    """Whether the statistics hold every request, its pictures left out."""


class _Server:
    """The state behind all connections of one server; used from its event loop only."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        self.in_flight = self.max_in_flight = 0
        self.by_status: Counter[str] = Counter()
        self.by_fault: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.arrivals: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []

    def stats(self) -> dict[str, Any]:
        """Everything that was counted since the start or the last reset."""
        return {
            "calls": len(self.arrivals),
            "by_status": dict(self.by_status),
            "by_fault": dict(self.by_fault),
            "max_in_flight": self.max_in_flight,
            "in_flight": self.in_flight,
            "repeated_successes": sum(count - 1 for count in self.answered.values()),
            "answered": sorted(self.answered),
            "arrivals": self.arrivals,
            "requests": self.requests,
        }

    def begin(self, request: Request) -> tuple[int, str]:
        """Notes a call; the number of the attempt with these pictures, and the fault it meets."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self.attempts[request.picture_hash] += 1
        attempt = self.attempts[request.picture_hash]
        fault = self._fault(request, attempt)
        self.by_fault[fault] += 1
        self.arrivals.append({"at_s": time.monotonic(), "picture": request.picture_hash, "fault": fault})
        if self.settings.keeps_requests:
            self.requests.append(request.content)
        return attempt, fault

    def turn_away(self, status: int) -> None:
        """Notes a call that was not even looked at."""
        self.by_status[str(status)] += 1

    def end(self, status: str, request: Request | None = None) -> None:
        """Notes how a call ended."""
        self.in_flight -= 1
        self.by_status[status] += 1
        if request:
            self.answered[request.body_hash] += 1

    def latency_s(self, request: Request, attempt: int) -> float:
        settings = self.settings
        if not settings.sigma:
            return settings.latency_s
        draw = Random(f"latency:{settings.seed}:{request.picture_hash}:{attempt}")
        return settings.latency_s * draw.lognormvariate(-(settings.sigma**2) / 2, settings.sigma)

    def _fault(self, request: Request, attempt: int) -> str:
        settings = self.settings
        if settings.max_concurrency and self.in_flight > settings.max_concurrency:
            return "429"
        if not request.picture_hash.startswith(settings.only_for):
            return "ok"
        if attempt <= len(settings.script):
            return settings.script[attempt - 1]
        point = Random(f"fault:{settings.seed}:{request.picture_hash}:{attempt}").random()
        for fault, rate in settings.rates.items():
            point -= rate
            if point < 0:
                return fault
        return "ok"


class _Connection(asyncio.Protocol):
    """One client's connection: requests with Content-Length, one after the other."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._received = bytearray()
        self._needed = 0
        self._head = b""
        self._waiting: asyncio.TimerHandle | None = None
        self._is_in_call = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting:
            self._waiting.cancel()
        if self._is_in_call:
            self._is_in_call = False
            self._server.end("gone")

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._received[:end])
            del self._received[: end + 4]
            self._needed = 1 + self._length()
        if len(self._received) >= self._needed - 1:
            body, self._received = self._received[: self._needed - 1], self._received[self._needed - 1 :]
            self._needed = 0
            self._serve(body)

    def _length(self) -> int:
        value = self._header(b"content-length") or b"0"
        return min(int(value), MAX_BODY_BYTES) if value.isdigit() else 0

    def _header(self, name: bytes) -> bytes:
        for line in self._head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name:
                return value.strip()
        return b""

    def _serve(self, body: bytearray) -> None:
        method, _, rest = self._head.partition(b" ")
        path = rest.split(b" ")[0].partition(b"?")[0]
        if (method, path) == (b"POST", b"/v1/chat/completions"):
            self._complete(body)
        elif (method, path) == (b"GET", b"/v1/models"):
            self._send(
                200,
                {"object": "list", "data": [{"id": "test-model", "object": "model", "created": 0, "owned_by": "us"}]},
            )
        elif (method, path) == (b"GET", b"/stats"):
            self._send(200, self._server.stats())
        elif (method, path) == (b"POST", b"/reset"):
            self._server.reset()
            self._send(200, {})
        else:
            self._send(404, _error("there is no such address", "not_found"))

    def _complete(self, body: bytearray) -> None:
        settings = self._server.settings
        if settings.api_key and self._header(b"authorization") != b"Bearer " + settings.api_key.encode():
            key = self._header(b"authorization").decode("latin-1")
            self._server.turn_away(401)
            self._send(401, _error(f"Incorrect API key provided: {key}", "invalid_api_key"))
            return
        try:
            request = read_request(body)
        except ValueError as error:
            self._server.turn_away(400)
            self._send(400, _error(f"the body is not valid: {error}", "invalid_request_error"))
            return
        attempt, fault = self._server.begin(request)
        self._is_in_call = True
        if fault == "hang":
            return
        wait_s = self._server.latency_s(request, attempt) if fault not in ("429", "reset") else 0.0
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_later(wait_s, self._answer, request, fault)

    def _answer(self, request: Request, fault: str) -> None:
        self._is_in_call = False
        if fault == "reset":
            self._server.end("reset")
            self._transport.abort()
        elif fault in ("429", "500", "400"):
            self._refuse(int(fault), fault)
        elif fault == "filter":
            self._refuse(400, "content_policy_violation")
        elif refused := self._refused_field(request):
            self._refuse(400, refused)
        else:
            self._server.end("200", request)
            self._send(200, completion(request, fault, self._server.settings))

    def _refused_field(self, request: Request) -> str:
        text = json.dumps({key: value for key, value in request.content.items() if key != "messages"})
        return next((name for name in self._server.settings.refuses if f'"{name}"' in text), "")

    def _refuse(self, status: int, about: str) -> None:
        self._server.end(str(status))
        wait = self._server.settings.retry_after
        headers = f"Retry-After: {wait}\r\n" if status == 429 and wait else ""
        hint = ", use max_completion_tokens" if about == "max_tokens" else ""
        self._send(status, _error(f"refused for the test's sake: {about}{hint}", about), headers)

    def _send(self, status: int, content: Any, headers: str = "") -> None:
        body = json.dumps(content).encode() if not isinstance(content, bytes) else content
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._transport.write(head.encode() + body)


def completion(request: Request, fault: str, settings: Settings) -> Any:
    """The response to a request; what a fault changes about it."""
    if fault == "garbage":
        return b"<html>not a completion</html>"
    answer = answer_for(request, settings.categories, settings.min_regions)
    content: str | None = json.dumps(_spoiled(answer, fault))
    finish, refusal = "stop", None
    if fault in ("cut", "length"):
        content = content[: len(content) // 2]
        finish = "length" if fault == "length" else "stop"
    elif fault == "prose":
        content = f"Sure, here is what I found:\n```json\n{content}\n```\nI hope this helps!"
    elif fault == "refusal":
        content, refusal = None, "I cannot help with this."
    elif fault == "empty":
        content = ""
    return {
        "id": f"chatcmpl-{request.body_hash[:16]}",
        "object": "chat.completion",
        "created": 0,
        "model": settings.model_name or request.content.get("model", ""),
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "logprobs": None,
                "message": {"role": "assistant", "content": content, "refusal": refusal},
            }
        ],
        "usage": _usage(request, content or ""),
    }


def _usage(request: Request, content: str) -> dict[str, int]:
    tokens_in, tokens_out = 200 + 800 * request.pictures, max(1, len(content) // 4)
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def _spoiled(answer: dict[str, Any], fault: str) -> dict[str, Any]:
    """The answer with one region that breaks the contract."""
    bad = {
        "bad_category": {"category": "no-such-thing"},
        "outside": {"box": [10, 10, 1200, 40]},
        "swapped": {"box": [90, 90, 10, 10]},
    }
    if fault not in bad:
        return answer
    whole = {
        "page": 1,
        "frame": 1,
        "category": "artifact",
        "box": [0, 0, 10, 10],
        "explanation": "as seen",
        "quote": "as seen",
    }
    regions = answer.get("regions") or [whole]
    return {**answer, "regions": [{**regions[0], **bad[fault]}, *regions[1:]]}


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}


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
        """What was counted: see _Server.stats."""
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


async def listen(settings: Settings, port: int) -> asyncio.Server:
    """Listens on 127.0.0.1; port 0 takes a free one."""
    state = _Server(settings)
    return await asyncio.get_running_loop().create_server(lambda: _Connection(state), "127.0.0.1", port, backlog=1024)


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
