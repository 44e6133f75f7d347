import hashlib
import io
from pathlib import Path

import pytest

from schemas.errors import MediaError
from schemas.media.limits import Limits
from schemas.media.measure import STREAMED_BYTES, Measured, measure
from schemas.media.types import Image
from schemas.sample import Finding

LIMITS = Limits()
SECRET = "open sesame"  # noqa: S105 - of a file made here


def open_path(uri):
    return Path(uri).open("rb")


def measured(data, file_name="a", limits=LIMITS, **options):
    return measure(lambda uri: io.BytesIO(data), "memory", file_name=file_name, limits=limits, **options)


def test_a_file_is_what_its_content_says(photo, encode):
    data = encode(photo(64, 32), "PNG")
    found = measured(data, "photo.jpg")
    assert found == Measured(
        asset_id=hashlib.sha256(data).hexdigest(),
        byte_size=len(data),
        media=Image(format="PNG", mode="RGB", width=64, height=32, stored_width=64, stored_height=32),
        perceptual_hashes=found.perceptual_hashes,
        altered_hashes=found.altered_hashes,
        findings=(Finding(code="extension_disagrees", message="the name ends in .jpg, the content is a PNG image"),),
    )
    assert [len(digits) for digits in found.perceptual_hashes] == [64]
    assert [len(digits) for digits in found.altered_hashes] == [64] * 19
    assert measured(data, "photo.png").findings == ()


def test_each_modality_goes_to_its_reader(photo, encode, film, pdf):
    kinds = [measured(data).media.kind for data in (encode(photo(9, 9), "GIF"), film((0, 40)), pdf({"box": "0 0 9 9"}))]
    assert kinds == ["image", "video", "document"]


def test_a_password_opens_a_document(pdf):
    data = pdf({"box": "0 0 9 9"}, password=SECRET)
    assert measured(data, password=SECRET).media.is_encrypted
    with pytest.raises(MediaError, match=r"it needs a password"):
        measured(data)


def refusal(data):
    """Message and remedy."""
    with pytest.raises(MediaError) as caught:
        measured(data, "photo.jpg")
    return caught.value.message, caught.value.remedy


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an image, video or document: it looks like an empty file"),
        (b"<svg/>", "not an image, video or document: it looks like an SVG drawing"),
        (b"PK\x03\x04", "not an image, video or document: it looks like a ZIP archive"),
        (b"a,b\n1,2\n", "not an image, video or document: it looks like a text file"),
    ],
)
def test_what_is_no_medium_says_what_it_looks_like(data, message):
    assert refusal(data) == (message, "leave it out of the input")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x01\xda\x01\x01", "an SGI image"),
        (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
        (b"\0\0\0\x1cftypheic", "a HEIC image"),
        (b"DDS |", "a DDS texture"),
    ],
)
def test_an_image_of_a_kind_that_is_not_read_is_called_an_image(data, name):
    told = f"it looks like {name}, which is not read here"
    assert refusal(data) == (told, "save it as PNG with another program, or leave it out of the input")


def test_sizes_in_bytes_are_bounded(photo, encode):
    data = encode(photo(64, 64), "PNG")
    for limits in (Limits(max_file_bytes=99), Limits(max_in_memory_bytes=99)):
        with pytest.raises(MediaError, match=rf"^{len(data)} bytes, more than limits.max_(file|in_memory)_bytes = 99 "):
            measured(data, limits=limits)


def test_a_large_video_is_streamed_and_measured_alike(film):
    small = film((0, 40, 80))
    large = small + (STREAMED_BYTES).to_bytes(4, "big") + b"free" + bytes(STREAMED_BYTES - 8)
    found = measured(large)
    assert found.asset_id == hashlib.sha256(large).hexdigest()
    assert found.media == measured(small).media


def test_a_file_that_cannot_be_opened_is_one_rejection(tmp_path):
    with pytest.raises(MediaError, match=r"the file cannot be opened: No such file"):
        measure(open_path, str(tmp_path / "gone"), file_name="gone", limits=LIMITS)


def test_an_mpo_is_several_pictures_and_no_polyglot(photo, encode):
    data = encode(photo(32, 32), "MPO", save_all=True, append_images=[photo(32, 32, 1)])
    found = measured(data, "stereo.mpo")
    assert (found.media.format, found.media.num_frames, found.findings) == ("MPO", 2, ())
    assert found.media.frame_durations_ms == (0, 0)
