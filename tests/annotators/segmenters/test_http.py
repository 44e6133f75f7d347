"""The protocol over HTTP, against a server in the process that cuts every box into its left half."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from pycocotools import mask as coco

from annotators.base import Workbench
from annotators.models.retries import Backoff
from annotators.sandbox import Sandbox
from annotators.segmenters.base import Patch, Place
from annotators.segmenters.http import Config, HttpSegmenter
from schemas.errors import AnswerError, ConfigError, ServiceError
from schemas.geometry import Box
from schemas.sample import Sample

BOXES = (Box(x1=20, y1=10, x2=60, y2=30), Box(x1=0, y1=0, x2=10, y2=10))


class Server:
    """Answers of its own, unless ``says`` holds ``(status, body)`` for the next requests."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.says: list[tuple[int, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(question)
                outer.headers.append(dict(self.headers))
                status, answer = outer.says.pop(0) if outer.says else (200, cut(question))
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status == 429:
                    self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/cut"


def cut(question: dict[str, Any]) -> dict[str, Any]:
    with Picture.open(io.BytesIO(base64.b64decode(question["image"]))) as picture:
        width, height = picture.size
    assert (width, height) == (question["width"], question["height"])
    masks = []
    for x1, y1, x2, y2 in question["boxes"]:
        bits = np.zeros((height, width), np.uint8, order="F")
        bits[round(y1) : round(y2), round(x1) : round((x1 + x2) / 2)] = 1
        rle = coco.encode(bits)
        masks.append({"size": rle["size"], "counts": rle["counts"].decode()})
    return {"masks": masks, "scores": [0.5] * len(masks), "model": "halver"}


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    found.thread.start()
    yield found
    found.http.shutdown()
    found.http.server_close()
    found.thread.join()


@pytest.fixture
def ask(
    server: Server, picture_sample: Callable[..., Sample], make_bench: Callable[..., Workbench], sandbox: Sandbox
) -> Callable[..., tuple[Patch | None, ...]]:
    """The patches of BOXES in a picture of 80 x 40."""
    sample = picture_sample(np.random.default_rng(0).integers(0, 256, (40, 80, 3), dtype=np.uint8))

    def run(**options: Any) -> tuple[Patch | None, ...]:
        async def segment() -> tuple[Patch | None, ...]:
            segmenter = HttpSegmenter(Config(url=server.url, **options), backoff=Backoff(first_s=0))
            await segmenter.connect(make_bench(sandbox=sandbox))
            try:
                return await segmenter.segment(Place(sample.primary), BOXES)
            finally:
                await segmenter.close()

        return asyncio.run(segment())

    return run


def test_masks_come_back_in_original_pixels(ask: Callable[..., tuple[Patch, ...]], server: Server) -> None:
    first, second = ask()
    assert first.values.shape == (40, 80)
    assert np.argwhere(first.values > 0.5).min(axis=0).tolist() == [10, 20]
    assert np.argwhere(first.values > 0.5).max(axis=0).tolist() == [29, 39]
    assert second.values.sum() == 50
    assert (first.score, first.scale_x) == (0.5, 1.0)
    (question,) = server.asked
    assert question["boxes"] == [[20, 10, 60, 30], [0, 0, 10, 10]]
    assert question["media_type"] == "image/png"


def test_a_large_picture_is_sent_reduced_and_boxes_with_it(
    ask: Callable[..., tuple[Patch, ...]], server: Server
) -> None:
    first, _ = ask(max_side=40)
    assert server.asked[0]["boxes"][0] == [10, 5, 30, 15]
    assert (first.values.shape, first.scale_x, first.scale_y) == ((20, 40), 2.0, 2.0)


def test_a_rerun_asks_for_nothing_again(ask: Callable[..., tuple[Patch, ...]], server: Server) -> None:
    first, second = ask(), ask()
    assert len(server.asked) == 1
    assert np.array_equal(first[0].values, second[0].values)


def test_the_model_and_the_key_are_sent_and_the_key_is_not_kept(
    ask: Callable[..., tuple[Patch, ...]], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTER_API_KEY", "a-secret-of-the-test")
    ask(model="halver")
    assert server.asked[0]["model"] == "halver"
    assert server.headers[0]["Authorization"] == "Bearer a-secret-of-the-test"


def test_a_busy_server_is_asked_again(ask: Callable[..., tuple[Patch, ...]], server: Server) -> None:
    server.says = [(429, {}), (503, {})]
    assert all(patch is not None for patch in ask())
    assert len(server.asked) == 3


def test_nothing_found_is_none(ask: Callable[..., tuple[Patch | None, ...]], server: Server) -> None:
    server.says = [(200, {"masks": [None, None]})]
    assert ask() == (None, None)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"masks": [None]}, "1 masks for 2 boxes"),
        (200, {"masks": [{"size": [5, 5], "counts": "i0"}, None]}, "not of the picture's size, 80 x 40"),
        (200, {"masks": [{"size": [40, 80], "counts": "i0"}, None]}, "no COCO RLE"),
        (200, b"<html>", "not of the protocol"),
        (400, {"error": {"message": "no such model"}}, "refused the request with 400"),
    ],
)
def test_an_answer_that_breaks_the_protocol_says_how(
    ask: Callable[..., object], server: Server, status: int, body: Any, said: str
) -> None:
    server.says = [(status, body)]
    with pytest.raises(AnswerError, match=said):
        ask()


def test_a_server_that_keeps_failing_is_a_service_error(ask: Callable[..., object], server: Server) -> None:
    server.says = [(500, {})] * 9
    with pytest.raises(ServiceError, match="500"):
        ask(max_tries=2)


def test_a_server_elsewhere_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGMENTER_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="SEGMENTER_API_KEY"):
        HttpSegmenter(Config(url="https://segment.example.org/cut")).check()
    HttpSegmenter(Config(url="http://127.0.0.1:9/cut")).check()
