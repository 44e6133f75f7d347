"""Videos through FFmpeg (PyAV): the table of frames, chosen frames as pixels, and the measurement of both.

The demuxer is chosen by the content and named, so FFmpeg never guesses one that opens other files
(playlists, concatenations). Call these where a crash costs nothing (``annotators.sandbox``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np

from ..errors import MediaError
from .hashes import Pixels
from .limits import DEFAULT_LIMITS, Limits
from .sniff import HEAD_BYTES, sniff

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = [
    "DAMAGED",
    "FULL_NAMES",
    "Frame",
    "FrameTable",
    "decoded_at",
    "frame_table",
    "opened",
    "picture_stream",
    "pixels_of",
    "read_frames",
    "rotation_deg",
    "time_base",
]

VP8_SHOWN = 0x10
INDEXED = ("mov", "matroska", "avi")
PREROLL_S = 2
"""Containers without an index are searched by bytes, and found too late now and then: start so much earlier."""
FULL_NAMES = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
"""FFmpeg's whole name of a demuxer that serves several containers; PyAV repeats the short one it was given."""
DAMAGED = "the file is damaged or cut off: fetch it again, re-encode it, or leave it out"


@dataclass(frozen=True)
class Frame:
    """One decoded frame."""

    index: int
    """0-based, in presentation order."""
    pts_s: float
    """Presentation time in seconds from the first frame."""
    pixels: Pixels
    """Upright RGB uint8 ``(H, W, 3)``."""


class FrameTable(NamedTuple):
    """When every frame is shown, in ticks of the stream's time base, ascending."""

    pts: tuple[int, ...]
    """Presentation times."""
    durations: tuple[int, ...]
    """Durations as the container states them; 0 where it does not."""
    keyframes: tuple[int, ...]
    """Indices of frames that decode without any other."""


@contextmanager
def opened(file: BinaryIO, limits: Limits) -> Iterator[InputContainer]:
    """The container; FFmpeg's errors on broken data, here and in the block, become MediaError."""
    import av

    found = sniff(file.read(HEAD_BYTES))
    file.seek(0)
    if found.modality != "video":
        raise MediaError(f"not a video: it looks like {found.description}", remedy="check the file")
    try:
        options = {"max_pixels": str(limits.max_pixels)}
        with av.open(file, "r", format=found.format, options=options, metadata_errors="replace") as container:
            yield container
    except av.error.FFmpegError as error:
        raise MediaError(f"the video cannot be read: {_said(error)}", remedy=DAMAGED) from error


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)[:200]


def picture_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is not cover art. Raises MediaError where there is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
            stream.codec_context.thread_count = 1  # the work is parallel over files; a thread costs memory per core
            return stream
    kinds = sorted({str(stream.type) for stream in container.streams}) or ["no"]
    raise MediaError(f"no video stream: the file holds {' and '.join(kinds)} streams only", remedy="leave it out")


def frame_table(container: InputContainer, stream: VideoStream, limits: Limits) -> FrameTable:
    """Every frame's time, read from the packets: nothing is decoded. The container is at its end afterwards."""
    rows: list[tuple[int, int, bool]] = []
    for packet in container.demux(stream):
        if not packet.size or packet.is_discard or _is_hidden(stream, packet):
            continue
        time = packet.dts if packet.pts is None else packet.pts  # AVI has only decoding times
        if time is None:
            raise MediaError(f"frame {len(rows) + 1} has no time", remedy="remux it, for example into Matroska")
        rows.append((time, packet.duration or 0, packet.is_keyframe))
        if len(rows) > limits.max_frames:
            raise MediaError(
                f"more than limits.max_frames = {limits.max_frames} frames", remedy="cut it, or raise the limit"
            )
    if not rows:
        raise MediaError("the video stream holds no frame", remedy=DAMAGED)
    rows.sort()
    keyframes = tuple(index for index, row in enumerate(rows) if row[2])
    return FrameTable(tuple(row[0] for row in rows), tuple(row[1] for row in rows), keyframes)


