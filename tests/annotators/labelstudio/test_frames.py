from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.labelstudio.frames import FrameClock, framerate_of
from schemas.media.types import Video

from .conftest import CLIP

GAPS_MS = st.lists(st.integers(5, 400), min_size=1, max_size=30)


def clip(pts: list[int], num: int, den: int, *, is_variable: bool, last: int) -> Video:
    end = (pts[-1] - pts[0] + last) * num / den
    return CLIP.evolve(
        frame_pts=tuple(pts),
        num_frames=len(pts),
        time_base_num=num,
        time_base_den=den,
        duration_s=end,
        fps=len(pts) / end,
        is_variable_fps=is_variable,
    )


@given(GAPS_MS, st.integers(0, 5000))
def test_every_frame_of_a_variable_rate_has_a_number_of_its_own(gaps: list[int], start: int) -> None:
    video = clip(list(accumulate(gaps, initial=start)), 1, 1000, is_variable=True, last=gaps[-1])
    clock = FrameClock.of(video)
    numbers = [clock.number_of(index) for index in range(video.num_frames)]
    assert [clock.frame_index(number) for number in numbers] == list(range(video.num_frames))
    assert numbers == sorted(set(numbers))
    assert [clock.frame_index(clock.last_number_of(index)) for index in range(video.num_frames)] == list(
        range(video.num_frames)
    )


@pytest.mark.parametrize("start", [0, 7])
@pytest.mark.parametrize(("num", "den"), [(1001, 30000), (1001, 24000), (1, 25), (1001, 60000), (1, 240)])
def test_constant_rates_count_frame_by_frame(num: int, den: int, start: int) -> None:
    video = clip(list(range(start, start + 3000)), num, den, is_variable=False, last=1)
    clock = FrameClock.of(video)
    assert clock.framerate == pytest.approx(den / num)
    assert clock.num_numbers == 3000
    assert [clock.number_of(index) for index in (0, 1, 1798, 2999)] == [1, 2, 1799, 3000]
    assert [clock.frame_index(number) for number in range(1, 3001)] == list(range(3000))


def test_29_97_in_milliseconds_counts_frame_by_frame() -> None:
    """Matroska rounds times to a millisecond: 0, 33, 67, 100, ..."""
    pts = [round(index * 1001 / 30) for index in range(2000)]
    clock = FrameClock.of(clip(pts, 1, 1000, is_variable=False, last=33))
    assert [clock.number_of(index) for index in range(2000)] == list(range(1, 2001))
    assert [clock.frame_index(number) for number in range(1, 2001)] == list(range(2000))


def test_exact_times_come_from_the_table() -> None:
    clock = FrameClock.of(CLIP)
    assert [clock.pts_s(index) for index in range(8)] == [0, 0.04, 0.14, 0.18, 0.5, 0.54, 0.58, 1.1]
    assert framerate_of(CLIP) == pytest.approx(1 / 0.037)


def test_spans_cover_the_whole_of_long_frames() -> None:
    clock = FrameClock.of(CLIP)
    start, end = clock.numbers_of_span(0.18, 0.5)
    assert {clock.frame_index(number) for number in range(start, end + 1)} == {3}
    assert [clock.frame_index(number) for number in (start - 1, end + 1)] == [2, 4]
    assert clock.span_of_numbers(start, end) == (0.18, 0.5)
    assert clock.span_of_numbers(end, start) == (0.18, 0.5)
    assert clock.span_of_numbers(1, clock.num_numbers) == (0, 1.2)


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_numbers_outside_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"frame {number} of a clip with 33"):
        FrameClock.of(CLIP).frame_index(number)


def test_a_clip_of_one_frame() -> None:
    clock = FrameClock.of(clip([0], 1, 25, is_variable=False, last=1))
    assert (clock.framerate, clock.number_of(0), clock.frame_index(1)) == (25.0, 1, 0)


def test_a_steady_clock_counts_from_one() -> None:
    clock = FrameClock.steady(100, 24.0)
    assert [clock.frame_index(number) for number in (1, 2, 100)] == [0, 1, 99]
    assert clock.pts_s(24) == 1.0
