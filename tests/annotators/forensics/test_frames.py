"""Freezes and flicker of a wandering view; still scenes and cuts are neither."""

import numpy as np
import pytest

from annotators.forensics.frames import find_flicker, find_frozen, measure_course


@pytest.fixture(scope="module")
def clip(photos):
    photo, rng = photos.load("coffee.png"), np.random.default_rng(0)
    views = np.stack([photo[i : i + 240, 3 * i : 3 * i + 320] for i in range(48)]) + rng.normal(0, 2, (48, 240, 320, 1))
    return np.clip(np.rint(views), 0, 255).astype(np.uint8)


def test_a_freeze_is_found_to_the_frame(clip):
    frames = clip.copy()
    frames[15:30] = frames[15]
    (found,) = find_frozen(measure_course(frames), min_frames=6)
    assert (found.finding, found.frames) == ("frozen_frames", (15, 30))
    assert found.text.startswith("Frames 15 to 29 show one picture: mean change 0.00 gray levels per frame")


def test_a_freeze_at_the_end_is_found(clip):
    frames = clip.copy()
    frames[36:] = frames[36]
    assert [f.frames for f in find_frozen(measure_course(frames), min_frames=6)] == [(36, 48)]


def test_fewer_equal_frames_than_asked_are_no_freeze(clip):
    frames = clip.copy()
    frames[15:20] = frames[15]
    assert find_frozen(measure_course(frames), min_frames=6) == []
    assert [f.frames for f in find_frozen(measure_course(frames), min_frames=5)] == [(15, 20)]


def test_flicker_is_found_to_the_frame(clip):
    gains = np.ones(48)
    gains[12:26] += 0.07 * np.where(np.arange(14) % 2, -1, 1)
    frames = np.clip(clip * gains[:, None, None, None], 0, 255).astype(np.uint8)
    (found,) = find_flicker(measure_course(frames), min_jump=1.5)
    assert (found.finding, found.frames) == ("flicker", (12, 26))
    jump, count = found.measures
    assert jump.value > 3 * jump.threshold
    assert count.value == 14
    assert f"by {jump.value:.1f} gray levels" in found.text


def test_a_moving_clip_has_neither(clip):
    course = measure_course(clip)
    assert find_frozen(course, min_frames=6) == []
    assert find_flicker(course, min_jump=1.5) == []


def test_a_still_scene_is_not_frozen(clip):
    course = measure_course([clip[0]] * 30)
    assert find_frozen(course, min_frames=6) == []


def test_a_cut_is_no_flicker(clip):
    frames = np.concatenate([clip[:24], clip[24:] // 2])
    assert find_flicker(measure_course(frames), min_jump=1.5) == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_short_clips(clip, count):
    course = measure_course(clip[:count])
    assert len(course.change) == len(course.brightness) == count
    assert find_frozen(course, min_frames=3) == []
    assert find_flicker(course, min_jump=1.5) == []
