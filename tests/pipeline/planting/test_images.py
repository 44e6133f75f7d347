import re

import numpy as np
import pytest

from pipeline.planting.images import MIXED, PLANTERS, Scene, plant
from pipeline.planting.masks import overlaps
from pipeline.planting.photos import Photo, Pixels
from schemas.errors import MediaError


def planted(kinds: tuple[str, ...], pixels: Pixels, donor: Photo, seed: int = 1) -> Scene:
    return plant(kinds, pixels, donor, np.random.default_rng(seed))


def inside(scene: Scene) -> np.ndarray:
    return np.any([mark.bits for mark in scene.marks], axis=0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [*PLANTERS, "mixed"])
def test_only_pixels_of_the_marks_change(kind: str, seed: int, pixels: Pixels, checkers: Photo) -> None:
    before = pixels.copy()
    scene = planted(MIXED if kind == "mixed" else (kind,), pixels, checkers, seed)

    outside = ~inside(scene)
    assert np.array_equal(pixels, before)
    assert scene.pixels.dtype == np.uint8
    assert np.array_equal(scene.pixels[outside], pixels[outside])
    assert 0.02 < inside(scene).mean() < 0.6


@pytest.mark.parametrize("kind", PLANTERS)
def test_nearly_every_pixel_of_an_edited_area_changes(kind: str, pixels: Pixels, checkers: Photo) -> None:
    scene = planted((kind,), pixels, checkers)

    edited = scene.marks[0].bits
    changed = (scene.pixels != pixels).any(axis=2)
    assert changed[edited].mean() > 0.9
    assert [mark.category for mark in scene.marks] == [kind] * len(scene.marks)


@pytest.mark.parametrize("kind", [*PLANTERS, "mixed"])
def test_equal_seeds_give_equal_scenes_and_others_do_not(kind: str, pixels: Pixels, checkers: Photo) -> None:
    kinds = MIXED if kind == "mixed" else (kind,)
    one, again, other = (planted(kinds, pixels, checkers, seed) for seed in (7, 7, 8))

    assert np.array_equal(one.pixels, again.pixels)
    assert [mark.polygon for mark in one.marks] == [mark.polygon for mark in again.marks]
    assert [mark.explanation for mark in one.marks] == [mark.explanation for mark in again.marks]
    assert not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("seed", range(6))
def test_a_copy_holds_the_pixels_of_its_original(seed: int, pixels: Pixels, checkers: Photo) -> None:
    copy, original = (scene := planted(("copy_move",), pixels, checkers, seed)).marks

    dx, dy = np.subtract(copy.polygon.exterior[0], original.polygon.exterior[0]).astype(int)
    ys, xs = np.nonzero(copy.bits)
    assert np.array_equal(scene.pixels[ys, xs], pixels[ys - dy, xs - dx])
    assert np.array_equal(scene.pixels[original.bits], pixels[original.bits])
    assert not overlaps(copy.bits, (original.bits,))


def test_a_copy_says_how_far_its_original_is(pixels: Pixels, checkers: Photo) -> None:
    copy, original = planted(("copy_move",), pixels, checkers, 3).marks

    dx, dy = np.subtract(copy.polygon.exterior[0], original.polygon.exterior[0]).astype(int)
    found = re.fullmatch(
        r"Copy of the area (\d+) px to the (left|right) and (\d+) px (above|below)\.", copy.explanation
    )
    assert found is not None
    assert int(found[1]) * (1 if found[2] == "left" else -1) == dx
    assert int(found[3]) * (1 if found[4] == "above" else -1) == dy


def test_blur_lowers_and_noise_raises_the_fine_contrast(pixels: Pixels, checkers: Photo) -> None:
    def fine(picture: Pixels, bits: np.ndarray) -> float:
        gray = picture.mean(axis=2)
        return float(np.abs(np.diff(gray, axis=1, append=gray[:, -1:]))[bits].mean())

    for kind, is_lower in (("blur", True), ("smoothing", True), ("noise", False)):
        scene = planted((kind,), pixels, checkers)
        bits = scene.marks[0].bits
        assert (fine(scene.pixels, bits) < 0.8 * fine(pixels, bits)) is is_lower


def test_a_color_shift_multiplies_by_what_it_says(pixels: Pixels, checkers: Photo) -> None:
    (mark,) = (scene := planted(("color_shift",), pixels, checkers)).marks

    gains = [float(number) for number in re.findall(r"x (\d\.\d\d)", mark.explanation)]
    expected = np.clip(np.rint(pixels[mark.bits] * gains), 0, 255)
    assert sorted(gains) == [0.72, 1.0, 1.28]
    assert np.array_equal(scene.pixels[mark.bits], expected)


def test_several_artifacts_do_not_touch(pixels: Pixels, checkers: Photo) -> None:
    marks = planted(MIXED, pixels, checkers).marks

    assert [mark.category for mark in marks] == ["smoothing", "noise", "copy_move", "copy_move"]
    for i, mark in enumerate(marks):
        assert not overlaps(mark.bits, tuple(other.bits for other in marks[:i]))


def test_no_room_is_an_error_of_this_picture(pixels: Pixels, checkers: Photo) -> None:
    with pytest.raises(MediaError, match="no room for"):
        planted(("glyphs",) * 5, pixels, checkers)
