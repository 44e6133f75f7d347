"""What a file holds beyond its own content: bytes after the end, a second format, a script."""

from __future__ import annotations

import re

from ..sample import Finding
from .structure import content_end

__all__ = ["beyond"]

ZIP_END = b"PK\x05\x06"
ZIP_END_BYTES = 22
LONGEST_ZIP_COMMENT = 65_535
_SCRIPT = re.compile(rb"(?i)<\s*(?:script|html|iframe|\?php)\b")


def beyond(format: str, data: bytes) -> tuple[Finding, ...]:
    """Findings ``trailing_bytes`` (how many follow the end) and ``polyglot`` (what else the file is)."""
    end = content_end(format, data)
    trailing = data[end:] if end is not None and end < len(data) else b""
    found = []
    if trailing.strip(b"\0\r\n "):
        found.append(
            Finding(code="trailing_bytes", message=f"{len(trailing)} bytes follow the end of the {format} data")
        )
    others = [name for name, is_there in _others(format, data, trailing) if is_there]
    if others:
        found.append(Finding(code="polyglot", message=f"the file is also readable as {' and '.join(others)}"))
    return tuple(found)


def _others(format: str, data: bytes, trailing: bytes) -> tuple[tuple[str, bool], ...]:
    head = data[:1024]
    return (
        ("a PDF", format != "PDF" and b"%PDF-" in head),
        ("a ZIP archive", _is_zip(data)),
        ("a web page or script", bool(_SCRIPT.search(trailing)) or (format == "GIF" and data[6:8] in (b"/*", b"=1"))),
    )


def _is_zip(data: bytes) -> bool:
    """A ZIP is read from its end record, whose comment reaches to the end of the file (APPNOTE 6.3.10, 4.3.16)."""
    tail = data[-(ZIP_END_BYTES + LONGEST_ZIP_COMMENT) :]
    at = tail.rfind(ZIP_END)
    return at >= 0 and at + ZIP_END_BYTES + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)
