import io

import av
import numpy as np
import pytest

from pipeline.planting.photos import Pixels
from pipeline.planting.videos import FPS, HEIGHT, NUM_FRAMES, PLANTERS, WIDTH, Clip, encode, pan, region_of
from schemas.geometry import Box, Keyframe, TimeSpan


@pytest.fixture(scope="module")
def clean(pixels: Pixels) -> Clip:
    return pan(pixels, np.random.default_rng(1))


def decoded(data: bytes) -> tuple[np.ndarray, list[float]]:
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(video=0))
    return np.stack([frame.to_ndarray(format="rgb24") for frame in frames]).astype(int), [f.time for f in frames]


def changes(frames: np.ndarray) -> np.ndarray:
    """Mean change from frame to frame in gray levels; entry i is from i to i + 1."""
    return np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3))


def test_a_clean_clip_moves_from_every_frame_to_the_next(clean: Clip) -> None:
    assert clean.frames.shape == (NUM_FRAMES, HEIGHT, WIDTH, 3)
    assert clean.stretches == ()
    assert changes(clean.frames).min() > 3


@pytest.mark.parametrize("shape", [(128, 128, 3), (700, 130, 3), (1000, 1000, 3)])
def test_photos_of_any_shape_give_a_clip(shape: tuple[int, int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert pan(photo, np.random.default_rng(0)).frames.shape == (NUM_FRAMES, HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("seed", range(5))
def test_frozen_frames_are_equal_and_the_others_untouched(seed: int, clean: Clip) -> None:
    clip = PLANTERS["frozen_frames"](clean, np.random.default_rng(seed))

    (stretch,) = clip.stretches
    first, end = stretch.first, stretch.end
    assert stretch.category == "frozen_frames"
    assert 6 <= first < end <= NUM_FRAMES - 6
    assert np.array_equal(clip.frames[:first], clean.frames[:first])
    assert np.array_equal(clip.frames[end:], clean.frames[end:])
    assert np.array_equal(np.flatnonzero(changes(clip.frames) == 0), np.arange(first, end - 1))


@pytest.mark.parametrize("seed", range(5))
def test_flicker_jumps_up_and_down_in_its_stretch_only(seed: int, clean: Clip) -> None:
    clip = PLANTERS["flicker"](clean, np.random.default_rng(seed))

    (stretch,) = clip.stretches
    inside = slice(stretch.first, stretch.end)
    light = clip.frames[inside].mean(axis=(1, 2, 3)) / clean.frames[inside].mean(axis=(1, 2, 3)) - 1
    assert np.array_equal(np.delete(clip.frames, np.r_[inside], 0), np.delete(clean.frames, np.r_[inside], 0))
    assert (light[::2] > 0.03).all()
    assert (light[1::2] < -0.03).all()


def test_the_file_has_every_frame_at_its_time_and_shows_the_artifact(clean: Clip) -> None:
    clip = PLANTERS["frozen_frames"](clean, np.random.default_rng(3))
    frames, times = decoded(encode(clip))

    (stretch,) = clip.stretches
    moved = changes(frames)
    still = np.zeros(NUM_FRAMES - 1, bool)
    still[stretch.first : stretch.end - 1] = True
    assert frames.shape == clip.frames.shape
    assert times == pytest.approx([i / FPS for i in range(NUM_FRAMES)])
    assert moved[still].max() < 0.5 * moved[~still].min()
    assert np.abs(frames - clip.frames).mean() < 6


def test_equal_clips_give_equal_bytes(pixels: Pixels, clean: Clip) -> None:
    again = pan(pixels, np.random.default_rng(1))

    assert np.array_equal(again.frames, clean.frames)
    assert len({encode(clip) for clip in (clean, again, clean, again)}) == 1


def test_the_truth_is_a_span_in_seconds_and_a_track_over_the_whole_picture(clean: Clip) -> None:
    (stretch,) = (clip := PLANTERS["flicker"](clean, np.random.default_rng(3))).stretches
    region = region_of(stretch, "truth-1")

    picture = Box(x1=0, y1=0, x2=WIDTH, y2=HEIGHT)
    ends = (stretch.first, stretch.end - 1)
    assert len(clip.stretches) == 1
    assert region.span == TimeSpan(start_s=stretch.first / FPS, end_s=stretch.end / FPS)
    assert region.track == tuple(Keyframe(frame_index=i, pts_s=i / FPS, box=picture, is_visible=True) for i in ends)
    assert (region.category, region.source, region.asset_id) == ("flicker", "ground_truth", "")
    assert f"frames {stretch.first} to {stretch.end - 1}" in region.explanation
