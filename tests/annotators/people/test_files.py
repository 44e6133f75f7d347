from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from annotators.base import Assignment, Case, Collected, Desk
from annotators.labelstudio.label_config import label_config
from annotators.labelstudio.reviewed import pseudonym
from annotators.people.files import Config, Files
from schemas.base import content_id
from schemas.candidate import Candidate, Region
from schemas.errors import ConfigError
from schemas.geometry import Box
from schemas.ledger import SubmittedTask
from schemas.media.limits import Limits
from schemas.media.types import Image
from schemas.record import Rejection
from schemas.sample import Asset, Sample
from schemas.task import Task
from schemas.taxonomy import Category, Level, Taxonomy

TAXONOMY = Taxonomy(
    name="made",
    version="1",
    levels=(Level(name="all"),),
    categories=(Category(name="texture", level="all", definition="Looks waxy."),),
)


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Picture.new("L", (64, 48), shade).save(file, "PNG")
    return file.getvalue()


class Run:
    """Three pictures, a candidate for each, and a folder for people."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, list[str]()
        self.cases = dict[str, Case]()
        for index in range(3):
            path, content = folder / f"{index}.png", png(index)
            path.write_bytes(content)
            sample = _sample(path, content)
            candidate = _candidate(sample)
            self.cases[sample.sample_id] = Case(sample, {candidate.candidate_id: candidate})

    @property
    def assignments(self) -> list[Assignment]:
        return [
            Assignment(sample=case.sample, candidate=next(iter(case.candidates.values()))) for case in self._sorted()
        ]

    def _sorted(self) -> list[Case]:
        return [self.cases[key] for key in sorted(self.cases)]

    @property
    def desk(self) -> Desk:
        return Desk(
            dataset="made",
            run_id="run",
            taxonomy=TAXONOMY,
            limits=Limits(),
            task=Task(),
            open_uri=lambda uri: Path(uri).open("rb"),
            folder_uri=str(self.folder / "people"),
            cases=self._known,
            put=self._put,
            pseudonym=lambda identity: pseudonym(identity, b"key"),
            say=self.said.append,
        )

    def _known(self, sample_ids: Collection[str]) -> Mapping[str, Case]:
        return {key: case for key, case in self.cases.items() if key in sample_ids}

    def _put(self, name: str, content: bytes) -> str:
        path = self.folder / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def submit(self, ledger: Collection[SubmittedTask] = (), **options: Any) -> list[SubmittedTask | Rejection]:
        return list(Files(Config(**options)).submit(self.assignments, ledger, self.desk))

    def collect(self, ledger: Collection[SubmittedTask], *exports: Any) -> Collected:
        results = [self.folder / f"export-{index}.json" for index in range(len(exports))]
        for path, export in zip(results, exports, strict=True):
            path.write_text(json.dumps(export))
        config = Config(results=tuple(map(str, results)))
        return Files(config).collect(ledger, self.desk, memory="")

    def tasks(self) -> list[dict[str, Any]]:
        """What lies to be imported, in the order of the samples."""
        files = sorted((self.folder / "people").glob("*.tasks.json"))
        return sorted((t for f in files for t in json.loads(f.read_bytes())), key=lambda t: str(t["data"]["sample_id"]))


def _sample(path: Path, content: bytes) -> Sample:
    from hashlib import sha256

    media = Image(format="PNG", mode="L", width=64, height=48, stored_width=64, stored_height=48)
    asset = Asset(
        asset_id=sha256(content).hexdigest(), uri=str(path), file_name=path.name, byte_size=len(content), media=media
    )
    return Sample(sample_id=content_id(path.name), item_id=path.name, assets=(asset,))


def _candidate(sample: Sample) -> Candidate:
    region = Region(region_id="r", box=Box(x1=8, y1=8, x2=32, y2=24), category="texture", source="machine")
    return Candidate(
        candidate_id=content_id("c", sample.sample_id),
        sample_id=sample.sample_id,
        machine="m",
        kind="vlm",
        regions=(region,),
        verdict="generated",
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def rows_of(submitted: list[SubmittedTask | Rejection]) -> list[SubmittedTask]:
    return [row for row in submitted if isinstance(row, SubmittedTask)]


def exported(task: dict[str, Any], number: int, **annotation: Any) -> dict[str, Any]:
    """The task as Label Studio exports it after somebody accepted it."""
    result = [{**entry, "origin": "prediction"} for entry in task["predictions"][0]["result"]]
    made = {"id": number, "unique_id": f"u{number}", "result": result, "completed_by": 4, **annotation}
    return {"id": number, "data": task["data"], "annotations": [made]}


def test_tasks_and_config_are_written(run: Run) -> None:
    rows = rows_of(run.submit(tasks_per_file=2, link="https://media.example.org/{name}"))
    assert [row.sample_id for row in rows] == sorted(run.cases)
    assert len(list((run.folder / "people").glob("*.tasks.json"))) == 2
    (config,) = (run.folder / "people").glob("*.config.xml")
    assert config.read_text() == label_config(TAXONOMY, Task(), "image").xml
    task, case = run.tasks()[0], run.cases[rows[0].sample_id]
    assert task["data"]["sample_key"] == rows[0].task_key
    assert task["data"]["image"] == f"https://media.example.org/{case.sample.primary.asset_id}.png"
    assert task["meta"] == {"candidate_id": rows[0].candidate_id}
    assert task["predictions"][0]["model_version"] == rows[0].model_version == "witnessmark"
    assert not (run.folder / "people" / "shown").exists()


def test_what_the_ledger_has_is_not_written_again(run: Run) -> None:
    rows = rows_of(run.submit())
    before = sorted((run.folder / "people").iterdir())
    assert run.submit(rows) == rows
    assert sorted((run.folder / "people").iterdir()) == before


def test_an_interrupted_run_writes_the_same_files(run: Run) -> None:
    first = run.submit()
    before = {path: path.read_bytes() for path in (run.folder / "people").iterdir()}
    assert run.submit() == first
    assert {path: path.read_bytes() for path in (run.folder / "people").iterdir()} == before


def test_media_are_copied_where_asked(run: Run) -> None:
    run.submit(copy_media=True)
    copies = {path.stem: path.read_bytes() for path in (run.folder / "people" / "shown").iterdir()}
    assert copies == {
        case.sample.primary.asset_id: Path(case.sample.primary.uri).read_bytes() for case in run.cases.values()
    }


def test_a_medium_that_has_changed_becomes_a_rejection(run: Run) -> None:
    (run.folder / "1.png").write_bytes(png(200))
    submitted = run.submit(copy_media=True)
    (rejection,) = (row for row in submitted if isinstance(row, Rejection))
    assert (rejection.stage, rejection.item_id, rejection.is_final) == ("submit", "1.png", False)
    assert rejection.message == "1.png has changed since it was measured"
    assert len(rows_of(submitted)) == len(run.tasks()) == 2


def test_an_export_comes_back(run: Run) -> None:
    rows = rows_of(run.submit())
    kept, moved, skipped = (exported(task, number) for number, task in enumerate(run.tasks()))
    moved["annotations"][0]["result"][0]["value"]["x"] = 50
    skipped["annotations"][0] |= {"was_cancelled": True, "completed_by": {"id": 9, "email": "a@example.org"}}
    back = run.collect(rows, [kept, moved], skipped)
    assert back.task_keys == {row.task_key for row in rows}
    assert back.rejections == ()
    assert [verification.verdict for verification in back.verifications] == [
        "accepted",
        "fixed_and_accepted",
        "skipped",
    ]
    assert [verification.task_key for verification in back.verifications] == [row.task_key for row in rows]
    who = [verification.reviewer for verification in back.verifications]
    assert who == [pseudonym("4", b"key"), pseudonym("4", b"key"), pseudonym("a@example.org", b"key")]


def test_of_one_decision_in_two_exports_the_latest_counts(run: Run) -> None:
    rows = rows_of(run.submit())
    task = run.tasks()[0]
    old = exported(task, 1, updated_at="2026-01-01T00:00:00Z")
    new = exported(task, 1, updated_at="2026-01-02T00:00:00Z")
    new["annotations"][0]["result"] = []
    for exports in ((old, new), (new, old)):
        (verification,) = run.collect(rows, *exports).verifications
        assert [change.change for change in verification.changes] == ["removed"]


def test_who_wrote_last_is_the_reviewer(run: Run) -> None:
    rows = rows_of(run.submit())
    (verification,) = run.collect(rows, exported(run.tasks()[0], 1, updated_by=5)).verifications
    assert (verification.reviewer, verification.signed_by) == (pseudonym("5", b"key"), pseudonym("4", b"key"))


def test_what_does_not_fit_is_refused_by_name_and_the_rest_stands(run: Run) -> None:
    rows = rows_of(run.submit())
    good, wrong, small = (exported(task, number) for number, task in enumerate(run.tasks()))
    wrong["annotations"][0]["result"][0]["value"]["rectanglelabels"] = ["shape"]
    minimal = {**small["data"], "annotation_id": 3, "box": [small["annotations"][0]["result"][0]["value"]]}
    back = run.collect(rows, [good, wrong], [minimal], [{"data": {"sample_key": "strange"}, "annotations": []}])
    assert len(back.verifications) == 1
    assert [rejection.stage for rejection in back.rejections] == ["collect", "collect"]
    assert "'shape' is no category of the config" in back.rejections[0].message
    assert "JSON-MIN has lost the regions' ids" in back.rejections[1].message
    assert run.said[-1] == "files: 1 tasks are not of this run and are left out"


def test_without_exports_there_is_nothing_to_collect(run: Run) -> None:
    assert run.collect(rows_of(run.submit())) == Collected(task_keys=frozenset())
    assert run.said[-1] == "files: nothing to collect; name the exports in 'results'"


def test_a_missing_export_is_named(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read"):
        Files(Config(results=("nowhere.json",))).collect((), run.desk, memory="")


def test_a_link_has_known_words_only() -> None:
    with pytest.raises(ValueError, match=r"only \{asset_id\}, \{name\} and \{file_name\} may stand in it"):
        Config(link="{secret}")
