"""Tiles and views of images, frames and pages, and the sheet that tiles lie on."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture

from pipeline.gallery.pictures import View, cells_of, draw, sheet
from pipeline.gallery.views import space_of, views_of
from schemas.candidate import Region
from schemas.errors import MediaError
from schemas.geometry import Box
from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.types import Document, Image, Page, Video

IMAGE = Image(format="TIFF", mode="RGB", width=300, height=200, stored_width=300, stored_height=200)
PAGES = Document(format="TIFF", num_pages=3, pages=tuple(Page(page_index=i, width=300, height=200) for i in range(3)))
COLORS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


def tiff() -> bytes:
    """Three pages: red, green, blue."""
    first, *others = (Picture.new("RGB", (300, 200), color) for color in COLORS)
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others)
    return out.getvalue()


def region(page: int) -> Region:
    box = Box(x1=1, y1=1, x2=20, y2=20)
    return Region(region_id=f"r{page}", page_index=page, box=box, category="c", source="machine")


def color_of(data: bytes) -> tuple[int, ...]:
    with Picture.open(io.BytesIO(data)) as picture:
        return tuple(np.asarray(picture.convert("RGB"))[50, 50].tolist())


def test_pages_with_regions_are_shown() -> None:
    views = views_of(PAGES, [region(1), region(2), region(1)])

    assert views == (View(page_index=1), View(page_index=2))
    assert space_of(PAGES, views[0]).page_index == 1


def test_a_clip_shows_three_frames_of_it() -> None:
    clip = Video(
        format="mov,mp4,m4a,3gp,3g2,mj2",
        codec="h264",
        width=64,
        height=48,
        stored_width=64,
        stored_height=48,
        duration_s=3,
        fps=10,
        num_frames=30,
        time_base_num=1,
        time_base_den=10,
        frame_pts=tuple(range(30)),
    )
    found = Region(region_id="r", frame_index=7, box=Box(x1=1, y1=1, x2=9, y2=9), category="c", source="machine")

    views = views_of(clip, [found])

    assert len(views) == 3
    assert View(frame_index=7) in views
    assert space_of(clip, View(frame_index=7)).pts_s == pytest.approx(0.7)


def test_every_view_is_drawn_and_the_cover_is_the_tile() -> None:
    drawn = draw(tiff(), PAGES, (View(page_index=0), View(page_index=2)), 1, 240, None, DEFAULT_LIMITS)

    assert [color_of(view) for view in drawn.views] == [
        pytest.approx(COLORS[0], abs=6),
        pytest.approx(COLORS[2], abs=6),
    ]
    assert drawn.tile is not None
    assert drawn.tile.shape == (128, 192, 3)
    assert drawn.tile[60, 60].tolist() == list(COLORS[2])


def test_without_a_side_only_the_cover_is_drawn() -> None:
    drawn = draw(tiff(), PAGES, (View(page_index=0), View(page_index=2)), 1, 0, None, DEFAULT_LIMITS)

    assert drawn.views == ()
    assert drawn.tile is not None
    assert drawn.tile[60, 60].tolist() == list(COLORS[2])


@pytest.mark.parametrize("side", [0, 40])
def test_of_a_pair_each_view_is_its_own_image(side: int) -> None:
    both = tuple(png_of(color, size) for color, size in ((COLORS[0], (30, 20)), (COLORS[1], (20, 60))))
    drawn = draw((both[0], both[1]), IMAGE, (View(), View(is_second=True)), 0, side, None, DEFAULT_LIMITS)

    assert drawn.tile is not None
    assert (drawn.tile.shape, drawn.tile[5, 5].tolist()) == ((20, 30, 3), list(COLORS[0]))
    shown = [np.asarray(Picture.open(io.BytesIO(data)).convert("RGB")) for data in drawn.views]
    assert [pixels.shape for pixels in shown] == ([(20, 30, 3), (60, 20, 3)] if side else [])
    assert [pixels[5, 5].tolist() for pixels in shown] == [pytest.approx(c, abs=6) for c in COLORS[: len(shown)]]


def png_of(color: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def test_a_picture_is_never_enlarged() -> None:
    out = io.BytesIO()
    Picture.new("RGB", (30, 20), COLORS[0]).save(out, "PNG")
    drawn = draw(out.getvalue(), IMAGE, (View(),), 0, 640, None, DEFAULT_LIMITS)

    assert drawn.tile is not None
    assert drawn.tile.shape == (20, 30, 3)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(MediaError):
        draw(b"no picture", IMAGE, (View(),), 0, 640, None, DEFAULT_LIMITS)


@pytest.mark.parametrize(("count", "cells"), [(1, (1, 1)), (8, (8, 1)), (9, (8, 2)), (64, (8, 8))])
def test_a_sheet_is_as_large_as_its_tiles_need(count: int, cells: tuple[int, int]) -> None:
    assert cells_of(count) == cells
    with Picture.open(io.BytesIO(sheet([None] * count))) as picture:
        assert picture.size == (cells[0] * 192, cells[1] * 192)
