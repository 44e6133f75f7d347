"""Measures an image, animated or not, and a TIFF of several pages."""

from __future__ import annotations

from warnings import WarningMessage

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFile

from ..errors import MediaError
from ..sample import Finding, Provenance
from .c2pa import c2pa_store
from .evidence import MAKE_TAG, MODEL_TAG, SOFTWARE_TAG, USER_COMMENT_TAG, Words, provenance
from .facts import Facts, spread
from .hashes import HASH_SIDE, Pixels, altered, pdq
from .images import BROKEN, broken, open_image, orientation_of, pillow_within, to_rgb, upright
from .limits import Limits
from .structure import gif_blocks, png_chunks
from .traces import jpeg_traces, metadata_kinds
from .types import Document, Image, Page

__all__ = ["measure_still"]

EXIF_DIRECTORY = 0x8769
HUGE_PIXELS = 25_000_000
DEFAULT_DPI = 72.0


def measure_still(format: str, data: bytes, limits: Limits) -> Facts:
    """Measures and really decodes every frame; a JPEG at an eighth, which still reads every bit of it.

    Raises MediaError when anything in it cannot be decoded, or is beyond the limits.
    """
    _check_structure(format, data, limits)
    with pillow_within(limits) as noticed:
        image = open_image(data, limits)
        pages = _pages(image, limits) if image.format == "TIFF" else 1
        facts = _document(image, pages, data, limits) if pages > 1 else _image(image, data, limits)
    return facts._replace(findings=facts.findings + _warnings(noticed))


def _check_structure(format: str, data: bytes, limits: Limits) -> None:
    """What decoders overlook: checksums of pixel data, and a cut-off or endless GIF."""
    if format == "PNG":
        _check_png(data)
    elif format == "GIF":
        _check_gif(data, limits)


def _check_png(data: bytes) -> None:
    for part in png_chunks(data):
        if part.name in (b"IHDR", b"PLTE", b"IDAT") and not part.is_intact:
            what = "the file is cut off" if part.end > len(data) else "the chunk's checksum does not fit"
            raise MediaError(f"the PNG is damaged in {part.name.decode()}: {what}", remedy=_AGAIN)
        if part.name == b"IHDR" and b"\0\0\0\0" in (data[16:20], data[20:24]):
            raise MediaError("the image is empty: its width or height is 0", remedy="leave it out")


def _check_gif(data: bytes, limits: Limits) -> None:
    frames = 0
    for part in gif_blocks(data):
        frames += part.name == b","
        if not part.is_intact:
            raise MediaError(f"the GIF is cut off in frame {frames}", remedy=_AGAIN)
        if frames > limits.max_frames:
            raise MediaError(f"more than limits.max_frames = {limits.max_frames} frames", remedy=_RAISE)


_AGAIN = "fetch the file again, or leave it out"
_RAISE = "raise the limit if such a file is expected, or leave it out"


def _pages(image: ImageFile.ImageFile, limits: Limits) -> int:
    """Number of a TIFF's pages; thumbnails do not make it a document."""
    count, full = 0, 0
    try:
        while count <= limits.max_pages:
            image.seek(count)
            full += not _is_reduced(image)
            count += 1
    except EOFError:
        image.seek(0)
        return count if full > 1 else 1
    except BROKEN as error:
        raise broken(f"page {count + 1} cannot be read", error, limits) from error
    raise MediaError(f"more than limits.max_pages = {limits.max_pages} pages", remedy=_RAISE)


def _is_reduced(image: ImageFile.ImageFile) -> bool:
    """TIFF 6.0, NewSubfileType, bit 0: a reduced-resolution version of another image in the file."""
    kind = getattr(image, "tag_v2", {}).get(254, 0)
    return isinstance(kind, int) and bool(kind & 1)


def _image(image: ImageFile.ImageFile, data: bytes, limits: Limits) -> Facts:
    mode, stored, stated = image.mode, image.size, _tiff_orientation(image)
    durations, hashes, copies = _decode(image, data, limits)
    orientation = stated or orientation_of(image)
    turned = (stored[1], stored[0]) if orientation >= 5 else stored
    if stated:  # Pillow has already turned a TIFF's size, other formats it leaves as stored
        stored, turned = turned, stored
    said = _evidence(image, data, limits)
    traces = jpeg_traces(image)
    media = Image(
        format=image.format or "",
        mode=mode,
        width=turned[0],
        height=turned[1],
        stored_width=stored[0],
        stored_height=stored[1],
        exif_orientation=orientation,
        num_frames=len(durations),
        frame_durations_ms=tuple(durations) if len(durations) > 1 else (),
        jpeg_quality=traces.quality,
        jpeg_tables=traces.tables,
        chroma_subsampling=traces.subsampling,
        metadata=metadata_kinds(image, has_c2pa=said.has_c2pa),
    )
    return Facts(media, hashes, said, altered=copies)


def _tiff_orientation(image: ImageFile.ImageFile) -> int:
    return orientation_of(image) if image.format == "TIFF" else 0


