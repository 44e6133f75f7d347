"""A removal request: the sample leaves tables, answers and dataset, and the same bytes do not come back."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage import RunFolder
from pipeline.verify import verify_run

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ lies beside the packages, never installed
from benchmarks.model_server import ModelServer

from .runs import manifest_of, witnessmark

RECIPE = """
name: r
task: {kind: artifacts, boxes: thousandths_xyxy}
taxonomy: artifacts
sources: [{kind: folder}]
machines: [{kind: vlm, model: tested}]
splits: {train: 1}
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        yield server


@pytest.fixture
def command(server: ModelServer, tmp_path: Path, pictures: Path) -> tuple[str | Path, ...]:
    (tmp_path / "r.yaml").write_text(RECIPE)
    return "run", tmp_path / "r.yaml", "--input", pictures, "--run", tmp_path / "run"


@pytest.fixture
def run(command: tuple[str | Path, ...], tmp_path: Path) -> Path:
    assert witnessmark(*command) == 0
    return tmp_path / "run"


def names(run: Path) -> list[str]:
    return sorted(row["file_name"] for row in pq.read_table(run / "dataset" / "data" / "images").to_pylist())


def everything(run: Path) -> Iterator[bytes]:
    for folder, _, files in os.walk(run):
        for name in files:
            yield (Path(folder) / name).read_bytes()


def test_nothing_of_the_sample_stays_and_the_counts_add_up(run: Path, pictures: Path) -> None:
    data = (pictures / "1.png").read_bytes()
    (answer,) = [
        row["answer_key"]
        for row in pq.read_table(run / "candidates").to_pylist()
        if row["sample_id"] == id_of(run, data)
    ]
    assert list(run.glob(f"answers/*/{answer}.json"))
    assert witnessmark("gallery", "--run", run) == 0
    for copy in ("media", "people/desk/shown"):
        (run / copy).mkdir(parents=True, exist_ok=True)
        (run / copy / f"{hashlib.sha256(data).hexdigest()}-page.png").write_bytes(data)
    assert witnessmark("forget", "1.png", "--run", run) == 0

    assert names(run) == ["0.png", "2.png"]
    assert not [path for path in run.glob("gallery/**/*") if path.is_file()]
    assert not list(run.glob(f"answers/*/{answer}.json"))
    assert len(list(run.glob("answers/*/*.json"))) == 2
    assert not any(data in content for content in everything(run))
    stages = manifest_of(run).stages
    assert {name: (s.found, s.kept, s.duplicate, s.rejected) for name, s in stages.items()} == {
        "ingest": (6, 2, 1, 3),
        "propose": (2, 2, 0, 0),
        "finalize": (2, 2, 0, 0),
    }
    assert verify_run(RunFolder(str(run)), manifest_of(run)) == []


def id_of(run: Path, data: bytes) -> str:
    asset = hashlib.sha256(data).hexdigest()
    return next(row["sample_id"] for row in pq.read_table(run / "samples").to_pylist() if asset in str(row["assets"]))


def test_the_same_bytes_do_not_come_back(
    run: Path, command: tuple[str | Path, ...], pictures: Path, server: ModelServer
) -> None:
    assert witnessmark("forget", "1.png", "--run", run) == 0
    (pictures / "1.png").rename(pictures / "another name.png")
    before = server.stats()["calls"]
    assert witnessmark(*command) == 0

    assert names(run) == ["0.png", "2.png"]
    assert server.stats()["calls"] == before
    rejected = {row["item_id"]: row for row in pq.read_table(run / "rejections").to_pylist()}
    assert rejected["another name.png"]["message"] == "its removal was asked for"
    assert manifest_of(run).stages["ingest"].rejected == 3


def test_every_item_with_the_content_goes_by_its_hash(run: Path, pictures: Path) -> None:
    sha256 = hashlib.sha256((pictures / "0.png").read_bytes()).hexdigest()
    assert witnessmark("forget", sha256[:8], "2.png", "--run", run) == 0
    assert names(run) == ["1.png"]
    forgotten = pq.read_table(run / "forgotten").to_pylist()
    assert [sha256] in [row["asset_ids"] for row in forgotten]
    assert len(forgotten) == 2


def test_a_name_that_fits_nothing_removes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads((run / "manifest.json").read_text())
    for name in ("nothing.png", "0", "g" * 64):
        assert witnessmark("forget", "1.png", name, "--run", run) == 2
        assert f"holds no sample {name!r}" in capsys.readouterr().err
    assert json.loads((run / "manifest.json").read_text()) == before
    assert names(run) == ["0.png", "1.png", "2.png"]


PAIRS = """
name: r
taxonomy: artifacts
sources: [{kind: parquet, column: image, reference: original}]
splits: {train: 1}
"""


def test_what_samples_that_stay_hold_too_stays_and_the_pair_does_not_come_back(
    tmp_path: Path, picture: Callable[[int], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    first, shared, last = (picture(seed) for seed in (1, 2, 3))
    pairs = [(first, shared), (shared, None), (last, shared), (first, None)]
    rows = [{"image": image, "original": original} for image, original in pairs]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    (tmp_path / "r.yaml").write_text(PAIRS)
    command = ("run", tmp_path / "r.yaml", "--input", tmp_path / "p.parquet", "--run", tmp_path / "run")
    assert witnessmark(*command) == 0
    assert witnessmark("forget", "p.parquet#row=0", "--run", tmp_path / "run") == 0
    told = capsys.readouterr().err
    expected = {("p.parquet#row=1", shared), ("p.parquet#row=2", shared), ("p.parquet#row=3", first)}
    for item, data in expected:
        assert f"a medium of it stays with {item}: {hashlib.sha256(data).hexdigest()}" in told

    for _ in range(2):  # as the command left it, and after a rerun that reads the input again
        assert names(tmp_path / "run") == ["row-1", "row-2", "row-3"]
        (rejected,) = pq.read_table(tmp_path / "run" / "rejections").to_pylist()
        assert (rejected["item_id"], rejected["message"]) == ("p.parquet#row=0", "its removal was asked for")
        assert witnessmark(*command) == 0
    assert witnessmark("forget", hashlib.sha256(shared).hexdigest(), "--run", tmp_path / "run") == 0
    assert names(tmp_path / "run") == ["row-3"]
    assert not any(shared in content for content in everything(tmp_path / "run" / "media"))
