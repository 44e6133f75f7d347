"""A real Label Studio: migrated once, copied for every session, stopped at the end by its process id."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image as Picture

from annotators.labelstudio_server.local import Login, copy_data, find_program, local_server
from pipeline.ingest import measure_item
from pipeline.planting.pdf import Sheet, write_pdf
from pipeline.planting.videos import Clip, encode
from pipeline.recipe import Recipe, load_recipe
from pipeline.stages import open_run
from pipeline.storage import Manifest, RunFolder, StageCounts
from pipeline.tables import write_table
from schemas.candidate import Candidate, Region
from schemas.geometry import Box, Keyframe, Mask, mask_from_array
from schemas.media.types import Video
from schemas.sample import Item, Sample, StatedReference

from .desk import browser, hand_out, lay_out, logged_in, page  # noqa: F401 - fixtures

LOGIN = Login("", "alice@example.com", "a-long-password-7", "0123456789abcdef0123456789abcdef01234567")
PATCH = Box(x1=100, y1=200, x2=300, y2=260)
SETTINGS = ("people.0.kind=label_studio", "routing.audit=1.0")


@pytest.fixture(scope="session")
def program() -> Path:
    """The ``label-studio`` program. In CI, and where the environment names one, it must be there."""
    found = find_program()
    if found is None and os.environ.get("CI"):
        pytest.fail("Label Studio is not installed: make label-studio")
    if found is None:
        pytest.skip("Label Studio is not installed: make label-studio")
    return found


@pytest.fixture(scope="session")
def migrated(program: Path) -> Path:
    """Data of a server that has started once, kept in its own environment: the first start takes half a minute."""
    folder = program.parent.parent / "migrated-for-tests"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            with local_server(program, folder, login=LOGIN):
                pass
            (folder / "ready").touch()
    return folder


@pytest.fixture(scope="session")
def start_server(program: Path, migrated: Path) -> Callable[..., AbstractContextManager[Login]]:
    """Start a server on a copy of the migrated data."""

    def start(folder: Path, **options: Any) -> AbstractContextManager[Login]:
        if not (folder / ".env").exists():
            copy_data(migrated, folder)
        return local_server(program, folder, login=LOGIN, **options)

    return start


@pytest.fixture(scope="session")
def server(
    start_server: Callable[..., AbstractContextManager[Login]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Login]:
    """A server for tests that do it no harm: every run has projects of its own."""
    folder = tmp_path_factory.mktemp("label-studio")
    with start_server(folder, media_root=folder.parent) as login:
        yield login


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Login], None]:
    """Make the environment point to a server."""

    def point(login: Login) -> None:
        monkeypatch.setenv("LABEL_STUDIO_URL", login.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", login.token)
        monkeypatch.setenv("WITNESSMARK_PSEUDONYM_KEY", "a key for tests")

    return point


@pytest.fixture
def studio(server: Login, reach: Callable[[Login], None]) -> Iterator[httpx.Client]:
    """The session's server as Alice's own program sees it; the environment points to it."""
    reach(server)
    with client_of(server) as client:
        yield client


def client_of(login: Login) -> httpx.Client:
    return httpx.Client(base_url=login.url, headers={"Authorization": f"Token {login.token}"}, timeout=60)


@pytest.fixture
def open_client() -> Callable[[Login], httpx.Client]:
    """A client for the server of a login."""
    return client_of


@pytest.fixture
def bob(server: Login) -> Iterator[httpx.Client]:
    """A second person, who signed up with an invitation; his address is his own in every test."""
    email = f"bob-{random.SystemRandom().getrandbits(64):x}@example.com"
    with client_of(server) as alice:
        invitation = alice.get("/api/invite").json()["invite_url"]
    with httpx.Client(base_url=server.url, timeout=60, follow_redirects=True) as site:
        site.get(invitation)
        form = {"email": email, "password": "another-password-8", "csrfmiddlewaretoken": site.cookies["csrftoken"]}
        site.post(invitation, data=form, headers={"Referer": server.url})
        token = site.get("/api/current-user/token").json()["token"]
    with client_of(server._replace(token=token, email=email)) as client:
        client.headers["X-Email"] = email
        yield client


@pytest.fixture
def make_sample(tmp_path: Path) -> Callable[[str], Sample]:
    """A sample of a real file made on the spot: by its extension an image, a clip or a document.

    ``second`` is the name of an image made before, which this one is compared with.
    """

    def make(name: str, data: bytes | None = None, *, second: str = "") -> Sample:
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data if data is not None else CONTENT[path.suffix](name))
        other = StatedReference(uri=str(path.parent / second), file_name=second) if second else None
        item = Item(item_id=name, uri=str(path), file_name=name, reference=other)
        return measure_item(item, load_recipe("planted").limits)

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., tuple[RunFolder, Manifest]]:
    """A run as propose leaves it, with these samples and candidates."""

    def make(
        samples: list[Sample],
        candidates: list[Candidate],
        *settings: str,
        name: str = "run",
        change: Callable[[Recipe], Recipe] = lambda recipe: recipe,
        inputs: tuple[str, ...] = (),
    ) -> tuple[RunFolder, Manifest]:
        run = RunFolder(str(tmp_path / name))
        recipe = change(load_recipe("planted", (*SETTINGS, *settings)))
        counts = StageCounts(found=len(samples), kept=len(samples), candidates=len(candidates))
        manifest = open_run(run, recipe, inputs, accept_change=True).evolve(
            stages={"ingest": counts, "propose": counts}
        )
        write_table(run, "samples", samples, Sample)
        write_table(run, "candidates", candidates, Candidate)
        run.write_manifest(manifest)
        return run, manifest

    return make


@pytest.fixture
def propose() -> Callable[..., Candidate]:
    """What a machine would say of a sample: regions of its modality with words."""

    def make(sample: Sample, *regions: Region, number: int = 1, **fields: Any) -> Candidate:
        values: dict[str, Any] = {
            "candidate_id": f"candidate-{number}-{sample.sample_id}",
            "sample_id": sample.sample_id,
            "machine": "forensic",
            "kind": "forensic",
            "verdict": "edited",
            "verdict_score": 0.75,
            "explanation": "Two things do not belong here.",
            "regions": regions or REGIONS[sample.modality](sample),
        }
        return Candidate(**{**values, **fields})

    return make


def image_bytes(name: str) -> bytes:
    """320 x 240 of gray with a red rectangle at (40, 30)..(120, 90) and a disc of blue around (230, 160)."""
    pixels = np.full((240, 320, 3), 200, np.uint8)
    pixels[30:90, 40:120] = (200, 30, 30)
    pixels[disc()] = (30, 30, 200)
    pixels[0, :32, 0] = list(hashlib.sha256(name.encode()).digest())
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def disc() -> np.ndarray:
    """A disc of radius 40 around (230, 160), as a mask of 240 x 320."""
    y, x = np.mgrid[0:240, 0:320]
    return (x - 230) ** 2 + (y - 160) ** 2 <= 40**2


def image_regions(sample: Sample) -> tuple[Region, ...]:
    box = Region(
        region_id="red",
        asset_id=sample.primary.asset_id,
        box=Box(x1=40, y1=30, x2=120, y2=90),
        category="splice",
        explanation="A red patch.",
        score=0.5,
        source="machine",
    )
    mask: Mask = mask_from_array(disc(), rasterizer="painted")
    return box, box.evolve(
        region_id="blue", box=None, mask=mask, category="blur", explanation="A blue disc.", score=0.25
    )


def clip_bytes(name: str) -> bytes:
    """Two seconds of a white square that moves to the right over gray."""
    frames = np.full((48, 240, 320, 3), 90, np.uint8)
    for i, frame in enumerate(frames):
        frame[100:140, 20 + 4 * i : 60 + 4 * i] = 255
        frame[0, 0] = len(name)
    return encode(Clip(frames))


def clip_regions(sample: Sample) -> tuple[Region, ...]:
    video = sample.primary.media
    assert isinstance(video, Video)
    keyframes = tuple(
        Keyframe(frame_index=i, pts_s=video.pts_s(i), box=Box(x1=20 + 4 * i, y1=100, x2=60 + 4 * i, y2=140))
        for i in (0, 24, 47)
    )
    return (
        Region(
            region_id="square",
            asset_id=sample.primary.asset_id,
            track=keyframes,
            category="flicker",
            explanation="It slides.",
            source="machine",
        ),
    )


def document_bytes(name: str) -> bytes:
    """Three pages; on the last one a dark patch lies where ``document_regions`` says."""
    sheets = [Sheet() for _ in range(3)]
    for number, sheet in enumerate(sheets, 1):
        sheet.text(60, 80, 24, f"Page {number} of {name}")
    sheets[2].picture(np.full((6, 20, 3), 60, np.uint8), PATCH)
    return write_pdf(sheets)


def document_regions(sample: Sample) -> tuple[Region, ...]:
    return (
        Region(
            region_id="third",
            asset_id=sample.primary.asset_id,
            page_index=2,
            box=PATCH,
            category="pasted_region",
            explanation="Pasted on the last page.",
            source="machine",
        ),
    )


CONTENT = {".png": image_bytes, ".mp4": clip_bytes, ".pdf": document_bytes}
REGIONS = {"image": image_regions, "video": clip_regions, "document": document_regions}


@pytest.fixture
def losing() -> Callable[..., AbstractContextManager[str]]:
    """A server before the server that loses answers to a POST: see ``LosingServer``."""
    return losing_server


@pytest.fixture
def late() -> Callable[..., AbstractContextManager[str]]:
    """A server before the server, with a killed client's import still on its way: see ``late_server``."""
    return late_server


