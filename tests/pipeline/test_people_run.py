"""People's answers in a run: routed, answered in part, published, and nothing else changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.quality import read_quality
from pipeline.recipe import Recipe
from pipeline.routing import routed, update_routes
from pipeline.stages import recipe_of
from pipeline.storage import RunFolder, sha256_of
from pipeline.tables import read_rows, write_table
from pipeline.verify import verify_run
from schemas.candidate import Region
from schemas.geometry import Box
from schemas.record import Record
from schemas.route import Route
from schemas.sample import Sample
from schemas.verification import Verification

from .conftest import png
from .runs import manifest_of, witnessmark

pytestmark = pytest.mark.slow

RECIPE = """
name: r
taxonomy:
  {name: tiny, version: "1", levels: [{name: pixel}], categories: [{name: blur, level: pixel, definition: soft}]}
sources: [{kind: folder}]
routing: {audit: 1.0}
splits: {train: 1}
dataset: {shard_bytes: 6000}
"""
NUM_PICTURES = 8


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of eight pictures in several shards, all of them routed, none answered."""
    root = tmp_path_factory.mktemp("people")
    (root / "in").mkdir()
    for seed in range(NUM_PICTURES):
        (root / "in" / f"{seed}.png").write_bytes(png(seed))
    (root / "r.yaml").write_text(RECIPE)
    assert witnessmark("propose", root / "r.yaml", "--input", root / "in", "--run", root / "run") == 0
    folder = RunFolder(str(root / "run"))
    update_routes(folder, recipe_in(folder))
    assert witnessmark("finalize", "--run", folder.uri) == 0
    return root / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunFolder:
    """A copy of the finished run."""
    return RunFolder(str(shutil.copytree(finished, tmp_path / "run")))


def recipe_in(run: RunFolder) -> Recipe:
    return recipe_of(manifest_of(run))


def records_of(run: RunFolder) -> dict[str, dict[str, object]]:
    return {row["file_name"]: row for row in pq.read_table(f"{run.uri}/dataset/data").drop(["image"]).to_pylist()}


def shards_of(run: RunFolder) -> dict[str, str]:
    return {p.name: sha256_of(str(p)).sha256 for p in sorted(Path(run.uri, "dataset", "data").rglob("*.parquet"))}


def answer(run: RunFolder, *answers: Verification) -> None:
    write_table(run, "verifications", answers, Verification)
    assert witnessmark("finalize", "--run", run.uri) == 0


def verification(sample: Sample, **fields: object) -> Verification:
    values: dict[str, object] = {"verification_id": f"v-{sample.item_id}", "verdict": "accepted", "reviewer": "ann"}
    return Verification(sample_id=sample.sample_id, **{**values, **fields})


def samples_of(run: RunFolder) -> list[Sample]:
    return sorted(read_rows(run, "samples", Sample), key=lambda sample: sample.item_id)


BLUR = Region(region_id="r1", box=Box(x1=1, y1=1, x2=9, y2=9), category="blur", explanation="soft", source="human")


def test_who_is_asked_and_has_not_answered_is_pending(run: RunFolder) -> None:
    assert {row["review"] for row in records_of(run).values()} == {"pending"}
    assert len(routed(run)) == NUM_PICTURES
    assert verify_run(run, manifest_of(run)) == []


def test_a_partial_collect_changes_only_the_shard_of_what_was_reviewed(run: RunFolder) -> None:
    before, samples = shards_of(run), samples_of(run)
    assert len(before) > 2
    answer(run, verification(samples[0], regions=(BLUR,), verdict="fixed_and_accepted"))
    rows, after = records_of(run), shards_of(run)
    changed = [name for name in before if before[name] != after[name]]
    assert len(changed) == 1
    assert {row["review"] for row in rows.values()} == {"pending", "reviewed"}
    fixed = rows["0.png"]
    assert (fixed["review"], fixed["annotation_status"]) == ("reviewed", "annotated")
    assert (fixed["verification_ids"], fixed["reviewers"]) == (["v-0.png"], ["ann"])
    assert [region["source"] for region in fixed["regions"]] == ["human"]
    assert verify_run(run, manifest_of(run)) == []


def test_later_answers_leave_earlier_rows_as_they_are(run: RunFolder) -> None:
    samples = samples_of(run)
    first = verification(samples[0])
    answer(run, first)
    before = records_of(run)
    answer(run, first, verification(samples[1]))
    after = records_of(run)
    assert [name for name in before if before[name] != after[name]] == ["1.png"]
    assert after["1.png"]["annotation_status"] == "annotated_clean"


