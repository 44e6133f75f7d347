"""One sample, all measurements: what runs where a crash or a hang costs a child process only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from schemas.errors import MediaError
from schemas.media.limits import Limits
from schemas.media.types import Document, Image, Page, Video
from schemas.sample import Asset

from .findings import Found, Pixels
from .placed import Placed, place_in_image, place_in_video, place_on_page
from .thresholds import Thresholds

__all__ = ["Examination", "examine", "measure_page", "measure_picture"]

OpenUri = Callable[[str], BinaryIO]
SMALLEST_SIDE = 64
"""Pixels; a smaller picture has too few cells to compare."""


@dataclass(frozen=True)
class Examination:
    """What was found in one medium, and what could not be looked at."""

    placed: tuple[Placed, ...]
    looked_at: str
    """What was measured, e.g. ``frames 1 to 300 of 912``."""
    notes: tuple[str, ...] = ()
    """What could not be, and why."""


def examine(asset: Asset, thresholds: Thresholds, open_uri: OpenUri, limits: Limits) -> Examination:
    """Measures one medium. Raises MediaError where it cannot be decoded, or not within ``limits``."""
    import cv2

    cv2.setNumThreads(1)  # workers are many, and sums in one order are equal sums
    with open_uri(asset.uri) as file:
        if isinstance(asset.media, Video):
            return _video(file, asset.media, thresholds, limits)
        data = file.read()
    if isinstance(asset.media, Document):
        return _document(data, asset.media, asset.password, thresholds, limits)
    return _image(data, asset.media, thresholds, limits)


def _image(data: bytes, image: Image, thresholds: Thresholds, limits: Limits) -> Examination:
    from schemas.media.images import read_image

    pixels = read_image(data, max_side=thresholds.max_side, limits=limits)
    height, width = pixels.shape[:2]
    looked_at = f"the image at {width} x {height} px"
    if min(height, width) < SMALLEST_SIDE:
        return Examination((), looked_at, (f"It is smaller than {SMALLEST_SIDE} px: too small to compare its parts.",))
    found = measure_picture(pixels, thresholds, is_scaled=(height, width) != (image.height, image.width))
    return Examination(tuple(place_in_image(f, image, pixels.shape) for f in found), looked_at)


def measure_picture(pixels: Pixels, thresholds: Thresholds, *, is_scaled: bool = False) -> list[Found]:
    """All findings of one picture of at least 64 x 64 pixels; a scaled one has no JPEG blocks to look at."""
    from .blur import find_blur
    from .color import find_color_shift
    from .copy_move import find_copy_move
    from .fields import measure_fields
    from .noise import find_noise
    from .splice import find_splice

    fields = measure_fields(pixels)
    low, high = thresholds.min_area_share, thresholds.max_area_share
    return [
        *find_blur(pixels, fields, min_ratio=thresholds.blur_ratio, min_share=low, max_share=high),
        *find_noise(pixels, fields, min_ratio=thresholds.noise_ratio, min_share=low, max_share=high),
        *find_color_shift(pixels, fields, min_step=thresholds.color_step, min_share=low, max_share=high),
        *(() if is_scaled else find_splice(pixels, min_share=low, max_share=high)),
        *find_copy_move(pixels, min_share=low),
    ]


def _video(file: BinaryIO, video: Video, thresholds: Thresholds, limits: Limits) -> Examination:
    from schemas.media.videos import read_frames

    from .frames import SIDE, find_flicker, find_frozen, measure_course

    count = min(video.num_frames, thresholds.max_frames)
    frames = read_frames(file, range(count), max_side=2 * SIDE, limits=limits)
    course = measure_course(frame.pixels for frame in frames)
    found = [
        *find_frozen(course, min_frames=thresholds.min_frozen_frames),
        *find_flicker(course, min_jump=thresholds.flicker_jump),
    ]
    looked_at = f"frames 1 to {count} of {video.num_frames}"
    return Examination(tuple(place_in_video(f, video) for f in found), looked_at)


def _document(
    data: bytes, document: Document, password: str | None, thresholds: Thresholds, limits: Limits
) -> Examination:
    pages = document.pages[: thresholds.max_pages]
    placed: list[Placed] = []
    errors: list[MediaError] = []
    for page in pages:
        try:
            placed += _page(data, page, password, thresholds, limits)
        except MediaError as error:
            errors.append(error)
    if errors and len(errors) == len(pages):
        raise errors[0]
    looked_at = f"pages 1 to {len(pages)} of {document.num_pages}"
    return Examination(tuple(placed), looked_at, tuple(f"Not measured: {error.message}." for error in errors))


def _page(data: bytes, page: Page, password: str | None, thresholds: Thresholds, limits: Limits) -> Iterator[Placed]:
    from schemas.media.documents import page_words, render_page

    from .text_flow import PlacedWord

    index, side = page.page_index, thresholds.page_side
    pixels = np.ascontiguousarray(render_page(data, index, max_side=side, password=password, limits=limits))
    read = page_words(data, index, password=password)
    words = [PlacedWord(w.text, (w.box.x1, w.box.y1, w.box.x2, w.box.y2)) for w in read]
    found = measure_page(pixels, words, page.width / pixels.shape[1], thresholds)
    return (placed for f in found if (placed := place_on_page(f, page)))


def measure_page(pixels: Pixels, words: list, scale: float, thresholds: Thresholds) -> list[Found]:  # type: ignore[type-arg]
    """All findings of one rendered page; ``scale`` is page pixels per rendered pixel, boxes are in page pixels."""
    from .layout import find_layout
    from .pasted import find_pasted

    pasted = find_pasted(pixels, max_sharpness_ratio=thresholds.paste_sharpness)
    return [*find_layout(pixels, words, scale), *(_at_page_scale(f, scale) for f in pasted)]


def _at_page_scale(found: Found, scale: float) -> Found:
    from dataclasses import replace

    assert found.box is not None  # noqa: S101 - every rectangle has one
    x1, y1, x2, y2 = found.box
    return replace(found, box=(x1 * scale, y1 * scale, x2 * scale, y2 * scale))
