"""Ivy-Fake's shape: twelve dimensions as findings, blind and told passes side by side, and think and conclusion."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.recipe import load_recipe

from .conftest import Command, Run, region, verified, write_lines, write_scenes

pytestmark = pytest.mark.slow

SPATIAL = (
    "impractical-luminosity", "localized-blur", "illegible-letters", "distorted-components", "omitted-components",
    "spatial-relationships", "chromatic-irregularity", "abnormal-texture",
)  # fmt: skip
TEMPORAL = (
    "luminance-discrepancy", "awkward-facial-expression", "duplicated-components", "non-spatial-relationships",
)  # fmt: skip
FRAMES = 40


def write_clip(path: Path, size: int = 64) -> None:
    """Eight seconds at five frames a second; a bright square wanders."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(FRAMES):
            pixels = np.full((size, size, 3), 60, np.uint8)
            pixels[20:36, number : number + 16] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two generated pictures, a real one and a generated clip, in folders that say so."""
    root = tmp_path_factory.mktemp("authenticity") / "in"
    write_scenes(root / "1_fake", ["a.png", "b.png"])
    write_scenes(root / "0_real", ["x.png", "y.png", "c.png"])
    for name in ("x.png", "y.png"):
        (root / "0_real" / name).unlink()
    write_clip(root / "1_fake" / "clip.mp4")
    return root


def said(verdict: str, *regions: dict[str, Any], names: tuple[str, ...] = SPATIAL, **values: str) -> dict[str, Any]:
    grades = {
        name: {"value": values.get(name.replace("-", "_"), "natural"), "reason": f"About {name}."} for name in names
    }
    words = "What can be seen, weighed dimension by dimension, leads to this conclusion about the whole of it."
    return {"verdict": verdict, "explanation": words, "grades": grades, "regions": list(regions)}


@pytest.fixture(scope="module")
def replayed(media: Path, witnessmark: Command) -> Run:
    """Blind, two fakes pass for real; told, one still does, and the passes differ on one dimension of the other."""
    disc, letters = region("distorted-components"), region("illegible-letters", [0, 0, 200, 200])
    square = {**region("duplicated-components", [100, 300, 500, 600]), "frame": 11}
    clip = said("generated", square, names=(*SPATIAL, *TEMPORAL), duplicated_components="unnatural")
    blind = {"a.png": said("real"), "b.png": said("real"), "c.png": said("real"), "clip.mp4": clip}
    first = {**blind, "a.png": said("generated", disc, letters, distorted_components="unnatural")}
    second = {**first, "a.png": said("generated", disc, distorted_components="unnatural", localized_blur="not_visible")}
    told = [{"file_name": name, "answer": answer} for voice in (first, second) for name, answer in voice.items()]
    paths = (
        write_lines(media.parent / "blind.jsonl", [{"file_name": n, "answer": a} for n, a in blind.items()]),
        write_lines(media.parent / "told.jsonl", told),
    )
    how = ["machines.0.conditioning=blind", "machines.1.conditioning=origin_given", "splits={train: 1}"]
    kinds = [f"machines.{n}.{key}" for n, path in enumerate(paths) for key in ("kind=replay", f"path={path}")]
    return witnessmark("authenticity-explain", media, media.parent / "replayed", *kinds, *how)


@pytest.fixture(scope="module")
def lines(replayed: Run) -> dict[str, dict[str, Any]]:
    """The export's lines by the original file name."""
    found = map(json.loads, (replayed.export("ivyfake") / "train.jsonl").read_text().splitlines())
    names = {r["sample_id"]: n for config in ("images", "videos") for n, r in replayed.records(config).items()}
    return {names[line["id"]]: line for line in found}


def test_the_export_has_the_published_fields(replayed: Run, lines: dict[str, dict[str, Any]]) -> None:
    assert sorted(lines) == ["a.png", "c.png", "clip.mp4"]
    for line in lines.values():
        assert set(line) == {"id", "file_type", "label", "file_path", "explanation"}
        assert (line["file_type"], line["label"]) in {("image", "real"), ("image", "fake"), ("video", "fake")}
        match = re.fullmatch(r"<think>(.+)</think><conclusion>(real|fake)</conclusion>", line["explanation"], re.DOTALL)
        assert match
        assert match[2] == line["label"]
        assert 45 <= len(match[1].split()) <= 600
        assert (replayed.export("ivyfake") / line["file_path"]).is_file()
    assert replayed.refused("ivyfake") == {"b.png": "its verdict is real, and its origin is known to be generated"}
    assert verified(replayed) == []


