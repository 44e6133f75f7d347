import io

import numpy as np
import pytest
from PIL import Image

from pipeline.planting.photos import DONORS, Pixels, donor, jpeg, photo_from_bytes, png, shipped_photo
from schemas.errors import MediaError
from schemas.media.limits import Limits
from schemas.sample import Source

SIZES = {
    "astronaut": (512, 512, "LicenseRef-Public-Domain"),
    "camera": (512, 512, "CC0-1.0"),
    "chelsea": (451, 300, "CC0-1.0"),
    "coffee": (600, 400, "CC0-1.0"),
    "retina": (640, 640, "CC0-1.0"),
    "rocket": (640, 427, "LicenseRef-Public-Domain"),
}


@pytest.mark.parametrize("name", SIZES)
def test_shipped_photos_keep_their_pixels_up_to_the_size(name: str) -> None:
    photo = shipped_photo(name, 640)

    width, height, licence = SIZES[name]
    assert (photo.pixels.shape, photo.pixels.dtype) == ((height, width, 3), np.uint8)
    assert (photo.name, photo.source.name, photo.source.licence) == (name, f"scikit-image data: {name}", licence)
    assert photo.source.url is not None
    assert photo.source.url.startswith("https://")


def test_a_larger_photo_is_scaled_down() -> None:
    assert shipped_photo("rocket", 320).pixels.shape == (214, 320, 3)


@pytest.mark.parametrize("name", DONORS)
def test_a_donor_is_free_and_has_a_seeded_color(name: str) -> None:
    one, again, other = (donor(name, np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert one.source.licence == "CC0-1.0"
    assert np.array_equal(one.pixels, again.pixels)
    assert not np.array_equal(one.pixels, other.pixels)
    assert name not in SIZES


def test_png_is_lossless_and_bare(pixels: Pixels) -> None:
    with Image.open(io.BytesIO(png(pixels))) as picture:
        assert np.array_equal(np.asarray(picture), pixels)
        assert (picture.mode, picture.info) == ("RGB", {})
    assert png(pixels) == png(pixels)


def test_a_team_s_photo_keeps_its_source(pixels: Pixels) -> None:
    photo = photo_from_bytes(png(pixels), "mine", 640, Source(licence="CC-BY-4.0"))

    assert (photo.name, photo.source) == ("mine", Source(licence="CC-BY-4.0"))
    assert np.array_equal(photo.pixels, pixels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "no photo: it looks like"),
        (b"%PDF-1.4\n", "no photo: it looks like a PDF"),
        (jpeg(np.zeros((200, 200, 3), np.uint8), 90)[:300], "cannot"),
        (png(np.zeros((127, 500, 3), np.uint8)), "500 x 127 pixels leave no room"),
        (png(np.zeros((400, 300, 3), np.uint8)), "more than limits.max_pixels = 100000"),
    ],
)
def test_what_cannot_be_planted_in_is_an_error_that_says_why(data: bytes, message: str) -> None:
    with pytest.raises(MediaError, match=message) as caught:
        photo_from_bytes(data, "x", 640, Source(), Limits(max_pixels=100_000))
    assert caught.value.remedy
