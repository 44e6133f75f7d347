"""A model server whose limit moves, and the politeness bench that runs against it.

``python -m benchmarks.moving_limit`` asks three models about 1,200 pictures, one of them behind a limit that jumps
every few seconds, and prints total wall over the limit's own floor: the time in which a client that always uses
exactly what is allowed would be done. It exits with 1 where a sample is lost, or where the manifest's tokens are not
the tokens that the servers counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

from aiohttp import web

from .loopback import LoopbackServer
from .model_answers import read_request
from .model_faults import Settings, completion

__all__ = ["MovingServer"]

RECIPE = """
name: polite
taxonomy: artifacts
sources: [{kind: folder}]
machines:
%s
splits: {train: 1}
"""
MACHINE = (
    "  - {kind: vlm, name: %s, model: %s, base_url: '%s', convention: thousandths_xyxy, concurrency: 64, "
    "timeout_s: 30, price_per_million: {input: 1, output: 4}}"
)


class MovingServer(LoopbackServer):
    """A running server; a context manager.

    ``kind``: ``in_flight`` counts requests at once, ``per_second`` those of the last second. ``steps`` are the limits,
    each for ``period_s``, again and again; none is no limit. What is beyond gets 429 with ``retry_after``.
    """

    def __init__(
        self,
        *,
        kind: str = "in_flight",
        steps: tuple[int, ...] = (),
        period_s: float = 3.0,
        latency_s: float = 0.25,
        retry_after: str = "1",
    ) -> None:
        self.kind, self.steps, self.period_s = kind, steps, period_s
        self.latency_s, self.retry_after = latency_s, retry_after
        self.usage: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()
        self.in_flight = self.max_in_flight = 0
        self.first_at = self.last_at = 0.0
        self._recent: deque[float] = deque()
        self._used = self._offered = self._noted_at = 0.0

    @property
    def utilization(self) -> float:
        """Share of the places in flight that were used, from the first request to the last answer."""
        return self._used / self._offered if self._offered else 0.0

    def limit(self, since_s: float) -> int:
        """The limit so many seconds after the first request."""
        return self.steps[int(since_s / self.period_s) % len(self.steps)] if self.steps else 10**9

    def floor_s(self, answers: int) -> float:
        """Seconds in which so many answers are given where the limit is always used whole."""
        done, since, step = 0.0, 0.0, 0.001
        per_s = 1 / self.latency_s if self.kind == "in_flight" else 1.0
        while done < answers:
            done += self.limit(since) * per_s * step
            since += step
        return since

    def application(self) -> web.Application:
        """The one route."""
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/v1/chat/completions", self._complete)
        return app

    async def _complete(self, http: web.Request) -> web.Response:
        body = await http.read()
        now = time.monotonic()
        self.first_at = self.first_at or now
        if not self._has_room(now):
            self.statuses["429"] += 1
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return web.json_response(
                {"error": {"message": "slow down", "code": "rate_limit"}}, status=429, headers=headers
            )
        self._recent.append(now)
        self._note()
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency_s)
        finally:
            self._note()
            self.in_flight -= 1
        answer = completion(read_request(body), "ok", Settings())
        for name in ("prompt_tokens", "completion_tokens"):
            self.usage[name] += answer["usage"][name]
        self.statuses["200"] += 1
        self.bodies[read_request(body).body_hash] += 1
        self.last_at = time.monotonic()
        return web.json_response(answer)

    def _note(self) -> None:
        now = time.monotonic()
        if self._noted_at and self.steps:
            limit = self.limit(self._noted_at - self.first_at)
            self._used += min(self.in_flight, limit) * (now - self._noted_at)
            self._offered += limit * (now - self._noted_at)
        self._noted_at = now

    def _has_room(self, now: float) -> bool:
        limit = self.limit(now - self.first_at)
        if self.kind == "in_flight":
            return self.in_flight < limit
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        return len(self._recent) < limit


def write_pictures(folder: Path, count: int) -> None:
    """Small noise, each picture another."""
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05d}.png")


def run(folder: Path, servers: dict[str, MovingServer], *extra: str) -> tuple[float, dict[str, Any]]:
    """Seconds of ``propose`` over the pictures in ``folder/in``, and the manifest."""
    machines = "\n".join(MACHINE % (name, f"model-{name}", server.base_url) for name, server in servers.items())
    (folder / "polite.yaml").write_text(RECIPE % machines)
    command = [sys.executable, "-m", "pipeline", "propose", str(folder / "polite.yaml"), "--input", str(folder / "in")]
    began = time.monotonic()
    subprocess.run(
        [*command, "--run", str(folder / "run"), *extra], check=True, env={**os.environ, "OPENAI_API_KEY": "x"}
    )
    return time.monotonic() - began, json.loads((folder / "run" / "manifest.json").read_text())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moving_limit", description=__doc__)
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--kind", choices=("in_flight", "per_second"), default="in_flight")
    parser.add_argument("--steps", default="8,24,4,16", help="limits, one after the other")
    parser.add_argument("--period", type=float, default=4.0, help="seconds of each")
    parser.add_argument("--retry-after", default="1")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    options = parser.parse_args()
    steps = tuple(map(int, options.steps.split(",")))
    extra = ("--direct_running_mode=multi_processing", f"--direct_num_workers={options.workers}")
    limited = MovingServer(kind=options.kind, steps=steps, period_s=options.period, retry_after=options.retry_after)
    with tempfile.TemporaryDirectory() as folder, limited, MovingServer() as second, MovingServer() as third:
        write_pictures(Path(folder) / "in", options.images)
        servers = {"limited": limited, "second": second, "third": third}
        wall, manifest = run(Path(folder), servers, *(extra if options.workers > 1 else ()))
    sys.exit(not _report(options.images, servers, wall, manifest))


def _report(images: int, servers: dict[str, MovingServer], wall: float, manifest: dict[str, Any]) -> bool:
    limited = servers["limited"]
    floor, asked = limited.floor_s(images), limited.last_at - limited.first_at
    print(f"floor of the limit {floor:.1f} s; first to last call {asked:.1f} s = {asked / floor:.2f} x; ", end="")
    print(f"whole command {wall:.1f} s = {wall / floor:.2f} x")
    print(f"limited model: {dict(limited.statuses)}, at most {limited.max_in_flight} in flight")
    if limited.kind == "in_flight":
        print(
            f"of the places that the limit offered {limited.utilization:.0%} were in use "
            f"= {1 / limited.utilization:.2f} x"
        )
    print("others, at most in flight:", servers["second"].max_in_flight, servers["third"].max_in_flight)
    stage, spend = manifest["stages"]["propose"], manifest["spend"]
    counted = sum((server.usage for server in servers.values()), Counter())
    said = {"prompt_tokens": spend["input_tokens"], "completion_tokens": spend["output_tokens"]}
    twice = sum(count - 1 for server in servers.values() for count in server.bodies.values())
    print(f"candidates {stage['candidates']:,} of {3 * images:,}, rejected {stage['rejected']}; paid twice {twice}")
    print(f"tokens in the manifest {said}, counted by the servers {dict(counted)}; ${spend['usd']:.4f}")
    return said == dict(counted) and stage["candidates"] == 3 * images and twice == 0


if __name__ == "__main__":
    main()
