"""The pictures of docs/people.md, taken from the real pages: ``python -m benchmarks.people_pictures``.

Runs ``witnessmark demo --people`` with a browser in the place of the person who clicks; needs `make label-studio` and
Chromium. The demo's media are made by us or in the public domain, so the pictures may be published.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from annotators.labelstudio_server.local import Login
from pipeline.filesystems import absolute
from pipeline.people import demonstrate_people
from pipeline.storage import RunFolder
from pipeline.tables import read_rows
from schemas.candidate import Candidate
from schemas.ledger import SubmittedTask

SHOWN = {"image": "splice.png", "video": "flicker.mp4", "document": "pasted_region.pdf"}
"""What each picture shows: the first task of that layout whose name ends so."""
WINDOW = {"width": 1600, "height": 1000}
WIDTH, COLORS = 1200, 160
"""A picture of 1200 x 750 in 160 colors takes 70 to 250 KB."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


def main() -> None:
    """Write ``image.png``, ``video.png``, ``document.png`` and ``report.png``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/people"))
    parser.add_argument("--run", help="Run folder to go on with; a temporary one by default.")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(absolute(arguments.run or f"{folder}/run"))
        demonstrate_people(run, print, lambda login: _label(run, login, arguments.out))
        with _browser() as page:
            page.goto(Path(run.path("report.html")).as_uri())
            page.get_by_role("heading", name="What people found").evaluate("heading => heading.scrollIntoView()")
            _save(page, arguments.out / "report.png")


def _label(run: RunFolder, login: Login, out: Path) -> None:
    """Take the pictures of the three pages; answer a few tasks as a person would."""
    rows = sorted(read_rows(run, "tasks", SubmittedTask), key=lambda row: row.item_id)
    said = {c.sample_id for c in read_rows(run, "candidates", Candidate) if c.regions}
    with _browser() as page:
        page.goto(f"{login.url}/user/login/")
        page.fill("input[name=email]", login.email)
        page.fill("input[name=password]", login.password)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/login" not in url)
        for layout, ending in SHOWN.items():
            row = next(r for r in rows if r.layout == layout and r.item_id.endswith(ending) and r.sample_id in said)
            _open(page, row)
            page.locator(".lsf-outliner-item").first.click()
            page.wait_for_load_state("networkidle")
            _save(page, out / f"{layout}.png")
        for row in [r for r in rows if r.layout == "image" and r.sample_id in said][:6]:
            _open(page, row)
            page.locator("label", has_text="Edited").first.click()  # the page takes no answer without a verdict
            with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST"):
                page.get_by_role("button", name="Submit").last.click()


def _open(page: Any, row: SubmittedTask) -> None:
    page.goto(f"{row.server}/projects/{row.project_id}/data?task={row.task_id}")
    page.wait_for_selector(".lsf-outliner-item", timeout=120_000)
    page.wait_for_selector(".konvajs-content canvas", timeout=120_000)
    page.wait_for_function("() => document.fonts.status === 'loaded'")
    page.wait_for_load_state("networkidle")


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        try:
            yield browser.new_page(viewport=WINDOW)
        finally:
            browser.close()


def _save(page: Any, path: Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    small = picture.resize((WIDTH, WIDTH * picture.height // picture.width), Image.Resampling.LANCZOS)
    small.quantize(COLORS, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)


if __name__ == "__main__":
    main()
