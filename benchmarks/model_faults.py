"""How the model server behaves and misbehaves: its settings, what each call meets, and what it says then.

What a picture meets depends on the picture, how often it came, and the seed, so every client meets the same faults.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .model_answers import Request, answer_for

__all__ = ["FAULTS", "ServerState", "Settings", "completion", "error_body"]

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
    "uncounted",
)
"""What can go wrong: by status, by silence, or by an answer that breaks the contract or comes without its
tokens. ``ok`` in a script is none."""


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


class ServerState:
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
        **({} if fault == "uncounted" else {"usage": _usage(request, content or "")}),
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


def error_body(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}
