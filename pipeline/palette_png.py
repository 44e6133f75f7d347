"""A palette PNG whose rows mostly repeat the row above, written in a fraction of a general encoder's time.

Pillow deflates every byte of a mask (1.8 ms for 1024 x 1024), and drawing, hashing and writing a row cost less than
that together. Here a row equal to the one above is never looked at again: with PNG's filter ``Up`` it is a row of
zeros, and so many rows of zeros are a stretch of deflate data that is made once. Each stretch ends on a byte, so
stretches are put one behind the other, and the checksum over the zeros follows from their number.

Formats: PNG specification, third edition; zlib and deflate, RFC 1950 and 1951.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["palette_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_COLOR = 3
UP = 2
ZLIB_HEADER = b"\x78\x01"
LAST_BLOCK = b"\x03\x00"
"""An empty last block with fixed codes."""
ADLER_MODULUS = 65_521
Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]


def palette_png(rows: Bytes, colors: Sequence[bytes], counts: Counts | None = None) -> bytes:
    """The ``(height, width)`` color numbers as a PNG of 1, 2, 4 or 8 bits a pixel, whichever holds all ``colors``.

    ``colors`` are 3 bytes each, at most 256, and more than the highest number. ``counts`` says how often each row
    stands in the picture, one below the other: once where it is not given. Equal pictures give equal bytes with one
    version of zlib.
    """
    counts = np.ones(len(rows), dtype=np.int64) if counts is None else counts
    bits = next(bits for bits in (1, 2, 4, 8) if len(colors) <= 1 << bits)
    header = struct.pack(">IIBBBBB", rows.shape[1], counts.sum(), bits, PALETTE_COLOR, 0, 0, 0)
    data = b"".join(_deflated(rows, counts, bits))
    parts = ((b"IHDR", header), (b"PLTE", b"".join(colors)), (b"IDAT", data), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))


def _deflated(rows: Bytes, counts: Counts, bits: int) -> Iterator[bytes]:
    """The zlib stream of the filtered rows, piece by piece."""
    adler, row_bytes = 1, -(-rows.shape[1] * bits // 8)
    yield ZLIB_HEADER
    for filtered, repeats in _pieces(rows, counts, bits):
        if len(filtered):
            adler = zlib.adler32(filtered.data, adler)
            yield _stretch(filtered.tobytes())
        if repeats:
            adler = _adler_of_repeats(adler, repeats, row_bytes)
            yield from _repeats(repeats, row_bytes)
    yield LAST_BLOCK + struct.pack(">I", adler)


def _pieces(rows: Bytes, counts: Counts, bits: int) -> Iterator[tuple[Bytes, int]]:
    """Filtered rows that differ from the row above, and how often the last of them is then repeated."""
    fresh = np.flatnonzero(_differs_from_above(rows))
    starts = np.concatenate(([0], np.cumsum(counts)))
    bounds = np.concatenate((starts[fresh], starts[-1:]))
    yield np.empty((0, 0), dtype=np.uint8), int(bounds[0])  # rows of zeros repeat what is above the first row
    filtered, repeats = _filtered(rows[fresh], bits), np.diff(bounds) - 1
    ends = np.flatnonzero(repeats) + 1
    for start, stop in pairwise([0, *ends.tolist(), len(fresh)]):
        if start < stop:
            yield filtered[start:stop], int(repeats[stop - 1])


def _differs_from_above(rows: Bytes) -> NDArray[np.bool_]:
    """Of each row; above the first one all is 0."""
    differs = np.empty(len(rows), dtype=np.bool_)
    differs[0] = rows[0].any()
    np.not_equal(_wide(rows[1:]), _wide(rows[:-1])).any(axis=1, out=differs[1:])
    return differs


def _filtered(rows: Bytes, bits: int) -> Bytes:
    """Rows as PNG's filter ``Up`` leaves them, each behind the filter's number."""
    packed = _packed(np.vstack((np.zeros_like(rows[:1]), rows)), bits)
    filtered = np.full((len(rows), 1 + packed.shape[1]), UP, dtype=np.uint8)
    np.subtract(packed[1:], packed[:-1], out=filtered[:, 1:])
    return filtered


def _wide(rows: Bytes) -> NDArray[np.unsignedinteger]:
    """Eight pixels as one number where the width allows: they are only compared."""
    return rows.view(np.uint64) if rows.flags.c_contiguous and rows.shape[1] % 8 == 0 else rows


def _packed(rows: Bytes, bits: int) -> Bytes:
    """Rows of ``8 // bits`` pixels a byte, the leftmost pixel in the highest bits, the last byte filled up with 0."""
    per_byte = 8 // bits
    if per_byte == 1:
        return rows
    missing = -rows.shape[1] % per_byte
    padded = np.pad(rows, ((0, 0), (0, missing))) if missing else rows
    packed = padded[:, ::per_byte] << np.uint8(8 - bits)
    for place in range(1, per_byte):
        packed |= padded[:, place::per_byte] << np.uint8(8 - bits * (place + 1))
    return packed


def _stretch(data: bytes) -> bytes:
    """Deflate blocks that refer to nothing before them and end on a byte."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


def _repeats(count: int, row_bytes: int) -> Iterator[bytes]:
    """Stretches of 1, 2, 4, ... filtered rows of zeros that make up ``count`` rows."""
    return (_power_of_repeats(power, row_bytes) for power in range(count.bit_length()) if count >> power & 1)


@lru_cache(maxsize=1024)
def _power_of_repeats(power: int, row_bytes: int) -> bytes:
    return _stretch((bytes([UP]) + bytes(row_bytes)) * (1 << power))


def _adler_of_repeats(adler: int, count: int, row_bytes: int) -> int:
    """Adler-32 after ``count`` rows of a 2 and zeros: the low half grows by 2 a row, the high half by it per byte."""
    low, high = adler & 0xFFFF, adler >> 16
    high += (row_bytes + 1) * count * (low + count + 1)
    return (high % ADLER_MODULUS) << 16 | (low + UP * count) % ADLER_MODULUS
