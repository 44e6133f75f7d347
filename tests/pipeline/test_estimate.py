"""What a run will cost, before it is paid: counted by rule, or measured by a probe that the run then finds paid."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.estimate import Estimate, estimate, estimate_in, lines
from pipeline.machine_estimate import MachineEstimate
from pipeline.ranges import Range, total_of
from pipeline.recipe import load_recipe
from pipeline.stages import open_run, work_of
from pipeline.storage import RunFolder

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ lies beside the packages, never installed
from benchmarks.model_server import ModelServer
from tests.servers.quirky import QuirkyServer, completion

RECIPE = """
name: costly
taxonomy: artifacts
sources: [{kind: folder}]
machines:
  - {kind: vlm, name: eye, model: gpt-4o, base_url: 'http://127.0.0.1:9/v1'}
  - {kind: judge, after: [eye], model: gpt-4o, base_url: 'http://127.0.0.1:9/v1'}
  - {kind: judge, name: once, swaps: false, after: [eye], model: gpt-4o, base_url: 'http://127.0.0.1:9/v1'}
  - {kind: refine, after: [eye], max_rounds: 2, model: gpt-4o, base_url: 'http://127.0.0.1:9/v1'}
  - {kind: relocate, after: [eye], model: nobody-knows-it, convention: unit_xyxy, base_url: 'http://127.0.0.1:9/v1'}
  - {kind: forensic}
