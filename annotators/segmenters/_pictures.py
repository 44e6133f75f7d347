"""The pixels of a place, decoded where a hostile file costs a child process only."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from schemas.errors import MediaError
from schemas.media.limits import Limits
from schemas.media.types import Document, Video

from ..models.pictures import measured_bytes
from .base import Place

if TYPE_CHECKING:
    from ..base import OpenUri

__all__ = ["read_place"]


def read_place(place: Place, open_uri: OpenUri, limits: Limits, max_side: int) -> NDArray[np.uint8]:
    """Upright RGB ``(H, W, 3)``, the longer side at most ``max_side``. For a sandbox. Raises MediaError."""
    asset = place.asset
    with open_uri(asset.uri) as file:
        if isinstance(asset.media, Video):
            return _frame(file, place, limits, max_side)
        data = measured_bytes(file, asset)
    if isinstance(asset.media, Document):
        from schemas.media.documents import render_page

        page = place.page_index or 0
        return render_page(data, page, max_side=max_side, password=asset.password, limits=limits)
    from schemas.media.images import read_image

    return read_image(data, max_side=max_side, frame_index=place.frame_index or 0, limits=limits)


def _frame(file: BinaryIO, place: Place, limits: Limits, max_side: int) -> NDArray[np.uint8]:
    from schemas.media.videos import read_frames

    if file.seek(0, io.SEEK_END) != place.asset.byte_size:
        raise MediaError(
            f"{place.asset.file_name} has changed since it was measured",
            remedy="leave inputs as they are while a run goes on, or start a new run",
        )
    file.seek(0)
    (frame,) = read_frames(file, [place.frame_index or 0], max_side=max_side, limits=limits)
    return frame.pixels
