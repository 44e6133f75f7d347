"""PDQ in numpy gives the bits and the quality of the reference implementation, which made the values below."""

import numpy as np
import pytest
from PIL import Image as Picture

from schemas.media.pdq import CROPS, pdq_of, pdq_of_copies


def pattern(width, height):
    """A picture with detail in every channel, from integers alone."""
    y, x = np.mgrid[:height, :width]
    channels = ((x * x // 7 + y * 3) % 256, (x * 5 + y * y // 5) % 256, (x * y // 3 + x) % 256)
    return np.stack(channels, axis=-1).astype(np.uint8)


def hexadecimal(bits):
    return np.packbits(bits).tobytes().hex()


@pytest.mark.parametrize(
    ("size", "digits"),
    [
        ((128, 128), "e9f5ebe143e5938fda0a861a565fde10bc30c6f43cf0dca03cb571e0c7a03ca0"),
        ((64, 64), "331bb676a4e16d8e699959366b644a63594ed2d95093c633d8b6d3b4b464a34c"),
        ((100, 80), "2a783ad2728d6798c517f72f5f78cc5288e7b887838d3b88e1b8b31866384df0"),
    ],
)
def test_the_bits_are_those_of_the_reference(size, digits):
    found = pdq_of(pattern(*size))

    assert hexadecimal(found.bits) == digits
    assert found.quality == 100
    assert found.bits.sum() == 128


def test_the_quality_is_that_of_the_reference():
    assert pdq_of(pattern(7, 5)).quality == 4
    assert pdq_of(np.full((64, 64, 3), 90, np.uint8)).quality == 0


def test_turned_pictures_have_other_hashes():
    picture = pattern(128, 128)

    assert (pdq_of(picture).bits != pdq_of(np.rot90(picture)).bits).sum() > 60


@pytest.mark.parametrize("size", [(129, 10), (10, 129)])
def test_a_picture_that_would_have_to_be_blurred_first_is_refused(size):
    with pytest.raises(ValueError, match="at most 128 x 128"):
        pdq_of(np.zeros((*size, 3), np.uint8))


def scene(seed: int, side: int = 512) -> np.ndarray:
    """A picture with structure of every size, as photographs have."""
    rng = np.random.default_rng(seed)
    octaves = (
        Picture.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize(
            (side, side), Picture.Resampling.BICUBIC
        )
        for n in (4, 8, 16, 32, 64)
    )
    return np.mean([np.asarray(octave, dtype=float) / (i + 1) for i, octave in enumerate(octaves)], axis=0).astype(
        np.uint8
    )


def square(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Picture.fromarray(pixels).resize((128, 128), Picture.Resampling.BOX))


def test_the_hash_of_the_mirrored_copy_is_known_to_the_bit() -> None:
    small = square(scene(0))
    mirrored = np.ascontiguousarray(small[:, ::-1])
    assert np.array_equal(pdq_of_copies(small, is_cropped=False)[0], pdq_of(mirrored).bits)


@pytest.mark.parametrize("crop", CROPS)
def test_a_cropped_copy_is_recognized(crop: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = (round(512 * share) for share in crop)
    distances = []
    for seed in range(5):
        pixels = scene(seed)
        copy = pdq_of(square(np.ascontiguousarray(pixels[top : 512 - bottom, left : 512 - right]))).bits
        distances.append(min(int((copy ^ bits).sum()) for bits in pdq_of_copies(square(pixels))))
        assert int((pdq_of(square(scene(seed + 100))).bits ^ copy).sum()) > 60
    assert max(distances) <= 31
