"""The pictures themselves, as bytes to be sent: the file's own, or rendered where a crash costs nothing."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from schemas.candidate import View
from schemas.errors import MediaError
from schemas.geometry import Box
from schemas.media.limits import Limits
from schemas.sample import Asset

from ..base import OpenUri
from .views import SENT_AS_THEY_ARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..sandbox import Sandbox

__all__ = ["Picture", "measured_bytes", "own_picture", "pictures_of", "render"]

JPEG_QUALITY = 92
"""High, and without chroma subsampling: what a model is to find must survive."""
LOSSLESS = ("PNG", "BMP", "GIF", "TIFF", "PDF", "WEBP")
"""Formats of drawings, screens and pages: shown as PNG, which keeps their edges."""
MAX_HASHED_VIDEO_BYTES = 64 * 2**20
"""A larger video is compared by its size alone: to hash it would take longer than to read the frames that are shown."""


COVER = 127
"""Gray of a rectangle that covers a place."""
Covers = tuple[tuple[Box, ...], ...]
"""For each view, boxes in its pixels."""


class Picture(NamedTuple):
    """One picture ready to be sent."""

    media_type: str
    """``image/jpeg``, ``image/png`` or ``image/webp``."""
    data: bytes
    """The encoded picture."""
    text: str = ""
    """The text layer of a document's page."""


async def pictures_of(
    asset: Asset,
    views: tuple[View, ...],
    *,
    open_uri: OpenUri,
    sandbox: Sandbox,
    max_text_chars: int,
    limits: Limits,
    covers: Covers = (),
) -> tuple[Picture, ...]:
    """The pictures of planned views, in their order, with the ``covers`` of each drawn over it. Raises MediaError.

    The text layer of a page that is covered in part is left out: it would tell what is covered. The answer is stored
    under the content that was measured, so only that content may be asked about.
    """
    if views[0].is_original_bytes and not any(covers):
        return (own_picture(asset, open_uri),)
    return await sandbox.run(render, asset, views, open_uri, max_text_chars, limits, covers)


def own_picture(asset: Asset, open_uri: OpenUri) -> Picture:
    """The file's own bytes. Raises MediaError when the file is no longer the one that was measured."""
    with open_uri(asset.uri) as file:
        return Picture(SENT_AS_THEY_ARE[asset.media.format], measured_bytes(file, asset))


def render(
    asset: Asset,
    views: tuple[View, ...],
    open_uri: OpenUri,
    max_text_chars: int,
    limits: Limits,
    covers: Covers = (),
) -> tuple[Picture, ...]:
    """Pictures of planned views, each of exactly its view's size. Runs in the sandbox. Raises MediaError."""
    kind, format = asset.media.kind, asset.media.format
    covered = list(zip(views, covers or ((),) * len(views), strict=True))
    with open_uri(asset.uri) as file:
        if kind == "video":
            _check_video(file, asset)
            frames = zip(_frames(file, views, limits), covered, strict=True)
            return tuple(_encoded(pixels, view, format, boxes) for (_, pixels), (view, boxes) in frames)
        data = measured_bytes(file, asset)
    if kind == "image":
        return tuple(_encoded(_image(data, view, limits), view, format, boxes) for view, boxes in covered)
    return tuple(_page(data, view, asset, max_text_chars, limits, boxes) for view, boxes in covered)


def measured_bytes(file: BinaryIO, asset: Asset) -> bytes:
    """The whole file. Raises MediaError when it is not the content that was measured."""
    data = file.read(asset.byte_size + 1)
    if hashlib.sha256(data).hexdigest() != asset.asset_id:
        raise _changed(asset)
    return data


def _check_video(file: BinaryIO, asset: Asset) -> None:
    """Leaves the file at its start."""
    is_same = file.seek(0, io.SEEK_END) == asset.byte_size
    file.seek(0)
    if is_same and asset.byte_size <= MAX_HASHED_VIDEO_BYTES:
        is_same = hashlib.file_digest(file, "sha256").hexdigest() == asset.asset_id  # type: ignore[arg-type]
        file.seek(0)
    if not is_same:
        raise _changed(asset)


def _changed(asset: Asset) -> MediaError:
    return MediaError(
        f"{asset.file_name} has changed since it was measured",
        remedy="leave inputs as they are while a run goes on, or start a new run",
    )


def _frames(file: BinaryIO, views: tuple[View, ...], limits: Limits) -> Iterator[tuple[View, NDArray[Any]]]:
    from schemas.media.videos import read_frames

    indices = [view.frame_index or 0 for view in views]
    frames = read_frames(file, indices, max_side=max(views[0].width, views[0].height), limits=limits)
    for view, frame in zip(views, frames, strict=True):
        yield view, frame.pixels


def _image(data: bytes, view: View, limits: Limits) -> NDArray[Any]:
    from schemas.media.images import read_image

    side = max(view.width, view.height)
    return read_image(data, max_side=side, frame_index=view.frame_index or 0, limits=limits)


def _page(
    data: bytes, view: View, asset: Asset, max_text_chars: int, limits: Limits, covers: tuple[Box, ...]
) -> Picture:
    from schemas.media.documents import page_text, render_page

    index, side, password = view.page_index or 0, max(view.width, view.height), asset.password
    pixels = render_page(data, index, max_side=side, password=password, limits=limits)
    text = page_text(data, index, password=password) if max_text_chars and not covers else ""
    return _encoded(pixels, view, asset.media.format, covers)._replace(text=text[:max_text_chars])


def _encoded(pixels: NDArray[Any], view: View, format: str, covers: tuple[Box, ...] = ()) -> Picture:
    """The decoder rounds sizes in its own way; the view's size is the promise."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    if picture.size != (view.width, view.height):
        picture = picture.resize((view.width, view.height), Image.Resampling.LANCZOS)
    for box in covers:
        corners = round(box.x1), round(box.y1), round(box.x2), round(box.y2)
        picture.paste((COVER,) * len(picture.getbands()), corners)
    buffer = io.BytesIO()
    if format in LOSSLESS:
        picture.save(buffer, "PNG", compress_level=3)
        return Picture("image/png", buffer.getvalue())
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return Picture("image/jpeg", buffer.getvalue())