class Relay(BaseHTTPRequestHandler):
    """Passes every request on to the server ``upstream``."""

    protocol_version = "HTTP/1.1"
    upstream: str

    def do_GET(self) -> None:
        self.relay(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def relay(self, body: bytes) -> None:
        answer = self.ask(body)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def ask(self, body: bytes) -> httpx.Response:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        return httpx.request(self.command, self.upstream + self.path, content=body, headers=headers, timeout=60)

    def is_post_to(self, path: str) -> bool:
        return self.command == "POST" and self.path.partition("?")[0].endswith(path)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


def losing_server(
    upstream: str, path: str, *, passes_on: bool, times: int, after: int = 0
) -> AbstractContextManager[str]:
    """Hangs up on POSTs whose path ends so: the first ``times`` after ``after`` of them; with ``passes_on`` only
    once the real server has done what was asked."""
    lost = iter([False] * after + [True] * times)

    class Losing(Relay):
        def relay(self, body: bytes) -> None:
            if not (self.is_post_to(path) and next(lost, False)):
                super().relay(body)
                return
            self.close_connection = True
            if passes_on:
                self.ask(body)

    return _relayed(upstream, Losing)


@contextmanager
def late_server(upstream: str, *, looks: int) -> Iterator[str]:
    """The first import is stored once more before the ``looks``-th look at the tasks after it, or else at the end."""
    stored: list[Callable[[], object]] = []
    left = iter([False] * (looks - 1) + [True])

    class Late(Relay):
        def relay(self, body: bytes) -> None:
            is_look = bool(stored) and self.command == "GET" and self.path.startswith("/api/tasks/?")
            if is_look and next(left, False):
                stored[0]()
            super().relay(body)
            if self.is_post_to("/import") and not stored:
                url = upstream + self.path
                headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
                stored.append(lambda: httpx.post(url, content=body, headers=headers, timeout=60).raise_for_status())

    with _relayed(upstream, Late) as url:
        yield url
    if next(left, False) or next(left, False):
        stored[0]()


@contextmanager
def _relayed(upstream: str, kind: type[Relay]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("At", (kind,), {"upstream": upstream})) as relay:
        relay.daemon_threads = True
        thread = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{relay.server_address[1]}"
        finally:
            relay.shutdown()
            thread.join()
