"""Short clips panned over a photo, and artifacts in time: a freeze and a flicker.

A clean clip never repeats a picture: the view moves all the time and every frame has fresh sensor
noise, so that a repeated frame can only be planted.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from schemas.candidate import Region
from schemas.errors import ConfigError
from schemas.geometry import Box, Keyframe, TimeSpan

from .photos import Pixels

__all__ = ["FPS", "HEIGHT", "NUM_FRAMES", "PLANTERS", "WIDTH", "Clip", "Stretch", "encode", "pan", "region_of"]

WIDTH, HEIGHT = 320, 240
FPS, NUM_FRAMES = 24, 48
SENSOR_NOISE = 2.0
"""Standard deviation of the fresh noise of every frame, in gray levels."""

ENCODER_OPTIONS = {"crf": "20", "preset": "veryfast", "x264-params": "asm=0"}

Frames = NDArray[np.uint8]
"""``(N, H, W, 3)``, RGB."""


@dataclass(frozen=True)
class Stretch:
    """What was planted in which frames: from ``first`` to before ``end``, 0-based."""

    category: str
    first: int
    end: int
    explanation: str


@dataclass(frozen=True)
class Clip:
    """Frames, and what was planted in them."""

    frames: Frames
    stretches: tuple[Stretch, ...] = ()


def pan(photo: Pixels, rng: np.random.Generator) -> Clip:
    """Two seconds of a view that wanders over the photo and never stands still."""
    import cv2

    scale = max(1.0, (WIDTH + 2 * NUM_FRAMES) / photo.shape[1], (HEIGHT + NUM_FRAMES) / photo.shape[0])
    ground = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else photo
    room_x, room_y = ground.shape[1] - WIDTH - 2 * NUM_FRAMES, ground.shape[0] - HEIGHT - NUM_FRAMES
    x, y = int(rng.integers(0, room_x + 1)), int(rng.integers(0, room_y + 1))
    views = [ground[y + i : y + i + HEIGHT, x + 2 * i : x + 2 * i + WIDTH] for i in range(NUM_FRAMES)]
    noisy = np.stack(views) + rng.normal(0, SENSOR_NOISE, (NUM_FRAMES, HEIGHT, WIDTH, 1))
    return Clip(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _freeze(clip: Clip, rng: np.random.Generator) -> Clip:
    first, end = _stretch(rng, 12, 18)
    frames = clip.frames.copy()
    frames[first:end] = frames[first]
    words = f"Frames {first} to {end - 1} all show frame {first}: {end - first} equal frames in a moving scene."
    return Clip(frames, (*clip.stretches, Stretch("frozen_frames", first, end, words)))


def _flicker(clip: Clip, rng: np.random.Generator) -> Clip:
    first, end = _stretch(rng, 12, 18)
    strength = round(rng.uniform(0.06, 0.1), 2)
    gains = 1 + strength * np.where(np.arange(end - first) % 2, -1, 1)
    frames = clip.frames.copy()
    frames[first:end] = np.clip(np.rint(frames[first:end] * gains[:, None, None, None]), 0, 255)
    words = (
        f"Brightness of frames {first} to {end - 1} jumps by +{strength:.0%} and -{strength:.0%} from frame to frame."
    )
    return Clip(frames, (*clip.stretches, Stretch("flicker", first, end, words)))


PLANTERS: dict[str, Callable[[Clip, np.random.Generator], Clip]] = {"frozen_frames": _freeze, "flicker": _flicker}
"""Every artifact that can be planted in a clip, by category."""


def encode(clip: Clip) -> bytes:
    """The clip as MP4, equal bytes for equal frames: one thread, and no clock or library version in the container.

    Without assembler (``asm=0``), because x264's AVX-512 code gives other bytes from call to call, even
    in one thread. Raises ConfigError where PyAV has no x264.
    """
    import av

    _check_encoder()
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=ENCODER_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count, stream.codec_context.time_base = 1, Fraction(1, FPS)
        for pixels in clip.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def region_of(stretch: Stretch, region_id: str) -> Region:
    """The truth: when it lasts, and the whole picture from its first to its last frame as a track."""
    frame = Box(x1=0, y1=0, x2=WIDTH, y2=HEIGHT)
    ends = (stretch.first, stretch.end - 1)
    return Region(
        region_id=region_id,
        span=TimeSpan(start_s=stretch.first / FPS, end_s=stretch.end / FPS),
        track=tuple(Keyframe(frame_index=i, pts_s=i / FPS, box=frame, is_visible=True) for i in ends),
        category=stretch.category,
        explanation=stretch.explanation,
        source="ground_truth",
    )


def _stretch(rng: np.random.Generator, shortest: int, longest: int) -> tuple[int, int]:
    """A seeded stretch that neither begins nor ends the clip: there is a before and an after."""
    length = int(rng.integers(shortest, longest + 1))
    first = int(rng.integers(6, NUM_FRAMES - length - 5))
    return first, first + length


def _check_encoder() -> None:
    import av

    if "libx264" not in av.codecs_available:
        raise ConfigError(
            "this build of PyAV cannot write H.264: it lacks libx264",
            remedy="install PyAV from its wheel, or set the planted source's 'clips' to 0",
        )
