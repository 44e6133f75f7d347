"""What the graph tells its runner while machines ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from pipeline.crew import close_crews
from pipeline.graphs import beam_options, run_graph
from pipeline.propose import build_propose
from pipeline.recipe import load_recipe
from pipeline.stages import open_run, work_of
from pipeline.storage import RunFolder
from tests.servers.quirky import QuirkyServer, completion

RECIPE = """
name: paced
taxonomy: artifacts
sources: [{kind: folder}]
machines: [{kind: vlm, model: gpt-4o-mini, base_url: 'BASE', convention: thousandths_xyxy}]
splits: {train: 1}
"""
ANSWER = {"verdict": "real", "explanation": "Nothing repeats.", "regions": []}


def counters(root: Path, name: str, *settings: str) -> dict[str, int]:
    recipe, run = load_recipe(root / "paced.yaml", settings), RunFolder(str(root / name))
    manifest = open_run(run, recipe, (str(root / "in"),), accept_change=False)
    work = work_of(run, manifest, limit=None, answers_uri=None, budget=None)
    try:
        return run_graph(
            lambda graph: build_propose(graph, work), beam_options([]), stage="propose", write=lambda _: None
        )
    finally:
        close_crews()


@pytest.mark.slow
def test_the_runner_is_told_how_long_requests_waited_for_the_service(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(9):
        pixels: Any = np.random.default_rng(number).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        Picture.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    with QuirkyServer(lambda call: completion(ANSWER, model="m")) as server:
        (tmp_path / "paced.yaml").write_text(RECIPE.replace("BASE", server.base_url))
        free = counters(tmp_path, "free")
        limited = counters(tmp_path, "limited", "machines.0.requests_per_minute=180")

    assert len(server.calls) == 18
    assert "cumulativeThrottlingSeconds" not in free
    assert limited["cumulativeThrottlingSeconds"] in (1, 2)  # three at once, six more in two seconds
