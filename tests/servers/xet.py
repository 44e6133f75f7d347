"""The store behind the Hub's Xet transfers, as far as ``hf_xet`` asks it (huggingface.co/docs/xet, version 1.0).

Files are cut into chunks by the client, chunks are packed into xorbs, and a shard says which chunks of which xorbs a
file is made of. The store believes none of it: a shard is taken only where its chunks give bytes of the stated sha256.
"""

from __future__ import annotations

import hashlib
import re
import struct
import threading
import time
from itertools import accumulate
from typing import Any, NamedTuple

import pyarrow as pa

__all__ = ["ACCESS", "XetStore"]

ACCESS = "xet-loopback"
"""The short-lived token that the Hub hands out for the store."""
HEADER_BYTES = 48
WORDS = struct.Struct("<4Q")
HAS_VERIFICATION, HAS_SHA256 = 1 << 31, 1 << 30

Answer = tuple[int, Any, dict[str, str]]


class _Term(NamedTuple):
    """A stretch of chunks of one xorb."""

    xorb: str
    first: int
    end: int


class _Xorb(NamedTuple):
    data: bytes
    offsets: tuple[int, ...]
    """First byte of every chunk, header included, and the end of the last one."""
    sizes: tuple[int, ...]
    """Bytes of every chunk, unpacked."""


class _File(NamedTuple):
    terms: tuple[_Term, ...]
    sha256: str
    data: bytes


class XetStore:
    """Chunks and files; ``url`` is where the client finds it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.hash_of: dict[str, str] = {}
        """The store's own name of a file, by the sha256 of its bytes."""
        self._xorbs: dict[str, _Xorb] = {}
        self._files: dict[str, _File] = {}
        self._lock = threading.Lock()

    def bytes_of(self, sha256: str) -> bytes | None:
        """A file that was brought here; None where it was not."""
        with self._lock:
            return self._files[self.hash_of[sha256]].data if sha256 in self.hash_of else None

    def token(self) -> Answer:
        """What the Hub answers to who may read or write."""
        until = int(time.time()) + 3600
        headers = {
            "X-Xet-Cas-Url": self.url,
            "X-Xet-Access-Token": ACCESS,
            "X-Xet-Token-Expiration": str(until),
        }
        return 200, {"casUrl": self.url, "accessToken": ACCESS, "exp": until}, headers

    def serve(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        """The answer to a request; paths are those below ``url``."""
        if match := re.fullmatch(r"/data/(\w{64})", path):  # presigned: needs no token
            return self._data(match[1], headers.get("Range", ""))
        if headers.get("Authorization") != f"Bearer {ACCESS}":
            return 401, {"error": "no token of this store"}, {}
        if path == "/v1/telemetry":
            return 200, {}, {}
        with self._lock:
            if method == "POST" and (match := re.fullmatch(r"/v1/xorbs/default/(\w{64})", path)):
                self._xorbs[match[1]] = _xorb(body)
                return 200, {"was_inserted": True}, {}
            if method == "POST" and path == "/v1/shards":
                return self._take(body)
            if method == "GET" and (match := re.fullmatch(r"/v1/reconstructions/(\w{64})", path)):
                return self._plan(match[1], headers.get("Range", ""))
        return 404, {"error": f"no such endpoint: {method} {path}"}, {}  # newer ones: the client goes on with these

    def _take(self, shard: bytes) -> Answer:
        for name, terms, sha256 in _files_of(shard):
            if any(term.xorb not in self._xorbs for term in terms):
                return 400, {"error": "the shard names a xorb that was never uploaded"}, {}
            data = b"".join(map(self._unpacked, terms))
            if hashlib.sha256(data).hexdigest() != sha256:
                return 400, {"error": f"the chunks do not make the bytes {sha256}"}, {}
            self._files[name] = _File(terms, sha256, data)
            self.hash_of[sha256] = name
        return 200, {"result": 1}, {}

    def _unpacked(self, term: _Term) -> bytes:
        data, offsets, _ = self._xorbs[term.xorb]
        return b"".join(_chunk(data[offsets[n] : offsets[n + 1]]) for n in range(term.first, term.end))

    def _plan(self, name: str, wanted: str) -> Answer:
        """Where the chunks of a file, or of a range of its bytes, are to be had."""
        file = self._files.get(name)
        if file is None:
            return 404, {"error": "no such file"}, {}
        start, end = _range(wanted, len(file.data))
        if start >= len(file.data):
            return 416, {"error": "beyond the end"}, {}
        sizes = [sum(self._xorbs[t.xorb].sizes[t.first : t.end]) for t in file.terms]
        begins = [0, *accumulate(sizes)]
        chosen = [n for n in range(len(sizes)) if begins[n] < end and begins[n + 1] > start]
        terms = [_term(file.terms[n], sizes[n]) for n in chosen]
        fetch: dict[str, list[Any]] = {}
        for n in chosen:
            fetch.setdefault(file.terms[n].xorb, []).append(self._fetch(file.terms[n]))
        return 200, {"offset_into_first_range": start - begins[chosen[0]], "terms": terms, "fetch_info": fetch}, {}

    def _fetch(self, term: _Term) -> dict[str, Any]:
        offsets = self._xorbs[term.xorb].offsets
        return {
            "range": {"start": term.first, "end": term.end},
            "url": f"{self.url}/data/{term.xorb}",
            "url_range": {"start": offsets[term.first], "end": offsets[term.end] - 1},
        }

    def _data(self, name: str, wanted: str) -> Answer:
        with self._lock:
            data = self._xorbs[name].data
        start, end = _range(wanted, len(data))
        return 206, data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}


