"""Palette PNGs of our own writer, as other readers see them."""

from __future__ import annotations

import io
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipeline.palette_png import palette_png

COLORS = tuple(bytes((number, 255 - number, number // 2)) for number in range(256))


def read(png: bytes) -> np.ndarray:
    """The color numbers, every checksum looked at."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.verify()
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.mode == "P"
        return np.array(picture)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Rows, how often each stands in the picture, and how many colors there are."""
    colors = draw(st.sampled_from((1, 2, 3, 4, 5, 16, 17, 256)))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    rows = draw(arrays(np.uint8, (height, width), elements=st.integers(0, colors - 1)))
    return rows, draw(arrays(np.int64, height, elements=st.integers(1, 9))), colors


@given(pictures())
def test_every_pixel_comes_back(picture: tuple[np.ndarray, np.ndarray, int]) -> None:
    rows, counts, colors = picture
    pixels = np.repeat(rows, counts, axis=0)
    png = palette_png(pixels, COLORS[:colors])
    assert (read(png) == pixels).all()
    assert palette_png(rows, COLORS[:colors], counts) == png


@pytest.mark.parametrize(("colors", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)])
def test_a_pixel_takes_as_few_bits_as_the_colors_allow(colors: int, bits: int) -> None:
    assert palette_png(np.zeros((3, 5), np.uint8), COLORS[:colors])[24] == bits


def test_colors_and_pixels_are_those_that_opencv_sees() -> None:
    pixels = np.zeros((300, 21), np.uint8)
    pixels[7:200, 3:9] = 2
    pixels[100:150, 5:20] = 4
    seen = cv2.imdecode(np.frombuffer(palette_png(pixels, COLORS[:5]), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert (seen == np.array([list(color) for color in COLORS[:5]], np.uint8)[pixels]).all()


def test_the_checksum_is_that_of_the_inflated_rows() -> None:
    png = palette_png(np.zeros((70_000, 9), np.uint8), COLORS[:3])
    start = png.index(b"IDAT") + 4
    data = png[start : png.index(b"IEND") - 8]
    assert zlib.decompress(data) == (b"\2" + bytes(3)) * 70_000


def test_a_part_of_a_larger_array_is_written_as_it_is() -> None:
    whole = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)
    part = whole[3:20, 5:21]
    assert (read(palette_png(part, COLORS)) == part).all()
