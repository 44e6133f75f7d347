"""Whether a file carries Content Credentials, and what the newest manifest says of the origin.

Only presence and the IPTC digital source type are read; signatures are not checked (a reader of
the dataset does that with the original bytes, which are kept). Where each format keeps its
manifest store: C2PA specification 2.2, appendix A.3.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from .structure import bmff_boxes, jpeg_segments, png_chunks, riff_chunks

__all__ = ["c2pa_store", "c2pa_store_of_stream", "source_types"]

C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
MANIFEST_UUID = b"\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
MOST_BYTES = 16 * 2**20
_SOURCE_TYPE = re.compile(rb"digitalsourcetype/([A-Za-z]{3,64})")


def c2pa_store(format: str, data: bytes) -> bytes | None:
    """The manifest store (JUMBF) of an image or a PDF, at most 16 MiB of it; None where there is none."""
    if format in ("JPEG", "MPO"):
        return _jpeg_store(data)
    if format == "PNG":
        return next((data[p.start : p.end][:MOST_BYTES] for p in png_chunks(data) if p.name == b"caBX"), None)
    if format == "WEBP":
        return next((data[p.start : p.end][:MOST_BYTES] for p in riff_chunks(data) if p.name == b"C2PA"), None)
    marks = {"GIF": b"C2PA_GIF\x01\x00\x00", "TIFF": b"jumbc2pa", "PDF": b"/C2PA_Manifest", "AVIF": C2PA_BOX}
    at = data.find(marks[format]) if format in marks else -1
    return data[at : at + MOST_BYTES] if at >= 0 else None


def _jpeg_store(data: bytes) -> bytes | None:
    """APP11 payloads joined; each repeats 16 bytes of instance, sequence and box header (ISO/IEC 18477-3)."""
    segments = [data[p.start : p.end] for p in jpeg_segments(data) if p.name == b"\xeb"]
    store = b"".join(segment[16:] for segment in segments if segment[:2] == b"JP")[:MOST_BYTES]
    return store if b"c2pa" in store else None


def c2pa_store_of_stream(stream: BinaryIO, size: int) -> bytes | None:
    """The manifest store in a ``uuid`` box of an MP4 or MOV, at most 16 MiB of it."""
    for box in bmff_boxes(stream, size):
        if box.name == C2PA_BOX:
            stream.seek(box.start)
            return stream.read(min(box.end - box.start, MOST_BYTES))
    return None


def source_types(store: bytes) -> tuple[str, ...]:
    """IPTC digital source types that the active manifest, the last of the store, states; in order, each once."""
    starts = [store.rfind(kind + MANIFEST_UUID) for kind in (b"c2ma", b"c2um")]
    found = _SOURCE_TYPE.findall(store, max(*starts, 0))
    return tuple(dict.fromkeys(name.decode("ascii") for name in found))
