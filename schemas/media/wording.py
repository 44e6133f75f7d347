"""Text out of a file, made fit to be kept: bounded, without control characters, valid Unicode."""

from __future__ import annotations

import re

__all__ = ["clean", "decoded"]

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters but tab and line feed, invisible direction marks (they disguise text), lone surrogates."""


def clean(text: str | None, most_bytes: int) -> str | None:
    """At most ``most_bytes`` of UTF-8 of the text, stripped; None for nothing."""
    if not text:
        return None
    kept = _UNFIT.sub("", text[:most_bytes].replace("\r\n", "\n").replace("\r", "\n")).strip()
    return kept.encode()[:most_bytes].decode("utf-8", "ignore") or None


def decoded(raw: object) -> str:
    """Text that metadata holds as str or bytes; EXIF UserComment's character code is honored (EXIF 2.32, 4.6.5)."""
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, bytes | bytearray):
        return ""
    data = bytes(raw)
    if data[:8] == b"UNICODE\0":
        return _utf16(data[8:])
    return (data[8:] if data[:8] in (b"ASCII\0\0\0", b"\0" * 8) else data).decode("utf-8", "replace")


def _utf16(data: bytes) -> str:
    """Byte order by the zero halves of mostly Latin text: writers do not agree on one and set no mark."""
    little = data[1::2].count(0) > data[0::2].count(0)
    return data.decode("utf-16-le" if little else "utf-16-be", "replace")
