"""Frames of a player at one fixed rate, and frames with their own times.

Label Studio knows no frame table: it counts frames from 1 at the rate that the config states and shows
frame n by seeking to a time. Clips have variable rates, 30000/1001, and time bases that round. So the
clip's own table decides: a frame of ours has as its number the first one that shows it, a number of theirs
is the frame that is on the screen at that seek.

Seek of Label Studio 1.23 (``goToFrame``): ``round((n - 1) / rate / 0.002) * 0.002 + 0.002`` seconds, which
is 1 to 3 ms behind the frame's start. The ``time`` in a result is ``n / rate`` and means nothing else.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from schemas.media.types import Video

__all__ = ["FrameClock", "framerate_of"]

_STEP_S = 0.002
_MARGIN_S = 0.0005
"""A seek this much behind a frame's start shows that frame in every browser; one at the very start may not."""
_MOST_FPS = 240.0
"""Beyond it Label Studio's own steps of 2 ms no longer tell frames apart."""


def framerate_of(video: Video) -> float:
    """The rate to state in the config: the clip's own, or for variable rates one that reaches every frame.

    Seeks lie within 2 ms of a steady beat, so one that is 3 ms faster than the closest frames meets each of them with
    a margin; clips whose frames come closer than 240 a second share numbers there.
    """
    times = _times(video)
    gaps = [after - before for before, after in pairwise(times) if after > before]
    if not gaps:
        return min(video.fps, _MOST_FPS)
    if not video.is_variable_fps:
        return min(len(gaps) / (times[-1] - times[0]), _MOST_FPS)
    return 1 / max(min(gaps) - _STEP_S - 2 * _MARGIN_S, 1 / _MOST_FPS)


class FrameClock:
    """The numbers of one clip's frames in Label Studio, 1-based, and back to 0-based frames with exact times."""

    def __init__(self, times: Sequence[float], end_s: float, framerate: float) -> None:
        """``times`` are every frame's seconds from the first one, ascending; ``end_s`` is the end of the last."""
        self.framerate = framerate
        self._times = times
        self._end_s = max(end_s, times[-1])

    @classmethod
    def of(cls, video: Video, framerate: float | None = None) -> FrameClock:
        """The clock of a measured clip, at the rate that its config states; None: the one that ours does."""
        return cls(_times(video), video.duration_s, framerate or framerate_of(video))

    @classmethod
    def steady(cls, num_frames: int, framerate: float) -> FrameClock:
        """The clock of a clip of which only so much is known: frames at one fixed rate."""
        return cls([index / framerate for index in range(num_frames)], num_frames / framerate, framerate)

    @property
    def num_numbers(self) -> int:
        """How many frames Label Studio counts: ``framesCount``."""
        return max(math.ceil(self._end_s * self.framerate), 1)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame's start to the last one's end."""
        return self._end_s

    def number_of(self, frame_index: int) -> int:
        """The number under which Label Studio shows a frame; of frames that it cannot show, the nearest behind."""
        safe = self._first_at(self._times[frame_index] + _MARGIN_S)
        if safe <= self.num_numbers and self.frame_index(safe) == frame_index:
            return safe
        return min(self._first_at(self._times[frame_index]), self.num_numbers)

    def last_number_of(self, frame_index: int) -> int:
        """The last number under which Label Studio still shows a frame: a long frame has several."""
        following = frame_index + 1
        last = self._first_at(self._times[following]) - 1 if following < len(self._times) else self.num_numbers
        return max(min(last, self.num_numbers), self.number_of(frame_index))

    def frame_index(self, number: int) -> int:
        """The frame that is on the screen at a number. Raises ValueError for a number that the clip has not."""
        if not 1 <= number <= self.num_numbers + 1:
            raise ValueError(f"frame {number} of a clip with {self.num_numbers}")
        return max(bisect_right(self._times, self._seek_s(number)) - 1, 0)

    def pts_s(self, frame_index: int) -> float:
        """Exact presentation time of a frame in seconds from the first one."""
        return self._times[frame_index]

    @property
    def num_frames(self) -> int:
        """How many frames the clip has."""
        return len(self._times)

    def frames_of_span(self, start_s: float, end_s: float) -> tuple[int, int]:
        """First frame, and the one after the last, of those on the screen from ``start_s`` to ``end_s``."""
        first = max(bisect_right(self._times, start_s + 1e-9) - 1, 0)
        return first, max(bisect_left(self._times, end_s - 1e-9), first + 1)

    def numbers_of_span(self, start_s: float, end_s: float) -> tuple[int, int]:
        """First and last number, inclusive, of the frames that are on the screen from ``start_s`` to ``end_s``."""
        first, end = self.frames_of_span(start_s, end_s)
        return self.number_of(first), self.last_number_of(end - 1)

    def span_of_numbers(self, start: int, end: int) -> tuple[float, float]:
        """Start of the first frame and end of the last one, in seconds. Raises ValueError as frame_index."""
        first, last = sorted((self.frame_index(start), self.frame_index(end)))
        return self._times[first], self._times[last + 1] if last + 1 < len(self._times) else self._end_s

    def _first_at(self, time_s: float) -> int:
        """The first number whose seek is not before a time; seeks lie at most 3 ms behind the beat."""
        number = max(int((time_s - 2 * _STEP_S) * self.framerate), 1)
        while self._seek_s(number) < time_s:
            number += 1
        return number

    def _seek_s(self, number: int) -> float:
        # JavaScript's Math.round rounds halves up.
        return math.floor((number - 1) / self.framerate / _STEP_S + 0.5) * _STEP_S + _STEP_S


def _times(video: Video) -> list[float]:
    return [(pts - video.frame_pts[0]) * video.time_base_num / video.time_base_den for pts in video.frame_pts]
