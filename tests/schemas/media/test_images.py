import numpy as np
import pytest
from PIL import Image

from schemas.errors import MediaError
from schemas.media.images import read_image, to_rgb
from schemas.media.limits import Limits

CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
"""Red, green / blue, white."""
UPRIGHT = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.transpose(1, 0, 2),
    6: np.rot90(CORNERS, -1),
    7: CORNERS[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(CORNERS, 1),
}
"""What each EXIF orientation makes of the stored corners."""


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_pixels_come_upright(orientation, format, encode):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    data = encode(Image.fromarray(CORNERS), format, exif=exif, **options)
    np.testing.assert_array_equal(read_image(data), UPRIGHT[orientation])


@pytest.mark.parametrize(
    ("mode", "pixels", "rgb"),
    [
        ("L", np.array([[7]], np.uint8), (7, 7, 7)),
        ("RGBA", np.array([[[200, 100, 0, 0]]], np.uint8), (255, 255, 255)),
        ("RGBA", np.array([[[200, 100, 0, 255]]], np.uint8), (200, 100, 0)),
        ("LA", np.array([[[0, 128]]], np.uint8), (127, 127, 127)),
        ("CMYK", np.array([[[0, 255, 255, 0]]], np.uint8), (255, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(mode, pixels, rgb):
    assert np.asarray(to_rgb(Image.fromarray(pixels, mode=None if mode != "CMYK" else "CMYK"))).tolist() == [[[*rgb]]]


@pytest.mark.parametrize(
    ("values", "grays"),
    [
        (np.array([[0, 65535]], np.uint16), [0, 255]),
        (np.array([[0, 4095]], np.uint16), [0, 255]),
        (np.array([[0, 257 * 128, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 128.0, 255.0]], np.float32), [0, 128, 255]),
        (np.array([[-1.0, 0.0, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, np.inf, 1.0]], np.float32), [0, 0, 255]),
        (np.array([[0.0, 0.0]], np.float32), [0, 0]),
    ],
)
def test_deep_pixels_are_brought_down_to_8_bits(values, grays, encode):
    pixels = read_image(encode(Image.fromarray(values), "TIFF"))
    assert pixels[0, :, 0].tolist() == grays
    assert pixels.shape == (1, len(grays), 3)


def test_palette_transparency_is_put_on_white(encode):
    image = Image.new("P", (1, 1), 3)
    image.putpalette([0, 0, 0] * 256)
    assert read_image(encode(image, "PNG", transparency=3)).tolist() == [[[255, 255, 255]]]
    assert read_image(encode(image, "PNG")).tolist() == [[[0, 0, 0]]]


def test_max_side_bounds_the_longer_side_and_keeps_the_shape(photo, encode):
    for format in ("JPEG", "PNG"):
        data = encode(photo(400, 200), format)
        assert read_image(data, max_side=100).shape == (50, 100, 3)
        assert read_image(data, max_side=1000).shape == (200, 400, 3)


def test_a_jpeg_decoded_at_reduced_scale_looks_like_the_whole_one_reduced(photo, encode):
    data = encode(photo(800, 400), "JPEG", quality=95)
    whole = Image.fromarray(read_image(data)).resize((100, 50), Image.Resampling.BOX)
    assert np.abs(read_image(data, max_side=100).astype(int) - np.asarray(whole)).mean() < 2


def test_a_frame_of_an_animation_is_picked_by_its_index(encode):
    frames = [Image.new("RGB", (4, 4), (gray, gray, gray)) for gray in (0, 100, 200)]
    data = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert [int(read_image(data, frame_index=index)[0, 0, 0]) for index in (0, 1, 2)] == [0, 100, 200]


def test_what_cannot_be_read_says_why(photo, encode):
    data = encode(photo(200, 200), "JPEG")
    with pytest.raises(MediaError, match=r"the image cannot be decoded: image file is truncated"):
        read_image(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"header is damaged, or of a kind that Pillow cannot read"):
        read_image(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(MediaError, match=r"40000 pixels, more than limits.max_pixels = 10000"):
        read_image(data, limits=Limits(max_pixels=10_000))
    with pytest.raises(MediaError, match=r"200 x 200 pixels, a side above limits.max_side = 100"):
        read_image(data, limits=Limits(max_side=100))


def test_the_numbers_of_a_decoder_are_said_in_words(photo, encode):
    data = bytearray(encode(photo(40, 40), "TIFF", compression="tiff_adobe_deflate"))
    data[8:60] = b"\xff" * 52
    with pytest.raises(MediaError, match=r"the image cannot be decoded: its compressed data are damaged"):
        read_image(bytes(data))


def test_formats_outside_the_list_are_not_tried(photo, encode):
    with pytest.raises(MediaError, match=r"of a kind that Pillow cannot read"):
        read_image(encode(photo(8, 8), "TGA"))


def test_pillows_own_limit_is_left_as_it_was(photo, encode):
    before = Image.MAX_IMAGE_PIXELS
    read_image(encode(photo(8, 8), "PNG"), limits=Limits(max_pixels=100))
    assert before == Image.MAX_IMAGE_PIXELS
