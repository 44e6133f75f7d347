"""The main job for real: files to a loaded dataset, by the command line, in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.storage import RunFolder, sha256_of

from .conftest import png, write_folder
from .runs import defects_of, manifest_of, witnessmark

pytestmark = pytest.mark.slow


@pytest.fixture
def recipe(made: Path) -> Path:
    return made / "r.yaml"


@pytest.fixture
def pictures(made: Path) -> Path:
    return made / "in"


def dataset_hashes(run: Path) -> dict[str, str]:
    return {
        str(p.relative_to(run)): sha256_of(str(p)).sha256 for p in sorted((run / "dataset").rglob("*")) if p.is_file()
    }


def test_files_become_a_dataset_that_loads(finished: Path) -> None:
    import datasets

    loaded = datasets.load_dataset(str(finished / "dataset"), "images", split="train")
    assert sorted(loaded["file_name"]) == ["0.png", "1.png", "2.png"]
    assert loaded[0]["image"].size == (48, 32)
    assert loaded[0]["mask"].size == (48, 32)
    assert loaded[0]["regions"] == []
    streamed = datasets.load_dataset(str(finished / "dataset"), "images", split="train", streaming=True)
    assert sorted(row["sample_id"] for row in streamed) == sorted(loaded["sample_id"])


def test_original_bytes_are_published_untouched(finished: Path, pictures: Path) -> None:
    rows = pq.read_table(finished / "dataset" / "data" / "images").to_pylist()
    assert len(rows) == 3
    for row in rows:
        assert row["image"]["bytes"] == (pictures / row["file_name"]).read_bytes()
        assert row["image"]["path"] == row["file_name"]


def test_counts_add_up_and_every_loss_has_a_reason(finished: Path) -> None:
    stages = manifest_of(finished).stages
    assert {name: (s.found, s.kept, s.duplicate, s.rejected) for name, s in stages.items()} == {
        "ingest": (6, 3, 1, 2),
        "propose": (3, 3, 0, 0),
        "finalize": (3, 3, 0, 0),
    }
    rejections = {row["item_id"]: row for row in pq.read_table(finished / "rejections").to_pylist()}
    assert set(rejections) == {"notes.txt", "torn.png"}
    assert all(row["message"] and row["remedy"] for row in rejections.values())
    (duplicate,) = [d for d in pq.read_table(finished / "duplicates").to_pylist() if d["kind"] == "exact"]
    assert (duplicate["item_id"], duplicate["kept_item_id"]) == ("deep/copy of 0.png", "0.png")


def test_the_manifest_knows_every_file(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    on_disk = {str(p.relative_to(finished)) for p in finished.rglob("*") if p.is_file()} - {"manifest.json", ".lock"}
    assert set(manifest["files"]) == on_disk
    for path, fact in manifest["files"].items():
        assert sha256_of(str(finished / path)).sha256 == fact["sha256"]
    assert set(manifest["spend"]) >= {"calls", "cached", "input_tokens", "output_tokens", "usd"}


def test_a_rerun_yields_the_same_bytes(finished: Path, recipe: Path, pictures: Path) -> None:
    before = dataset_hashes(finished)
    assert witnessmark("run", recipe, "--input", pictures, "--run", finished) == 0
    assert dataset_hashes(finished) == before


def test_files_that_came_later_join_and_stale_rows_leave(tmp_path: Path, recipe: Path) -> None:
    pictures, finished = write_folder(tmp_path / "in"), tmp_path / "run"
    assert witnessmark("run", recipe, "--input", pictures, "--run", finished) == 0
    (pictures / "1.png").rename(pictures / "1 renamed.png")
    (pictures / "2.png").unlink()
    assert witnessmark("run", recipe, "--input", pictures, "--run", finished) == 0
    rows = pq.read_table(finished / "dataset" / "data" / "images", columns=["file_name"]).to_pylist()
    assert sorted(row["file_name"] for row in rows) == ["0.png", "1 renamed.png"]
    assert defects_of(finished) == []


def test_a_changed_recipe_is_shown_and_refused(
    finished: Path, recipe: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ("run", recipe, "--input", pictures, "--run", finished, "--set", "dataset.seed=9")
    capsys.readouterr()
    assert witnessmark(*again) == 2
    assert '+  "seed": 9,' in capsys.readouterr().err
    assert witnessmark(*again, "--accept-recipe-change") == 0
    assert manifest_of(finished).recipe["dataset"]["seed"] == 9


def test_what_the_recipe_no_longer_makes_leaves(tmp_path: Path, recipe: Path, pictures: Path) -> None:
    run = tmp_path / "run"
    again = ("run", recipe, "--input", pictures, "--run", run)
    more = ("--set", "exports.0.kind=jsonl", "--set", "dataset.authors=[A Team]")
    assert witnessmark(*again, *more) == 0
    assert (run / "exports" / "jsonl" / "records.jsonl").exists()
    assert (run / "dataset" / "CITATION.cff").exists()
    (tmp_path / "another's").touch()
    known = manifest_of(run)
    foreign = {"exports/../../another's": next(iter(known.files.values()))}
    RunFolder(str(run)).write_manifest(known.evolve(files={**known.files, **foreign}))
    assert witnessmark(*again, "--accept-recipe-change") == 0
    assert [p for p in (run / "exports").rglob("*") if p.is_file()] == []
    assert not (run / "dataset" / "CITATION.cff").exists()
    assert (tmp_path / "another's").exists()
    assert defects_of(run) == []


def test_what_a_killed_pass_had_exported_leaves_and_what_a_person_put_beside_it_stays(
    tmp_path: Path, recipe: Path, pictures: Path
) -> None:
    run = tmp_path / "run"
    words = (recipe, "--input", pictures, "--run", run)
    assert witnessmark("run", *words) == 0
    theirs = [run / "exports" / "jsonl" / "weights.pt", run / "exports" / "notes.md"]
    in_the_way = run / "exports" / "coco" / "refused.jsonl"
    in_the_way.mkdir(parents=True)
    theirs[0].parent.mkdir()
    for path in theirs:
        path.write_text("a person's")
    more = ("--set", "exports.0.kind=jsonl", "--set", "exports.1.kind=coco", "--set", "dataset.authors=[A Team]")
    assert witnessmark("run", *words, *more, "--accept-recipe-change") == 3  # as by a kill: no manifest names its files
    assert (run / "exports" / "jsonl" / "records.jsonl").exists()
    assert (run / "dataset" / "CITATION.cff").exists()
    in_the_way.rmdir()

    for _ in range(2):
        assert witnessmark("run", *words, "--accept-recipe-change") == 0
        assert sorted(p for p in (run / "exports").rglob("*") if p.is_file()) == theirs
        assert not (run / "dataset" / "CITATION.cff").exists()
    for path in theirs:
        path.unlink()
    assert defects_of(run) == []


def test_a_citation_that_a_person_wrote_stays_where_the_recipe_makes_none(
    tmp_path: Path, recipe: Path, pictures: Path
) -> None:
    words = (recipe, "--input", pictures, "--run", tmp_path / "run")
    assert witnessmark("run", *words) == 0
    (tmp_path / "run" / "dataset" / "CITATION.cff").write_text("theirs")
    assert witnessmark("run", *words) == 0
    assert (tmp_path / "run" / "dataset" / "CITATION.cff").read_text() == "theirs"


def test_a_dataset_without_rows_holds_nothing_that_loads(tmp_path: Path, recipe: Path) -> None:
    import datasets

    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.txt").write_text("no picture")
    assert witnessmark("run", recipe, "--input", tmp_path / "words", "--run", tmp_path / "run") == 0
    with pytest.raises(datasets.data_files.EmptyDatasetError):
        datasets.load_dataset(str(tmp_path / "run" / "dataset"))


def test_limit_pilots(tmp_path: Path, recipe: Path, pictures: Path) -> None:
    assert witnessmark("run", recipe, "--input", pictures, "--run", tmp_path / "pilot", "--limit", "2") == 0
    assert manifest_of(tmp_path / "pilot").stages["ingest"].found == 2


def test_too_many_rejections_exit_with_one(tmp_path: Path, recipe: Path, pictures: Path) -> None:
    arguments = ("run", recipe, "--input", pictures, "--run", tmp_path / "run", "--set", "limits.max_rejected=0.1")
    assert witnessmark(*arguments) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nonsense"), "no file 'nonsense'"),
        (("run", "RECIPE", "--input", "/does/not/exist"), "there is no input '/does/not/exist'"),
        (("run", "RECIPE"), "nothing says what to read (give --input"),
        (("run", "RECIPE", "--input", "EMPTY"), "empty' holds no file (check its name"),
        (("run", "RECIPE", "--input", "EMPTY/**/*.png"), "empty/**/*.png' matches no file (check its name"),
        (
            ("run", "RECIPE", "--input", "ROWLESS", "--set", "sources.0.kind=manifest"),
            "rows.csv (a manifest needs row",
        ),
        (("finalize",), "holds no run"),
        (("run", "RECIPE", "--input", "PARENT"), "lies inside the input"),
        (("run", "RECIPE", "--runner=DaskRunner"), "DaskRunner is refused"),
        (("run", "RECIPE", "--runner=DirectRunner"), "DirectRunner is refused"),
    ],
)
def test_wrong_use_exits_with_two_and_says_what(
    arguments: tuple[str, ...], message: str, tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "rows.csv").write_text("uri\n")
    names = {"RECIPE": recipe, "PARENT": tmp_path, "EMPTY": tmp_path / "empty", "ROWLESS": tmp_path / "rows.csv"}
    given = ["/".join([str(names.get(first, first)), *rest]) for first, *rest in (a.split("/") for a in arguments)]
    assert witnessmark(*given, "--run", tmp_path / "run") == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("name", "reason"), [("file", "file exists"), ("file/run", "not a directory")])
def test_a_run_folder_that_cannot_be_is_wrong_use(
    name: str, reason: str, tmp_path: Path, recipe: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert witnessmark("run", recipe, "--input", pictures, "--run", tmp_path / name) == 2
    assert f"the run folder {tmp_path / name} cannot be made: {reason}" in capsys.readouterr().err


def test_a_rerun_removes_what_a_killed_one_had_not_finished(finished: Path, recipe: Path, pictures: Path) -> None:
    unfinished = (
        "dataset/.tmp-a1b2c3d_",
        f"exports/coco/x.tar.tmp-{'c3' * 16}",
        f"media/ab/x.tmp-{'d' * 32}",
        ".tmp-00000000",
    )
    theirs = ("people/files/round.tmp-2", ".tmp-mine")
    for name in (*unfinished, *theirs):
        (finished / name).parent.mkdir(parents=True, exist_ok=True)
        (finished / name).write_bytes(b"half")
    assert witnessmark("run", recipe, "--input", pictures, "--run", finished) == 0
    assert [name for name in (*unfinished, *theirs) if (finished / name).exists()] == [*theirs]
    assert defects_of(finished) == []


def test_a_disk_that_fills_while_shards_are_written_is_one_line_and_a_rerun_goes_on(
    recipe: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for seed in range(3):
        (tmp_path / "in" / f"{seed}.png").write_bytes(png(seed, 200, 200))
    words = ["run", str(recipe), "--input", str(tmp_path / "in"), "--run", str(tmp_path / "run")]
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
        "from pipeline.cli import main; main(sys.argv[1:])"
    )
    ended = subprocess.run([sys.executable, "-c", limited, *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("witnessmark: cannot write to ")
    assert "File too large (make room" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert witnessmark(*words) == 0
    assert defects_of(tmp_path / "run") == []
