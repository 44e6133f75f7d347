"""Files whole or not at all, one writer, and a manifest that says what is there."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.storage import FileFact, Manifest, RunFolder, StageCounts, WholeFile, clear_disk_errors, sha256_of
from schemas.errors import RunError


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    uri = str(tmp_path / "deep" / "file")
    with WholeFile(uri) as file:
        file.write(b"abc")
        assert not Path(uri).exists()
    assert Path(uri).read_bytes() == b"abc"
    assert file.fact == FileFact(sha256=hashlib.sha256(b"abc").hexdigest(), bytes=3) == sha256_of(uri)


def test_a_failed_file_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    uri = str(tmp_path / "file")
    Path(uri).write_bytes(b"old")
    with pytest.raises(TypeError), WholeFile(uri) as file:
        file.write("no bytes")
    assert Path(uri).read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("ending", ["file.close()", "file.discard()"])
def test_a_disk_that_is_full_at_the_end_leaves_nothing(tmp_path: Path, ending: str) -> None:
    code = (
        "import resource, sys; from pipeline.storage import WholeFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        f"file = WholeFile(sys.argv[1]); file.write(b'x' * 100); {ending}"
    )
    ended = subprocess.run([sys.executable, "-c", code, f"{tmp_path}/f"], capture_output=True, text=True, check=False)
    assert f"RunError: cannot write to {tmp_path}/f: File too large (make room" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path / "run"))
    code = "import sys; from pipeline.storage import RunFolder\nwith RunFolder(sys.argv[1]).locked(): pass"
    with run.locked():
        other = subprocess.run([sys.executable, "-c", code, run.uri], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "is being written by process" in other.stderr
    assert subprocess.run([sys.executable, "-c", code, run.uri], check=False).returncode == 0


def test_manifest_round_trip_and_a_strange_one_is_refused(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    assert run.read_manifest() is None
    manifest = Manifest(run_id="r", recipe={"name": "x"}, stages={"ingest": StageCounts(found=3, kept=2, rejected=1)})
    run.write_manifest(manifest)
    assert run.read_manifest() == manifest
    (tmp_path / "manifest.json").write_text('{"surprise": 1}')
    with pytest.raises(RunError, match="is no manifest of this version"):
        run.read_manifest()


@pytest.mark.parametrize(("lost", "adds_up"), [(0, True), (1, False)])
def test_counts_add_up_only_when_nothing_vanished(lost: int, adds_up: bool) -> None:
    assert StageCounts(found=10 + lost, kept=4, duplicate=3, rejected=2, excluded=1).adds_up is adds_up


def test_a_full_disk_is_one_clear_error_and_other_errors_pass() -> None:
    with pytest.raises(RunError, match=r"No space left on device \(make room"), clear_disk_errors("/run"):
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(FileNotFoundError), clear_disk_errors("/run"):
        raise FileNotFoundError(errno.ENOENT, "gone")
