from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from schemas.geometry.runs import mask_runs


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30))
def test_runs_are_those_that_pycocotools_wrote(runs: list[int]) -> None:
    runs[1:] = [max(run, 1) for run in runs[1:]]
    compressed = coco.frPyObjects({"size": [1, sum(runs)], "counts": runs}, 1, sum(runs))["counts"]

    assert mask_runs(compressed.decode()).tolist() == runs


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("", "cut off"),
        ("Xl", "cut off"),
        ("X l4", "outside COCO's alphabet"),
        ("pppp", "outside COCO's alphabet"),
        ("é", "outside COCO's alphabet"),
        ("O", "negative run"),
        ("P" * 12 + "1", "beyond 60 bits"),
    ],
)
def test_damaged_counts_are_named(counts: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        mask_runs(counts)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40))
def test_no_counts_crash(counts: str) -> None:
    try:
        runs = mask_runs(counts)
    except ValueError:
        return
    assert runs.dtype == np.int64
    assert (runs >= 0).all()
