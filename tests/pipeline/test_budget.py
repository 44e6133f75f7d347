"""A budget: what is in flight ends, nothing more is asked, the books say what was paid, and a larger one goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ lies beside the packages, never installed
from benchmarks.model_server import ModelServer
from tests.servers.quirky import QuirkyServer, completion

RECIPE = """
name: thrifty
taxonomy: artifacts
sources: [{kind: folder}]
machines:
  - {kind: vlm, model: tested, base_url: 'URL', convention: thousandths_xyxy, concurrency: %d, max_tokens: 100,
     price_per_million: {input: 1000, output: 0}}
splits: {train: 1}
"""
COUNT, IN_FLIGHT = 12, 4


def test_a_budget_is_kept_told_and_gone_on_from(
    tmp_path: Path, picture: Callable[[int], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each answer costs a dollar: 1,000 tokens in."""
    (tmp_path / "in").mkdir()
    for seed in range(COUNT):
        (tmp_path / "in" / f"{seed}.png").write_bytes(picture(seed))

    def run(budget: str) -> tuple[int, str, dict[str, Any]]:
        arguments = ["--input", str(tmp_path / "in"), "--run", str(tmp_path / "run"), "--budget", budget]
        with pytest.raises(SystemExit) as ended:
            main(["propose", str(tmp_path / "r.yaml"), *arguments])
        spend = json.loads((tmp_path / "run" / "manifest.json").read_text())["spend"]
        return int(ended.value.code or 0), capsys.readouterr().err, spend

    with ModelServer() as server:
        (tmp_path / "r.yaml").write_text(RECIPE.replace("URL", server.base_url) % IN_FLIGHT)
        code, told, spend = run("5.5")
        paid = server.stats()["calls"]
        again_code, _, again = run("5.5")
        still_paid = server.stats()["calls"]
        last_code, _, whole = run("100")
        stats = server.stats()

    assert (code, again_code, last_code) == (3, 3, 0)
    assert "the budget of $5.5 is reached" in told
    assert "run again with a larger --budget" in told
    assert 0 < paid <= 5 + IN_FLIGHT
    assert (spend["calls"], spend["usd"], spend["input_tokens"]) == (paid, pytest.approx(paid), 1000 * paid)
    assert (again["calls"], still_paid) == (paid, paid)
    assert (stats["calls"], stats["repeated_successes"]) == (COUNT, 0)
    assert (whole["calls"], whole["usd"]) == (COUNT, pytest.approx(COUNT))


def test_what_a_server_does_not_count_is_not_forgotten_by_the_next_run(
    tmp_path: Path, picture: Callable[[int], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for seed in range(COUNT):
        (tmp_path / "in" / f"{seed}.png").write_bytes(picture(seed))
    answer = completion({"verdict": "real", "explanation": "Nothing is amiss.", "regions": []}, usage={})

    def run(budget: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["propose", recipe, "--input", f"{tmp_path}/in", "--run", f"{tmp_path}/run", "--budget", budget])
        return int(ended.value.code or 0)

    with QuirkyServer(lambda call: answer) as server:
        recipe = str(tmp_path / "r.yaml")
        (tmp_path / "r.yaml").write_text(RECIPE.replace("URL", server.base_url) % 1)
        first, paid = run("8"), len(server.calls)
        again, still_paid = run("8"), len(server.calls)

    assert (first, again) == (3, 3)
    assert 0 < paid < COUNT
    assert still_paid == paid
    assert "the budget of $8 is reached" in capsys.readouterr().err
