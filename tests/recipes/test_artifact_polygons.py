"""X-AIGD's shape from pictures alone, from recorded answers, from a server, and through three rounds of people."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pipeline.metrics.artifact_polygons import instances_of, published_mask, score_boxes, score_pixels
from schemas.geometry import Box, Polygon

from .conftest import SIZE, Command, Run, region, verified, write_lines, write_scenes

pytestmark = pytest.mark.slow

LABELS = (
    "low-level-edge_shape", "low-level-texture", "low-level-color", "low-level-symbol", "high-level-semantics",
    "cognitive-level-commonsense", "cognitive-level-physics",
)  # fmt: skip
"""The published label strings."""
MADE = {
    "generator": "SD_3-raw", "prompt": "a red disc", "negative_prompt": "blurry", "seed": 7, "steps": 28,
    "guidance_scale": 7.0, "scheduler": "FlowMatchEuler", "origin": "generated",
}  # fmt: skip


OUTLINES = (
    "machines.1.kind=segment",
    "machines.1.after=[replay]",
    "machines.1.outlines=true",
    "machines.1.holes=false",
    "machines.1.modalities=[image]",
    "dataset.annotation=last",
)
"""What the recipe's head names for outlines that follow the pixels."""


def published_features() -> Any:
    """The features of the dataset card, column by column."""
    from datasets import Features, Image, List, Value

    text, number, whole = Value("string"), Value("float64"), Value("int64")
    return Features(
        {
            "image": Image(),
            "generator": text,
            "uid": text,
            "labels": List({"label": text, "points": List(List(number))}),
            "original_prompt": text,
            "positive_prompt": text,
            "negative_prompt": text,
            "guidance_scale": number,
            "num_inference_steps": whole,
            "scheduler": text,
            "seed": whole,
            "width": whole,
            "height": whole,
            "image_format": text,
            "jpeg_quality": whole,
            "chroma_subsampling": text,
        }
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven generated pictures, with all that is known of their making."""
    folder = tmp_path_factory.mktemp("polygons") / "in"
    names = [f"{number}.png" for number in range(7)]
    write_scenes(folder, names)
    rows = [{"file_name": name, "pair_id": f"-pair_{n}", **MADE} for n, name in enumerate(names)]
    write_lines(folder / "manifest.jsonl", rows)
    return folder / "manifest.jsonl"


@pytest.fixture(scope="module")
def answers(pictures: Path) -> Path:
    """Recorded answers in place of a model: a picture for each category, the first with two places."""
    answers = [
        {
            "verdict": "generated",
            "explanation": "It was made.",
            "regions": [region(label), *([region("low-level-symbol", [0, 0, 200, 200])] if n == 0 else [])],
        }
        for n, label in enumerate(LABELS)
    ]
    lines = [{"file_name": f"{n}.png", "answer": answer} for n, answer in enumerate(answers)]
    return write_lines(pictures.parent.parent / "answers.jsonl", lines)


@pytest.fixture(scope="module")
def replayed(pictures: Path, answers: Path, witnessmark: Command) -> Run:
    """A finished run of the recorded answers."""
    return witnessmark(
        "artifact-polygons",
        pictures,
        pictures.parent.parent / "replayed",
        "machines.0.kind=replay",
        f"machines.0.path={answers}",
        "splits={train: 1, test: 1}",
        *OUTLINES,
    )


def test_it_runs_with_no_key_no_server_and_no_answers(pictures: Path, here: Command, tmp_path: Path) -> None:
    run = here("artifact-polygons", pictures, tmp_path / "run")
    assert {row["machine"] for row in run.rows("candidates")} == {"forensic"}
    assert len(run.records("images")) == 7
    assert (run.refused("xaigd"), verified(run)) == ({}, [])


def test_the_export_has_the_published_features_in_every_split(replayed: Run) -> None:
    import datasets

    loaded = datasets.load_dataset(str(replayed.export("xaigd")))
    assert {split for split in loaded if split.startswith("labeled_")} == {"labeled_train", "labeled_test"}
    assert {name: split.features for name, split in loaded.items()} == dict.fromkeys(loaded, published_features())
    rows = [row for split in loaded.values() for row in split]
    assert sorted(row["uid"] for row in rows) == [f"-pair_{n}" for n in range(7)]
    first = next(row for row in rows if row["uid"] == "-pair_0")
    assert first["image"].size == (first["width"], first["height"]) == SIZE
    assert [label["label"] for label in first["labels"]] == ["low-level-edge_shape", "low-level-symbol"]
    assert {key: first[key] for key in ("generator", "positive_prompt", "negative_prompt", "seed", "scheduler")} == {
        "generator": "SD_3-raw", "positive_prompt": "a red disc", "negative_prompt": "blurry", "seed": 7,
        "scheduler": "FlowMatchEuler",
    }  # fmt: skip
    assert (first["num_inference_steps"], first["guidance_scale"]) == (28, 7.0)


def test_boxes_became_outlines_that_flat_polygons_can_hold(replayed: Run) -> None:
    records = replayed.records("images")
    regions = [r for row in records.values() for r in row["regions"]]
    assert {r["category"] for r in regions} == set(LABELS)
    assert {r["source"] for r in regions} == {"derived"}
    assert all(r["polygons"] and not p["holes"] for r in regions for p in r["polygons"])
    assert (replayed.refused("xaigd"), verified(replayed)) == ({}, [])


def test_the_published_metrics_on_the_exports_own_labels(replayed: Run) -> None:
    """Boxes of the truth and one decoy of 16 x 16 per image and category: all found, as many false ones as decoys."""
    import datasets

    loaded = datasets.load_dataset(str(replayed.export("xaigd")))
    images: defaultdict[str, list[Any]] = defaultdict(list)
    for row in (row for split in loaded.values() for row in split):
        by_label: defaultdict[str, list[Polygon]] = defaultdict(list)
        for label in row["labels"] or ():
            by_label[label["label"]].append(Polygon(exterior=tuple(map(tuple, label["points"]))))
        for label, polygons in by_label.items():
            mask = published_mask(polygons, row["width"], row["height"])
            instances = instances_of(mask)
            images[label].append((instances, (*instances.boxes, Box(x1=140, y1=100, x2=156, y2=116))))
            assert score_pixels([(mask, mask)]) == (1.0, 1.0, 1.0, 1.0)
    assert set(images) == set(LABELS)
    for label, pairs in images.items():
        scores = score_boxes(pairs)
        assert (scores.recall, scores.fp, scores.missed) == (1.0, len(pairs), 0), label


def test_a_live_server_takes_the_drafts_place(pictures: Path, here: Command, tmp_path: Path) -> None:
    import datasets

    from benchmarks.model_server import ModelServer

    with ModelServer(min_regions=1) as server:
        settings = ("machines.0.kind=vlm", "machines.0.model=m", "task.max_box_share=1")
        run = here("artifact-polygons", pictures, tmp_path / "run", *settings, OPENAI_BASE_URL=server.base_url)
    loaded = datasets.load_dataset(str(run.export("xaigd")))
    assert {name: split.features for name, split in loaded.items()} == dict.fromkeys(loaded, published_features())
    assert sum(len(row["labels"]) for split in loaded.values() for row in split) >= 7
    assert {row["machine"] for row in run.rows("candidates")} == {"vlm"}


def test_three_rounds_of_people_go_on_from_each_other(
    here: Command, pictures: Path, answers: Path, tmp_path: Path
) -> None:
    """Each round's tasks exist only once the round before is answered, and show what it left."""
    people = "{kind: files, passes: 3, relay: true, votes: true, geometry: [polygon], results: [%s]}"
    results = [tmp_path / f"{n}.json" for n in (1, 2)]
    for path in results:
        path.write_text("[]")
    settings = (
        "machines.0.kind=replay",
        f"machines.0.path={answers}",
        f"people=[{people % ', '.join(map(str, results))}]",
        "routing.audit=1.0",
        *OUTLINES,
    )
    run = here("artifact-polygons", pictures, tmp_path / "run", *settings)
    first = tasks_of(run, 1)
    assert len(first) == 7
    assert tasks_of(run, 2) == []
    assert 'name="vote"' in next((run.root / "people" / "files").glob("*.config.xml")).read_text()
    results[0].write_text(json.dumps([answered(task, number, "no") for number, task in enumerate(first, 1)]))
    run = here("artifact-polygons", pictures, tmp_path / "run", *settings)
    second = tasks_of(run, 2)
    assert len(second) == 7
    left = {task["data"]["item"]: kinds(task["predictions"][0]["result"]) for task in second}
    assert left == {task["data"]["item"]: kinds(task["predictions"][0]["result"]) for task in first}
    results[1].write_text(json.dumps([answered(task, number, "yes") for number, task in enumerate(second, 101)]))
    run = here("artifact-polygons", pictures, tmp_path / "run", *settings)
    assert len(tasks_of(run, 3)) == 7
    row = run.records("images")["0.png"]
    assert (row["review"], len(row["verification_ids"]), len(row["reviewers"])) == ("reviewed", 2, 2)
    assert {r["score"] for r in row["regions"]} == {0.5}  # one vote of 0 and one of 1
    assert verified(run) == []


def tasks_of(run: Run, round_number: int) -> list[dict[str, Any]]:
    """The tasks that were written for a round."""
    files = sorted((run.root / "people" / "files").glob(f"image-pass-{round_number}*.json"))
    return [task for path in files for task in json.loads(path.read_text())]


def answered(task: dict[str, Any], number: int, vote: str) -> dict[str, Any]:
    """The task as Label Studio exports it: everything left as predicted, and a vote on every region."""
    (prediction,) = task["predictions"]
    result = [dict(entry) for entry in prediction["result"]]
    shown = {entry["id"]: entry for entry in result if entry["type"] == "polygonlabels"}
    for region_id, entry in shown.items():
        ours = {
            key: entry[key]
            for key in ("to_name", "original_width", "original_height", "image_rotation")
            if key in entry
        }
        outline = {key: value for key, value in entry["value"].items() if key != "polygonlabels"}
        value = {**outline, "choices": [vote]}
        result.append({**ours, "id": region_id, "from_name": "vote", "type": "choices", "value": value})
    annotation = {
        "id": number,
        "unique_id": f"u{number}",
        "result": result,
        "was_cancelled": False,
        "completed_by": {"id": number // 100 + 1, "email": f"{number // 100}@example.com"},
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": f"2026-01-01T00:00:{number % 60:02d}Z",
        "lead_time": 60.0,
    }
    return {"id": number, "data": task["data"], "meta": task["meta"], "annotations": [annotation], "predictions": []}


def kinds(result: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Outlines and their labels, in order."""
    return [
        (entry["value"]["polygonlabels"][0], entry["value"]["points"])
        for entry in result
        if entry["type"] == "polygonlabels"
    ]