def _decode(
    image: ImageFile.ImageFile, data: bytes, limits: Limits
) -> tuple[list[int], tuple[str, ...], tuple[str, ...]]:
    """Durations in ms of all frames, each decoded, the hashes of up to eight, those of altered copies of the first."""
    count = _frame_count(image, data)
    if count > limits.max_frames:
        raise MediaError(f"{count} frames, more than limits.max_frames = {limits.max_frames}", remedy=_RAISE)
    sampled, durations, hashes, copies = set(spread(count)), list[int](), list[str](), tuple[str, ...]()
    for index in range(count):
        if not _load_frame(image, index, count, limits):
            break  # the header promised more frames than there are
        durations.append(_duration_ms(image))
        if index in sampled and (found := pdq(square := _square(image, limits))):
            hashes.append(found)
            copies = copies or altered(square)
    return durations, tuple(dict.fromkeys(hashes)), copies


def _frame_count(image: ImageFile.ImageFile, data: bytes) -> int:
    """Frames by the header; counted by the blocks of a GIF, whose header does not say."""
    if image.format == "GIF":
        return max(1, sum(part.name == b"," for part in gif_blocks(data)))
    return int(getattr(image, "n_frames", 1)) if image.format != "TIFF" else 1


def _load_frame(image: ImageFile.ImageFile, index: int, count: int, limits: Limits) -> bool:
    """Decodes one frame; False after the last one."""
    try:
        if index:
            image.seek(index)
        elif image.format == "JPEG":
            image.draft("L", (2 * HASH_SIDE, 2 * HASH_SIDE))  # at once to HASH_SIDE would fold fine detail
        image.load()
    except BROKEN as error:
        if index and isinstance(error, EOFError):
            return False
        what = f"frame {index + 1} of {count}" if count > 1 else "the image"
        raise broken(f"{what} cannot be decoded", error, limits) from error
    return True


def _duration_ms(image: ImageFile.ImageFile) -> int:
    """How long the frame is shown; 0 where the format knows no time (MPO, PSD)."""
    stated = image.info.get("duration", 0)
    return max(0, round(stated)) if isinstance(stated, int | float) else 0


def _square(image: Pillow.Image, limits: Limits) -> Pixels:
    """The upright frame as a square of HASH_SIDE pixels."""
    if image.width * image.height > HUGE_PIXELS:  # thinned out first: a copy in another mode would double the memory
        image = image.resize((8 * HASH_SIDE, 8 * HASH_SIDE), Pillow.Resampling.NEAREST)
    try:
        small = to_rgb(image).resize((HASH_SIDE, HASH_SIDE), Pillow.Resampling.BOX)
    except BROKEN as error:
        raise broken(f"pixels of mode {image.mode} cannot be converted", error, limits) from error
    return np.asarray(upright(small, orientation_of(image)))


def _document(image: ImageFile.ImageFile, count: int, data: bytes, limits: Limits) -> Facts:
    """A TIFF of several pages, every one decoded."""
    sampled, pages, hashes = set(spread(count)), list[Page](), list[str]()
    for index in range(count):
        _load_frame(image, index, count, limits)
        pages.append(Page(page_index=index, width=image.width, height=image.height, dpi=_dpi(image)))
        if index in sampled and (found := pdq(_square(image, limits))):
            hashes.append(found)
    media = Document(format="TIFF", num_pages=count, pages=tuple(pages))
    return Facts(media, tuple(hashes), _evidence(image, data, limits))


def _dpi(image: ImageFile.ImageFile) -> float:
    """Horizontal resolution where the page states a plausible one, else 72."""
    stated = image.info.get("dpi", (0,))
    try:
        dpi = float(stated[0])
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return DEFAULT_DPI
    return dpi if 1.0 <= dpi <= 100_000.0 else DEFAULT_DPI


def _evidence(image: ImageFile.ImageFile, data: bytes, limits: Limits) -> Provenance:
    words = Words(
        texts={
            key: value for key, value in image.info.items() if isinstance(key, str) and isinstance(value, str | bytes)
        },
        exif=_exif(image),
        xmp=image.info.get("xmp", b""),
        c2pa=c2pa_store(image.format or "", data),
    )
    return provenance(words, max_text_bytes=limits.max_text_bytes)


def _exif(image: ImageFile.ImageFile) -> dict[int, object]:
    """The few tags that say something about the making; unreadable EXIF says nothing."""
    try:
        exif = image.getexif()
        tags: dict[int, object] = {tag: exif[tag] for tag in (SOFTWARE_TAG, MAKE_TAG, MODEL_TAG) if tag in exif}
        if EXIF_DIRECTORY in exif and (comment := exif.get_ifd(EXIF_DIRECTORY).get(USER_COMMENT_TAG)):
            tags[USER_COMMENT_TAG] = comment
    except BROKEN:
        return {}
    return tags


def _warnings(noticed: list[WarningMessage]) -> tuple[Finding, ...]:
    """What Pillow warned of, each once; its warning about many pixels is no news: our limit has decided."""
    kept = [w for w in noticed if not issubclass(w.category, Pillow.DecompressionBombWarning | DeprecationWarning)]
    said = dict.fromkeys(" ".join(str(warning.message).split())[:200] for warning in kept)
    return tuple(Finding(code="decoder_warning", message=message) for message in said)
