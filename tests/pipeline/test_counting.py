"""Counts add up also for samples that no machine looks at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main

RECIPE = """
name: papers
taxonomy:
  {name: t, version: "1", levels: [{name: l}], categories: [{name: c, level: l, definition: d, modalities: [document]}]}
sources: [{kind: folder}]
machines: [{kind: vlm, model: m, convention: unit_xyxy, base_url: 'http://127.0.0.1:9/v1'}]
splits: {train: 1}
"""


def test_a_sample_that_no_category_can_occur_in_is_kept_and_nobody_is_asked(
    tmp_path: Path, picture: Callable[[int], bytes]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(picture(1))
    (tmp_path / "r.yaml").write_text(RECIPE)

    with pytest.raises(SystemExit) as ended:
        main(["propose", str(tmp_path / "r.yaml"), "--input", str(tmp_path / "in"), "--run", str(tmp_path / "run")])

    counts = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]["propose"]
    assert ended.value.code in (0, None)
    assert (counts["found"], counts["kept"], counts["rejected"], counts["candidates"]) == (1, 1, 0, 0)
