"""The shipped recipes by the real command: pictures, clips and documents made on the spot, and what comes of them."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture

from tests.warm import run_command

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "annotators" / "machines")]  # benchmarks/ is no installed package

FORBIDDEN = ("OPENAI", "LABEL_STUDIO", "HF_")
SIZE = (160, 120)
DISC = (45, 25, 115, 95)
"""Where the disc of every scene lies, in pixels."""
DISC_THOUSANDTHS = [round(1000 * n / side) for n, side in zip(DISC, SIZE * 2, strict=True)]

Command = Callable[..., "Run"]


class Run:
    """A finished run."""

    def __init__(self, root: Path, said: str) -> None:
        self.root, self.said = root, said

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table of the run, or of a config of its dataset."""
        rows: list[dict[str, Any]] = pq.read_table(self.root / table).to_pylist()
        return rows

    def records(self, config: str) -> dict[str, dict[str, Any]]:
        """The published rows by file name."""
        return {row["file_name"]: row for row in self.rows(f"dataset/data/{config}")}

    def export(self, name: str) -> Path:
        """Folder of an export."""
        return self.root / "exports" / name

    def refused(self, name: str) -> dict[str, str]:
        """Why the export holds no row, by file name."""
        lines = (self.export(name) / "refused.jsonl").read_text().splitlines()
        return {row["file_name"]: row["reason"] for row in map(json.loads, lines)}


@pytest.fixture(scope="session")
def witnessmark() -> Command:
    """``witnessmark run RECIPE`` in a process without keys or addresses; settings as ``--set``."""

    def run(recipe: str, inputs: Path, out: Path, *settings: str, answers: Path | None = None, **env: str) -> Run:
        words = ["run", recipe, "--input", str(inputs), "--run", str(out)]
        words += [word for setting in settings for word in ("--set", setting)]
        words += ["--answers", str(answers)] if answers else []
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FORBIDDEN)}
        done = run_command(words, env={**kept, **env}, folder=out.parent)
        assert done.returncode == 0, done.stderr[-3000:]
        return Run(out, done.stdout + done.stderr)

    return run


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same command in this process, which is quicker; a recipe's name, or its settings, may differ."""

    def run(recipe: str, inputs: Path, out: Path, *settings: str, answers: Path | None = None, **env: str) -> Run:
        from pipeline.cli import main

        for name in [name for name in os.environ if name.startswith(FORBIDDEN)]:
            monkeypatch.delenv(name)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        words = [word for setting in settings for word in ("--set", setting)]
        words += ["--answers", str(answers)] if answers else []
        with pytest.raises(SystemExit) as ended:
            main(["run", recipe, "--input", str(inputs), "--run", str(out), *words])
        assert not ended.value.code
        return Run(out, "")

    return run


def scene(seed: int) -> bytes:
    """A PNG of 160 x 120: a red disc on a ground whose color the seed gives, both with grain."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
    disc = (columns - 80) ** 2 + (rows - 60) ** 2 < 35**2
    ground = [40, 60 + 40 * (seed % 4), 160]
    waves = 40 * np.sin(columns / (9 + 4 * seed))[..., None]
    pixels = np.where(disc[..., None], [200, 60, 50], ground + waves) + random.normal(0, 8, (SIZE[1], SIZE[0], 1))
    out = io.BytesIO()
    Picture.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def write_scenes(folder: Path, names: Iterable[str]) -> None:
    """One scene per name, each another picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        (folder / name).write_bytes(scene(seed))


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def region(
    category: str, box: list[int] | None = None, explanation: str = "Its edge is cut.", **more: Any
) -> dict[str, Any]:
    """A region as a model answers it."""
    return {"category": category, "box": box or DISC_THOUSANDTHS, "explanation": explanation, **more}


def verified(run: Run) -> list[str]:
    """What ``witnessmark verify`` finds wrong."""
    from pipeline.storage import RunFolder
    from pipeline.verify import verify_run

    folder = RunFolder(str(run.root))
    manifest = folder.read_manifest()
    assert manifest is not None
    return [str(defect) for defect in verify_run(folder, manifest)]
