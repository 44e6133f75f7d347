"""An encrypted document whose password stands in a manifest: kept, seen, published, verified, and told to nobody."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from pipeline.storage import RunFolder
from pipeline.tables import read_rows
from pipeline.verify import verify_run
from schemas.candidate import Candidate
from tests.schemas.media.conftest import make_pdf

SECRET = "correct-horse-7391"  # noqa: S105 - of a document made below
PAGE = {"box": "0 0 400 300", "text": "A sentence that only a reader with the key sees"}


class Finished(NamedTuple):
    """A run that ended well."""

    folder: Path
    manifest: Path
    said: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    place = tmp_path_factory.mktemp("locked")
    (place / "locked.pdf").write_bytes(make_pdf(PAGE, password=SECRET))
    (place / "items.jsonl").write_text(json.dumps({"file": "locked.pdf", "password": SECRET}) + "\n")
    (place / "r.yaml").write_text(
        "name: r\ntaxonomy: artifacts\nsources: [{kind: manifest}]\nsplits: {train: 1}\nmachines: [{kind: forensic}]\n"
    )
    said = io.StringIO()
    with pytest.raises(SystemExit) as ended, redirect_stdout(said), redirect_stderr(said):
        main(["run", str(place / "r.yaml"), "--input", str(place / "items.jsonl"), "--run", str(place / "run")])
    assert ended.value.code in (0, None)
    return Finished(place / "run", place / "items.jsonl", said.getvalue())


def defects(run: RunFolder) -> list[str]:
    manifest = run.read_manifest()
    assert manifest is not None
    return verify_run(run, manifest)


def test_it_is_kept_seen_published_and_verified(finished: Finished) -> None:
    run = RunFolder(str(finished.folder))
    manifest = run.read_manifest()
    assert manifest is not None
    assert [(stage, counts.kept, counts.rejected) for stage, counts in manifest.stages.items()] == [
        ("finalize", 1, 0),
        ("ingest", 1, 0),
        ("propose", 1, 0),
    ]
    (candidate,) = read_rows(run, "candidates", Candidate)
    assert [m.text for m in candidate.measurements if m.text] == [PAGE["text"]]
    assert "data:image/webp" in (finished.folder / "report.html").read_text()
    assert defects(run) == []


def test_verify_still_looks_into_it(finished: Finished) -> None:
    right = finished.manifest.read_text()
    finished.manifest.write_text(right.replace(SECRET, "not this one"))
    (defect,) = defects(RunFolder(str(finished.folder)))
    finished.manifest.write_text(right)
    assert "the password given does not open it" in defect


def test_no_file_of_the_run_holds_the_password(finished: Finished) -> None:
    files = [path for path in finished.folder.rglob("*") if path.is_file()]
    assert {"manifest.json", "report.html"} <= {path.name for path in files}
    for path in files:
        assert SECRET.encode() not in path.read_bytes()
        if path.suffix == ".parquet":
            assert SECRET not in str(pq.read_table(path).to_pylist())
    assert SECRET not in finished.said
