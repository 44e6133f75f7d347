"""Entries that are asked about together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models.portions import portions


@pytest.mark.parametrize(
    ("tokens", "most", "sizes"),
    [
        ([], 100, []),
        ([50, 50], 100, [2]),
        ([50, 50, 1], 100, [2, 1]),
        ([500, 10, 500], 100, [1, 1, 1]),
        ([30] * 4, 100, [2, 2]),
        ([30] * 7, 100, [3, 2, 2]),
        ([10] * 13, 60, [5, 4, 4]),
        ([10, 10, 60, 60, 60], 100, [3, 1, 1]),
    ],
)
def test_an_answer_holds_as_many_as_it_has_room_for(tokens: list[int], most: int, sizes: list[int]) -> None:
    assert [len(run) for run in portions(tokens, most)] == sizes


@given(st.lists(st.integers(1, 300)), st.integers(1, 400))
def test_nothing_is_left_out_asked_twice_or_asked_in_more_questions_than_needed(tokens: list[int], most: int) -> None:
    runs = portions(tokens, most)
    assert [at for run in runs for at in run] == list(range(len(tokens)))
    assert all(sum(tokens[run.start : run.stop]) <= most or len(run) == 1 for run in runs)
    assert len(runs) == fewest(tokens, most)


@given(st.integers(1, 60), st.integers(1, 20))
def test_entries_of_one_size_make_runs_that_differ_by_one_at_most(count: int, room: int) -> None:
    sizes = [len(run) for run in portions([10] * count, 10 * room)]
    assert max(sizes) - min(sizes) <= 1


def fewest(tokens: list[int], most: int) -> int:
    """By trying every place to cut: the least number of runs for the first n entries, for each n."""
    least = [0]
    for end in range(1, len(tokens) + 1):
        starts = [start for start in range(end) if start == end - 1 or sum(tokens[start:end]) <= most]
        least.append(1 + min(least[start] for start in starts))
    return least[-1]
