"""What a file is, by its first bytes; its name is never asked.

Signatures follow the formats' own specifications (Wikipedia, "List of file signatures", has them
in one place). Only what is named here is handed to a decoder, so a format that Pillow or FFmpeg
would open by starting a program or by following a reference (EPS, WMF, playlists) never is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .types import Modality

__all__ = ["HEAD_BYTES", "Sniffed", "disagrees_with_name", "sniff"]

HEAD_BYTES = 4096
"""How much of a file's beginning is looked at."""


class Sniffed(NamedTuple):
    """A file's type by its content."""

    format: str
    """Pillow's name of an image format, FFmpeg's name of a demuxer, ``PDF``; empty for anything else."""
    modality: Modality | None
    """What a decoder would make of it; None when it is not read here."""
    description: str
    """What it looks like, with its article, for a message: ``a ZIP archive``."""
    is_other_image: bool = False
    """An image of a format that is not read here."""


_IMAGES = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"GIF8[79]a", "GIF"),
    (rb"RIFF....WEBP", "WEBP"),
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+", "TIFF"),
    (rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    (rb"....ftyp(?:avif|avis)|....ftypmif1.{4}(?:....){0,12}?(?:avif|avis)", "AVIF"),
    (rb"P[1-6][ \t\r\n#]", "PPM"),
    (rb"8BPS\0\x01", "PSD"),
    (rb"\0\0\x01\0[^\0]\0", "ICO"),
)
_OTHER_IMAGES = (
    (rb"....ftyp(?:heic|heix|hevc|hevx|heim|heis|mif1|msf1)", "a HEIC image"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL image"),
    (rb"DDS ", "a DDS texture"),
    (rb"BLP[12]", "a BLP texture"),
    (rb"\x01\xda[\0\x01][\x01\x02]", "an SGI image"),
    (rb"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]", "a PCX image"),
    (rb"qoif", "a QOI image"),
    (rb"#\?RADIANCE|\x76\x2f\x31\x01", "a high dynamic range image"),
)
_NOT_READ = (
    (rb"....ftyp(?:M4A |M4B |M4P )", "an MPEG-4 audio file"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript file"),
    (rb"RIFF....WAVE|ID3|fLaC|\xff[\xf2-\xfb]", "an audio file"),
    (rb"#EXTM3U", "a playlist"),
    (rb"PK\x03\x04|PK\x05\x06", "a ZIP archive"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!", "a compressed archive"),
    (rb".{257}ustar", "a TAR archive"),
    (rb"MZ|\x7fELF|\xcf\xfa\xed\xfe", "a program"),
    (rb"PAR1", "a Parquet file"),
    (rb"ARROW1", "an Arrow file"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"SQLite format 3", "an SQLite database"),
    (
        rb"\xef\xbb\xbf(?:\xff\xd8\xff|\x89PNG|GIF8|%PDF-)",
        "a picture or document damaged by a byte order mark before it",
    ),
    (rb"version https://git-lfs", "a Git LFS pointer (run `git lfs pull` to get the file itself)"),
)
_VIDEOS = (
    (rb"....(?:ftyp|moov|mdat|wide|free|skip|pnot)", "mov"),
    (rb"\x1aE\xdf\xa3", "matroska"),
    (rb"RIFF....AVI ", "avi"),
    (rb"FLV\x01", "flv"),
    (rb"OggS", "ogg"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (rb"\0\0\x01\xba", "mpeg"),
    (rb"\0\0\x01\xb3", "mpegvideo"),
    (rb"\x47.{187}\x47.{187}\x47|.{4}\x47.{191}\x47.{191}\x47", "mpegts"),
)
_TEXTS = (
    (r"(?is)\s*<svg|\s*(?:<\?xml|<!--|<!doctype svg).{0,2000}?<svg", "an SVG drawing"),
    (r"(?is)\s*(?:<!doctype html|<html|<script|<body|<head)", "an HTML page"),
    (r"\s*<\?xml|\s*<[A-Za-z]", "an XML file"),
    (r"\s*[\[{]", "a JSON file"),
)


def _compiled(table: tuple[tuple[bytes, str], ...]) -> tuple[tuple[re.Pattern[bytes], str], ...]:
    return tuple((re.compile(pattern, re.DOTALL), name) for pattern, name in table)


_IMAGE_PATTERNS, _OTHER_IMAGE_PATTERNS = _compiled(_IMAGES), _compiled(_OTHER_IMAGES)
_NOT_READ_PATTERNS, _VIDEO_PATTERNS = _compiled(_NOT_READ), _compiled(_VIDEOS)


def sniff(head: bytes) -> Sniffed:
    """The type of a file that begins with ``head`` (HEAD_BYTES of it are enough)."""
    if not head:
        return Sniffed("", None, "an empty file")
    if name := _match(_IMAGE_PATTERNS, head):
        return Sniffed(name, "image", f"{_article(name)} {name} image")
    if name := _match(_OTHER_IMAGE_PATTERNS, head):
        return Sniffed("", None, name, is_other_image=True)
    if name := _match(_NOT_READ_PATTERNS, head):
        return Sniffed("", None, name)
    if name := _match(_VIDEO_PATTERNS, head):
        return Sniffed(name, "video", f"a video container ({name})")
    if 0 <= head.find(b"%PDF-") <= 1024:  # ISO 32000 readers accept the header within the first 1024 bytes
        return Sniffed("PDF", "document", "a PDF")
    return Sniffed("", None, _text(head))


def _match(patterns: tuple[tuple[re.Pattern[bytes], str], ...], head: bytes) -> str:
    return next((name for pattern, name in patterns if pattern.match(head)), "")


def _article(name: str) -> str:
    return "an" if name[0] in "AI" else "a"


def _text(head: bytes) -> str:
    """What kind of text it is, or that it is none."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = head[:HEAD_BYTES].decode(encoding, "replace")
    if "\0" in text or text.count("�") > len(text) // 20 + 1:
        return "unknown binary data"
    return next((name for pattern, name in _TEXTS if re.match(pattern, text)), "a text file")


_EXTENSIONS = {
    "JPEG": {"jpg", "jpeg", "jpe", "jfif", "mpo"},
    "MPO": {"mpo", "jpg", "jpeg"},
    "PNG": {"png", "apng"},
    "GIF": {"gif"},
    "WEBP": {"webp"},
    "TIFF": {"tif", "tiff", "btf", "tf8", "dng"},
    "BMP": {"bmp", "dib"},
    "AVIF": {"avif", "avifs"},
    "PPM": {"ppm", "pgm", "pbm", "pnm"},
    "PSD": {"psd"},
    "ICO": {"ico"},
    "PDF": {"pdf"},
    "mov": {"mp4", "mov", "m4v", "3gp", "3g2", "qt", "mj2"},
    "matroska": {"mkv", "webm", "mka", "mk3d"},
    "avi": {"avi"},
    "flv": {"flv"},
    "ogg": {"ogv", "ogg", "ogm"},
    "asf": {"wmv", "asf"},
    "mpeg": {"mpg", "mpeg", "vob", "mpe"},
    "mpegvideo": {"mpg", "mpeg", "m2v", "m1v"},
    "mpegts": {"ts", "mts", "m2ts"},
}


def disagrees_with_name(sniffed: Sniffed, file_name: str) -> str:
    """The extension of ``file_name`` where it is not one of the format's, else an empty string."""
    extension = file_name.rsplit(".", 1)[1].lower() if "." in file_name else ""
    return extension if extension and extension not in _EXTENSIONS.get(sniffed.format, {extension}) else ""
