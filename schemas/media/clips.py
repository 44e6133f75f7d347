"""Measures a video: its table of frames, sizes, rates, and up to eight frames decoded and hashed."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

import numpy as np

from ..errors import MediaError
from ..sample import Finding
from .c2pa import c2pa_store_of_stream
from .evidence import Words, provenance
from .facts import Facts, spread
from .hashes import HASH_SIDE, Pixels, altered, pdq
from .limits import Limits
from .types import Video
from .videos import (
    FULL_NAMES,
    FrameTable,
    decoded_at,
    frame_table,
    opened,
    picture_stream,
    rotation_deg,
    time_base,
)

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["measure_clip"]

MICROSECONDS = 1_000_000
CROPPED_EVERY = 4
"""Of so many frames with a hash one is hashed as cropped, too: two of eight, for one that is found suffices."""
SHORT_FRAMES = 300
"""Videos up to this long are hashed at evenly spread frames, longer ones at the keyframes nearest before those."""


def measure_clip(file: BinaryIO, size: int, limits: Limits) -> Facts:
    """Measures the video; raises MediaError where it has no picture, no time, or what was sampled cannot be decoded."""
    with opened(file, limits) as container:
        stream = picture_stream(container)
        _check_size(stream.codec_context.width, stream.codec_context.height, limits)
        table = frame_table(container, stream, limits)
        _check_length(table, stream, limits)
        looked = _look(container, stream, table)
        media = _video(container, stream, table, looked.rotation_deg)
        texts = {**container.metadata, **stream.metadata}
        findings = _findings(container, media, looked)
    store = c2pa_store_of_stream(file, size) if "mp4" in media.format else None
    said = provenance(Words(texts=texts, c2pa=store), max_text_bytes=limits.max_text_bytes)
    return Facts(media, looked.hashes, said, findings, looked.altered)


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        # FFmpeg reports no size for a picture beyond the pixels it was allowed, too
        raise MediaError(
            f"the video's picture has no size, or more pixels than limits.max_pixels = {limits.max_pixels}",
            remedy=_RAISE,
        )
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise MediaError(
            f"frames of {width} x {height} pixels, beyond limits.max_side = {limits.max_side} "
            f"or limits.max_pixels = {limits.max_pixels}",
            remedy=_RAISE,
        )


_RAISE = "raise the limit if such a file is expected, cut it, or leave it out"


def _check_length(table: FrameTable, stream: VideoStream, limits: Limits) -> None:
    duration_s = _duration_s(table, stream)
    if duration_s > limits.max_duration_s:
        raise MediaError(
            f"{duration_s:.0f} s long, more than limits.max_duration_s = {limits.max_duration_s:.0f}", remedy=_RAISE
        )


def _duration_s(table: FrameTable, stream: VideoStream) -> float:
    """From the first frame's start to the last one's end; a last frame of unstated length lasts an average gap."""
    shown = table.pts[-1] - table.pts[0]
    last = table.durations[-1] or (shown / (len(table.pts) - 1) if len(table.pts) > 1 else 0)
    return float((shown + last) * time_base(stream))


class _Looked(NamedTuple):
    """What the sampled frames showed."""

    hashes: tuple[str, ...]
    altered: tuple[str, ...]
    rotation_deg: Literal[0, 90, 180, 270]
    num_corrupt: int


def _look(container: InputContainer, stream: VideoStream, table: FrameTable) -> _Looked:
    hashes, copies, corrupt = list[str](), list[str](), 0
    turned: Literal[0, 90, 180, 270] = 0
    for _, frame in decoded_at(container, stream, table, _sampled(table)):
        corrupt, turned = corrupt + frame.is_corrupt, rotation_deg(frame)
        if found := pdq(square := _square(frame)):
            copies += altered(square, is_cropped=len(hashes) % CROPPED_EVERY == 0)
            hashes.append(found)
    return _Looked(tuple(dict.fromkeys(hashes)), tuple(dict.fromkeys(copies)), turned, corrupt)


def _square(frame: VideoFrame) -> Pixels:
    """The upright frame as RGB uint8 ``(HASH_SIDE, HASH_SIDE, 3)``, as stills are hashed."""
    small = frame.reformat(width=HASH_SIDE, height=HASH_SIDE, format="rgb24", interpolation="AREA").to_ndarray()
    return np.rot90(small, -rotation_deg(frame) // 90)


def _sampled(table: FrameTable) -> tuple[int, ...]:
    """Which frames are decoded; of a long video only keyframes, so that a long clip costs no more than a short one."""
    wanted = spread(len(table.pts))
    if len(table.pts) <= SHORT_FRAMES or not table.keyframes:
        return wanted
    return tuple(dict.fromkeys(table.keyframes[max(bisect_right(table.keyframes, index) - 1, 0)] for index in wanted))


def _video(
    container: InputContainer, stream: VideoStream, table: FrameTable, turned: Literal[0, 90, 180, 270]
) -> Video:
    width, height = stream.codec_context.width, stream.codec_context.height
    base, duration_s = time_base(stream), _duration_s(table, stream)
    fps = stream.average_rate or stream.guessed_rate or (len(table.pts) / duration_s if duration_s else 1.0)
    return Video(
        format=FULL_NAMES.get(container.format.name, container.format.name),
        codec=stream.codec_context.codec.canonical_name,
        width=height if turned % 180 else width,
        height=width if turned % 180 else height,
        stored_width=width,
        stored_height=height,
        rotation_deg=turned,
        duration_s=duration_s,
        fps=float(fps),
        is_variable_fps=_is_variable(table),
        num_frames=len(table.pts),
        time_base_num=base.numerator,
        time_base_den=base.denominator,
        frame_pts=table.pts,
        has_audio=bool(container.streams.audio),
    )


def _is_variable(table: FrameTable) -> bool:
    """Constant spacing, rounded to ticks, gives gaps that differ by one tick at most."""
    gaps = [after - before for before, after in pairwise(table.pts)]
    return bool(gaps) and max(gaps) - min(gaps) > 1


def _findings(container: InputContainer, media: Video, looked: _Looked) -> tuple[Finding, ...]:
    found = []
    stated_s = container.duration / MICROSECONDS if container.duration else media.duration_s
    if not media.has_audio and abs(stated_s - media.duration_s) > max(0.5, 0.05 * media.duration_s):
        message = f"the container states {stated_s:.2f} s, its frames cover {media.duration_s:.2f} s"
        found.append(Finding(code="duration_disagrees", message=message))
    if looked.num_corrupt:
        message = f"{looked.num_corrupt} of the sampled frames were decoded with errors"
        found.append(Finding(code="corrupt_frames", message=message))
    return tuple(found)
