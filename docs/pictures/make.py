"""The README's pictures: what a browser shows of the demo's report, gallery and differences.

``make pictures`` runs it on ``runs/demo``. The demo is made of free photographs; take no other run's. A picture is
kept below 200 kB by taking colors away.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from pipeline.report.page import COLORS

SIZE = {"width": 1280, "height": 800}
SHOWN = (960, 600)
MOST_BYTES = 200_000
OPENED = "camera__mixed.png"
"""The row that is shown in full: three regions, and a photograph that everybody knows."""


def main(run: Path, out: Path) -> None:
    subprocess.run([sys.executable, "-m", "pipeline", "gallery", "--run", run], check=True)  # noqa: S603
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        for name in shown(page, run):
            data = small(page.screenshot())
            (out / f"{name}.png").write_bytes(data)
            print(f"{out / name}.png: {len(data):,} bytes")
        browser.close()


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return found or sys.exit("no Chromium on this machine: apt-get install chromium")


def shown(page: Page, run: Path) -> Iterator[str]:
    """One name after the other, once the page shows it."""
    page.goto((run / "report.html").resolve().as_uri())
    yield "report"
    page.goto((run / "gallery" / "index.html").resolve().as_uri() + "#f.origin=edited&layers=machine")
    page.wait_for_selector(".card .tile")
    page.wait_for_load_state("networkidle")
    yield "gallery"
    page.locator(".card button", has_text=OPENED).click()
    page.wait_for_function("() => document.querySelector('#shown img')?.complete")
    page.locator(".regions li").first.hover()
    yield "row"


def small(screenshot: bytes) -> bytes:
    """A smaller PNG with as many colors as fit, those of the outlines among them."""
    picture: Any = Image.open(io.BytesIO(screenshot)).convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS)
    data = b""
    for colors in (240, 128, 96, 64, 48, 32, 16):
        palette = Image.new("P", (1, 1))
        chosen = picture.quantize(colors).getpalette() or []
        palette.putpalette(chosen[: 3 * colors] + [int(c[i : i + 2], 16) for c in COLORS for i in (1, 3, 5)])
        out = io.BytesIO()
        picture.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        data = out.getvalue()
        if len(data) < MOST_BYTES:
            break
    return data


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent)
