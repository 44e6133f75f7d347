import random
import struct
import zlib

import pytest
from PIL import Image

from schemas.errors import MediaError
from schemas.media.limits import Limits
from schemas.media.stills import measure_still
from schemas.media.types import Document, Page
from schemas.media.types import Image as Still

LIMITS = Limits()


def media(format, data, limits=LIMITS):
    return measure_still(format, data, limits).media


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "I;16"),
        ("WEBP", "RGB"),
        ("GIF", "P"),
        ("TIFF", "F"),
        ("BMP", "RGB"),
        ("AVIF", "RGB"),
        ("PPM", "RGB"),
        ("ICO", "RGBA"),
    ],
)
def test_every_format_and_mode_is_measured(format, mode, photo, encode):
    image = photo(48, 48)
    data = encode(image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode), format)
    found = media(format, data)
    written = {name: getattr(found, name) for name in ("jpeg_quality", "jpeg_tables", "chroma_subsampling")}
    assert found == Still(format=format, mode=mode, width=48, height=48, stored_width=48, stored_height=48, **written)
    assert (written["jpeg_quality"] is not None) == bool(written["jpeg_tables"]) == (format == "JPEG")
    assert bool(written["chroma_subsampling"]) == (format == "JPEG" and mode != "L")


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG"])
def test_sizes_are_upright_and_stored_ones_stand_beside(format, photo, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    found = media(format, encode(photo(60, 40), format, exif=exif))
    assert (found.width, found.height) == (40, 60)
    assert (found.stored_width, found.stored_height, found.exif_orientation) == (60, 40, 6)


@pytest.mark.parametrize("value", [0, 9, 60_000])
def test_an_invalid_orientation_counts_as_none(value, photo, encode):
    exif = Image.Exif()
    exif[0x0112] = value
    assert media("PNG", encode(photo(60, 40), "PNG", exif=exif)).exif_orientation == 1


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animated_still_has_a_frame_table_and_hashes_of_its_frames(format, photo, encode):
    frames = [photo(64, 64, seed) for seed in range(3)]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:], duration=[40, 100, 250], loop=0)
    facts = measure_still(format, data, LIMITS)
    assert facts.media.num_frames == 3
    assert facts.media.frame_durations_ms == (40, 100, 250)
    assert len(facts.hashes) == 3


def test_a_tiff_of_several_pages_is_a_document(photo, encode):
    data = encode(photo(30, 20), "TIFF", save_all=True, append_images=[photo(20, 30)], dpi=(300, 300))
    pages = (
        Page(page_index=0, width=30, height=20, dpi=300),
        Page(page_index=1, width=20, height=30, dpi=300),
    )
    assert media("TIFF", data) == Document(format="TIFF", num_pages=2, pages=pages)
    with pytest.raises(MediaError, match=r"more than limits.max_pages = 1 pages"):
        media("TIFF", data, Limits(max_pages=1))


def test_a_tiff_with_a_thumbnail_is_an_image(photo, encode):
    small = photo(8, 8)
    small.encoderinfo = {"tiffinfo": {254: 1}}
    data = encode(photo(64, 64), "TIFF", save_all=True, append_images=[small])
    assert media("TIFF", data).kind == "image"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_a_file_cut_off_at_half_is_refused(format, photo, encode):
    data = encode(photo(200, 200), format)
    with pytest.raises(MediaError) as caught:
        media(format, data[: len(data) // 2])
    assert caught.value.remedy


def test_a_jpeg_that_lacks_only_its_last_bytes_is_noticed_at_an_eighth_of_its_size(photo, encode):
    noise = random.Random(0).randbytes(512 * 512 * 3)
    data = encode(Image.frombytes("RGB", (512, 512), noise), "JPEG")
    with pytest.raises(MediaError, match=r"the image cannot be decoded: image file is truncated"):
        media("JPEG", data[:-200])


def test_one_flipped_bit_in_the_pixels_of_a_png_is_noticed(photo, encode):
    data = bytearray(encode(photo(50, 50), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(MediaError, match=r"the PNG is damaged in IDAT: the chunk's checksum does not fit"):
        media("PNG", bytes(data))


def test_a_bomb_is_refused_by_its_header(png_chunk):
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    with pytest.raises(MediaError, match=r"900000000 pixels, more than limits.max_pixels = 100000000") as caught:
        media("PNG", data)
    assert caught.value.remedy == "raise the limit if such a file is expected, or leave it out"


def test_an_image_without_area_is_refused(png_chunk):
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 2, 0, 0, 0))
    with pytest.raises(MediaError, match=r"the image is empty: its width or height is 0"):
        media("PNG", data)


def test_text_that_unpacks_to_megabytes_is_refused(photo, encode, png_chunk):
    data = encode(photo(8, 8), "PNG")
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
    with pytest.raises(MediaError, match=r"too large"):
        media("PNG", data[:33] + bomb + data[33:])


def test_more_frames_than_the_limit_are_refused_before_any_is_decoded(photo, encode):
    frames = [photo(8, 8, seed) for seed in range(5)]
    for format in ("GIF", "PNG", "WEBP"):
        data = encode(frames[0], format, save_all=True, append_images=frames[1:])
        with pytest.raises(MediaError, match=r"more than limits.max_frames = 4"):
            media(format, data, Limits(max_frames=4))


def test_what_pillow_warns_of_is_a_finding(photo, encode):
    exif = Image.Exif()
    exif[0x0131] = "a program"
    data = encode(photo(32, 32), "JPEG", exif=exif)
    at = data.index(b"Exif\0\0") + 6
    broken = data[: at + 8] + b"\xff\x00" + data[at + 10 :]  # claims 65280 entries
    facts = measure_still("JPEG", broken, LIMITS)
    assert [finding.code for finding in facts.findings] == ["decoder_warning"]
    assert facts.media.exif_orientation == 1
