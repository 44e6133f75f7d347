"""Which pictures of a medium are shown, and the space in which regions lie on them."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.candidate import Region
from schemas.media.types import Document, Media, Video

from ..thumbnails import Thumbnail, frames_to_show, pages_to_show
from .pictures import View

__all__ = ["space_of", "views_of"]

FRAMES = 3
"""Frames of a video that are shown at most."""


def views_of(media: Media, regions: Sequence[Region]) -> tuple[View, ...]:
    """The image, or the frames or pages on which the regions are best seen; never empty."""
    if isinstance(media, Video):
        return tuple(View(frame_index=index) for index in frames_to_show(media, regions, most=FRAMES))
    if isinstance(media, Document):
        return tuple(View(page_index=index) for index in pages_to_show(media, regions))
    return (View(),)


def space_of(media: Media, view: View) -> Thumbnail:
    """The space in which regions lie on the view: original pixels of the image, frame or page. It has no bytes."""
    if isinstance(media, Document):
        page = media.pages[view.page_index or 0]
        return Thumbnail(data=b"", width=page.width, height=page.height, page_index=view.page_index)
    if isinstance(media, Video) and view.frame_index is not None:
        pts_s = max(0.0, media.pts_s(view.frame_index))
        size = {"width": media.width, "height": media.height}
        return Thumbnail(data=b"", **size, frame_index=view.frame_index, pts_s=pts_s)
    return Thumbnail(data=b"", width=media.width, height=media.height)
