"""A run's gallery: what people saw against what they left, and shards that did not change left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.gallery.build import Made, build_gallery
from pipeline.recipe import Recipe
from pipeline.storage import Manifest, RunFolder
from pipeline.tables import write_table
from schemas.candidate import Candidate, Region
from schemas.record import Lineage, Record
from schemas.taxonomy import Taxonomy
from schemas.verification import Verification
from tests.pipeline.datasets import write_dataset

from .conftest import Sources
from .test_parts import arguments_of

Make = Callable[..., Record]
LINEAGE = (Lineage(candidate_id="a" * 64, machine="vlm", kind="vlm"),)


@pytest.fixture
def recipe(taxonomy: Taxonomy) -> Recipe:
    return Recipe(name="tiny", taxonomy=taxonomy, sources=[{"kind": "folder"}])


@pytest.fixture
def build(tmp_path: Path, sources: Sources, taxonomy: Taxonomy, recipe: Recipe) -> Callable[..., Made]:
    """Publishes the records in two shards and builds their gallery."""

    def build(records: list[Record], side: int = 0) -> Made:
        write_dataset(tmp_path / "run", records, sources, taxonomy, shards=2)
        run = RunFolder(str(tmp_path / "run"))
        return build_gallery(run, Manifest(run_id="x", recipe={}), recipe, side=side, write=lambda _: None)

    return build


def rows_of(place: Path) -> dict[str, dict[str, Any]]:
    """What the page is told of every row, by file name."""
    scripts = (place / "parts").glob("*/rows-*.js")
    return {row["name"]: row for script in scripts for row in arguments_of(script)[3]}


def test_machines_proposals_lie_beside_what_people_left(
    tmp_path: Path, record: Make, region: Callable[..., Region], build: Callable[..., Made]
) -> None:
    row = record(0)
    kept, removed = (region(name, box, asset_id=row.asset_id) for name, box in BOXES.items())
    added = region("added", (60, 40, 110, 70), asset_id=row.asset_id, source="human")
    run = RunFolder(str(tmp_path / "run"))
    proposed = {"candidate_id": "a" * 64, "sample_id": row.sample_id, "machine": "vlm", "kind": "vlm"}
    write_table(run, "candidates", [Candidate(**proposed, regions=(kept, removed))], Candidate)
    decided = {"candidate_id": "a" * 64, "verdict": "fixed_and_accepted", "reviewer": "r"}
    write_table(
        run, "verifications", [Verification(verification_id="v", sample_id=row.sample_id, **decided)], Verification
    )
    people = {"review": "reviewed", "reviewers": ("r",), "verification_ids": ("v",)}
    build([row.evolve(regions=(kept, added), annotation_status="annotated", lineage=LINEAGE, **people)])

    (view,) = rows_of(tmp_path / "run" / "gallery")["picture 0.png"]["views"]

    numbers = {layer: [number for _, _, number in paths] for layer, paths in view["layers"].items()}
    assert numbers == {"machine": [1, 0], "human": [1, 2]}


BOXES = {"kept": (12, 8, 60, 40), "removed": (0, 0, 12, 8)}


def test_only_the_part_of_a_changed_shard_is_made_again(
    tmp_path: Path, record: Make, build: Callable[..., Made]
) -> None:
    records = [record(i) for i in range(6)]
    place = tmp_path / "run" / "gallery"

    first = build(records)
    before = {path: path.stat().st_ino for path in place.glob("parts/*/rows-*.js")}
    again = build(records)
    changed = build([records[0].evolve(file_name="renamed.png"), *records[1:]])

    after = {path: path.stat().st_ino for path in place.glob("parts/*/rows-*.js")}
    assert (first.rows, first.parts, first.unchanged) == (6, 2, 0)
    assert (again.rows, again.parts, again.unchanged) == (6, 2, 2)
    assert (changed.rows, changed.parts, changed.unchanged) == (6, 2, 1)
    assert sum(before[path] != after[path] for path in before) == 1
    assert sorted(rows_of(place)) == ["picture 1.png", *(f"picture {i}.png" for i in range(2, 6)), "renamed.png"]


def test_other_pictures_are_another_gallery(record: Make, build: Callable[..., Made]) -> None:
    without = build([record(0)])
    with_views = build([record(0)], side=160)

    assert with_views.unchanged == 0
    assert len(list(Path(without.uri).parent.glob("parts/*/view-*.webp"))) == 1


def test_a_shard_that_is_no_more_leaves_nothing_behind(
    tmp_path: Path, record: Make, build: Callable[..., Made]
) -> None:
    build([record(0), record(1, split="test")])
    for shard in (tmp_path / "run" / "dataset" / "data" / "images").glob("test-*"):
        shard.unlink()
    build([record(0)])

    place = tmp_path / "run" / "gallery"
    assert list(rows_of(place)) == ["picture 0.png"]
    (said,) = arguments_of(place / "index.js")
    assert [rows for _, rows in said["parts"]] == [1]


def test_the_page_knows_the_taxonomys_colors(tmp_path: Path, record: Make, build: Callable[..., Made]) -> None:
    made = build([record(0)])

    (said,) = arguments_of(Path(made.uri).parent / "index.js")

    assert said["colors"] == {"blur": "#112233", "noise": "#445566"}
    assert said["title"] == "tiny"


def test_the_command_needs_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["gallery", "--run", str(tmp_path / "none")])

    assert caught.value.code == 2
    assert "holds no run" in capsys.readouterr().err


def test_the_command_says_what_it_did(
    tmp_path: Path,
    record: Make,
    build: Callable[..., Made],
    recipe: Recipe,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build([record(0), record(1)])
    run = RunFolder(str(tmp_path / "run"))
    run.write_manifest(Manifest(run_id="x", recipe=json.loads(recipe.model_dump_json())))

    with pytest.raises(SystemExit) as caught:
        main(["gallery", "--run", run.uri, "--side", "0"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"2 rows in 2 parts, 2 of them unchanged\n{run.uri}/gallery/index.html\n"
