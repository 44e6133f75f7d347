"""Spans and tracks: what lies in time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .types import Box, Keyframe, TimeSpan

__all__ = ["span_iou", "track_box_at"]


def span_iou(one: TimeSpan, other: TimeSpan) -> float:
    """Length of the intersection over length of the union, 0 to 1."""
    shared = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    if shared <= 0:
        return 0.0
    return shared / (one.end_s - one.start_s + other.end_s - other.start_s - shared)


def track_box_at(track: Sequence[Keyframe], frame_index: int) -> Box | None:
    """Where the object is in a frame; None before its first keyframe and where it is not visible.

    Between two keyframes the box is interpolated linearly by frame index; after the last one it stays.
    """
    if not track or frame_index < track[0].frame_index:
        return None
    for before, after in pairwise(track):
        if before.frame_index <= frame_index < after.frame_index:
            share = (frame_index - before.frame_index) / (after.frame_index - before.frame_index)
            return _between(before.box, after.box, share) if before.is_visible else None
    return track[-1].box if track[-1].is_visible else None


def _between(one: Box, other: Box, share: float) -> Box:
    return Box(**{edge: value + (getattr(other, edge) - value) * share for edge, value in one})