def _term(term: _Term, size: int) -> dict[str, Any]:
    return {"hash": term.xorb, "unpacked_length": size, "range": {"start": term.first, "end": term.end}}


def _range(wanted: str, size: int) -> tuple[int, int]:
    """First byte and the one after the last."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
    return (int(match[1]), min(size, int(match[2] or size) + 1)) if match else (0, size)


def _xorb(data: bytes) -> _Xorb:
    """Chunks follow one another, each behind 8 bytes: version, packed size, scheme, unpacked size; then a footer."""
    offsets, sizes = [0], []
    while offsets[-1] + 8 <= len(data) and data[offsets[-1]] == 0:
        packed, size = (int.from_bytes(data[offsets[-1] + at : offsets[-1] + at + 3], "little") for at in (1, 5))
        sizes.append(size)
        offsets.append(offsets[-1] + 8 + packed)
    return _Xorb(data, tuple(offsets), tuple(sizes))


def _chunk(packed: bytes) -> bytes:
    scheme, size = packed[4], int.from_bytes(packed[5:8], "little")
    if scheme == 0:
        return packed[8:]
    plain = pa.Codec("lz4").decompress(packed[8:], decompressed_size=size, asbytes=True)
    return _ungrouped(plain) if scheme == 2 else plain


def _ungrouped(data: bytes) -> bytes:
    """Every fourth byte stood together."""
    out, start = bytearray(len(data)), 0
    for place in range(4):
        count = len(range(place, len(data), 4))
        out[place::4] = data[start : start + count]
        start += count
    return bytes(out)


def _files_of(shard: bytes) -> list[tuple[str, tuple[_Term, ...], str]]:
    """Name, stretches and sha256 of every file that a shard describes."""
    found, at = [], HEADER_BYTES
    while (name := shard[at : at + 32]) != b"\xff" * 32:
        flags, count = struct.unpack_from("<II", shard, at + 32)
        entries = [at + 48 * n for n in range(1, count + 1)]
        terms = tuple(_Term(_hex(shard[e : e + 32]), *struct.unpack_from("<II", shard, e + 40)) for e in entries)
        at += 48 * (1 + count + (count if flags & HAS_VERIFICATION else 0))
        sha256 = _hex(shard[at : at + 32]) if flags & HAS_SHA256 else ""
        at += 48 if flags & HAS_SHA256 else 0
        found.append((_hex(name), terms, sha256))
    return found


def _hex(name: bytes) -> str:
    """A hash as the protocol spells it: four little-endian numbers."""
    return "".join(f"{word:016x}" for word in WORDS.unpack(name))