splits: {train: 1}
"""
COUNT = 3


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[int], bytes]) -> Path:
    (tmp_path / "in").mkdir()
    for seed in range(COUNT):
        (tmp_path / "in" / f"{seed}.png").write_bytes(picture(seed))
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path


@pytest.fixture
def found(folder: Path) -> dict[str, MachineEstimate]:
    estimated = estimate_in(None, load_recipe(str(folder / "r.yaml")), [str(folder / "in")])
    assert (estimated.items, estimated.measured, estimated.modalities) == (COUNT, COUNT, {"image": COUNT})
    return {machine.machine: machine for machine in estimated.machines}


def ends(found: Range | None) -> Any:
    return found and pytest.approx((found.low, found.likely, found.high))


def test_calls_are_those_that_a_machine_makes(found: dict[str, MachineEstimate]) -> None:
    """One in twenty answers is asked for again as a rule, three in ten at worst."""
    assert {name: machine.samples for name, machine in found.items()} == dict.fromkeys(found, COUNT)
    assert set(found) == {"eye", "judge", "once", "refine", "relocate"}
    assert ends(found["eye"].calls) == (3, 3 * 1.05, 3 * 1.3)
    assert ends(found["judge"].calls) == (6, 6 * 1.05, 6 * 1.3)
    assert ends(found["once"].calls) == ends(found["eye"].calls).expected
    assert ends(found["refine"].calls) == (3, 3 * 3 * 1.05, 3 * 5 * 1.3)
    assert ends(found["relocate"].calls) == (0, 6 * 1.05, 6 * 1.3)


def test_tokens_are_counted_by_the_familys_rule_and_all_that_was_measured_is_certain(
    found: dict[str, MachineEstimate],
) -> None:
    eye, relocate = found["eye"], found["relocate"]
    pictures = COUNT * (85 + 170)  # one tile each
    assert eye.rule == "OpenAI tiles, 85 + 170 each"
    assert pictures < eye.input_tokens.low / 0.85 < pictures + COUNT * 2000
    assert eye.input_tokens.likely == pytest.approx(eye.input_tokens.low / 0.85 * 1.05)
    assert eye.input_tokens.high == pytest.approx(eye.input_tokens.low / 0.85 * 1.3 * 1.15)
    assert relocate.input_tokens.high == pytest.approx(relocate.input_tokens.likely / 1.05 * 1.3 * 1.45)
    assert (eye.usd is None, relocate.usd) == (False, None)
    assert found["judge"].input_tokens.likely == pytest.approx(2 * (found["eye"].input_tokens.likely + 3 * 400 * 1.05))


def test_what_was_not_measured_widens_the_interval(folder: Path, picture: Callable[..., bytes]) -> None:
    for seed in range(COUNT, 8):
        (folder / "in" / f"{seed}.png").write_bytes(picture(seed, 600 if seed % 2 else 48))
    recipe, inputs, nowhere = load_recipe(str(folder / "r.yaml")), [str(folder / "in")], RunFolder(str(folder / "run"))
    manifest = open_run(nowhere, recipe, inputs, accept_change=True)
    work = work_of(nowhere, manifest, limit=None, answers_uri=None, budget=None)

    (all_known, *_), (some_known, *_) = (estimate(work, measured=count).machines for count in (8, 5))

    assert (all_known.samples, some_known.samples) == (8, 8)
    assert all_known.input_tokens.low == pytest.approx(all_known.input_tokens.likely / 1.05 * 0.85)
    assert some_known.input_tokens.low < some_known.input_tokens.likely / 1.05 * 0.85
    assert some_known.input_tokens.low < all_known.input_tokens.likely < some_known.input_tokens.high


def test_a_probe_measures_and_the_run_finds_its_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(model_name="gpt-4o") as server:
        only_eye = RECIPE.partition("  - {kind: judge")[0].replace("http://127.0.0.1:9/v1", server.base_url)
        (folder / "r.yaml").write_text(only_eye)
        shared = (str(folder / "r.yaml"), "--input", str(folder / "in"), "--run", str(folder / "run"))
        told = []
        for _ in range(2):
            with pytest.raises(SystemExit) as stopped:
                main(["estimate", *shared, "--probe", "2", "--json"])
            assert stopped.value.code in (0, None)
            told.append(Estimate.model_validate_json(capsys.readouterr().out))
        calls = server.stats()["calls"]
        with pytest.raises(SystemExit):
            main(["propose", *shared])
        all_calls = server.stats()["calls"]

    (eye,) = told[0].machines
    assert told[0] == told[1]
    assert (calls, all_calls) == (2, COUNT)
    assert (eye.rule, eye.samples, told[0].probed) == ("probe", COUNT, 2)
    assert ends(eye.input_tokens) == (3000, 3000, 3000)
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    assert manifest["spend"]["calls"] == COUNT
    assert 0 < told[0].probe_usd < manifest["spend"]["usd"]


def test_a_probe_of_a_server_that_counts_nothing_is_no_proof_that_it_is_free(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = completion({"verdict": "real", "explanation": "Nothing is amiss.", "regions": []}, usage={})
    with QuirkyServer(lambda call: answer) as server:
        only_eye = RECIPE.partition("  - {kind: judge")[0].replace("http://127.0.0.1:9/v1", server.base_url)
        (folder / "r.yaml").write_text(only_eye)
        shared = (str(folder / "r.yaml"), "--input", str(folder / "in"), "--run", str(folder / "run"))
        with pytest.raises(SystemExit) as stopped:
            main(["estimate", *shared, "--probe", "2", "--json"])

    assert stopped.value.code in (0, None)
    told = Estimate.model_validate_json(capsys.readouterr().out)
    (eye,) = told.machines
    assert told.probed == len(server.calls) == 2
    assert eye.rule.endswith(": the server counts no tokens")
    assert eye.usd is not None
    assert eye.usd.low > 0


def test_lines_say_cents_where_it_is_cents(found: dict[str, MachineEstimate]) -> None:
    nothing = Range(low=0, likely=0, high=0)
    estimated = Estimate(
        items=3, measured=3, unreadable=0, modalities={"image": 3}, people_hours=nothing, hours_per_thousand=nothing,
        machines=(found["eye"].evolve(usd=Range(low=0.0012, likely=0.0345, high=0.1)),),
    )  # fmt: skip

    text = list(lines(estimated))

    assert "  cost       $0.0345 ($0.0012 to $0.1000)" in text
    assert total_of([Range(low=1, likely=2, high=3), None]) is None
    assert ends(total_of([Range(low=1, likely=2, high=3)] * 2)) == (2, 4, 6)
