"""Handing out to a real server: what lies there afterwards, whatever happened on the way."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from annotators.labelstudio.brush import mask_from_rle
from annotators.labelstudio_server import deliver
from annotators.labelstudio_server.local import Login
from pipeline.recipe import Recipe
from pipeline.storage import RunFolder
from pipeline.submit import submit
from pipeline.tables import part_uris, read_rows
from schemas.candidate import Candidate
from schemas.errors import ConfigError, ServiceError
from schemas.geometry import mask_to_array
from schemas.ledger import SubmittedTask, task_key
from schemas.record import Rejection
from schemas.sample import Sample
from tests.warm import Command

MakeRun = Callable[..., Any]
LINK = ("people.0.media=link", "people.0.link=http://127.0.0.1/{asset_id}")


def ledger_of(run: RunFolder) -> list[SubmittedTask]:
    return list(read_rows(run, "tasks", SubmittedTask))


def tasks_of(studio: httpx.Client, project_id: int | None) -> list[dict[str, Any]]:
    found = studio.get("/api/tasks/", params={"project": project_id, "fields": "all", "page_size": 1000}).json()
    return list(found["tasks"])


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def test_every_medium_lies_there_with_what_the_machine_said(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    samples = [make_sample(name) for name in ("a.png", "b.mp4", "c.pdf")]
    run, manifest = make_run(samples, [propose(sample) for sample in samples])

    done = submit(run, manifest, write=quiet)

    assert (done.tasks, done.new, done.rejected, done.unasked) == (3, 3, 0, 0)
    rows = {row.layout: row for row in ledger_of(run)}
    assert sorted(rows) == ["document", "image", "video"]
    for sample in samples:
        row = rows[sample.modality]
        project = studio.get(f"/api/projects/{row.project_id}/").json()
        task = studio.get(f"/api/tasks/{row.task_id}/").json()
        (shown,) = task["predictions"]
        assert (
            row.task_key
            == task["data"]["sample_key"]
            == task_key(sample.sample_id, tool="label_studio", purpose="review", pass_number=1)
        )
        assert (row.sample_id, row.candidate_id) == (sample.sample_id, f"candidate-1-{sample.sample_id}")
        assert (row.asset_id, row.byte_size) == (sample.primary.asset_id, sample.primary.byte_size)
        assert (row.project, row.server) == (project["title"], str(studio.base_url).rstrip("/"))
        assert (row.prediction_id, row.model_version) == (shown["id"], "witnessmark")
        assert project["model_version"] == shown["model_version"] == "witnessmark"
        assert project["show_collab_predictions"] is True
        assert shown["score"] == 0.75
        assert len(project["title"]) <= 50
    picture = studio.get(studio.get(f"/api/tasks/{rows['image'].task_id}/").json()["data"]["image"])
    assert hashlib.sha256(picture.content).hexdigest() == samples[0].primary.asset_id
    pages = studio.get(f"/api/tasks/{rows['document'].task_id}/").json()["data"]["pages"]
    assert [studio.get(page).headers["content-type"] for page in pages] == ["image/png"] * 3


def test_a_mask_arrives_pixel_for_pixel(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    sample = make_sample("a.png")
    candidate = propose(sample)
    run, manifest = make_run([sample], [candidate])

    submit(run, manifest, write=quiet)

    (row,) = ledger_of(run)
    (shown,) = studio.get(f"/api/tasks/{row.task_id}/").json()["predictions"]
    (brush,) = [result for result in shown["result"] if result["type"] == "brushlabels"]
    painted = mask_from_rle(brush["value"]["rle"], 320, 240)
    assert candidate.regions[1].mask is not None
    assert np.array_equal(painted, mask_to_array(candidate.regions[1].mask))


def test_submitting_again_changes_nothing(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    samples = [make_sample(name) for name in ("a.png", "b.png", "c.pdf")]
    run, manifest = make_run(samples, [propose(sample) for sample in samples])
    submit(run, manifest, write=quiet)
    (part,) = part_uris(run, "tasks")
    before = Path(part).read_bytes()
    uploads = {row.project_id: len(_uploads(studio, row.project_id)) for row in ledger_of(run)}

    done = submit(run, manifest, write=quiet)

    assert (done.tasks, done.new) == (3, 0)
    assert Path(part).read_bytes() == before
    assert {number: len(_uploads(studio, number)) for number in uploads} == uploads
    assert sum(len(tasks_of(studio, number)) for number in uploads) == 3


def test_a_lost_ledger_is_made_again_from_the_server(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    sample = make_sample("a.png")
    run, manifest = make_run([sample], [propose(sample)])
    submit(run, manifest, write=quiet)
    before = ledger_of(run)
    for part in part_uris(run, "tasks"):
        Path(part).unlink()

    submit(run, manifest, write=quiet)

    assert ledger_of(run) == before


@pytest.mark.slow
def test_a_submission_that_is_killed_and_repeated_leaves_no_duplicate(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    first = make_sample("a.png")
    asset = first.primary
    samples = [
        first.evolve(
            sample_id=f"{number:064x}",
            item_id=f"{number}.png",
            assets=(asset.evolve(asset_id=hashlib.sha256(str(number).encode()).hexdigest()),),
        )
        for number in range(300)
    ]
    run, manifest = make_run(samples, [propose(sample) for sample in samples], *LINK)
    process = Command(["submit", "--run", run.uri])
    while process.poll() is None and not _total(studio, manifest.run_id):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait(300) == -signal.SIGKILL

    done = submit(run, manifest, write=quiet)

    rows = ledger_of(run)
    keys = Counter(task["data"]["sample_key"] for task in tasks_of(studio, rows[0].project_id))
    assert done.tasks == len(rows) == 300
    assert set(keys.values()) == {1}
    assert set(keys) == {row.task_key for row in rows}


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "not stored"])
def test_an_import_whose_answer_is_lost_is_not_sent_twice(
    studio: httpx.Client,
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    losing: Callable[..., AbstractContextManager[str]],
    is_stored: bool,
) -> None:
    monkeypatch.setattr(deliver, "SETTLE_S", (0.0, 0.05, 0.1))
    samples = [make_sample(f"{i}.png") for i in range(3)]
    run, manifest = make_run(samples, [propose(sample) for sample in samples], *LINK)

    with losing(str(studio.base_url), "/import", passes_on=is_stored, times=1) as url:
        monkeypatch.setenv("LABEL_STUDIO_URL", url)
        submit(run, manifest, write=quiet)

    (number,) = {row.project_id for row in ledger_of(run)}
    assert len(tasks_of(studio, number)) == 3
    assert sorted(row.item_id for row in ledger_of(run)) == ["0.png", "1.png", "2.png"]


def test_what_arrived_before_the_server_failed_stands_in_the_ledger(
    studio: httpx.Client,
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    losing: Callable[..., AbstractContextManager[str]],
) -> None:
    monkeypatch.setattr(deliver, "SETTLE_S", (0.0, 0.05, 0.1))
    monkeypatch.setattr(deliver, "BATCH_TASKS", 2)
    samples = [make_sample(f"{i}.png") for i in range(5)]
    run, manifest = make_run(samples, [propose(sample) for sample in samples], *LINK)

    with losing(str(studio.base_url), "/import", passes_on=False, times=100, after=1) as url:
        monkeypatch.setenv("LABEL_STUDIO_URL", url)
        with pytest.raises(ServiceError, match="do not arrive"):
            submit(run, manifest, write=quiet)
    assert len(ledger_of(run)) == 2

    monkeypatch.setenv("LABEL_STUDIO_URL", str(studio.base_url))
    done = submit(run, manifest, write=quiet)

    assert (done.tasks, done.new) == (5, 3)
    assert len(tasks_of(studio, ledger_of(run)[0].project_id)) == 5


def test_copies_that_nobody_touched_are_removed(
    studio: httpx.Client,
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliver, "SETTLE_S", (0.0, 0.05))
    sample = make_sample("a.png")
    run, manifest = make_run([sample], [propose(sample)], *LINK)
    submit(run, manifest, write=quiet)
    (row,) = ledger_of(run)
    data = studio.get(f"/api/tasks/{row.task_id}/").json()["data"]
    studio.post(f"/api/projects/{row.project_id}/import", json=[{"data": data}, {"data": data}])
    newest = max(task["id"] for task in tasks_of(studio, row.project_id))
    studio.post(f"/api/tasks/{newest}/annotations/", json={"result": []})
    said: list[str] = []

    submit(run, manifest, write=said.append)

    assert [task["id"] for task in tasks_of(studio, row.project_id)] == [newest]
    assert [line for line in said if "removed 2 copies" in line]
    assert ledger_of(run)[0].task_id == newest


@pytest.mark.parametrize("looks", [1, 2], ids=["while ours is sent", "after ours arrived"])
def test_an_import_of_a_killed_client_that_ends_late_leaves_no_copies(
    studio: httpx.Client,
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    late: Callable[..., AbstractContextManager[str]],
    looks: int,
) -> None:
    monkeypatch.setattr(deliver, "SETTLE_S", (0.0, 0.05))
    samples = [make_sample(f"{i}.png") for i in range(3)]
    candidates = [propose(sample) for sample in samples]
    run, manifest = make_run(samples[:1], candidates[:1], *LINK)
    submit(run, manifest, write=quiet)
    _, manifest = make_run(samples, candidates, *LINK)

    with late(str(studio.base_url), looks=looks) as url:
        monkeypatch.setenv("LABEL_STUDIO_URL", url)
        submit(run, manifest, write=quiet)

    (number,) = {row.project_id for row in ledger_of(run)}
    there = {task["id"]: task["data"]["sample_key"] for task in tasks_of(studio, number)}
    assert there == {row.task_id: row.task_key for row in ledger_of(run)}
    assert len(there) == 3


def test_a_new_candidate_replaces_one_that_nobody_worked_on(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    samples = [make_sample("a.png"), make_sample("b.png")]
    run, manifest = make_run(samples, [propose(sample) for sample in samples], *LINK)
    submit(run, manifest, write=quiet)
    rows = {row.item_id: row for row in ledger_of(run)}
    studio.post(f"/api/tasks/{rows['a.png'].task_id}/annotations/", json={"result": [], "was_cancelled": True})
    make_run(samples, [propose(sample, number=2, explanation="Another view.") for sample in samples], *LINK)

    submit(run, manifest, write=quiet)

    now = {row.item_id: row for row in ledger_of(run)}
    assert now["a.png"] == rows["a.png"]
    assert now["b.png"].candidate_id == f"candidate-2-{samples[1].sample_id}"
    task = studio.get(f"/api/tasks/{now['b.png'].task_id}/").json()
    assert [prediction["id"] for prediction in task["predictions"]] == [now["b.png"].prediction_id]
    assert "Another view." in json.dumps(task["predictions"])
    assert sorted(row.candidate_id for row in read_rows(run, "shown", Candidate)) == sorted(
        f"candidate-{number}-{sample.sample_id}" for number in (1, 2) for sample in samples
    )


def test_an_added_category_goes_into_the_same_project(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    sample = make_sample("a.png")
    run, manifest = make_run([sample], [propose(sample)], *LINK)
    submit(run, manifest, write=quiet)
    (before,) = ledger_of(run)
    _, manifest = make_run([sample], [propose(sample)], *LINK, change=_with_one_more)

    submit(run, manifest, write=quiet)

    (now,) = ledger_of(run)
    assert now == before.evolve(config_version=now.config_version)
    assert now.config_version != before.config_version
    assert 'value="halo"' in studio.get(f"/api/projects/{now.project_id}/").json()["label_config"]


def test_a_removed_category_leaves_the_project_with_its_work_alone(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    old, new = make_sample("a.png"), make_sample("b.png")
    run, manifest = make_run([old], [propose(old)], *LINK)
    submit(run, manifest, write=quiet)
    (before,) = ledger_of(run)
    config = studio.get(f"/api/projects/{before.project_id}/").json()["label_config"]
    _, manifest = make_run([old, new], [propose(old), propose(new)], *LINK, change=_without_noise)
    said: list[str] = []

    submit(run, manifest, write=said.append)

    rows = {row.item_id: row for row in ledger_of(run)}
    assert rows["a.png"] == before
    assert rows["b.png"].project_id != before.project_id
    assert studio.get(f"/api/projects/{before.project_id}/").json()["label_config"] == config
    assert [line for line in said if "a new project takes the tasks" in line]


def test_each_pass_has_a_project_of_its_own(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    sample = make_sample("a.png")
    run, manifest = make_run([sample], [propose(sample)], *LINK, "people.0.passes=2", "routing.reviewers=3")

    submit(run, manifest, write=quiet)

    rows = sorted(ledger_of(run), key=lambda row: row.pass_number)
    assert [row.pass_number for row in rows] == [1, 2]
    assert len({row.project_id for row in rows}) == len({row.task_key for row in rows}) == 2
    for row in rows:
        assert studio.get(f"/api/projects/{row.project_id}/").json()["maximum_annotations"] == 3


def test_a_renamed_project_is_found_again(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    sample = make_sample("a.png")
    run, manifest = make_run([sample], [propose(sample)], *LINK)
    submit(run, manifest, write=quiet)
    (before,) = ledger_of(run)
    studio.patch(f"/api/projects/{before.project_id}/", json={"title": "Our first project"})

    submit(run, manifest, write=quiet)

    assert ledger_of(run) == [before.evolve(project="Our first project")]


def test_a_deleted_project_is_made_anew_for_what_was_not_answered(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    from pipeline.collect import collect

    samples = [make_sample("a.png"), make_sample("b.png")]
    run, manifest = make_run(samples, [propose(sample) for sample in samples], *LINK)
    submit(run, manifest, write=quiet)
    before = {row.item_id: row for row in ledger_of(run)}
    studio.post(f"/api/tasks/{before['a.png'].task_id}/annotations/", json={"result": [], "was_cancelled": True})
    assert collect(run, manifest, write=quiet).verifications == 1
    studio.delete(f"/api/projects/{before['a.png'].project_id}/")
    with pytest.raises(ConfigError, match="is no longer on"):
        collect(run, manifest, write=quiet)

    submit(run, manifest, write=quiet)

    now = {row.item_id: row for row in ledger_of(run)}
    assert now["a.png"] == before["a.png"].evolve(is_lost=True)
    assert now["b.png"].project_id not in (None, before["b.png"].project_id)
    assert collect(run, manifest, write=quiet).verifications == 1


def test_a_file_that_changed_is_a_rejection_and_stops_nothing(
    studio: httpx.Client, make_sample: Callable[..., Sample], propose: Callable[..., Candidate], make_run: MakeRun
) -> None:
    samples = [make_sample("a.png"), make_sample("b.png")]
    run, manifest = make_run(samples, [propose(sample) for sample in samples])
    Path(samples[0].primary.uri).write_bytes(b"something else")

    done = submit(run, manifest, write=quiet)

    assert (done.tasks, done.rejected) == (1, 1)
    (rejection,) = read_rows(run, "rejections", Rejection)
    assert (rejection.stage, rejection.item_id, rejection.error) == ("submit", "a.png", "MediaError")
    assert rejection.message == "a.png has changed since it was measured"
    assert not rejection.is_final


def test_local_files_are_shown_without_a_copy(
    studio: httpx.Client,
    server: Login,
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: MakeRun,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    samples = [make_sample("a.png"), make_sample("c.pdf")]
    root = tmp_path_factory.getbasetemp()
    run, manifest = make_run(
        samples, [propose(s) for s in samples], "people.0.media=local_files", f"people.0.media_root={root}"
    )

    submit(run, manifest, write=quiet)

    rows = {row.layout: row for row in ledger_of(run)}
    image = studio.get(f"/api/tasks/{rows['image'].task_id}/").json()["data"]["image"]
    pages = studio.get(f"/api/tasks/{rows['document'].task_id}/").json()["data"]["pages"]
    assert image.startswith("/data/local-files/?d=")
    assert studio.get(image).content == Path(samples[0].primary.uri).read_bytes()
    assert [studio.get(page).status_code for page in pages] == [200, 200, 200]
    assert _uploads(studio, rows["image"].project_id) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LABEL_STUDIO_URL", "", "LABEL_STUDIO_URL is not set"),
        ("LABEL_STUDIO_API_KEY", "", "LABEL_STUDIO_API_KEY is not set"),
        ("LABEL_STUDIO_API_KEY", "ffffffffffffffffffffffffffffffffffffffff", "refuses the key"),
        ("LABEL_STUDIO_URL", "127.0.0.1:8080", "is no address"),
    ],
)
def test_a_wrong_environment_is_said_before_any_work(
    studio: httpx.Client,
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    message: str,
) -> None:
    sample = make_sample("a.png")
    run, manifest = make_run([sample], [propose(sample)])
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=message) as caught:
        submit(run, manifest, write=quiet)

    assert os.environ["LABEL_STUDIO_API_KEY"] == "" or os.environ["LABEL_STUDIO_API_KEY"] not in str(caught.value)
    assert part_uris(run, "tasks") == ()


def _uploads(studio: httpx.Client, project_id: int | None) -> list[Any]:
    return list(studio.get(f"/api/projects/{project_id}/file-uploads", params={"all": "true"}).json())


def _total(studio: httpx.Client, run_id: str) -> int:
    found = studio.get("/api/projects/", params={"page_size": 1000}).json()["results"]
    return sum(project["task_number"] for project in found if run_id in (project["description"] or ""))


def _with_one_more(recipe: Recipe) -> Recipe:
    halo = recipe.taxonomy.categories[0].evolve(name="halo", aliases=(), definition="A bright rim.")
    return recipe.evolve(taxonomy=recipe.taxonomy.evolve(categories=(*recipe.taxonomy.categories, halo)))


def _without_noise(recipe: Recipe) -> Recipe:
    kept = tuple(c for c in recipe.taxonomy.categories if c.name != "noise")
    machines = tuple(
        m.evolve(category_map={k: v for k, v in m.category_map.items() if v != "noise"}) for m in recipe.machines
    )
    return recipe.evolve(taxonomy=recipe.taxonomy.evolve(categories=kept), machines=machines)
