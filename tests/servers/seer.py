"""A model server that really looks: it finds what is not background in the picture it was sent, and answers with its
box in one convention, with noise. Speaks Chat Completions; every request's words are kept."""

from __future__ import annotations

import base64
import io
import random
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from annotators.models.conventions import CONVENTIONS
from schemas.candidate import View
from schemas.task import BoxConvention

from .quirky import Call, QuirkyServer, Said, completion

Say = Callable[[list[float]], Any]


def as_box(numbers: list[float]) -> Any:
    """The plain form."""
    return {"box": numbers}


class Seer(QuirkyServer):
    """``noise`` is the standard deviation of each edge, as a share of the box's side or, by ``of``, of the picture's.

    Noise stops at the picture's edge, as models' does, unless it ``is_clipped`` not. ``say`` puts the numbers into
    words: JSON of what it gives, or the string itself.
    """

    def __init__(
        self,
        convention: BoxConvention,
        *,
        noise: float = 0.02,
        of: str = "box",
        is_clipped: bool = True,
        say: Say = as_box,
        seed: int = 0,
        fault: Callable[[int], str] = lambda call: "",
    ) -> None:
        self.convention, self.noise, self.of, self.say, self.fault = CONVENTIONS[convention], noise, of, say, fault
        self.is_clipped = is_clipped
        self.random = random.Random(seed)
        self.words: list[str] = []
        self._lock = threading.Lock()
        super().__init__(self._reply)

    def _reply(self, call: Call) -> Said:
        said = self.answer(call.body)
        return completion(self.fault(len(self.words)) or said, model=call.body["model"])

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
        noisy = [share + self.random.gauss(0, self.noise) * side for share, side in zip(corners, sides, strict=True)]
        if self.is_clipped:
            noisy = [min(max(share, 0.0), 1.0) for share in noisy]
        edges = (right, bottom, right, bottom)
        x1, y1, x2, y2 = (share * edge for share, edge in zip(noisy, edges, strict=True))
        numbers = self.convention.order.from_corners(x1, y1, x2, y2)
        return [round(number) if self.convention.is_whole else round(number, 3) for number in numbers]
