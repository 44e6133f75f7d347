"""One file in, everything that is known of it out: what it is, its sizes and times, its hashes, its evidence."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import BinaryIO

from ..base import Frozen
from ..errors import MediaError
from ..sample import Finding, Provenance
from .appended import beyond
from .facts import Facts
from .limits import Limits
from .sniff import HEAD_BYTES, Sniffed, disagrees_with_name, sniff
from .types import Image, Media
from .wording import clean

__all__ = ["Measured", "measure"]


class Measured(Frozen):
    """What was measured of one file, from its content alone."""

    asset_id: str
    """sha256 of the bytes, lower-case hex."""
    byte_size: int
    """Size of the file in bytes."""
    media: Media
    """What it is."""
    perceptual_hashes: tuple[str, ...] = ()
    """PDQ hashes of the image, or of sampled frames or pages, in order."""
    altered_hashes: tuple[str, ...] = ()
    """PDQ hashes that mirrored and cropped copies of an image, or of sampled frames, would have."""
    provenance: Provenance = Provenance()
    """What the file says about its making."""
    findings: tuple[Finding, ...] = ()
    """What a reader should know; it stops nothing."""


def measure(
    open_uri: Callable[[str], BinaryIO], uri: str, *, file_name: str, limits: Limits, password: str | None = None
) -> Measured:
    """Reads and measures one file; its type comes from its content, ``file_name`` is only compared with it.

    Call it in a sandbox. Raises MediaError for what is no image, video or document, is broken, or
    breaks a limit; every message says what and which number.
    """
    with _opened(open_uri, uri) as file:
        size = _size(file, limits)
        head = file.read(HEAD_BYTES)
        sniffed = sniff(head)
        if sniffed.modality is None:
            raise _not_read(sniffed)
        if sniffed.modality == "video" and size > STREAMED_BYTES:
            digest, facts, extra = _streamed(file, size, limits)
        else:
            digest, facts, extra = _in_memory(head + file.read(), sniffed, limits, password)
    named = _named(sniffed, facts.media, file_name)
    return Measured(
        asset_id=digest,
        byte_size=size,
        media=facts.media,
        perceptual_hashes=facts.hashes,
        altered_hashes=facts.altered,
        provenance=facts.provenance,
        findings=named + extra + facts.findings,
    )


def _not_read(sniffed: Sniffed) -> MediaError:
    if sniffed.is_other_image:
        return MediaError(f"it looks like {sniffed.description}, which is not read here", remedy=_SAVE_AS_PNG)
    return MediaError(f"not an image, video or document: it looks like {sniffed.description}", remedy=_LEAVE_OUT)


_LEAVE_OUT = "leave it out of the input"
_SAVE_AS_PNG = "save it as PNG with another program, or leave it out of the input"
STREAMED_BYTES = 16 * 2**20
"""Videos above this are read twice, for the hash and for the frames, rather than held in memory."""
BLOCK_BYTES = 2**20


def _opened(open_uri: Callable[[str], BinaryIO], uri: str) -> BinaryIO:
    try:
        return open_uri(uri)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise MediaError(f"the file cannot be opened: {error.strerror or error}", remedy="check the path") from error


def _size(file: BinaryIO, limits: Limits) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > limits.max_file_bytes:
        raise MediaError(f"{size} bytes, more than limits.max_file_bytes = {limits.max_file_bytes}", remedy=_RAISE)
    return size


_RAISE = "raise the limit if such a file is expected, or leave it out"


def _streamed(file: BinaryIO, size: int, limits: Limits) -> tuple[str, Facts, tuple[Finding, ...]]:
    from .clips import measure_clip

    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest(), measure_clip(file, size, limits), ()


def _in_memory(
    data: bytes, sniffed: Sniffed, limits: Limits, password: str | None
) -> tuple[str, Facts, tuple[Finding, ...]]:
    if len(data) > limits.max_in_memory_bytes:
        raise MediaError(
            f"{len(data)} bytes, more than limits.max_in_memory_bytes = {limits.max_in_memory_bytes}", remedy=_RAISE
        )
    facts = _facts(data, sniffed, limits, password)
    is_alone = not (isinstance(facts.media, Image) and facts.media.format == "MPO")  # an MPO is several JPEGs in a row
    return hashlib.sha256(data).hexdigest(), facts, beyond(sniffed.format, data) if is_alone else ()


def _facts(data: bytes, sniffed: Sniffed, limits: Limits, password: str | None) -> Facts:
    """Each modality's decoder is imported when its first file comes."""
    if sniffed.modality == "image":
        from .stills import measure_still

        return measure_still(sniffed.format, data, limits)
    if sniffed.modality == "document":
        from .papers import measure_paper

        return measure_paper(data, limits, password)
    from .clips import measure_clip

    return measure_clip(io.BytesIO(data), len(data), limits)


def _named(sniffed: Sniffed, media: Media, file_name: str) -> tuple[Finding, ...]:
    if not (extension := disagrees_with_name(sniffed, file_name)):
        return ()
    message = f"the name ends in .{clean(extension, 20)}, the content is {sniffed.description}"
    return (Finding(code="extension_disagrees", message=message),)
