"""Which pictures of a sample a model is shown, and the way from their pixels to the original's and back.

Planned from what was measured of the medium, before anything is decoded: what a model is asked, and so
the key of its answer, is known without opening the file.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from schemas.candidate import View
from schemas.media.types import Document, Image, Page, Video
from schemas.sample import Asset, Sample

__all__ = [
    "Seeing",
    "caption",
    "compared_view",
    "fit",
    "frame_indices",
    "medium_size",
    "plan_views",
    "whole_view",
]

SENT_AS_THEY_ARE = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
"""Formats that every server decodes, with their media types."""
PLAIN_MODES = ("RGB", "L", "RGBA", "P", "1", "LA")
"""Pixel modes that every server shows as they are meant; not CMYK, not 16 bit."""


class Seeing(NamedTuple):
    """How much a model is shown, in pixels, frames and pages."""

    max_view_side: int
    page_view_side: int
    max_frames: int
    frames_per_second: float
    max_pages: int
    max_own_bytes: int
    view_multiple: int = 1
    """Sides of pictures are multiples of this, so that a server that only takes such has nothing to resize."""
    min_view_side: int = 1
    page_dpi: int = 200
    """A page is never rendered finer: a stamp-sized page stays small."""


def plan_views(sample: Sample, seeing: Seeing) -> tuple[View, ...]:
    """The pictures of the primary medium, in the order they are shown; their numbers count from 1."""
    asset, media = sample.primary, sample.primary.media
    if isinstance(media, Image):
        return (_image_view(asset, media, seeing),)
    if isinstance(media, Video):
        size = _shown_size(media.width, media.height, seeing.max_view_side, seeing)
        return tuple(_frame_view(asset, media, i, size) for i in frame_indices(media, seeing))
    return tuple(_page_view(asset, page, media, seeing) for page in media.pages[: seeing.max_pages])


def compared_view(sample: Sample, seeing: Seeing) -> View | None:
    """The second image of a pair, shown after the first one; None where the sample has none."""
    asset = sample.compared_with
    return _image_view(asset, asset.media, seeing) if asset and isinstance(asset.media, Image) else None


def fit(width: float, height: float, max_side: float) -> tuple[int, int]:
    """Width and height in pixels, at least 1, with the longer side at most ``max_side``; never enlarged."""
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def frame_indices(video: Video, seeing: Seeing) -> tuple[int, ...]:
    """Frames spread evenly: the ones shown at the middle of each of n equal parts of the clip, ascending.

    n is ``frames_per_second`` times the clip's length, at least 1 and at most ``max_frames``.
    """
    wanted = max(1, min(seeing.max_frames, round(video.duration_s * seeing.frames_per_second)))
    ticks = video.duration_s * video.time_base_den / video.time_base_num
    moments = (video.frame_pts[0] + (part + 0.5) * ticks / wanted for part in range(wanted))
    return tuple(sorted({max(0, bisect_right(video.frame_pts, moment) - 1) for moment in moments}))


def caption(number: int, view: View, asset: Asset, *, has_size: bool = False) -> str:
    """What stands above a picture; with its size and the original's, where boxes are counted in pixels."""
    media, size = asset.media, f"{_sizes(view, asset)}:" if has_size else ":"
    if isinstance(media, Video):
        return f"Frame {number}, at {view.pts_s:.3f} s of {media.duration_s:.3f} s{size}"
    if isinstance(media, Document):
        return f"Page {number} of {media.num_pages}{size}"
    return f"The image{size}"


def _sizes(view: View, asset: Asset) -> str:
    width, height = medium_size(asset, view.page_index)
    return f", {view.width} x {view.height} pixels of an original of {width:g} x {height:g} pixels"


def medium_size(asset: Asset, page_index: int | None) -> tuple[float, float]:
    """Width and height of the upright medium, or of one page of it, in its own pixels."""
    media = asset.media
    if isinstance(media, Document):
        page = media.pages[page_index or 0]
        return page.width, page.height
    return media.width, media.height


def whole_view(asset: Asset, index: int) -> View | None:
    """The whole medium, frame or page with that 0-based index as it is, or None where there is none such."""
    media = asset.media
    if isinstance(media, Document):
        if not 0 <= index < media.num_pages:
            return None
        page = media.pages[index]
        size = fit(page.width, page.height, max(page.width, page.height))
        scale = {"scale_x": page.width / size[0], "scale_y": page.height / size[1]}
        return View(asset_id=asset.asset_id, page_index=index, width=size[0], height=size[1], **scale)
    if not 0 <= index < media.num_frames:
        return None
    if isinstance(media, Video):
        return _frame_view(asset, media, index, (media.width, media.height))
    frame_index = index if media.num_frames > 1 else None
    return View(asset_id=asset.asset_id, frame_index=frame_index, width=media.width, height=media.height)


def _shown_size(width: float, height: float, max_side: int, seeing: Seeing) -> tuple[int, int]:
    """The size that fits, with sides that the server leaves alone; the view's scales hold what that distorts."""
    return tuple(_kept_side(side, max_side, seeing) for side in fit(width, height, max_side))  # type: ignore[return-value]


def _kept_side(side: int, max_side: int, seeing: Seeing) -> int:
    multiple = seeing.view_multiple
    most = max(multiple, max_side // multiple * multiple)
    nearest = min(most, max(multiple, round(side / multiple) * multiple))
    return max(nearest, -(-seeing.min_view_side // multiple) * multiple)


def _image_view(asset: Asset, image: Image, seeing: Seeing) -> View:
    width, height = _shown_size(image.width, image.height, seeing.max_view_side, seeing)
    return View(
        asset_id=asset.asset_id,
        frame_index=0 if image.num_frames > 1 else None,
        width=width,
        height=height,
        scale_x=image.width / width,
        scale_y=image.height / height,
        is_original_bytes=(width, height) == (image.width, image.height) and _is_sent_as_it_is(asset, image, seeing),
    )


def _is_sent_as_it_is(asset: Asset, image: Image, seeing: Seeing) -> bool:
    """Whether any server sees the file's own bytes as we would show them: then nothing is decoded here."""
    return (
        image.format in SENT_AS_THEY_ARE
        and image.mode in PLAIN_MODES
        and image.num_frames == 1
        and image.exif_orientation == 1
        and max(image.width, image.height) <= seeing.max_view_side
        and asset.byte_size <= seeing.max_own_bytes
    )


def _frame_view(asset: Asset, video: Video, index: int, size: tuple[int, int]) -> View:
    return View(
        asset_id=asset.asset_id,
        frame_index=index,
        pts_s=max(0.0, video.pts_s(index)),
        width=size[0],
        height=size[1],
        scale_x=video.width / size[0],
        scale_y=video.height / size[1],
    )


def _page_view(asset: Asset, page: Page, document: Document, seeing: Seeing) -> View:
    """A PDF page has no pixels of its own: it is rendered to the side; a scan is only ever reduced."""
    finest = seeing.page_dpi / page.dpi if document.format == "PDF" else 1.0
    width, height = _shown_size(page.width * finest, page.height * finest, seeing.page_view_side, seeing)
    return View(
        asset_id=asset.asset_id,
        page_index=page.page_index,
        width=width,
        height=height,
        scale_x=page.width / width,
        scale_y=page.height / height,
    )
