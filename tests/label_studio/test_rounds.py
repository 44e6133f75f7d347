"""The recipes' own ways of asking people, on a real server: a relay with votes, and questions that a machine wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from pipeline.collect import collect
from pipeline.quality import read_quality
from pipeline.recipe import load_recipe
from pipeline.stages import finalize
from pipeline.storage import RunFolder
from pipeline.submit import submit
from pipeline.tables import read_rows
from schemas.base import content_id
from schemas.candidate import Answer, Candidate, Region
from schemas.geometry import Box, Polygon
from schemas.ledger import SubmittedTask
from schemas.sample import Sample
from schemas.verification import Verification

from .conftest import SETTINGS

pytestmark = pytest.mark.slow

LINK = ("people.0.media=link", "people.0.link=http://127.0.0.1/{name}")
RELAY = ("people.0.passes=3", "people.0.relay=true", "people.0.votes=true", "people.0.geometry=[polygon]")
Result = list[dict[str, Any]]


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def rounds_of(run: RunFolder) -> dict[int, SubmittedTask]:
    return {row.pass_number: row for row in read_rows(run, "tasks", SubmittedTask) if row.purpose == "review"}


def shown_in(client: httpx.Client, row: SubmittedTask) -> Result:
    (prediction,) = client.get(f"/api/tasks/{row.task_id}/").json()["predictions"]
    return list(prediction["result"])


def answer(client: httpx.Client, row: SubmittedTask, result: Result) -> None:
    done = client.post(f"/api/tasks/{row.task_id}/annotations/", json={"result": result, "lead_time": 30})
    assert done.status_code == 201, done.text


def with_votes(result: Result, **votes: str) -> Result:
    """The result with a vote on every outline, by the last word of its category, as the page writes it."""
    drawn = [entry for entry in result if entry["type"] == "polygonlabels"]
    cast = []
    for entry in drawn:
        (category,) = entry["value"]["polygonlabels"]
        place = {key: value for key, value in entry["value"].items() if key != "polygonlabels"}
        value = {**place, "choices": [votes[re.split("[-_]", category)[-1]]]}
        cast.append({**entry, "from_name": "vote", "type": "choices", "value": value})
    return [*result, *cast]


def drawn_by_hand(category: str) -> dict[str, Any]:
    value = {"points": [[50, 50], [75, 50], [75, 75]], "closed": True, "polygonlabels": [category]}
    size = {"original_width": 320, "original_height": 240, "image_rotation": 0}
    names = {"id": "ByHand1234", "from_name": "polygon", "to_name": "image", "type": "polygonlabels"}
    return {**names, **size, "value": value, "origin": "manual"}


def test_three_rounds_go_on_from_each_other_and_votes_become_scores(
    studio: httpx.Client,
    bob: httpx.Client,
    make_sample: Callable[[str], Sample],
    make_run: Callable[..., Any],
    propose: Callable[..., Candidate],
) -> None:
    sample = make_sample("a.png")
    triangle = Polygon(exterior=((40, 30), (120, 30), (120, 90)))
    proposed = (
        Region(
            region_id="edge",
            polygons=(triangle,),
            category="low-level-edge_shape",
            explanation="Cut.",
            source="machine",
        ),
        Region(region_id="hue", polygons=(triangle,), category="low-level-color", explanation="Red.", source="machine"),
    )
    recipe = load_recipe("artifact-polygons", (*SETTINGS, *RELAY, *LINK))
    one = propose(sample, *proposed, verdict="generated", candidate_id=content_id("one"))
    run, manifest = make_run([sample], [one], change=lambda _: recipe, inputs=(".",))

    assert submit(run, manifest, write=quiet).new == 1
    shown = shown_in(studio, rounds_of(run)[1])
    assert [entry["value"]["polygonlabels"] for entry in shown if entry["type"] == "polygonlabels"] == [
        ["low-level-edge_shape"],
        ["low-level-color"],
    ]
    answer(studio, rounds_of(run)[1], [*with_votes(shown, shape="yes", color="no"), drawn_by_hand("low-level-texture")])
    collect(run, manifest, write=quiet)

    assert submit(run, manifest, write=quiet).new == 1
    shown = shown_in(bob, rounds_of(run)[2])
    assert [entry["value"]["polygonlabels"][0] for entry in shown if entry["type"] == "polygonlabels"] == [
        "low-level-edge_shape",
        "low-level-color",
        "low-level-texture",
    ]
    assert not [entry for entry in shown if entry["from_name"] == "vote"], "nobody sees how others voted"
    hue = next(entry["id"] for entry in shown if entry["value"].get("polygonlabels") == ["low-level-color"])
    left = [entry for entry in shown if entry["id"] != hue]
    answer(bob, rounds_of(run)[2], with_votes(left, shape="perhaps", texture="yes"))
    collect(run, manifest, write=quiet)

    assert submit(run, manifest, write=quiet).new == 1
    third = rounds_of(run)[3]
    answer(studio, third, with_votes(shown_in(studio, third), shape="no", texture="yes"))
    assert collect(run, manifest, write=quiet).answered == 3
    manifest = finalize(run, manifest, arguments=(), write=quiet)

    (row,) = pq.read_table(f"{run.uri}/dataset/data").drop(["image"]).to_pylist()
    assert (row["review"], row["annotation_status"], len(row["reviewers"])) == ("reviewed", "annotated", 2)
    # Alice answered twice: her last votes count, beside Bob's.
    assert {r["category"]: r["score"] for r in row["regions"]} == {
        "low-level-edge_shape": 0.25,
        "low-level-texture": 1.0,
    }
    assert len(pq.read_table(f"{run.uri}/dataset/reviews/reviews.parquet")) == 3
    assert len({row.project_id for row in rounds_of(run).values()}) == 3
    assert submit(run, manifest, write=quiet).new == 0
    quality = read_quality(run)
    assert quality is not None
    assert [(e.machine, e.category, e.removed, e.added) for e in quality.overrides] == [
        ("forensic", "low-level-color", 1, 0),
        ("forensic", "low-level-edge_shape", 0, 0),
        ("forensic", "low-level-texture", 0, 1),
    ]
    assert {e.scope: (e.population, e.undecided, e.rate) for e in quality.errors}["machines"] == (1, 0, 1.0)


def test_a_written_question_is_shown_and_a_better_answer_is_published(
    studio: httpx.Client,
    bob: httpx.Client,
    make_sample: Callable[[str], Sample],
    make_run: Callable[..., Any],
    propose: Callable[..., Candidate],
) -> None:
    sample = make_sample("report.pdf")
    name, count = (
        Region(
            region_id=region, page_index=page, box=Box(x1=60, y1=60, x2=300, y2=90), category="text", source="machine"
        )
        for region, page in (("name", 0), ("count", 2))
    )
    answers = (
        Answer(question="Which page is it?", answer="Page 1", region_ids=("name",)),
        Answer(question="How many pages?", answer="3", region_ids=("count",)),
    )
    recipe = load_recipe("doc-evidence-qa", (*SETTINGS, *LINK))
    one = propose(
        sample, name, count, machine="verified", kind="support", verdict=None, verdict_score=None, explanation="",
        answers=answers, candidate_id=content_id("questions"),
    )  # fmt: skip
    run, manifest = make_run([sample], [one], change=lambda _: recipe, inputs=(".",))

    submit(run, manifest, write=quiet)
    task = rounds_of(run)[1]
    assert studio.get(f"/api/tasks/{task.task_id}/").json()["data"]["question"] == "Which page is it?"
    shown = shown_in(studio, task)
    assert [entry["value"]["text"] for entry in shown if entry["from_name"] == "answer"] == [["Page 1"]]
    first, third = (entry for entry in shown if entry["type"] == "rectanglelabels")
    assert [entry["id"] for entry in shown if entry["from_name"] == "evidence"] == [first["id"]]

    def answered(words: str, *evidence: dict[str, Any]) -> Result:
        said = {"id": "said", "from_name": "answer", "to_name": "pages", "type": "textarea", "value": {"text": [words]}}
        supports = [
            {**box, "from_name": "evidence", "type": "choices", "value": {**box["value"], "choices": ["supports"]}}
            for box in evidence
        ]
        return [first, third, said, *supports]

    for client in (studio, bob):
        answer(client, task, answered("Pages 1 and 3", first, third))
    collected = collect(run, manifest, write=quiet)
    assert collected.verdicts == {"fixed_and_accepted": 2}
    manifest = finalize(run, manifest, arguments=(), write=quiet)

    (row,) = pq.read_table(f"{run.uri}/dataset/data").drop(["document"]).to_pylist()
    assert [(a["question"], a["answer"], a["region_ids"]) for a in row["answers"]] == [
        ("Which page is it?", "Pages 1 and 3", ["name", "count"]),
        ("How many pages?", "3", ["count"]),
    ]
    assert {change.change for v in read_rows(run, "verifications", Verification) for change in v.changes} == {"kept"}
    quality = read_quality(run)
    assert quality is not None
    assert quality.disputes == ()


def test_a_question_that_a_machine_no_longer_asks_is_replaced_until_somebody_has_begun(
    studio: httpx.Client,
    make_sample: Callable[[str], Sample],
    make_run: Callable[..., Any],
    propose: Callable[..., Candidate],
) -> None:
    samples = [make_sample("a.pdf"), make_sample("b.pdf")]
    recipe = load_recipe("doc-evidence-qa", (*SETTINGS, *LINK))

    def asked(number: int) -> list[Candidate]:
        answers = (Answer(question=f"Question {number}?", answer=f"Answer {number}"),)
        values = {"machine": "verified", "kind": "support", "verdict": None, "verdict_score": None, "answers": answers}
        place = Region(
            region_id="r", page_index=0, box=Box(x1=60, y1=60, x2=300, y2=90), category="text", source="machine"
        )
        return [propose(sample, place, number=number, **values) for sample in samples]

    run, manifest = make_run(samples, asked(1), change=lambda _: recipe, inputs=(".",))
    submit(run, manifest, write=quiet)
    before = {row.item_id: row for row in read_rows(run, "tasks", SubmittedTask)}
    answer(studio, before["a.pdf"], [])
    make_run(samples, asked(2), change=lambda _: recipe, inputs=(".",))

    submit(run, manifest, write=quiet)

    now = {row.item_id: row for row in read_rows(run, "tasks", SubmittedTask)}
    tasks = {name: studio.get(f"/api/tasks/{row.task_id}/").json() for name, row in now.items()}
    assert {name: task["data"]["question"] for name, task in tasks.items()} == {
        "a.pdf": "Question 1?",
        "b.pdf": "Question 2?",
    }
    (prediction,) = tasks["b.pdf"]["predictions"]
    assert [e["value"]["text"] for e in prediction["result"] if e["from_name"] == "answer"] == [["Answer 2"]]
    assert now["a.pdf"] == before["a.pdf"]
    assert len(studio.get("/api/tasks/", params={"project": now["b.pdf"].project_id}).json()["tasks"]) == 2
