"""Thumbnails of real files made here: what is shown, how large it is, and where it lies."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from pipeline.thumbnails import ENTRY_BYTES, FRAMES, frames_to_show, pages_to_show, thumbnail
from schemas.candidate import Region
from schemas.errors import MediaError
from schemas.geometry import Box, TimeSpan
from schemas.media.types import Document, Image, Media, Page, Video
from schemas.sample import Asset


def open_uri(uri: str) -> Any:
    return Path(uri).open("rb")


def asset_of(path: Path, media: Media) -> Asset:
    size = path.stat().st_size
    return Asset(asset_id="a" * 64, uri=str(path), file_name=path.name, byte_size=size, media=media)


def video_of(num_frames: int, *, width: int = 64, height: int = 48) -> Video:
    return Video(
        format="mov,mp4", codec="mpeg4", width=width, height=height, stored_width=width, stored_height=height,
        duration_s=num_frames / 10, fps=10, num_frames=num_frames, time_base_num=1, time_base_den=10,
        frame_pts=tuple(range(num_frames)),
    )  # fmt: skip


def document_of(num_pages: int) -> Document:
    pages = tuple(Page(page_index=index, width=200, height=300) for index in range(num_pages))
    return Document(format="PDF", num_pages=num_pages, pages=pages)


def region(**where: Any) -> Region:
    return Region(region_id="r", category="blur", source="machine", **where)


BOX = Box(x1=1, y1=1, x2=5, y2=5)


def write_video(path: Path, num_frames: int) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index * 10, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_an_image_is_reduced_to_the_side_and_measured_in_original_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pictures.new("RGB", (1200, 600), (200, 30, 30)).save(path)
    image = Image(format="PNG", mode="RGB", width=1200, height=600, stored_width=1200, stored_height=600)
    (picture,) = thumbnail(open_uri, asset_of(path, image), side=320)
    shown = Pictures.open(io.BytesIO(picture.data))
    assert (shown.format, shown.size) == ("WEBP", (320, 160))
    assert (picture.width, picture.height, picture.page_index, picture.frame_index) == (1200, 600, None, None)
    red, green, blue = shown.convert("RGB").getpixel((100, 100))
    assert red > 180 > 60 > max(green, blue)


def test_a_noisy_image_still_fits_its_share_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Pictures.fromarray(np.random.default_rng(0).integers(0, 255, (480, 480, 3), dtype=np.uint8)).save(path)
    image = Image(format="PNG", mode="RGB", width=480, height=480, stored_width=480, stored_height=480)
    (picture,) = thumbnail(open_uri, asset_of(path, image), side=320)
    assert len(picture.data) < ENTRY_BYTES


def test_a_video_is_a_strip_of_frames_with_their_times(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    write_video(path, 20)
    pictures = thumbnail(
        open_uri, asset_of(path, video_of(20)), regions=[region(span=TimeSpan(start_s=0.9, end_s=1.1))]
    )
    indices = [picture.frame_index for picture in pictures]
    assert len(indices) == FRAMES
    assert 10 in indices
    assert indices == sorted(indices)  # type: ignore[type-var]
    assert [round(picture.pts_s or 0, 3) for picture in pictures] == [
        index / 10 for index in indices if index is not None
    ]
    grays = [np.asarray(Pictures.open(io.BytesIO(picture.data)).convert("L")).mean() for picture in pictures]
    assert grays == sorted(grays)


def test_a_document_shows_the_page_with_the_regions(tmp_path: Path) -> None:
    path = tmp_path / "d.pdf"
    white, black = Pictures.new("RGB", (200, 300), "white"), Pictures.new("RGB", (200, 300), "black")
    white.save(path, save_all=True, append_images=[black])
    (picture,) = thumbnail(open_uri, asset_of(path, document_of(2)), regions=[region(page_index=1, box=BOX)])
    shown = np.asarray(Pictures.open(io.BytesIO(picture.data)).convert("L"))
    assert (picture.page_index, picture.width, picture.height) == (1, 200, 300)
    assert shown.mean() < 10


def test_a_broken_file_is_a_media_error(tmp_path: Path) -> None:
    path = tmp_path / "b.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    image = Image(format="PNG", mode="RGB", width=1, height=1, stored_width=1, stored_height=1)
    with pytest.raises(MediaError):
        thumbnail(open_uri, asset_of(path, image))


def test_frames_are_few_ascending_and_within_the_clip() -> None:
    assert frames_to_show(video_of(1), ()) == (0,)
    assert frames_to_show(video_of(3), ()) == (0, 1, 2)
    assert frames_to_show(video_of(121), ()) == (10, 30, 50, 70, 90, 110)
    assert frames_to_show(video_of(10), [region(frame_index=99, box=BOX)]) == frames_to_show(video_of(10), ())
    many = [region(frame_index=index, box=BOX) for index in range(40)]
    assert frames_to_show(video_of(50), many) == (0, 1, 2, 3, 4, 5)


def test_pages_with_the_most_regions_come_first() -> None:
    on = [region(page_index=index, box=BOX) for index in (4, 4, 2, 7, 7, 7, 99)]
    assert pages_to_show(document_of(9), on) == (4, 7)
    assert pages_to_show(document_of(9), ()) == (0,)
