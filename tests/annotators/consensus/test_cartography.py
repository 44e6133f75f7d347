from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.consensus import Cartography, cartography, probability_of, region_f1
from schemas.candidate import Candidate

from .conftest import boxed


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_map_is_mean_and_standard_deviation(values: list[float]) -> None:
    at = cartography(values)
    assert at == (pytest.approx(np.mean(values), abs=1e-12), pytest.approx(np.std(values), abs=1e-12))
    assert at.confidence <= 1
    assert at.variability <= 0.5 + 1e-12


def test_one_voice_does_not_vary_and_none_is_refused() -> None:
    assert cartography([0.7]) == Cartography(0.7, 0.0)
    with pytest.raises(ValueError, match="nobody"):
        cartography([])


def test_a_verdict_gives_what_it_does_not_claim_to_all_others(candidate: Callable[..., Candidate]) -> None:
    sure, unsure, silent = (
        candidate("a", verdict="real"),
        candidate("a", verdict="real", verdict_score=0.7),
        candidate("a"),
    )
    assert [probability_of(c, "real") for c in (sure, unsure, silent)] == [1.0, 0.7, None]
    assert [probability_of(c, "edited") for c in (sure, unsure)] == [0.0, pytest.approx(0.3)]


def test_f1_counts_matches_of_one_category() -> None:
    one, other = boxed((0, 0, 10, 10)), boxed((0, 0, 10, 10), "noise")
    assert region_f1([one], [one], min_iou=0.5) == 1.0
    assert region_f1([one], [other], min_iou=0.5) == 0.0
    assert region_f1([one, other], [one], min_iou=0.5) == pytest.approx(2 / 3)
    assert region_f1([], [], min_iou=0.5) == 1.0
    assert region_f1([], [one], min_iou=0.5) == 0.0