def test_what_a_person_rejects_is_excluded_and_counted(run: RunFolder) -> None:
    answer(run, verification(samples_of(run)[3], verdict="rejected"))
    counts = manifest_of(run).stages["finalize"]
    assert (counts.found, counts.kept, counts.rejected, counts.excluded) == (8, 7, 0, 1)
    assert "3.png" not in records_of(run)
    assert verify_run(run, manifest_of(run)) == []


def test_raw_reviews_stand_beside_the_rows(run: RunFolder) -> None:
    samples = samples_of(run)
    accepted = verification(samples[0], lead_time_s=3.0, updated_at="2026-01-31T09:30:00Z", annotation="7")
    answer(run, accepted, verification(samples[1], verdict="rejected"))
    rows = pq.read_table(f"{run.uri}/dataset/reviews/reviews.parquet").to_pylist()
    assert {row["verification_id"]: row["verdict"] for row in rows} == {"v-0.png": "accepted", "v-1.png": "rejected"}
    assert not {"updated_at", "annotation", "task_key", "signed_by"} & set(rows[0])
    assert "dataset/reviews/reviews.parquet" in manifest_of(run).files
    card = Path(run.uri, "dataset", "README.md").read_text()
    assert "all 2 reviews behind them" in card
    answer(run)
    assert not Path(run.uri, "dataset", "reviews", "reviews.parquet").exists()


def test_the_reviews_load_as_a_config_of_the_dataset(run: RunFolder) -> None:
    import datasets

    answer(run, verification(samples_of(run)[0]))
    loaded = datasets.load_dataset(f"{run.uri}/dataset", "reviews", split="train")
    assert loaded["verdict"][:] == ["accepted"]
    assert len(datasets.load_dataset(f"{run.uri}/dataset", "images", split="train")) == NUM_PICTURES


def test_figures_reach_card_and_report(run: RunFolder) -> None:
    samples = samples_of(run)
    answers = [verification(sample) for sample in samples[:6]]
    answer(run, *answers, verification(samples[6], verdict="fixed_and_accepted", regions=(BLUR,)))
    quality = read_quality(run)
    assert quality is not None
    machines = quality.error("machines")
    assert machines is not None
    assert (machines.population, machines.rate) == (7, 1 / 7)
    assert "What people found" in Path(run.uri, "report.html").read_text()
    assert "quality.json" in manifest_of(run).files
    assert json.loads(Path(run.uri, "quality.json").read_text())["errors"][0]["scope"] == "unreviewed"


def test_what_nobody_has_decided_or_somebody_rejected_is_in_no_rate_of_the_published(run: RunFolder) -> None:
    samples = samples_of(run)
    answers = [verification(sample) for sample in samples[:5]]
    answer(run, *answers, verification(samples[5], verdict="rejected"), verification(samples[6], verdict="skipped"))
    quality = read_quality(run)
    assert quality is not None
    rows = {e.scope: (e.population, e.undecided, e.rate) for e in quality.errors}
    assert rows["published"] == (5, 2, 0)
    assert rows["machines"] == (6, 2, 1 / 6)
    assert len(records_of(run)) == 5 + 2
    said = "all published rows but 2 that people have not decided"
    assert said in Path(run.uri, "report.html").read_text()
    assert said in Path(run.uri, "dataset", "README.md").read_text()
    decided = [verification(sample) for sample in samples]
    answer(run, *decided)
    for page in ("report.html", "dataset/README.md"):
        text = Path(run.uri, page).read_text()
        assert "all published rows" in text
        assert "people have not decided" not in text


def test_a_recipe_that_asks_nobody_publishes_as_before(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE.replace("routing: {audit: 1.0}", "routing: {}"))
    assert witnessmark("run", tmp_path / "r.yaml", "--input", pictures, "--run", tmp_path / "run") == 0
    folder = RunFolder(str(tmp_path / "run"))
    update_routes(folder, recipe_in(folder))
    assert list(read_rows(folder, "routes", Route)) == []
    assert {row["review"] for row in records_of(folder).values()} == {"not_routed"}
    assert not Path(folder.uri, "quality.json").exists()


def test_a_record_holds_nothing_of_the_clock() -> None:
    assert not {"lead_time_s", "updated_at", "decided_at"} & set(Record.model_fields)
