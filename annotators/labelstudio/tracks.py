"""Tracks and stretches of time in Label Studio's spelling, and in ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import VerdictError
from schemas.geometry import Box, Keyframe, Polygon, TimeSpan, box_from_polygons, track_box_at

from .geometry import Place, Space, cut_at_edge, misplaced, number_in, percent_from_box, turned

__all__ = ["place_from_ranges", "place_from_sequence", "sequence_from_track"]


def place_from_sequence(value: Mapping[str, Any], space: Space) -> Place:
    """A track: keyframes by 1-based number, ``enabled: false`` at the last frame of a visible stretch.

    Raises VerdictError.
    """
    sequence = value.get("sequence")
    if not isinstance(sequence, Sequence) or not sequence or isinstance(sequence, str):
        raise VerdictError("track without keyframes", remedy="have it drawn again")
    clock = space.frames
    by_frame: dict[int, Keyframe] = {}
    for entry in sequence:
        keyframe = _keyframe(entry, space)
        by_frame[keyframe.frame_index] = keyframe.evolve(is_visible=True)
        after = keyframe.frame_index + 1
        if not keyframe.is_visible and after < clock.num_frames:
            by_frame.setdefault(after, keyframe.evolve(frame_index=after, pts_s=clock.pts_s(after)))
    return Place(track=tuple(by_frame[index] for index in sorted(by_frame)))


def place_from_ranges(value: Mapping[str, Any], space: Space) -> Place:
    """A stretch of the timeline, 1-based numbers, both inclusive. Raises VerdictError; also for several ranges."""
    ranges = value.get("ranges")
    if not isinstance(ranges, Sequence) or len(ranges) != 1 or not isinstance(ranges[0], Mapping):
        raise VerdictError("timeline region without exactly one range", remedy="draw one region per stretch")
    try:
        start, end = space.frames.span_of_numbers(_whole(ranges[0], "start"), _whole(ranges[0], "end"))
        return Place(span=TimeSpan(start_s=start, end_s=end))
    except ValueError as error:
        raise misplaced("timeline region", error) from error


def sequence_from_track(track: Sequence[Keyframe], space: Space) -> dict[str, Any]:
    """A track as Label Studio's ``framesCount, duration, sequence``.

    Label Studio's ``enabled: false`` is the last frame that shows the object; our ``is_visible=False`` is the first
    one that does not. So what is visible until frame n is written as not enabled at n - 1.
    """
    clock = space.frames
    entries = {}
    for index, keyframe in enumerate(track):
        if not keyframe.is_visible and index and track[index - 1].is_visible:
            last = max(keyframe.frame_index - 1, track[index - 1].frame_index)
            box = track_box_at(track, last) or keyframe.box
            entries[clock.last_number_of(last)] = _entry(clock.last_number_of(last), box, False, space)
        elif keyframe.is_visible:
            entries[clock.number_of(keyframe.frame_index)] = _entry(
                clock.number_of(keyframe.frame_index), keyframe.box, True, space
            )
    sequence = [entries[number] for number in sorted(entries)]
    return {"framesCount": clock.num_numbers, "duration": clock.duration_s, "sequence": sequence}


def _entry(number: int, box: Box, is_enabled: bool, space: Space) -> dict[str, Any]:
    place = percent_from_box(box, space)
    return {"frame": number, "enabled": is_enabled, **place, "time": number / space.frames.framerate}


def _keyframe(entry: Any, space: Space) -> Keyframe:
    if not isinstance(entry, Mapping):
        raise VerdictError("keyframe that is no mapping", remedy="export the annotation again")
    box = _box_inside(entry, space)
    try:
        index = space.frames.frame_index(_whole(entry, "frame"))
    except ValueError as error:
        raise misplaced("keyframe", error) from error
    return Keyframe(
        frame_index=index, pts_s=space.frames.pts_s(index), box=box, is_visible=entry.get("enabled", True) is not False
    )


def _box_inside(entry: Mapping[str, Any], space: Space) -> Box:
    """The part of a keyframe's box inside the picture: what leaves the picture is drawn beyond its edge."""
    xywh = (number_in(entry, "x"), number_in(entry, "y"), number_in(entry, "width"), number_in(entry, "height"))
    try:
        return box_from_polygons(
            cut_at_edge(Polygon(exterior=turned(xywh, number_in(entry, "rotation", 0.0), space)), space)
        )
    except ValueError as error:
        raise misplaced("keyframe", error) from error


def _whole(value: Mapping[str, Any], name: str) -> int:
    number = number_in(value, name)
    if number != int(number):
        raise VerdictError(f"{name} is {number:g}, not a whole number", remedy="export the annotation again")
    return int(number)
