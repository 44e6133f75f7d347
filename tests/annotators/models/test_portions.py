"""Entries that are asked about together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models.portions import portions


@pytest.mark.parametrize(
    ("tokens", "most", "runs"),
    [
        ([], 100, []),
        ([50, 50], 100, [(0, 2)]),
        ([50, 50, 1], 100, [(0, 2), (2, 3)]),
        ([500, 10, 500], 100, [(0, 1), (1, 2), (2, 3)]),
        ([30] * 7, 100, [(0, 3), (3, 6), (6, 7)]),
    ],
)
def test_an_answer_holds_as_many_as_it_has_room_for(tokens: list[int], most: int, runs: list[tuple[int, int]]) -> None:
    assert [(run.start, run.stop) for run in portions(tokens, most)] == runs


@given(st.lists(st.integers(1, 300)), st.integers(1, 400))
def test_nothing_is_left_out_asked_twice_or_cut_too_soon(tokens: list[int], most: int) -> None:
    runs = portions(tokens, most)
    assert [at for run in runs for at in run] == list(range(len(tokens)))
    for run, following in pairwise(runs):
        room = sum(tokens[run.start : run.stop])
        assert room <= most or len(run) == 1
        assert room + tokens[following.start] > most
