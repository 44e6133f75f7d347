"""Run folders as the bench reads them, and what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.evaluation.bench import bench
from pipeline.evaluation.runs import bench_run, bench_runs, printed
from pipeline.recipe import Recipe, load_recipe
from pipeline.storage import RunFolder
from pipeline.tables import write_table
from schemas.candidate import Candidate, Region
from schemas.sample import Sample
from schemas.verification import Verification


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "r.yaml").write_text("name: r\ntaxonomy: artifacts\nsources: [{kind: folder}]\n")
    return load_recipe(tmp_path / "r.yaml")


@pytest.fixture
def folders(
    tmp_path: Path,
    make_sample: Callable[..., Sample],
    make_region: Callable[..., Region],
    make_candidate: Callable[..., Candidate],
) -> tuple[RunFolder, RunFolder]:
    """Two runs over four pictures, two of which are one pair; only a person knows the fourth."""
    truth = (make_region((0, 0, 10, 10), source="ground_truth"),)
    samples = [
        make_sample(f"{i}", pair_id="p" if i < 2 else None, ground_truth=truth, has_ground_truth=True) for i in range(3)
    ]
    samples.append(make_sample("3"))
    found = []
    for name, wide in (("one", 10), ("two", 5)):
        run = RunFolder(f"{tmp_path}/{name}/run")
        said = [make_candidate(s, regions=(make_region((0, 0, wide, 10)),)) for s in samples]
        write_table(run, "samples", [*samples, samples[0].evolve(item_id="copy.png")], Sample)
        write_table(run, "candidates", [*said, said[0]], Candidate)
        found.append(run)
    person = Verification(
        verification_id="v", sample_id=samples[3].sample_id, verdict="accepted", reviewer="p", regions=truth
    )
    write_table(found[0], "verifications", [person], Verification)
    return found[0], found[1]


def test_each_sample_and_candidate_counts_once_and_people_are_truth(
    folders: tuple[RunFolder, RunFolder], recipe: Recipe
) -> None:
    one, two = (bench_run(run, recipe) for run in folders)
    assert (len(one.samples), len(one.candidates), len(two.samples), len(two.candidates)) == (4, 4, 3, 3)
    by_name = {sample.item_id: one.groups[sample.sample_id] for sample in one.samples}
    assert (by_name["0.png"] == by_name["1.png"], len(set(by_name.values()))) == (True, 3)


def test_of_more_samples_than_wanted_those_with_the_smallest_ids_are_looked_at(
    folders: tuple[RunFolder, RunFolder], recipe: Recipe
) -> None:
    everything = bench_run(folders[0], recipe)
    some = bench_run(folders[0], recipe, most=3)
    chosen = sorted(sample.sample_id for sample in everything.samples)[:3]
    assert sorted(sample.sample_id for sample in some.samples) == chosen
    assert {candidate.sample_id for candidate in some.candidates} == set(chosen) == set(some.groups)
    assert (everything.drawn_from, some.drawn_from) == (0, 4)
    assert bench_run(folders[0], recipe, most=4) == everything


def test_an_origin_alone_counts_too_and_rows_of_one_sample_stay_together(
    tmp_path: Path, make_sample: Callable[..., Sample], recipe: Recipe
) -> None:
    run = RunFolder(f"{tmp_path}/run")
    known = make_sample("0", origin="real")
    write_table(run, "samples", [known, make_sample("1"), known.evolve(item_id="copy", origin="unknown")], Sample)

    (found,) = bench_run(run, recipe).samples
    assert (found.item_id, found.origin) == (known.item_id, "real")
    assert [f.message for f in found.findings] == ["the same content as 'copy' says otherwise about: origin"]


def test_runs_are_named_by_what_tells_them_apart(folders: tuple[RunFolder, RunFolder], recipe: Recipe) -> None:
    compared = bench(bench_runs([(run, recipe) for run in folders]))
    assert (compared.samples, compared.left_out) == (3, 1)
    assert {m.machine: m.figure("region_f1") and m.figures[0].value for m in compared.machines} == {
        "one/run:forensic": 1.0,
        "two/run:forensic": pytest.approx(0.1),
    }


def test_what_is_printed_holds_the_old_tables_and_the_bench(
    folders: tuple[RunFolder, RunFolder], recipe: Recipe
) -> None:
    alone = json.loads(printed([(folders[1], recipe)], as_json=True))
    assert (alone["samples"], alone["machines"][0]["overall"]["found"]) == (3, 3)
    assert alone["bench"]["machines"][0]["machine"] == "forensic"
    both = json.loads(printed([(run, recipe) for run in folders], as_json=True))
    assert [*both["runs"]] == [run.uri for run in folders]
    text = printed([(run, recipe) for run in folders], as_json=False)
    assert f"run {folders[0].uri}\n4 samples with known truth" in text
    assert "one/run:forensic - two/run:forensic: mean_iou +0.500" in text
