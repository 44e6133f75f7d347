"""What saving leaves in a file is read back as it was asked for."""

import io

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import PngImagePlugin

from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.stills import measure_still
from schemas.media.traces import jpeg_traces, metadata_kinds, quality_of

PHOTO = Picture.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def saved(format, picture=PHOTO, **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def measured(format, data):
    return measure_still(format, data, DEFAULT_LIMITS).media


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 90, 99, 100])
def test_the_quality_is_the_one_it_was_saved_with(quality):
    assert measured("JPEG", saved("JPEG", quality=quality)).jpeg_quality == quality


@pytest.mark.parametrize(("number", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_the_subsampling_is_the_one_it_was_saved_with(number, name):
    assert measured("JPEG", saved("JPEG", subsampling=number)).chroma_subsampling == name
    assert measured("JPEG", saved("JPEG", PHOTO.convert("L"))).chroma_subsampling == ""


def test_tables_have_a_name_of_their_own():
    first, again, other = (measured("JPEG", saved("JPEG", quality=q)).jpeg_tables for q in (75, 75, 76))
    assert first == again != other
    assert len(first) == 16


def test_tables_of_another_program_get_the_nearest_quality():
    table = list(Picture.open(io.BytesIO(saved("JPEG", quality=80))).quantization[0])
    table[63] += 3
    assert quality_of(table) == 80


def test_other_formats_have_no_traces_of_jpeg():
    image = measured("PNG", saved("PNG"))
    assert (image.jpeg_quality, image.jpeg_tables, image.chroma_subsampling) == (None, "", "")
    assert jpeg_traces(PHOTO) == (None, "", "")


def test_metadata_are_named_by_kind():
    exif = Picture.Exif()
    exif[0x0131] = "editor"
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat")
    assert measured("JPEG", saved("JPEG", exif=exif, comment=b"hello")).metadata == ("comment", "exif")
    assert measured("JPEG", saved("JPEG", icc_profile=b"profile", xmp=b"<x/>")).metadata == ("icc", "xmp")
    assert measured("PNG", saved("PNG", pnginfo=text)).metadata == ("text",)
    assert measured("PNG", saved("PNG")).metadata == ()
    assert metadata_kinds(PHOTO, has_c2pa=True) == ("c2pa",)