def test_what_is_exported_loads(replayed: Run) -> None:
    import datasets

    loaded = datasets.load_dataset("json", data_files=str(replayed.export("ivyfake") / "train.jsonl"), split="train")
    text = datasets.Value("string")
    assert loaded.features == dict.fromkeys(("id", "file_type", "label", "file_path", "explanation"), text)


def test_a_dimension_counts_where_all_told_passes_give_it_one_value(
    replayed: Run, lines: dict[str, dict[str, Any]]
) -> None:
    row = replayed.records("images")["a.png"]
    values = {a["name"]: a["value"] for a in row["attributes"]}
    assert values == {
        n: "unnatural" if n == "distorted-components" else "natural" for n in SPATIAL if n != "localized-blur"
    }
    assert {r["category"] for r in row["regions"]} == {"distorted-components", "illegible-letters"}
    thought = lines["a.png"]["explanation"].splitlines()
    assert "distorted-components: unnatural. About distorted-components. Its edge is cut." in thought
    order = [line.partition(":")[0] for line in thought[1:]]
    assert order == [name for name in SPATIAL if name in order]


def test_blind_and_told_stand_side_by_side(replayed: Run) -> None:
    lineage = {line["machine"]: line for line in replayed.records("images")["a.png"]["lineage"]}
    assert {name: line["verdict"] for name, line in lineage.items()} == {
        "blind": "real", "told": "generated", "covered": "generated",
    }  # fmt: skip
    conditioning = {name: line["conditioning"] for name, line in lineage.items()}
    assert conditioning == {"blind": "blind", "told": "label_given", "covered": "label_given"}


def test_a_clip_has_the_temporal_dimensions_and_regions_in_time(replayed: Run) -> None:
    row = replayed.records("videos")["clip.mp4"]
    assert {a["name"] for a in row["attributes"]} == {*SPATIAL, *TEMPORAL}
    assert [(r["category"], r["frame_index"], r["pts_s"]) for r in row["regions"]] == [
        ("duplicated-components", 10, 2.0)
    ]


def test_the_dimensions_are_the_taxonomys() -> None:
    recipe = load_recipe("authenticity-explain")
    assert tuple(a.name for a in recipe.task.attributes) == recipe.taxonomy.names() == (*SPATIAL, *TEMPORAL)
    assert tuple(a.name for a in recipe.task.graded("image")) == recipe.taxonomy.names("image") == SPATIAL


def test_a_live_server_is_asked_blind_and_told_and_sees_six_frames_at_most(
    media: Path, here: Command, tmp_path: Path
) -> None:
    from thinking import Asked, ThinkingServer

    def think(asked: Asked) -> dict[str, Any]:
        label = re.search(r'already has: "(\w+)"', asked.words)
        is_clip = "Frame 1" in asked.words
        names = (*SPATIAL, *TEMPORAL) if is_clip else SPATIAL
        return said(label[1] if label else "unclear", names=names)

    with ThinkingServer(think) as server:
        run = here("authenticity-explain", media, tmp_path / "run", OPENAI_BASE_URL=server.base_url)
    candidates = [c for c in run.rows("candidates") if c["kind"] == "vlm"]
    assert {(c["machine"], c["verdict"] == "unclear", c["conditioning"]) for c in candidates} == {
        ("blind", True, "blind"),
        *((f"told-{n}", False, "label_given") for n in (1, 2, 3)),
    }
    clips = [c["views"] for c in candidates if c["views"][0]["frame_index"] is not None]
    assert [len(views) for views in clips] == [6] * 4
    assert all(views[0]["pts_s"] < 1.4 and views[-1]["pts_s"] > 6.6 for views in clips)
    paths = [path for path in run.export("ivyfake").glob("*.jsonl") if path.stem != "refused"]
    found = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    assert sorted(line["label"] for line in found) == ["fake", "fake", "fake", "real"]
    assert run.refused("ivyfake") == {}
