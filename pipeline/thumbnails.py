"""Small pictures of what was published; decodes untrusted media, so it runs in the sandbox and imports little."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from schemas.base import Frozen
from schemas.candidate import Region
from schemas.media.limits import DEFAULT_LIMITS, Limits
from schemas.media.types import Document, Image, Video
from schemas.sample import Asset

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Thumbnail", "thumbnail"]

FRAMES = 6
"""Frames of a video's strip."""
PAGES = 2
"""Pages of a document that are shown at most."""
ENTRY_BYTES = 28_000
"""What all pictures of one medium together should stay below, encoded: 48 entries stay below 3 MB of page."""
QUALITIES = (80, 65, 50, 35, 20)
WEBP_METHOD = 1
"""A quarter of the time of method 3 for a tenth more bytes."""


class Thumbnail(Frozen):
    """A small picture of an image, a frame or a page, and the space that regions on it are measured in."""

    data: bytes = Field(repr=False)
    """WebP, JPEG or PNG."""
    width: PositiveFloat
    """Width of the original upright image, frame or page in its own pixels (not the picture's)."""
    height: PositiveFloat
    """Height of the original in its own pixels."""
    page_index: NonNegativeInt | None = None
    """The page, for documents."""
    frame_index: NonNegativeInt | None = None
    """The frame, for videos."""
    pts_s: NonNegativeFloat | None = None
    """Presentation time of that frame in seconds."""
    compared: str | None = None
    """Of the second image of a pair, its asset id: only regions that name it are seen there; None for the medium."""


def thumbnail(
    open_uri: Callable[[str], BinaryIO],
    asset: Asset,
    *,
    side: int = 480,
    regions: Sequence[Region] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Thumbnail, ...]:
    """WebP pictures around ``side`` pixels wide or high: the image, a strip of frames, or a document's pages.

    Frames and pages on which the regions lie are chosen first. To be run in the sandbox.
    Raises MediaError for what cannot be decoded.
    """
    media = asset.media
    with open_uri(asset.uri) as file:
        if isinstance(media, Video):
            return _frames(file, media, frames_to_show(media, regions), side, limits)
        if isinstance(media, Document):
            return _pages(file.read(), media, pages_to_show(media, regions), side, asset.password, limits)
        return (_image(file.read(), media, side, limits, None if asset.role == "primary" else asset.asset_id),)


def _image(data: bytes, image: Image, side: int, limits: Limits, compared: str | None) -> Thumbnail:
    from schemas.media.images import read_image

    pixels, room = read_image(data, max_side=side, limits=limits), ENTRY_BYTES // (2 if compared else 1)
    return Thumbnail(data=_webp(pixels, room), width=image.width, height=image.height, compared=compared)


def _frames(file: BinaryIO, video: Video, indices: Sequence[int], side: int, limits: Limits) -> tuple[Thumbnail, ...]:
    """Frames at two thirds of the side: six of them share the room of one picture."""
    from schemas.media.videos import read_frames

    return tuple(
        Thumbnail(
            data=_webp(frame.pixels, ENTRY_BYTES // len(indices)),
            width=video.width,
            height=video.height,
            frame_index=frame.index,
            pts_s=frame.pts_s,
        )
        for frame in read_frames(file, indices, max_side=side * 2 // 3, limits=limits)
    )


def _pages(
    data: bytes, document: Document, indices: Sequence[int], side: int, password: str | None, limits: Limits
) -> tuple[Thumbnail, ...]:
    """Pages at one and a half times the side, so that headings can be read."""
    from schemas.media.documents import render_page

    def page(index: int) -> Thumbnail:
        pixels = render_page(data, index, max_side=side * 3 // 2, password=password, limits=limits)
        size = document.pages[index]
        picture = _webp(pixels, ENTRY_BYTES // len(indices))
        return Thumbnail(data=picture, width=size.width, height=size.height, page_index=index)

    return tuple(page(index) for index in indices)


def frames_to_show(video: Video, regions: Sequence[Region], most: int = FRAMES) -> tuple[int, ...]:
    """Frames of the strip, ascending: one of every region as far as there is room, the rest evenly spread."""
    last = video.num_frames - 1
    wanted = [index for region in regions if (index := _frame_of(region, video)) is not None and index <= last]
    spread = [round(last * (2 * i + 1) / (2 * most)) for i in range(most)]
    chosen = list(dict.fromkeys(wanted))[:most]
    rest = [index for index in dict.fromkeys(spread) if index not in chosen]
    rest.sort(key=lambda index: -min((abs(index - other) for other in chosen), default=0))
    return tuple(sorted([*chosen, *rest[: most - len(chosen)]]))


def _frame_of(region: Region, video: Video) -> int | None:
    """The frame on which a region is best seen."""
    if region.frame_index is not None:
        return region.frame_index
    if region.track:
        return region.track[len(region.track) // 2].frame_index
    if region.span:
        middle_s = (region.span.start_s + region.span.end_s) / 2
        ticks = middle_s * video.time_base_den / video.time_base_num + video.frame_pts[0]
        return max(bisect_right(video.frame_pts, ticks) - 1, 0)
    return None


def pages_to_show(document: Document, regions: Sequence[Region]) -> tuple[int, ...]:
    """The pages with the most regions, ascending; the first where there are none."""
    pages = [region.page_index or 0 for region in regions if (region.page_index or 0) < document.num_pages]
    ranked = sorted(set(pages), key=lambda page: (-pages.count(page), page))
    return tuple(sorted(ranked[:PAGES])) or (0,)


def _webp(pixels: NDArray[Any], max_bytes: int) -> bytes:
    """RGB uint8 ``(H, W, 3)`` as WebP, at the best quality that fits; at the worst where none does."""
    from PIL.Image import fromarray

    picture = fromarray(pixels)
    data = b""
    for quality in QUALITIES:
        buffer = BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=WEBP_METHOD)
        data = buffer.getvalue()
        if len(data) <= max_bytes:
            break
    return data
