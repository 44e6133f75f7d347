"""Commands beside the main job, on one small run with known truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.storage import RunFolder

from .runs import defects_of, witnessmark

RECIPE = """
name: small
taxonomy: planted
sources: [{kind: planted, photos: [coffee], size: 256, kinds: [copy_move, noise], clips: 0, reports: 0}]
machines:
  - kind: forensic
    category_map: {copy_move: copy_move, noise: noise}
splits: {train: 1}
exports: [{kind: jsonl}, {kind: coco}]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "r.yaml").write_text(RECIPE)
    assert witnessmark("run", folder / "r.yaml", "--run", folder / "run") == 0
    return folder / "run"


def test_a_source_without_input_and_two_exports(run: Path) -> None:
    manifest = RunFolder(str(run)).read_manifest()
    assert manifest is not None
    kept = manifest.stages["finalize"].kept
    rows = [json.loads(line) for line in (run / "exports" / "jsonl" / "records.jsonl").read_text().splitlines()]
    assert kept == len(rows) > 2
    coco = json.loads((run / "exports" / "coco" / "instances_train.json").read_text())
    assert {category["name"] for category in coco["categories"]} >= {"copy_move", "noise"}
    assert "exports/jsonl/records.jsonl" in manifest.files
    assert defects_of(run) == []


def test_evaluate_prints_the_same_figures_as_table_and_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert witnessmark("evaluate", "--run", run, "--json") == 0
    evaluation = json.loads(capsys.readouterr().out)
    (machine,) = evaluation["machines"]
    overall = machine["overall"]
    assert overall["planted"] == sum(score["planted"] for score in machine["categories"])
    assert 0 < overall["found"] <= overall["planted"]
    assert witnessmark("evaluate", "--run", run) == 0
    assert f"{overall['recall']:.2f}" in capsys.readouterr().out


def test_report_is_written_anew_and_the_run_stays_whole(run: Path) -> None:
    (run / "report.html").unlink()
    assert witnessmark("report", "--run", run) == 0
    text = (run / "report.html").read_text()
    assert "<script" not in text
    assert "copy_move" in text
    assert defects_of(run) == []


def test_doctor_says_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    code = witnessmark("doctor")
    out = capsys.readouterr().out
    assert code in (0, 2)
    assert "FnApiRunner" in out
    assert "OPENAI_API_KEY" in out


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert witnessmark("--help") == 0
    out = capsys.readouterr().out
    for command in ("run", "propose", "finalize", "demo", "verify", "evaluate", "report", "doctor"):
        assert f"  {command} " in out
