"""A model server that really looks: it finds what is not background in the picture it was sent, and answers with its
box in one convention, with noise. Speaks Chat Completions; every request's words are kept."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np
from PIL import Image

from annotators.models.conventions import CONVENTIONS
from schemas.candidate import View
from schemas.task import BoxConvention

Say = Callable[[list[float]], Any]


def as_box(numbers: list[float]) -> Any:
    """The plain form."""
    return {"box": numbers}


class Seer:
    """``noise`` is the standard deviation of each edge, as a share of the box's side or, by ``of``, of the picture's.

    ``say`` puts the numbers into words: JSON of what it gives, or the string itself.
    """

    def __init__(
        self,
        convention: BoxConvention,
        *,
        noise: float = 0.02,
        of: str = "box",
        say: Say = as_box,
        seed: int = 0,
        fault: Callable[[int], str] = lambda call: "",
    ) -> None:
        self.convention, self.noise, self.of, self.say, self.fault = CONVENTIONS[convention], noise, of, say, fault
        self.random = random.Random(seed)
        self.words: list[str] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: dict[str, Any]) -> Any:
        content = next(m["content"] for m in request["messages"] if m["role"] == "user")
        words = " ".join(part["text"] for part in content if part["type"] == "text")
        url = next(part["image_url"]["url"] for part in content if part["type"] == "image_url")
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB"))
        with self._lock:
            self.words.append(words)
            return self.say(self._numbers(picture, words))

    def _numbers(self, picture: np.ndarray[Any, Any], words: str) -> list[float]:
        height, width = picture.shape[:2]
        found = picture.min(axis=2) < 155
        (ys,), (xs,) = found.any(axis=1).nonzero(), found.any(axis=0).nonzero()
        x1, y1, x2, y2 = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
        stated = re.search(r"original of (\d+) x (\d+)", words)
        size = (float(stated[1]), float(stated[2])) if stated else (float(width), float(height))
        view = View(asset_id="", width=width, height=height, scale_x=size[0] / width, scale_y=size[1] / height)
        right, bottom = self.convention.edges(view, size)
        corners = [x1 / width, y1 / height, x2 / width, y2 / height]
        sides = [corners[2] - corners[0], corners[3] - corners[1]] * 2 if self.of == "box" else [1.0] * 4
        noisy = [
            min(max(share + self.random.gauss(0, self.noise) * side, 0.0), 1.0)
            for share, side in zip(corners, sides, strict=True)
        ]
        edges = (right, bottom, right, bottom)
        x1, y1, x2, y2 = (share * edge for share, edge in zip(noisy, edges, strict=True))
        numbers = self.convention.order.from_corners(x1, y1, x2, y2)
        return [round(number) if self.convention.is_whole else round(number, 3) for number in numbers]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        seer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                said = seer.answer(request)
                fault = seer.fault(len(seer.words))
                content = fault or (said if isinstance(said, str) else json.dumps(said))
                message = {"role": "assistant", "content": content}
                body = json.dumps(
                    {
                        "model": request["model"],
                        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
