"""A segmenter behind HTTP, in a protocol of one request: a picture and boxes in, COCO RLE masks out.

``POST URL`` with JSON ``{"image": base64, "media_type": "image/jpeg", "width": W, "height": H, "boxes": [[x1, y1, x2,
y2], ...]}``, boxes in pixels of that picture. The answer is JSON ``{"masks": [{"size": [H, W], "counts": "..."} or
null, ...], "scores": [0 to 1, ...], "model": "name"}``: a mask for each box, in order, in COCO's compressed RLE, null
where nothing was found; ``scores`` and ``model`` may be left out. 429 and 5xx are tried again, Retry-After is honored.
Answers are kept on disk like those of any model: a rerun asks for none again.
"""

from __future__ import annotations

import base64
import os
import time
from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from schemas.base import Frozen, canonical_json, content_id
from schemas.candidate import View
from schemas.errors import AnswerError, ConfigError
from schemas.geometry import Box, Mask, mask_to_array

from ..answers import StoredAnswer
from ..base import Workbench
from ..models.client import Client, is_local
from ..models.pictures import Picture, render
from ..models.retries import Asker, Backoff
from ..models.views import fit
from .base import Patch, Place, Segmenter, SegmenterConfig

__all__ = ["Config", "HttpSegmenter"]


