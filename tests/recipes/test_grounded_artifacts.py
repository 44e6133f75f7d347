"""SynthScars' shape: phrase, outline and reason per region, and a caption that its loader reads as it is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.metrics.grounded_artifacts import foreground_iou, mean_iou, pixel_f1, rouge_l, without_template
from schemas.geometry import mask_from_polygons, mask_to_array, polygon_from_coco_flat

from .conftest import SIZE, Command, Run, region, verified, write_lines, write_scenes

pytestmark = pytest.mark.slow

OPENING = "Upon examining the image. I have found: "
LISTING = "\nTo elaborate, I have found the following artifacts. "
GRADES = {
    "content_type": {"value": "object", "reason": "It shows a disc."},
    "quality": {"value": "acceptable", "reason": "It is sharp."},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grounded") / "in"
    write_scenes(folder, [f"{number}.png" for number in range(4)])
    return folder


@pytest.fixture(scope="module")
def replayed(pictures: Path, witnessmark: Command) -> Run:
    """Two pictures with flaws, one whose phrase stands in its own words, and one that is unfit."""
    disc = region("structure-deformed", phrase="the red disc", explanation="It has no shadow.")
    corner = region(
        "physics-optical", [0, 0, 250, 250], phrase="the upper left corner", explanation="It is too bright."
    )
    said = {"verdict": "generated", "explanation": "Two things are off.", "grades": GRADES}
    unfit = {"value": "realism", "reason": "It is a drawing."}
    answers = [
        {**said, "regions": [disc, corner]},
        {**said, "explanation": "See the red disc.", "regions": [disc]},
        {**said, "regions": [corner]},
        {**said, "regions": [disc], "grades": {**GRADES, "quality": unfit}},
    ]
    lines = [{"file_name": f"{n}.png", "answer": answer} for n, answer in enumerate(answers)]
    path = write_lines(pictures.parent / "answers.jsonl", lines)
    settings = ("machines.0.kind=replay", f"machines.0.path={path}", "dataset.require={quality: [acceptable]}")
    return witnessmark("grounded-artifacts", pictures, pictures.parent / "replayed", *settings, "splits={train: 1}")


@pytest.fixture(scope="module")
def entries(replayed: Run) -> dict[str, dict[str, Any]]:
    """The export's records by the original file name."""
    names = {row["asset_id"]: name for name, row in replayed.records("images").items()}
    found = json.loads((replayed.export("synthscars") / "annotations" / "train.json").read_text())
    return {names[Path(e["img_file_name"]).stem]: e for one in found for e in one.values()}


def test_the_export_has_the_published_keys_and_types(replayed: Run, entries: dict[str, dict[str, Any]]) -> None:
    assert sorted(entries) == ["0.png", "1.png", "2.png"]
    for entry in entries.values():
        assert list(entry) == sorted(entry) == ["caption", "img_file_name", "refs"]
        assert (replayed.export("synthscars") / "images" / "train" / entry["img_file_name"]).is_file()
        for ref in entry["refs"]:
            assert set(ref) == {"sentence", "explanation", "bbox", "segmentation"}
            assert ref["bbox"] is None
            assert all(isinstance(ref[key], str) and ref[key] for key in ("sentence", "explanation"))
            assert all(len(ring) >= 6 and len(ring) % 2 == 0 for ring in ref["segmentation"])
            assert all(isinstance(number, float) for ring in ref["segmentation"] for number in ring)
    assert (replayed.refused("synthscars"), verified(replayed)) == ({}, [])


def test_captions_are_derived_and_say_nothing_twice(entries: dict[str, dict[str, Any]]) -> None:
    assert entries["0.png"]["caption"] == (
        f"{OPENING}Two things are off.{LISTING}the red disc:It has no shadow.the upper left corner:It is too bright."
    )
    assert entries["1.png"]["caption"] == f"{OPENING}See the red disc.{LISTING}the red disc (1):It has no shadow."


def test_the_published_loader_finds_every_phrase_with_its_mask(entries: dict[str, dict[str, Any]]) -> None:
    """As LEGION's loader reads it: masks of the flat polygons by pycocotools, the phrase by its first place."""
    for entry in entries.values():
        ends = -1
        for ref in entry["refs"]:
            start = entry["caption"].find(ref["sentence"])
            assert start > ends
            ends = start + len(ref["sentence"])
            assert entry["caption"][ends:].startswith(f":{ref['explanation']}")
            assert mask_of(ref).any()


def test_the_published_metrics_on_known_pairs(entries: dict[str, dict[str, Any]]) -> None:
    truths = [np.any([mask_of(ref) for ref in entry["refs"]], axis=0) for entry in entries.values()]
    nothing = [np.zeros_like(truth) for truth in truths]
    same, none = list(zip(truths, truths, strict=True)), list(zip(truths, nothing, strict=True))
    assert (foreground_iou(same), pixel_f1(same)) == (1.0, 1.0)
    assert mean_iou(same) == pytest.approx(1)
    background = [1 - truth.mean() for truth in truths]
    assert mean_iou(none) == pytest.approx(np.mean(background) / 2)  # as published, silence scores almost a half
    assert (foreground_iou(none), pixel_f1(none)) == (0.0, 0.0)
    one, other = (entries[name]["caption"] for name in ("1.png", "2.png"))
    assert rouge_l(one, other) > 0.6
    assert rouge_l(without_template(one), without_template(other)) < 0.4


def test_types_content_and_the_gate_stand_in_the_dataset(replayed: Run) -> None:
    records = replayed.records("images")
    assert sorted(records) == ["0.png", "1.png", "2.png"]  # the fourth one failed the gate
    row = records["0.png"]
    assert [(r["category"], r["phrase"], r["source"]) for r in row["regions"]] == [
        ("structure-deformed", "the red disc", "derived"),
        ("physics-optical", "the upper left corner", "derived"),
    ]
    assert [(a["name"], a["value"]) for a in row["attributes"]] == [
        ("content_type", "object"),
        ("quality", "acceptable"),
    ]
    disc = mask_of(
        {"segmentation": [[n for point in p["exterior"] for n in point] for p in row["regions"][0]["polygons"]]}
    )
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
    truth = (columns - 80) ** 2 + (rows - 60) ** 2 < 35**2
    assert foreground_iou([(truth, disc)]) > 0.8


def test_a_live_server_gives_the_same_shape(pictures: Path, here: Command, tmp_path: Path) -> None:
    from benchmarks.model_server import ModelServer

    with ModelServer(min_regions=1) as server:
        run = here(
            "grounded-artifacts", pictures, tmp_path / "run", "task.max_box_share=1", OPENAI_BASE_URL=server.base_url
        )
    paths = (run.export("synthscars") / "annotations").glob("*.json")
    entries = [entry for path in paths for one in json.loads(path.read_text()) for entry in one.values()]
    assert len(entries) == 4
    assert all(ref["segmentation"] and ref["sentence"] in e["caption"] for e in entries for ref in e["refs"])
    images = {path.name: path.read_bytes() for path in (run.export("synthscars") / "images").rglob("*.png")}
    assert {Path(entry["img_file_name"]).name for entry in entries} == set(images)
    assert set(images.values()) == {path.read_bytes() for path in pictures.iterdir()}
    assert run.refused("synthscars") == {}


def mask_of(ref: dict[str, Any]) -> np.ndarray:
    """The mask of a ref as the published training loader makes it: flat polygons, by pycocotools."""
    polygons = [polygon_from_coco_flat(ring) for ring in ref["segmentation"]]
    return mask_to_array(mask_from_polygons(polygons, *SIZE))