def _is_hidden(stream: VideoStream, packet: Any) -> bool:
    """VP8 puts frames that are never shown into packets of their own (RFC 6386, 9.1: show_frame)."""
    return stream.codec_context.name in ("vp8", "libvpx") and not bytes(packet)[0] & VP8_SHOWN


def read_frames(
    file: BinaryIO, indices: Sequence[int], *, max_side: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Frame]:
    """The frames at ``indices`` (presentation order), ascending and each once, their longer side at most ``max_side``.

    Only what lies between the keyframe before a wanted frame and the frame itself is decoded.
    Raises MediaError when a frame cannot be decoded, IndexError when the video has no such frame.
    """
    with opened(file, limits) as container:
        stream = picture_stream(container)
        table = frame_table(container, stream, limits)
        for index, frame in decoded_at(container, stream, table, indices):
            yield Frame(index, float((table.pts[index] - table.pts[0]) * time_base(stream)), pixels_of(frame, max_side))


def decoded_at(
    container: InputContainer, stream: VideoStream, table: FrameTable, indices: Sequence[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """``(index, frame)`` for every wanted index, ascending, found by exact time. Raises MediaError, IndexError."""
    wanted = sorted(set(indices))
    if wanted and not 0 <= wanted[0] <= wanted[-1] < len(table.pts):
        raise IndexError(f"frame {wanted[-1] if wanted[0] >= 0 else wanted[0]} of a video of {len(table.pts)} frames")
    frames: Iterator[VideoFrame] = iter(())
    reached = -1  # the frame that ``frames`` gave last; -1 before anything is decoded
    for index in wanted:
        keyframe = max((k for k in table.keyframes if k <= index), default=0)
        if reached < keyframe:
            frames = _decoded_from(container, stream, table.pts[keyframe])
        frame = _at(frames, table.pts[index])
        if frame is None:  # the seek landed too late all the same: from the start, then
            frames = _decoded_from(container, stream, table.pts[0])
            frame = _at(frames, table.pts[index])
        if frame is None:
            raise MediaError(f"frame {index} of {len(table.pts)} cannot be decoded", remedy=DAMAGED)
        reached = index
        yield index, frame


def _decoded_from(container: InputContainer, stream: VideoStream, pts: int) -> Iterator[VideoFrame]:
    """Frames from the keyframe at ``pts`` on, or from somewhat before it."""
    early = 0 if container.format.name in INDEXED else round(PREROLL_S / time_base(stream))
    container.seek(pts - early, stream=stream, backward=True)
    yield from container.decode(stream)


def _at(frames: Iterator[VideoFrame], pts: int) -> VideoFrame | None:
    """The next frame if it is shown at ``pts``; None once a later one, or the end, is met."""
    for frame in frames:
        time = frame.dts if frame.pts is None else frame.pts
        if time is not None and time >= pts:
            return frame if time == pts else None
    return None


def rotation_deg(frame: VideoFrame) -> Literal[0, 90, 180, 270]:
    """Clockwise rotation that makes the frame upright, from its display matrix (FFmpeg's angle is counterclockwise)."""
    turned: Literal[0, 90, 180, 270] = round(-frame.rotation / 90) % 4 * 90  # type: ignore[assignment]
    return turned


def pixels_of(frame: VideoFrame, max_side: int | None = None) -> Pixels:
    """Upright RGB uint8 ``(H, W, 3)``, scaled while it is converted."""
    scale = min(1.0, max_side / max(frame.width, frame.height)) if max_side else 1.0
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    pixels = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, -rotation_deg(frame) // 90))


def time_base(stream: VideoStream) -> Fraction:
    """Seconds per tick. Raises MediaError where the stream has none."""
    if not stream.time_base or stream.time_base <= 0:
        raise MediaError("the video stream has no time base", remedy=DAMAGED)
    return stream.time_base
