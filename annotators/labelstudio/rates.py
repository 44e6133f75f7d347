"""At which rate a project counts a clip's frames: each track states it, on its own or against the measured clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import VerdictError
from schemas.media.types import Video

from .frames import FrameClock
from .geometry import is_number
from .results import Entry

__all__ = ["check_duration", "stated_rate", "steady_clock"]

MOST_FRAMES = 1_000_000


def stated_rate(result: Sequence[Any], clip: Video | None) -> float | None:
    """Frames a second in which a project counts a clip's frames, as the first track says; None where none does.

    The project's config sets it, whatever the clip's own rate is, and a stretch of time never states it.
    """
    if clip is None:
        return None
    values = [each["value"] for each in result if isinstance(each, Mapping) and isinstance(each.get("value"), Mapping)]
    for value in values:
        count, duration = value.get("framesCount"), value.get("duration") or clip.duration_s
        if isinstance(count, int) and 0 < count <= MOST_FRAMES and is_number(duration) and duration > 0:
            return count / duration if 0.01 <= count / duration <= 10_000 else None
    return None


def check_duration(entry: Entry, clip: Video) -> None:
    """A browser's duration differs by a frame or the sound's tail; by more it is of another clip."""
    duration = entry.value.get("duration")
    if duration and is_number(duration) and abs(duration - clip.duration_s) > max(1, clip.duration_s / 50):
        raise VerdictError(
            f"drawn on a clip of {duration:g} s, this one has {clip.duration_s:g} s",
            remedy="give the clip that it was drawn on",
        )


def steady_clock(value: Mapping[str, Any]) -> FrameClock | None:
    """The clock that a track states: its number of frames, and a rate from its duration or from a keyframe's time."""
    count, duration = value.get("framesCount"), value.get("duration")
    if not isinstance(count, int) or not 0 < count <= MOST_FRAMES:
        return None
    if is_number(duration) and duration:
        return _at_rate(count, count / duration)
    sequence = value.get("sequence")
    for entry in sequence if isinstance(sequence, list) else ():
        frame, time = (entry.get("frame"), entry.get("time")) if isinstance(entry, Mapping) else (None, None)
        if is_number(frame) and is_number(time) and time:
            return _at_rate(count, frame / time)
    return None


def _at_rate(count: int, framerate: float) -> FrameClock | None:
    return FrameClock.steady(count, framerate) if 0.01 <= framerate <= 10_000 else None
