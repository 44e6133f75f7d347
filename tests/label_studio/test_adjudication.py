"""Two people differ, a judge decides, and everything that was said is published."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from pipeline.collect import collect
from pipeline.quality import read_quality
from pipeline.stages import finalize
from pipeline.storage import RunFolder
from pipeline.submit import submit
from pipeline.tables import read_rows
from schemas.candidate import Candidate
from schemas.ledger import SubmittedTask
from schemas.sample import Sample

LINK = ("people.0.media=link", "people.0.link=http://127.0.0.1/{asset_id}")


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def tasks_of(run: RunFolder) -> dict[tuple[str, str], SubmittedTask]:
    return {(row.item_id, row.purpose): row for row in read_rows(run, "tasks", SubmittedTask)}


def shown_in(client: httpx.Client, row: SubmittedTask) -> list[dict[str, Any]]:
    (prediction,) = client.get(f"/api/tasks/{row.task_id}/").json()["predictions"]
    return list(prediction["result"])


def answer(client: httpx.Client, row: SubmittedTask, result: list[dict[str, Any]]) -> None:
    done = client.post(f"/api/tasks/{row.task_id}/annotations/", json={"result": result, "lead_time": 9})
    assert done.status_code == 201, done.text


@pytest.mark.slow
def test_a_dispute_becomes_a_task_for_a_judge_whose_word_is_published_beside_the_reviews(
    studio: httpx.Client,
    bob: httpx.Client,
    make_sample: Callable[[str], Sample],
    propose: Callable[..., Candidate],
    make_run: Callable[..., Any],
) -> None:
    samples = [make_sample("a.png"), make_sample("b.png")]
    run, manifest = make_run(
        samples,
        [propose(s, candidate_id=hashlib.sha256(s.item_id.encode()).hexdigest()) for s in samples],
        *LINK,
        "routing.reviewers=2",
    )
    submit(run, manifest, write=quiet)
    for name in ("a.png", "b.png"):
        row = tasks_of(run)[name, "review"]
        shown = shown_in(studio, row)
        answer(studio, row, shown)
        kept = shown if name == "b.png" else [entry for entry in shown if entry["type"] == "choices"]
        answer(bob, row, kept)
    collect(run, manifest, write=quiet)
    assert submit(run, manifest, write=quiet).new == 1
    judged = tasks_of(run)["a.png", "adjudication"]
    assert "adjudication" in judged.project
    assert judged.project_id != tasks_of(run)["a.png", "review"].project_id

    manifest = finalize(run, manifest, arguments=(), write=quiet)
    assert [dispute.sample_id for dispute in read_quality(run).disputes] == [samples[0].sample_id]
    shown = shown_in(studio, judged)
    (mask,) = (entry["id"] for entry in shown if entry["type"] == "brushlabels")
    answer(studio, judged, [entry for entry in shown if entry["id"] != mask])
    collect(run, manifest, write=quiet)
    manifest = finalize(run, manifest, arguments=(), write=quiet)

    shards = Path(run.path("dataset", "data")).rglob("*.parquet")
    rows = {row["file_name"]: row for s in shards for row in pq.read_table(s).drop(["image"]).to_pylist()}
    assert {name: row["review"] for name, row in rows.items()} == {"a.png": "adjudicated", "b.png": "reviewed"}
    assert [region["category"] for region in rows["a.png"]["regions"]] == ["splice"]
    reviews = pq.read_table(run.path("dataset", "reviews", "reviews.parquet")).to_pylist()
    assert sorted((r["sample_id"], r["purpose"]) for r in reviews) == sorted(
        [(samples[0].sample_id, "adjudication"), *[(s.sample_id, "review") for s in samples for _ in range(2)]]
    )
    assert read_quality(run).disputes == ()
    assert submit(run, manifest, write=quiet).new == 0
