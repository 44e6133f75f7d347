"""Pictures of a row: a tile for the overview and larger views; decodes untrusted media, so it runs in the sandbox.

Imports little: a decoder process starts in a moment.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from schemas.media.limits import Limits
from schemas.media.types import Document, Media, Video

from ..filesystems import open_uri

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PER_SHEET", "TILE", "Drawn", "Source", "View", "cells_of", "draw", "picture", "sheet"]

Source = bytes | str | tuple[bytes, bytes]
"""Original bytes, or the URI of a file that is too large to be handed over, or the bytes of both images of a pair."""

TILE = 192
"""Pixels of a tile's longer side."""
COLUMNS = 8
"""Tiles in a row of a sheet; a sheet has as many rows at most. 1536 pixels a side decode fast on a phone, too."""
PER_SHEET = COLUMNS * COLUMNS
TILE_QUALITY, VIEW_QUALITY = 60, 62


class View(NamedTuple):
    """Which picture of the medium: the image itself, a frame, or a page."""

    frame_index: int | None = None
    page_index: int | None = None
    is_second: bool = False
    """Whether it is the image that a pair's first one is compared with."""


class Drawn(NamedTuple):
    """A row's pictures."""

    tile: NDArray[Any] | None
    """uint8 RGB (H, W, 3), at most TILE pixels a side; None where it was not asked for."""
    views: tuple[bytes, ...]
    """WebP, one per view; empty where they were not asked for."""


def draw(
    source: Source,
    media: Media,
    views: Sequence[View],
    cover: int | None,
    side: int,
    password: str | None,
    limits: Limits,
) -> Drawn:
    """The tile of the view numbered ``cover`` and, with a ``side``, every view at so many pixels.

    To be run in the sandbox. Raises MediaError for what cannot be decoded.
    """
    wanted = [view for number, view in enumerate(views) if side or number == cover]
    if isinstance(source, tuple):
        pictures = _of_pair(source, wanted, max(side, TILE), limits)
    else:
        with open_uri(source) if isinstance(source, str) else io.BytesIO(source) as file:
            pictures = _pictures(file, media, wanted, max(side, TILE), password, limits)
    tile = None if cover is None else _reduced(pictures[cover if side else 0])
    return Drawn(tile, tuple(map(_webp, pictures)) if side else ())


def picture(source: bytes | str, media: Media, view: View, side: int, limits: Limits) -> NDArray[Any]:
    """One view as RGB uint8 (H, W, 3), at most ``side`` pixels a side; to be run in the sandbox. Raises MediaError."""
    with open_uri(source) if isinstance(source, str) else io.BytesIO(source) as file:
        (pixels,) = _pictures(file, media, [view], side, None, limits)
    return pixels


def _of_pair(source: tuple[bytes, bytes], views: Sequence[View], side: int, limits: Limits) -> list[NDArray[Any]]:
    from schemas.media.images import read_image

    return [read_image(source[view.is_second], max_side=side, limits=limits) for view in views]


def _pictures(
    file: BinaryIO, media: Media, views: Sequence[View], side: int, password: str | None, limits: Limits
) -> list[NDArray[Any]]:
    from schemas.media.documents import render_page
    from schemas.media.images import read_image
    from schemas.media.videos import read_frames

    if isinstance(media, Video):
        frames = read_frames(file, [view.frame_index or 0 for view in views], max_side=side, limits=limits)
        return [frame.pixels for frame in frames]
    data = file.read()
    if isinstance(media, Document):
        pages = [view.page_index or 0 for view in views]
        return [render_page(data, page, max_side=side, password=password, limits=limits) for page in pages]
    return [read_image(data, max_side=side, limits=limits)]


def _reduced(pixels: NDArray[Any]) -> NDArray[Any]:
    import numpy as np
    from PIL.Image import fromarray

    picture = fromarray(pixels)
    picture.thumbnail((TILE, TILE), reducing_gap=2.0)
    return np.asarray(picture)


def _webp(pixels: NDArray[Any], quality: int = VIEW_QUALITY) -> bytes:
    from PIL.Image import fromarray

    out = io.BytesIO()
    fromarray(pixels).save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()


def cells_of(count: int) -> tuple[int, int]:
    """Columns and rows of a sheet of so many tiles."""
    return min(count, COLUMNS), -(-count // COLUMNS)


def sheet(tiles: Sequence[NDArray[Any] | None]) -> bytes:
    """Tiles side by side as one WebP, each in the top left corner of its cell; a missing one leaves its cell gray."""
    import numpy as np

    columns, rows = cells_of(len(tiles))
    canvas = np.full((rows * TILE, columns * TILE, 3), 128, np.uint8)
    for number, tile in enumerate(tiles):
        if tile is not None:
            y, x = number // COLUMNS * TILE, number % COLUMNS * TILE
            canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return _webp(canvas, TILE_QUALITY)
