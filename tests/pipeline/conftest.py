"""Small valid objects of the vocabulary, and folders of real files made on the spot."""

from __future__ import annotations

import hashlib
import io
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from schemas.candidate import Candidate, Region
from schemas.geometry import Box
from schemas.media.types import Image
from schemas.sample import Asset, Sample, TaskInput, sample_id_of
from schemas.taxonomy import Category, Level, Taxonomy

from .runs import witnessmark


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy(
        name="tiny",
        version="1",
        levels=(Level(name="pixel"),),
        categories=(
            Category(name="blur", level="pixel", definition="out of focus", color="#112233"),
            Category(name="noise", level="pixel", definition="grain", color="#445566"),
        ),
    )


@pytest.fixture
def make_sample() -> Callable[..., Sample]:
    def make(
        name: str = "a",
        *,
        hashes: tuple[str, ...] = (),
        size: int = 100,
        task: TaskInput | None = None,
        **fields: object,
    ) -> Sample:
        asset = Asset(
            asset_id=hashlib.sha256(str(fields.pop("content", name)).encode()).hexdigest(),
            uri=f"/in/{name}.png",
            file_name=f"{name}.png",
            byte_size=size,
            media=Image(format="PNG", mode="RGB", width=20, height=10, stored_width=20, stored_height=10),
            perceptual_hashes=hashes,
        )
        task = task or TaskInput()
        return Sample(
            sample_id=sample_id_of((asset,), task), item_id=f"{name}.png", assets=(asset,), task_input=task, **fields
        )

    return make


@pytest.fixture
def make_region() -> Callable[..., Region]:
    def make(box: tuple[float, float, float, float] = (1, 1, 5, 5), category: str = "blur", **fields: object) -> Region:
        x1, y1, x2, y2 = box
        values: dict[str, object] = {"region_id": f"{category}-{x1}-{y1}", "explanation": "soft", "source": "machine"}
        return Region(box=Box(x1=x1, y1=y1, x2=x2, y2=y2), category=category, **{**values, **fields})

    return make


@pytest.fixture
def make_candidate() -> Callable[..., Candidate]:
    def make(sample: Sample, machine: str = "forensic", **fields: object) -> Candidate:
        values: dict[str, object] = {"candidate_id": f"{machine}-{sample.sample_id[:8]}", "kind": machine}
        return Candidate(sample_id=sample.sample_id, machine=machine, **{**values, **fields})

    return make


def png(seed: int, width: int = 48, height: int = 32) -> bytes:
    """A PNG of seeded noise, every seed another picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def picture() -> Callable[[int], bytes]:
    return png


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder of ``write_folder``."""
    return write_folder(tmp_path / "in")


def write_folder(folder: Path) -> Path:
    """A folder with three pictures, one exact copy, one text file and one torn picture."""
    (folder / "deep").mkdir(parents=True)
    for seed in range(3):
        (folder / f"{seed}.png").write_bytes(png(seed))
    (folder / "deep" / "copy of 0.png").write_bytes(png(0))
    (folder / "notes.txt").write_text("no picture")
    (folder / "torn.png").write_bytes(png(9)[:400])
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, the folder of ``write_folder`` and the finished run of it: r.yaml, in and run, for reading only."""
    root = tmp_path_factory.mktemp("made")
    (root / "r.yaml").write_text("name: r\ntaxonomy: artifacts\nsources: [{kind: folder}]\nsplits: {train: 1}\n")
    assert witnessmark("run", root / "r.yaml", "--input", write_folder(root / "in"), "--run", root / "run") == 0
    return root


@pytest.fixture
def finished(made: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be changed at will."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Tests that a shell runs behind it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
