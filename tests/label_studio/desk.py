"""A run that was handed out, and a real browser on Label Studio's page; what is there is seen by its pixels."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
from PIL import Image as Picture

from annotators.labelstudio_server.local import Login
from pipeline.collect import collect
from pipeline.storage import Manifest, RunFolder
from pipeline.submit import submit
from pipeline.tables import read_rows
from schemas.candidate import Candidate
from schemas.ledger import SubmittedTask
from schemas.sample import Sample
from schemas.verification import Verification
from tests.browser import browser

__all__ = ["Desk", "bounds", "browser", "hand_out", "is_outlined", "lay_out", "logged_in", "page", "quiet"]

CANVAS = ".konvajs-content"
PICTURES = """() => [...document.querySelectorAll('img')]
    .filter(img => img.style.transformOrigin && img.style.visibility === 'visible' && img.naturalWidth)
    .map(img => img.getBoundingClientRect().toJSON())"""


def quiet(_: str) -> None:
    """Progress that nobody reads."""


AT_FRAME = """number => !document.querySelector('video').seeking
    && parseInt(document.querySelector('.lsf-frames-control').innerText) === number"""


class Desk(NamedTuple):
    """A submitted run, and a browser that Alice is logged in with."""

    run: RunFolder
    manifest: Manifest
    page: Any
    shots: Path

    def row(self, name: str) -> SubmittedTask:
        return next(row for row in read_rows(self.run, "tasks", SubmittedTask) if row.item_id == name)

    def open(self, name: str) -> None:
        """The task's page, once its regions are listed and drawn."""
        row = self.row(name)
        self.page.goto(f"{row.server}/projects/{row.project_id}/data?task={row.task_id}")
        self.page.wait_for_selector(".lsf-outliner-item", timeout=60_000)
        self.page.wait_for_selector(f"{CANVAS} canvas", timeout=60_000)
        self.page.wait_for_function("() => document.fonts.status === 'loaded'")
        self.page.wait_for_load_state("networkidle")

    def start_stream(self, name: str) -> None:
        """The label stream, where Skip is offered, at the project's first open task."""
        row = self.row(name)
        self.page.goto(f"{row.server}/projects/{row.project_id}/data")
        self.page.get_by_role("button", name="Label All Tasks").click()
        self.page.wait_for_selector(".lsf-outliner-item", timeout=60_000)
        self.page.wait_for_selector(".lsf-modal-ls_visible", timeout=60_000)  # the instructions, shown first
        self.page.keyboard.press("Escape")
        self.page.wait_for_selector(".lsf-modal-ls_visible", state="detached", timeout=60_000)

    def canvas(self, position: int = 0) -> tuple[float, float, float, float]:
        """Left, top, width and height of the n-th picture on the page, which may be larger than the window for it."""
        self.page.wait_for_function(f"() => ({PICTURES})().length > {position}")
        found = self.page.evaluate(PICTURES)[position]
        return found["x"], found["y"], found["width"], found["height"]

    def at(self, x: float, y: float, size: tuple[float, float], position: int = 0) -> tuple[float, float]:
        """Where a pixel of the medium lies on the page."""
        left, top, width, height = self.canvas(position)
        return left + x / size[0] * width, top + y / size[1] * height

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=6)
        mouse.move(*end, steps=6)
        mouse.up()

    def select(self, words: str) -> None:
        self.page.locator(".lsf-outliner-item", has_text=words).first.click()

    def shot(self, name: str) -> np.ndarray:
        """A picture of the page, kept for whoever wants to look, as ``(H, W, 3)``."""
        data = self.page.screenshot()
        (self.shots / f"{name}.png").write_bytes(data)
        return np.asarray(Picture.open(io.BytesIO(data)).convert("RGB")).astype(int)

    def comes_to_show(self, name: str, is_there: Callable[[np.ndarray], bool]) -> bool:
        """Whether a shot shows it within half a minute: a picture, a page or a clip is drawn when it has loaded."""
        until = time.monotonic() + 30
        while not is_there(self.shot(name)):
            if time.monotonic() > until:
                return False
            self.page.wait_for_timeout(100)
        return True

    def comes_to_outline(
        self, name: str, *points: tuple[float, float], size: tuple[float, float], position: int = 0
    ) -> bool:
        """Whether a vertical line is drawn, sooner or later, through each of these pixels of the medium."""

        def is_there(shown: np.ndarray) -> bool:
            return all(is_outlined(shown, *self.at(*point, size, position)) for point in points)

        return self.comes_to_show(name, is_there)

    def go_to_frame(self, number: int) -> None:
        """Type the number of a clip's frame, from 1, and wait for it; the page takes all but the last one this way."""
        counter = self.page.locator(".lsf-frames-control")
        counter.click()
        counter.locator("input").fill(str(number))
        counter.locator("input").press("Enter")
        self.page.wait_for_function(AT_FRAME, arg=number)

    def finish(self, button: str) -> None:
        """Submit, Update or Skip, once the server has taken it."""
        with self.page.expect_response(
            lambda r: "/annotations" in r.url and r.request.method in ("POST", "PATCH") and r.status < 300
        ):
            self.page.get_by_role("button", name=button, exact=False).last.click()

    def collect(self) -> dict[str, Verification]:
        collect(self.run, self.manifest, write=quiet)
        names = {row.task_key: row.item_id for row in read_rows(self.run, "tasks", SubmittedTask)}
        return {names[v.task_key]: v for v in read_rows(self.run, "verifications", Verification)}


