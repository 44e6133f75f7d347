"""How files are laid out: just enough of each format to find where it ends and what it carries.

Decoders stop where they have what they need; what follows (an archive, a script, a second file)
and what they skip (a C2PA store, a bad checksum) is only seen by walking the structure. Each walk
hops from length to length, is bounded by the data, and never raises on broken input.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

__all__ = ["Part", "bmff_boxes", "content_end", "gif_blocks", "jpeg_segments", "png_chunks", "riff_chunks"]


class Part(NamedTuple):
    """One segment, chunk, block or box: its name and where its payload lies."""

    name: bytes
    start: int
    end: int
    is_intact: bool = True
    """Whether it ends inside the file and its checksum, where there is one, fits."""


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """Marker segments up to the first scan, named by the marker's second byte (ITU-T T.81, B.1)."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        yield Part(data[position + 1 : position + 2], position + 4, end, end <= len(data))
        if marker == 0xDA:
            return
        position = end


def _jpeg_end(data: bytes) -> int | None:
    """The byte after the end-of-image marker of the first image.

    In entropy-coded data FF is followed by 00 or a restart marker, so after the first scan begins
    every other marker is real; the tables between progressive scans are hopped over by their length.
    """
    scan = next((part.end for part in jpeg_segments(data) if part.name == b"\xda"), None)
    if scan is None or scan >= len(data):
        return None
    ends = _end_markers(data, scan)
    if not ends or ends == [len(data) - 2]:  # nearly every file: the walk costs seven times as much
        return len(data) if ends else None
    codes = np.frombuffer(data, np.uint8, offset=scan)
    starts = np.flatnonzero(codes[:-1] == 0xFF)  # a byte search stumbles over every FF: five times slower
    markers = codes[starts + 1]
    skipped = scan
    for start in (starts[(markers >= 0xC0) & ((markers < 0xD0) | (markers > 0xD8)) & (markers < 0xFF)] + scan).tolist():
        if start >= skipped:
            if data[start + 1] == 0xD9:
                return start + 2
            skipped = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return None


def _end_markers(data: bytes, start: int) -> list[int]:
    """Where FF D9 stands, ascending, as two comparisons of pairs of bytes."""
    found = list[int]()
    for first in (start, start + 1):
        pairs = np.frombuffer(data, "<u2", count=(len(data) - first) // 2, offset=first)
        found += (np.flatnonzero(pairs == 0xD9FF) * 2 + first).tolist()
    return sorted(found)


def png_chunks(data: bytes) -> Iterator[Part]:
    """Chunks with their CRC checked (PNG specification, third edition, 5.3)."""
    position = 8
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        stated = data[end : end + 4]
        is_intact = len(stated) == 4 and zlib.crc32(memoryview(data)[position + 4 : end]) == int.from_bytes(
            stated, "big"
        )
        yield Part(name, position + 8, end, is_intact)
        if name == b"IEND":
            return
        position = end + 4


def riff_chunks(data: bytes) -> Iterator[Part]:
    """Chunks of a RIFF file, padded to even lengths."""
    position, stop = 12, min(_riff_end(data), len(data))
    while position + 8 <= stop:
        name, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length
        yield Part(name, position + 8, end, end <= len(data))
        position = end + (length & 1)


def _riff_end(data: bytes) -> int:
    size = int.from_bytes(data[4:8], "little")
    return 8 + size + (size & 1)


def gif_blocks(data: bytes) -> Iterator[Part]:
    """Images (``,``), extensions (``!`` and their label) and the trailer (``;``) of a GIF89a."""
    position = 13 + _color_table_bytes(data[10:11])
    while position < len(data):
        name = data[position : position + 1]
        if name == b";":
            yield Part(name, position, position + 1)
            return
        if name == b"!":
            name, start = data[position : position + 2], position + 2
        elif name == b",":
            start = position + 11 + _color_table_bytes(data[position + 9 : position + 10])
        else:
            return
        end = _sub_blocks_end(data, start)
        yield Part(name, start, end if end is not None else len(data), end is not None)
        if end is None:
            return
        position = end


def _color_table_bytes(flags: bytes) -> int:
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _sub_blocks_end(data: bytes, position: int) -> int | None:
    size = len(data)
    while position < size:
        if not (length := data[position]):
            return position + 1
        position += 1 + length
    return None


def bmff_boxes(stream: BinaryIO, size: int, *, most: int = 4096) -> Iterator[Part]:
    """Top-level boxes of an ISO base media file (ISO/IEC 14496-12, 4.2); ``uuid`` boxes by their 16 bytes."""
    position = 0
    while position + 8 <= size and most:
        most -= 1
        stream.seek(position)
        header = stream.read(32)
        length, name = struct.unpack_from(">I4s", header.ljust(8, b"\0"))
        start = position + 8
        if length == 1 and len(header) >= 16:
            length, start = struct.unpack_from(">Q", header, 8)[0], position + 16
        end = position + length if length else size
        if end < start:
            return
        if name == b"uuid":
            offset = start - position
            name, start = header[offset : offset + 16], start + 16
        yield Part(name, start, end, end <= size)
        position = end


def content_end(format: str, data: bytes) -> int | None:
    """The byte after the image, by its own structure; None where the format has no end of its own."""
    if format == "JPEG":
        return _jpeg_end(data)
    if format == "PNG":
        return next((part.end + 4 for part in png_chunks(data) if part.name == b"IEND"), None)
    if format == "GIF":
        return next((part.end for part in gif_blocks(data) if part.name == b";"), None)
    return _riff_end(data) if format == "WEBP" else None