class Config(SegmenterConfig):
    """Options of a segmenter behind HTTP."""

    kind: Literal["http"] = "http"
    """This segmenter."""
    url: str = Field(pattern=r"^https?://[^\s@?#]+$")
    """Where boxes are posted to; no credentials and no query, since recipes are published."""
    model: str = ""
    """Name of the model as the server is asked for it; empty leaves it to the server."""
    api_key_env: str = Field("SEGMENTER_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key, where the server wants one."""
    max_side: PositiveInt = 2048
    """Longest side in pixels of the picture that is sent."""
    timeout_s: PositiveFloat = 60.0
    """Seconds after which a request counts as failed."""
    max_tries: int = Field(6, ge=1, le=100)
    """Most tries per request when the service fails."""
    concurrency: int = Field(8, ge=1, le=1024)
    """Requests in flight at once, per worker process."""


class _Rle(Frozen):
    size: tuple[int, int]
    counts: str


class _Answer(Frozen):
    """What a server says; further fields are refused, so that a change of the protocol is noticed."""

    masks: tuple[_Rle | None, ...]
    scores: tuple[float, ...] = ()
    model: str = ""


class HttpSegmenter(Segmenter):
    """Pictures are decoded in the sandbox and sent once for all their boxes."""

    config: Config

    def __init__(self, config: Config, *, backoff: Backoff | None = None) -> None:
        super().__init__(config)
        self._backoff = backoff or Backoff()

    def check(self) -> None:
        """Raises ConfigError where there is no key and the server is not of this machine."""
        if not os.environ.get(self.config.api_key_env) and not is_local(self.config.url):
            raise ConfigError(
                f"segmenter http has no key: the environment variable {self.config.api_key_env} is empty",
                remedy=f"export {self.config.api_key_env}=..., or use a server of this machine",
            )

    async def connect(self, bench: Workbench) -> None:
        await super().connect(bench)
        config = self.config
        key = os.environ.get(config.api_key_env, "")
        client = Client(config.url, api_key=key, connections=config.concurrency, timeout_s=config.timeout_s)
        client.url = config.url  # the whole address: this is no chat
        self._client = client
        self._asker = Asker(client, concurrency=config.concurrency, max_tries=config.max_tries, backoff=self._backoff)

    async def close(self) -> None:
        await self._client.close()

    @property
    def model(self) -> str:
        return self.config.model or "http"

    async def segment(self, place: Place, boxes: tuple[Box, ...]) -> tuple[Patch | None, ...]:
        """Raises MediaError, AnswerError for an answer that breaks the protocol, ServiceError."""
        view = _view(place, self.config.max_side)
        corners = [_in_view(box, view) for box in boxes]
        key = content_id(
            "segment", self.config.url, self.config.model, place.asset.asset_id, view.model_dump(), corners
        )

        async def ask() -> StoredAnswer:
            return await self._ask(place, view, corners)

        stored, _ = await self.bench.answers.once(key, ask)
        answer = _read(stored, len(boxes), view)
        scores = answer.scores if len(answer.scores) == len(boxes) else (None,) * len(boxes)
        return tuple(_patch(rle, score, view) for rle, score in zip(answer.masks, scores, strict=True))

    async def _ask(self, place: Place, view: View, corners: list[list[float]]) -> StoredAnswer:
        bench = self.bench
        (picture,) = await bench.sandbox.run(render, place.asset, (view,), bench.open_uri, 0, bench.limits)
        body = _body(picture, view, corners, self.config.model)

        async def pieces() -> tuple[bytes, ...]:
            return (body,)

        start = time.perf_counter()
        answered = await self._asker.ask(pieces)
        return StoredAnswer(
            model=self.model,
            parameters=canonical_json({"boxes": len(corners)}),
            status=answered.reply.status,
            body=answered.reply.text,
            latency_s=round(time.perf_counter() - start, 6),
            failed_tries=answered.failed_tries,
            paid_by=bench.answers.payer,
        )


def _view(place: Place, max_side: int) -> View:
    width, height = place.size
    w, h = fit(width, height, max_side)
    return View(
        asset_id=place.asset.asset_id,
        page_index=place.page_index,
        frame_index=place.frame_index,
        width=w,
        height=h,
        scale_x=width / w,
        scale_y=height / h,
    )


def _in_view(box: Box, view: View) -> list[float]:
    corners = (box.x1 / view.scale_x, box.y1 / view.scale_y, box.x2 / view.scale_x, box.y2 / view.scale_y)
    return [round(value, 3) for value in corners]


def _body(picture: Picture, view: View, corners: list[list[float]], model: str) -> bytes:
    question: dict[str, Any] = {
        "image": base64.b64encode(picture.data).decode("ascii"),
        "media_type": picture.media_type,
        "width": view.width,
        "height": view.height,
        "boxes": corners,
    }
    return canonical_json({**question, **({"model": model} if model else {})}).encode()


def _read(stored: StoredAnswer, boxes: int, view: View) -> _Answer:
    if stored.status != 200:
        raise AnswerError(
            f"the segmenter refused the request with {stored.status}: {' '.join(stored.body.split())[:200]}",
            remedy="check the server's log and docs/segment.md for what it is sent",
        )
    try:
        answer = _Answer.model_validate_json(stored.body)
    except ValidationError as error:
        raise AnswerError(
            f"the segmenter's answer is not of the protocol: {error.error_count()} fields are wrong",
            remedy="docs/segment.md shows an answer",
        ) from error
    if len(answer.masks) != boxes:
        raise AnswerError(
            f"the segmenter gave {len(answer.masks)} masks for {boxes} boxes", remedy="see docs/segment.md"
        )
    if any(rle and rle.size != (view.height, view.width) for rle in answer.masks):
        raise AnswerError(
            f"the segmenter's masks are not of the picture's size, {view.width} x {view.height}",
            remedy="size is [height, width] of the picture that was sent",
        )
    return answer


def _patch(rle: _Rle | None, score: float | None, view: View) -> Patch | None:
    if rle is None:
        return None
    try:
        mask = Mask(width=view.width, height=view.height, counts=rle.counts)
    except ValidationError as error:
        raise AnswerError("the segmenter's mask is no COCO RLE of its size", remedy="see docs/segment.md") from error
    known = None if score is None else float(np.clip(score, 0, 1))
    return Patch(mask_to_array(mask).astype(np.float32), 0.0, 0.0, view.scale_x, view.scale_y, known)
