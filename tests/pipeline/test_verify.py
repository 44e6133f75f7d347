"""What verify finds in a run that somebody or something has changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage import RunFolder, sha256_of

from .runs import defects_of, manifest_of, witnessmark

pytestmark = pytest.mark.slow


def rewrite(path: Path, change: Callable[[dict], None]) -> None:
    """Change the first row of a shard and write it again, hash in the manifest included: the cleverest vandal."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows[0])
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    run = RunFolder(str(path.parents[3]))
    manifest = run.read_manifest()
    assert manifest is not None
    name = str(path.relative_to(run.uri))
    run.write_manifest(manifest.evolve(files={**manifest.files, name: sha256_of(str(path))}))


def shard(run: Path) -> Path:
    return next((run / "dataset" / "data" / "images").glob("*.parquet"))


def test_verify_finds_nothing_in_a_whole_run(finished: Path) -> None:
    assert witnessmark("verify", "--run", finished) == 0
    assert defects_of(finished) == []


def test_verify_finds_a_flipped_byte(finished: Path) -> None:
    data = bytearray(shard(finished).read_bytes())
    data[len(data) // 2] ^= 1
    shard(finished).write_bytes(data)
    assert any("its bytes are not those of the manifest" in defect for defect in defects_of(finished))
    assert witnessmark("verify", "--run", finished) == 1


@pytest.mark.parametrize(
    ("change", "defect"),
    [
        (
            lambda row: row["mask"].update(bytes=row["mask"]["bytes"][:-20]),
            "its mask picture is not that of its regions",
        ),
        (lambda row: row["mask"].update(bytes=None), "has no mask picture"),
        (lambda row: row["media"].update(width=47), "measuring its medium again gives something else"),
        (lambda row: row.update(sample_id="0" * 64), "is not the sample of its medium and task"),
        (lambda row: row.update(origin="generated"), "differs from what the run's tables say: origin"),
        (lambda row: row.update(explanation="changed"), "differs from what the run's tables say: explanation"),
        (lambda row: row.update(split="test"), "says split 'test' but lies in another"),
        (lambda row: row.update(annotation_status="perhaps"), "is no Record"),
        (lambda row: row["image"].update(bytes=row["image"]["bytes"] + b"x"), "do not hash to asset_id"),
    ],
)
def test_verify_finds_a_changed_row_even_under_a_matching_hash(
    finished: Path, change: Callable[[dict], None], defect: str
) -> None:
    rewrite(shard(finished), change)
    defects = defects_of(finished)
    assert any(defect in line for line in defects), defects


@pytest.mark.parametrize("name", ["dataset/notes.json", "exports/coco/more.json", "candidates/part-00009.parquet"])
def test_verify_finds_whatever_was_put_beside(finished: Path, name: str) -> None:
    (finished / name).parent.mkdir(parents=True, exist_ok=True)
    (finished / name).write_bytes(next((finished / "candidates").glob("*.parquet")).read_bytes())
    assert f"{name}: the manifest does not know this file" in defects_of(finished)


def test_verify_finds_a_missing_and_a_foreign_file(finished: Path) -> None:
    foreign = shard(finished).with_name("train-00007-of-00008.parquet")
    foreign.write_bytes(shard(finished).read_bytes())
    (finished / "dataset" / "README.md").unlink()
    defects = defects_of(finished)
    assert "dataset/README.md: the file is missing" in defects
    assert any("the manifest does not know this file" in defect for defect in defects)
    assert any("published twice" in defect for defect in defects)


def break_table(run: Path, table: str) -> str:
    """Cut a table's file off, hash in the manifest included; its path in the run."""
    path = next((run / table).glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-20])
    folder, name = RunFolder(str(run)), str(path.relative_to(run))
    folder.write_manifest(manifest_of(run).evolve(files={**manifest_of(run).files, name: sha256_of(str(path))}))
    return name


@pytest.mark.parametrize("table", ["samples", "candidates", "splits"])
def test_verify_names_a_table_that_cannot_be_read_and_goes_on(
    finished: Path, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = break_table(finished, table)
    rewrite(shard(finished), lambda row: row["mask"].update(bytes=None))
    assert witnessmark("verify", "--run", finished) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(f"{name} cannot be read as a table" in line for line in lines), lines
    assert any("has no mask picture" in line for line in lines), lines
    assert lines[-1] == "2 defects"


def test_verify_names_a_table_whose_rows_are_none(finished: Path) -> None:
    path = next((finished / "samples").glob("*.parquet"))
    table = pq.read_table(path)
    rows = [{**row, "origin": "perhaps"} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    assert any(" is no Sample: origin: " in defect for defect in defects_of(finished))


def test_a_broken_table_stops_other_commands_with_its_name(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = break_table(finished, "candidates")
    assert witnessmark("report", "--run", finished) == 3
    assert f"{name} cannot be read as a table" in capsys.readouterr().err


def test_a_single_defect_is_counted_as_one(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finished / "dataset" / "notes.txt").write_text("mine")
    assert witnessmark("verify", "--run", finished) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 defect"


def test_a_manifest_that_is_cut_off_is_one_line(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finished / "manifest.json").write_text("{")
    assert witnessmark("verify", "--run", finished) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "manifest.json is no manifest of this version: Invalid JSON" in line
    assert "pydantic" not in line


def test_commands_that_run_no_graph_keep_beam_quiet_too(finished: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "verify", "--run", str(finished)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("no defect found\n", "")
