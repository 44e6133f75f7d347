"""Small media made on the spot, so that every test knows what it should find."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from PIL import Image


def photo_pixels(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Smooth random blobs, RGB: enough detail for a perceptual hash, and compressible like a photo."""
    coarse = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.fixture
def png_chunk() -> Callable[[bytes, bytes], bytes]:
    """A PNG chunk with its length and checksum."""
    return chunk


@pytest.fixture
def photo() -> Callable[..., Image.Image]:
    """``photo(width, height, seed=0)``."""
    return lambda width, height, seed=0: Image.fromarray(photo_pixels(width, height, seed))


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """``encode(image, format, **options)``: an image as the bytes of a file."""
    return encoded


@pytest.fixture
def film() -> Callable[..., bytes]:
    """``film(pts, ...)``: a video with a frame at each tick of ``pts``, gray 10 + 20 (i % 12), top left white."""
    return make_film


def make_film(
    pts: Sequence[int],
    *,
    size: tuple[int, int] = (64, 48),
    container: str = "mp4",
    codec: str = "mpeg4",
    ticks_per_s: int = 1000,
    gop: int = 4,
    metadata: dict[str, str] | None = None,
) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        output.metadata.update(metadata or {})
        stream = output.add_stream(codec, rate=25, options={"g": str(gop), "qscale": "2", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, ticks_per_s)
        for number, time in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(_gray(size, number), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, ticks_per_s)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def _gray(size: tuple[int, int], number: int) -> np.ndarray:
    pixels = np.full((size[1], size[0], 3), 10 + 20 * (number % 12), np.uint8)
    pixels[: size[1] // 4, : size[0] // 4] = 255
    return pixels


@pytest.fixture
def sound() -> bytes:
    """An MP4 that holds an audio stream only."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 16000, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture
def pdf() -> Callable[..., bytes]:
    """``pdf(*pages, password=None)``: pages as ``{"box": "0 0 200 100", "text": "Hello", "extra": "/Rotate 90"}``."""
    return make_pdf


def make_pdf(*pages: dict[str, str], password: str | None = None) -> bytes:
    objects = [b"<</Type/Catalog/Pages 2 0 R>>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects += [f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode()]
    objects += [b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    key, trailer = _encryption(password) if password else (None, b"")
    for number, page in enumerate(pages):
        show = f"BT /F1 20 Tf {page.get('at', '20 50')} Td ({page['text']}) Tj ET" if page.get("text") else ""
        stream = _rc4(_object_key(key, 5 + 2 * number), show.encode()) if key else show.encode()
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[{page['box']}]/Contents {5 + 2 * number} 0 R"
            f"/Resources<</Font<</F1 3 0 R>>>>{page.get('extra', '')}>>".encode(),
            b"<</Length %d>>stream\n%b\nendstream" % (len(stream), stream),
        ]
    return _with_xref(objects, trailer)


def _with_xref(objects: list[bytes], trailer: bytes) -> bytes:
    data, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, len(data))
    return data + head + table + tail


PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def _encryption(password: str) -> tuple[bytes, bytes]:
    """File key and trailer entry of the standard security handler, revision 2 (ISO 32000-1, 7.6.3)."""
    user = (password.encode() + PADDING)[:32]
    owner = _rc4(hashlib.md5(user, usedforsecurity=False).digest()[:5], user)
    key = hashlib.md5(user + owner + struct.pack("<i", -4) + b"0123456789abcdef", usedforsecurity=False).digest()[:5]
    entry = b"/ID[<%b><%b>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>>"
    identity = b"0123456789abcdef".hex().encode()
    return key, entry % (identity, identity, owner.hex().encode(), _rc4(key, PADDING).hex().encode())


def _object_key(key: bytes, number: int) -> bytes:
    return hashlib.md5(key + struct.pack("<I", number)[:3] + b"\0\0", usedforsecurity=False).digest()[:10]


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