@pytest.fixture(scope="module")
def logged_in(browser: Any, server: Login) -> Any:
    """What the browser keeps once Alice has logged in."""
    page = browser.new_page()
    page.goto(f"{server.url}/user/login/")
    page.fill("input[name=email]", server.email)
    page.fill("input[name=password]", server.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)
    state = page.context.storage_state()
    page.close()
    return state


@pytest.fixture
def page(browser: Any, logged_in: Any) -> Iterator[Any]:
    """A page on which Alice is logged in, in a context of its own; it reaches nothing but 127.0.0.1."""
    page = browser.new_page(viewport={"width": 1600, "height": 1300}, storage_state=logged_in)
    yield page
    page.close()


@pytest.fixture
def hand_out(studio: httpx.Client, page: Any, make_run: Callable[..., Any], tmp_path: Path) -> Callable[..., Desk]:
    """A run of these samples and candidates, handed out."""

    def submitted(samples: list[Sample], candidates: list[Candidate], **options: Any) -> Desk:
        run, manifest = make_run(samples, candidates, **options)
        submit(run, manifest, write=quiet)
        return Desk(run, manifest, page, shots_folder(tmp_path))

    return submitted


@pytest.fixture
def lay_out(
    hand_out: Callable[..., Desk], make_sample: Callable[..., Sample], propose: Callable[..., Candidate]
) -> Callable[..., Desk]:
    """A run of samples of these names, with what is proposed as a rule, handed out."""

    def submitted(*names: str) -> Desk:
        samples = [make_sample(name) for name in names]
        return hand_out(samples, [propose(sample) for sample in samples])

    return submitted


def shots_folder(tmp_path: Path) -> Path:
    """Where shots are kept: where the environment says, else with the test."""
    shots = Path(os.environ.get("WITNESSMARK_SHOTS") or tmp_path / "shots")
    shots.mkdir(parents=True, exist_ok=True)
    return shots


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the large area that is set, ends exclusive; letters of its color do not count."""
    y, x = np.nonzero(mask & (mask.sum(0) > 100) & (mask.sum(1) > 100)[:, None])
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


def is_outlined(page: np.ndarray, x: float, y: float) -> bool:
    """Whether a vertical line passes here: some column within 4 pixels differs clearly from those 8 pixels away."""
    row = page[round(y), round(x) - 12 : round(x) + 13]
    middle = row[8:17]
    return bool(min(np.abs(middle - row[0]).sum(-1).max(), np.abs(middle - row[-1]).sum(-1).max()) > 60)
