import pytest

from schemas.media.sniff import disagrees_with_name, sniff


@pytest.mark.parametrize(
    ("head", "format", "modality"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG", "image"),
        (b"\x89PNG\r\n\x1a\n", "PNG", "image"),
        (b"GIF89a", "GIF", "image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WEBP", "image"),
        (b"II*\0\x08\0\0\0", "TIFF", "image"),
        (b"MM\0*\0\0\0\x08", "TIFF", "image"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", "BMP", "image"),
        (b"\0\0\0\x20ftypavif", "AVIF", "image"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avif", "AVIF", "image"),
        (b"P6\n1 1\n255\n", "PPM", "image"),
        (b"8BPS\0\x01", "PSD", "image"),
        (b"\0\0\x01\0\x01\0", "ICO", "image"),
        (b"\0\0\0\x20ftypisom", "mov", "video"),
        (b"\x1aE\xdf\xa3", "matroska", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "avi", "video"),
        (b"G" + bytes(187) + b"G" + bytes(187) + b"G", "mpegts", "video"),
        (b"%PDF-1.7", "PDF", "document"),
        (b"\n" * 1024 + b"%PDF-1.7", "PDF", "document"),
    ],
)
def test_a_type_is_found_in_the_content(head: bytes, format: str, modality: str) -> None:
    assert sniff(head)[:2] == (format, modality)


@pytest.mark.parametrize(
    ("head", "description"),
    [
        (b"", "an empty file"),
        (b"%!PS-Adobe-3.0 EPSF", "a PostScript file"),
        (b"#EXTM3U\nhttp://127.0.0.1/a.ts", "a playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "a text file"),
        (b"\0\0\0\x20ftypheic", "a HEIC image"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"RIFF\0\0\0\0WAVE", "an audio file"),
        (b"\xef\xbb\xbf\xff\xd8\xff", "a picture or document damaged by a byte order mark before it"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer (run `git lfs pull` to get the file itself)",
        ),
        (b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]><svg>", "an SVG drawing"),
        (b"<!doctype html><title>x", "an HTML page"),
        (b"<annotation>", "an XML file"),
        (b' {"a": 1}', "a JSON file"),
        ('{"a": 1}'.encode("utf-16"), "a JSON file"),
        (b"path,origin\na.png,real\n", "a text file"),
        (bytes(range(256)), "unknown binary data"),
    ],
)
def test_anything_else_is_named_and_not_read(head: bytes, description: str) -> None:
    is_other_image = description.endswith((" image", " texture"))
    assert sniff(head) == ("", None, description, is_other_image)


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.jpg", ""), ("A.JPEG", ""), ("a", ""), ("a.png", "png"), ("photo.jpg.exe", "exe"), ("a.jpg.", "")],
)
def test_a_name_is_only_compared_with_the_content(name: str, extension: str) -> None:
    assert disagrees_with_name(sniff(b"\xff\xd8\xff\xe0"), name) == extension
