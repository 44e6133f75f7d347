"""At which rate a project counts a clip's frames: each track states it, on its own or against the measured clip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import VerdictError
from schemas.media.types import Video

from .frames import FrameClock
from .geometry import is_number
from .results import Entry

__all__ = ["check_duration", "stated_rate", "steady_clock"]

MOST_FRAMES = 1_000_000
SLOWEST, FASTEST = 0.01, 10_000.0
"""Frames a second that a project may state."""


def stated_rate(result: Sequence[Any], clip: Video | None) -> float | None:
    """Frames a second in which a project counts a clip's frames, as the first track says; None where none does.

    The project's config sets it, whatever the clip's own rate is, and a stretch of time never states it.
    """
    if clip is None:
        return None
    values = [each["value"] for each in result if isinstance(each, Mapping) and isinstance(each.get("value"), Mapping)]
    for value in values:
        rate = _rate_of_times(value)
        count, duration = value.get("framesCount"), value.get("duration") or clip.duration_s
        if (
            rate is None
            and isinstance(count, int)
            and 0 < count <= MOST_FRAMES
            and is_number(duration)
            and duration > 0
        ):
            rate = _rate_of_count(count, duration, clip)
        if rate is not None and SLOWEST <= rate <= FASTEST:
            return rate
    return None


def _rate_of_times(value: Mapping[str, Any]) -> float | None:
    """A keyframe's time is its number divided by the rate, exactly."""
    sequence = value.get("sequence")
    for entry in sequence if isinstance(sequence, list) else ():
        frame, time = (entry.get("frame"), entry.get("time")) if isinstance(entry, Mapping) else (None, None)
        if is_number(frame) and is_number(time) and time:
            return float(frame / time)
    return None


def _rate_of_count(count: int, duration_s: float, clip: Video) -> float:
    """The count is rounded up: of the rates that give it, our own, a whole one, or else their quotient."""
    own = FrameClock.of(clip)
    if abs(own.num_numbers - count) <= 1:
        return own.framerate
    whole = round(count / duration_s) if count / duration_s <= FASTEST else 0
    return float(whole) if abs(math.ceil(duration_s * whole) - count) <= 1 else count / duration_s


def check_duration(entry: Entry, clip: Video) -> None:
    """A browser's duration differs by a frame or the sound's tail; by more it is of another clip."""
    duration = entry.value.get("duration")
    if duration and is_number(duration) and abs(duration - clip.duration_s) > max(1, clip.duration_s / 50):
        raise VerdictError(
            f"drawn on a clip of {duration:g} s, this one has {clip.duration_s:g} s",
            remedy="give the clip that it was drawn on",
        )


def steady_clock(value: Mapping[str, Any]) -> FrameClock | None:
    """The clock that a track states: its number of frames, and a rate from a keyframe's time or from its duration."""
    count, duration = value.get("framesCount"), value.get("duration")
    if not isinstance(count, int) or not 0 < count <= MOST_FRAMES:
        return None
    rate = _rate_of_times(value)
    if rate is None and is_number(duration) and duration:
        rate = count / duration
    return FrameClock.steady(count, rate) if rate is not None and SLOWEST <= rate <= FASTEST else None
