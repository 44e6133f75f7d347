"""Artifacts in pictures: each one changes the pixels of its own mask and nothing else.

The strengths are those at which a person sees the change at a second look; the explanation
states them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.errors import MediaError
from schemas.geometry import Polygon

from .glyphs import draw_sign
from .masks import Bits, Shape, blob, overlaps, pixels_of, rectangle
from .photos import Photo, Pixels, jpeg

__all__ = ["MIXED", "PLANTERS", "Mark", "Scene", "plant"]

TRIES = 8
"""Places that are compared; the artifact goes where it says most."""
MAX_DRAWS = 400
RIM_PX = 32

MIXED = ("smoothing", "noise", "copy_move")
"""What the picture with several artifacts holds."""


@dataclass(frozen=True)
class Mark:
    """What was planted, and exactly where."""

    category: str
    polygon: Polygon
    bits: Bits
    """``(H, W)``: the pixels of the polygon."""
    explanation: str


@dataclass(frozen=True)
class Scene:
    """A picture on its way: its pixels, what has been planted so far, and the seeded chance."""

    pixels: Pixels
    rng: np.random.Generator
    donor: Photo
    """Where a splice comes from."""
    marks: tuple[Mark, ...] = field(default=())

    @property
    def side(self) -> int:
        """Length of the shorter side in pixels."""
        return min(self.pixels.shape[:2])

    def changed(self, bits: Bits, pixels: Pixels, *marks: Mark) -> Scene:
        """The scene with new pixels where ``bits`` is set."""
        return Scene(np.where(bits[..., None], pixels, self.pixels), self.rng, self.donor, (*self.marks, *marks))


def plant(kinds: tuple[str, ...], pixels: Pixels, donor: Photo, rng: np.random.Generator) -> Scene:
    """Plant each kind once, none on top of another. Raises MediaError where there is no room."""
    scene = Scene(pixels, rng, donor)
    for kind in kinds:
        scene = PLANTERS[kind](scene)
    return scene


def _blur(scene: Scene) -> Scene:
    import cv2

    sigma = round(scene.rng.uniform(3.0, 5.0), 1)
    words = f"Gaussian blur of sigma {sigma} px; the picture around it is as sharp as it was."
    return _edit(
        scene, "blur", words, _detail, lambda patch: np.asarray(cv2.GaussianBlur(patch, (0, 0), sigma), np.uint8)
    )


def _smoothing(scene: Scene) -> Scene:
    import cv2

    passes, window, tones = 4, 9, 50
    words = (
        f"Texture smoothed away, edges kept: {passes} passes of a bilateral filter ({window} px, {tones} gray levels)."
    )

    def smoothed(patch: Pixels) -> Pixels:
        for _ in range(passes):
            patch = np.asarray(cv2.bilateralFilter(patch, window, tones, 7), np.uint8)
        return patch

    return _edit(scene, "smoothing", words, _detail, smoothed)


def _noise(scene: Scene) -> Scene:
    sigma = int(scene.rng.integers(14, 23))
    words = f"Gaussian noise of standard deviation {sigma} gray levels that the rest of the picture does not have."
    return _edit(
        scene, "noise", words, _flatness, lambda patch: _clipped(patch + scene.rng.normal(0, sigma, patch.shape))
    )


def _color_shift(scene: Scene) -> Scene:
    gains = scene.rng.permutation([1.28, 1.0, 0.72])
    red, green, blue = (f"{gain:.2f}" for gain in gains)
    words = f"Colors shifted: red x {red}, green x {green}, blue x {blue}."
    return _edit(scene, "color_shift", words, _brightness, lambda patch: _clipped(patch * gains))


def _splice(scene: Scene) -> Scene:
    quality = 70
    words = f"A patch of another photo ({scene.donor.name}), once stored as JPEG of quality {quality}, pasted in."
    return _edit(scene, "splice", words, _detail, lambda patch: _through_jpeg(_patch_of(scene.donor, patch), quality))


def _copy_move(scene: Scene) -> Scene:
    shape, bits = _place(scene, _detail)
    to, target, (dx, dy) = _place_away(scene, shape, bits)
    moved = np.roll(scene.pixels, (dy, dx), axis=(0, 1))
    where = f"{abs(dx)} px to the {'left' if dx > 0 else 'right'} and {abs(dy)} px {'above' if dy > 0 else 'below'}"
    copy = Mark("copy_move", to, target, f"Copy of the area {where}.")
    words = "Original of an area that occurs a second time in the picture; its own pixels are untouched."
    original = Mark("copy_move", shape.polygon, bits, words)
    return scene.changed(target, moved, copy, original)


def _glyphs(scene: Scene) -> Scene:
    width, height, angle = scene.side * 0.62, scene.side * 0.26, scene.rng.uniform(-8, 8)
    shape, bits = _place(scene, _flatness, lambda x, y: rectangle(x, y, width, height, angle), margin=0.36)
    signed, count = draw_sign(scene.pixels, (shape.x, shape.y), (width, height), angle, scene.rng)
    words = f"A sign of {count} strokes that look like letters and belong to no alphabet."
    return scene.changed(bits, signed, Mark("glyphs", shape.polygon, bits, words))


PLANTERS: dict[str, Callable[[Scene], Scene]] = {
    "blur": _blur,
    "smoothing": _smoothing,
    "noise": _noise,
    "color_shift": _color_shift,
    "splice": _splice,
    "copy_move": _copy_move,
    "glyphs": _glyphs,
}
"""Every artifact that can be planted in a picture, by category."""

_Worth = Callable[[NDArray[np.float32], Bits], float]


def _detail(gray: NDArray[np.float32], bits: Bits) -> float:
    return float(gray[bits].std())


def _flatness(gray: NDArray[np.float32], bits: Bits) -> float:
    return -float(gray[bits].std())


def _brightness(gray: NDArray[np.float32], bits: Bits) -> float:
    return float(gray[bits].mean())


def _edit(scene: Scene, category: str, words: str, worth: _Worth, change: Callable[[Pixels], Pixels]) -> Scene:
    """Change the pixels of a seeded place; ``change`` sees the place with a rim, so that filters have neighbors."""
    shape, bits = _place(scene, worth)
    pixels, patch = scene.pixels.copy(), _around(bits)
    pixels[patch] = change(pixels[patch])
    return scene.changed(bits, pixels, Mark(category, shape.polygon, bits, words))


def _place(
    scene: Scene, worth: _Worth, shape_at: Callable[[float, float], Shape] | None = None, margin: float = 0.19
) -> tuple[Shape, Bits]:
    """The best of some seeded places; ``margin`` is how far the shape reaches, in shorter sides."""
    height, width = scene.pixels.shape[:2]
    reach = margin * scene.side
    radius = scene.rng.uniform(0.15, margin) * scene.side
    make = shape_at or (lambda x, y: blob(x, y, radius, scene.rng))
    gray, taken = scene.pixels.mean(axis=2, dtype=np.float32), tuple(mark.bits for mark in scene.marks)
    places: list[tuple[Shape, Bits]] = []
    for _ in range(MAX_DRAWS):
        shape = make(scene.rng.uniform(reach, width - reach), scene.rng.uniform(reach, height - reach))
        bits = pixels_of(shape.polygon, width, height)
        if not overlaps(bits, taken):
            places.append((shape, bits))
        if len(places) == TRIES:
            break
    if not places:
        raise MediaError("no room for another artifact", remedy="plant fewer kinds in one picture")
    return max(places, key=lambda place: worth(gray, place[1]))


def _place_away(scene: Scene, shape: Shape, bits: Bits) -> tuple[Polygon, Bits, tuple[int, int]]:
    """Where the copy goes: the same outline, whole pixels away, inside the picture and on free ground."""
    height, width = scene.pixels.shape[:2]
    xs, ys = zip(*shape.polygon.exterior, strict=True)
    taken = (bits, *(mark.bits for mark in scene.marks))
    for _ in range(MAX_DRAWS):
        dx = int(scene.rng.integers(-int(min(xs)), width - int(max(xs))))
        dy = int(scene.rng.integers(-int(min(ys)), height - int(max(ys))))
        moved = Polygon(exterior=tuple((x + dx, y + dy) for x, y in shape.polygon.exterior))
        target = pixels_of(moved, width, height)
        if not overlaps(target, taken):
            return moved, target, (dx, dy)
    raise MediaError("no room for a copy of an area", remedy="leave copy_move out for this picture")


def _around(bits: Bits) -> tuple[slice, slice]:
    """Rows and columns of the pixels, with a rim."""
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    return (
        slice(max(0, rows[0] - RIM_PX), rows[-1] + 1 + RIM_PX),
        slice(max(0, columns[0] - RIM_PX), columns[-1] + 1 + RIM_PX),
    )


def _clipped(values: NDArray[np.floating]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _patch_of(donor: Photo, patch: Pixels) -> Pixels:
    """Pixels of the donor in the shape of the patch, repeated where the donor is smaller."""
    (height, width), (rows, columns) = patch.shape[:2], donor.pixels.shape[:2]
    return np.tile(donor.pixels, (-(-height // rows), -(-width // columns), 1))[:height, :width]


def _through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(jpeg(pixels, quality))))
