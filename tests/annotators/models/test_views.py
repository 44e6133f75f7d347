"""What a model is shown, and that every box finds its way to the view and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotators.models.conventions import CONVENTIONS
from annotators.models.views import (
    Seeing,
    caption,
    fit,
    frame_indices,
    medium_size,
    plan_views,
    whole_view,
)
from schemas.candidate import View
from schemas.geometry import Box
from schemas.media.types import Document, Image, Page, Video
from schemas.sample import Sample

MakeImage = Callable[..., Sample]

SEEING = Seeing(
    max_view_side=1000,
    page_view_side=1100,
    max_frames=6,
    frames_per_second=1.0,
    max_pages=2,
    max_own_bytes=1_000_000,
)
SIDES = st.integers(1, 20_000)


def image(width: int = 640, height: int = 480, **fields: object) -> Image:
    values = {"format": "JPEG", "mode": "RGB", "stored_width": width, "stored_height": height, **fields}
    return Image(width=width, height=height, **values)


def video(pts: tuple[int, ...], *, duration_s: float, ticks_per_s: int = 1000) -> Video:
    return Video(
        format="matroska,webm",
        codec="vp9",
        width=1920,
        height=1080,
        stored_width=1080,
        stored_height=1920,
        rotation_deg=90,
        duration_s=duration_s,
        fps=25,
        num_frames=len(pts),
        time_base_num=1,
        time_base_den=ticks_per_s,
        frame_pts=pts,
    )


def document(*pages: tuple[float, float], dpi: float = 72.0, format: str = "PDF") -> Document:
    listed = tuple(Page(page_index=i, width=width, height=height, dpi=dpi) for i, (width, height) in enumerate(pages))
    return Document(format=format, num_pages=len(pages), pages=listed)


@pytest.fixture
def of(make_image: MakeImage) -> Callable[..., Sample]:
    def make(media: Image | Video | Document, byte_size: int = 1000) -> Sample:
        sample = make_image()
        return sample.evolve(assets=(sample.primary.evolve(media=media, byte_size=byte_size),))

    return make


@given(width=SIDES, height=SIDES, max_side=st.integers(1, 5000))
def test_a_size_that_fits_keeps_its_shape_and_is_never_enlarged(width: int, height: int, max_side: int) -> None:
    w, h = fit(width, height, max_side)

    assert 1 <= w <= min(width, max_side)
    assert 1 <= h <= min(height, max_side)
    scale = min(1, max_side / max(width, height))
    assert abs(w - width * scale) <= 1
    assert abs(h - height * scale) <= 1


THOUSANDTHS = CONVENTIONS["thousandths_xyxy"]


@given(
    width=SIDES,
    height=SIDES,
    max_side=st.integers(1, 5000),
    x=st.tuples(st.integers(0, 1000), st.integers(0, 1000)),
    y=st.tuples(st.integers(0, 1000), st.integers(0, 1000)),
)
def test_every_box_of_a_reduced_view_lies_in_the_original_and_comes_back(
    width: int, height: int, max_side: int, x: tuple[int, int], y: tuple[int, int]
) -> None:
    (x1, x2), (y1, y2) = sorted(x), sorted(y)
    w, h = fit(width, height, max_side)
    view = View(asset_id="a", width=w, height=h, scale_x=width / w, scale_y=height / h)
    if x1 == x2 or y1 == y2:
        with pytest.raises(ValueError):
            THOUSANDTHS.box_from((x1, y1, x2, y2), view, (width, height))
        return

    box = THOUSANDTHS.box_from((x1, y1, x2, y2), view, (width, height))

    assert 0 <= box.x1 < box.x2 <= width
    assert 0 <= box.y1 < box.y2 <= height
    assert THOUSANDTHS.box_to(box, view, (width, height)) == pytest.approx((x1, y1, x2, y2), abs=1e-3)


@given(crop=st.tuples(st.floats(0, 500), st.floats(0, 500)), scale=st.floats(0.1, 10))
def test_a_view_of_a_part_maps_into_that_part(crop: tuple[float, float], scale: float) -> None:
    view = View(asset_id="a", width=200, height=100, crop_x=crop[0], crop_y=crop[1], scale_x=scale, scale_y=scale)

    box = THOUSANDTHS.box_from((0, 0, 1000, 1000), view, (10_000, 10_000))

    expected = (crop[0], crop[1], crop[0] + 200 * scale, crop[1] + 100 * scale)
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx(expected, abs=1e-6)
    assert THOUSANDTHS.box_to(box, view, (10_000, 10_000)) == pytest.approx((0, 0, 1000, 1000), abs=1e-3)


def test_the_whole_view_is_the_whole_medium(of: Callable[..., Sample]) -> None:
    """Sides like 4032 x 3024 leave no exact scale: the far edge must still be the edge."""
    for width, height in ((4032, 3024), (3000, 1), (1, 3000), (1777, 999), (1001, 480)):
        sample = of(image(width, height))
        (view,) = plan_views(sample, SEEING)

        assert THOUSANDTHS.box_from((0, 0, 1000, 1000), view, (width, height)) == Box(x1=0, y1=0, x2=width, y2=height)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width=SIDES, height=SIDES, multiple=st.sampled_from([28, 32]), least=st.sampled_from([56, 64]))
def test_a_server_that_takes_multiples_has_nothing_to_resize(
    of: Callable[..., Sample], width: int, height: int, multiple: int, least: int
) -> None:
    """smart_resize of Qwen2.5-VL (factor 28, at least 56 x 56 pixels) leaves such pictures alone."""
    sample = of(image(width, height))

    (view,) = plan_views(sample, SEEING._replace(view_multiple=multiple, min_view_side=least))

    assert (view.width % multiple, view.height % multiple) == (0, 0)
    assert least <= min(view.width, view.height)
    assert max(view.width, view.height) <= 1000
    assert (view.width * view.scale_x, view.height * view.scale_y) == pytest.approx((width, height))


def test_pictures_say_their_size_where_boxes_count_pixels(of: Callable[..., Sample]) -> None:
    sample = of(image(2000, 1000))
    (view,) = plan_views(sample, SEEING)

    assert caption(1, view, sample.primary, has_size=True) == (
        "The image, 1000 x 500 pixels of an original of 2000 x 1000 pixels:"
    )


@pytest.mark.parametrize(
    ("media", "byte_size", "is_own"),
    [
        (image(), 1000, True),
        (image(format="PNG", mode="P"), 1000, True),
        (image(format="WEBP"), 1000, True),
        (image(format="TIFF"), 1000, False),
        (image(mode="CMYK"), 1000, False),
        (image(format="PNG", mode="I;16"), 1000, False),
        (image(exif_orientation=6), 1000, False),
        (image(format="WEBP", num_frames=2, frame_durations_ms=(10, 10)), 1000, False),
        (image(width=1001), 1000, False),
        (image(), 1_000_001, False),
    ],
)
def test_a_plain_image_is_sent_as_it_is(of: Callable[..., Sample], media: Image, byte_size: int, is_own: bool) -> None:
    (view,) = plan_views(of(media, byte_size), SEEING)

    assert view.is_original_bytes is is_own
    assert (view.width * view.scale_x, view.height * view.scale_y) == pytest.approx((media.width, media.height))
    assert max(view.width, view.height) <= 1000


@pytest.mark.parametrize(
    ("count", "duration_s", "expected"),
    [
        (1, 0.04, (0,)),
        (50, 2.0, (12, 37)),
        (250, 10.0, (20, 62, 104, 145, 187, 229)),
        (3, 100.0, (0, 1, 2)),
    ],
)
def test_frames_are_spread_evenly(count: int, duration_s: float, expected: tuple[int, ...]) -> None:
    step = round(1000 * duration_s / count)
    pts = tuple(500 + index * step for index in range(count))  # a clip need not start at 0

    assert frame_indices(video(pts, duration_s=duration_s), SEEING) == expected


@given(
    steps=st.lists(st.integers(1, 5000), min_size=1, max_size=300),
    start=st.integers(-5000, 5000),
    fps=st.floats(0.01, 100),
    most=st.integers(1, 50),
)
def test_frames_exist_ascend_and_are_no_more_than_allowed(steps: list[int], start: int, fps: float, most: int) -> None:
    pts = tuple(start + sum(steps[:index]) for index in range(len(steps)))

    indices = frame_indices(
        video(pts, duration_s=sum(steps) / 1000), SEEING._replace(frames_per_second=fps, max_frames=most)
    )

    assert 1 <= len(indices) <= most
    assert list(indices) == sorted(set(indices))
    assert 0 <= indices[0] <= indices[-1] < len(pts)


def test_frames_carry_their_times(of: Callable[..., Sample]) -> None:
    sample = of(video((0, 40, 1000, 1960), duration_s=2.0))

    views = plan_views(sample, SEEING)

    assert [(view.frame_index, view.pts_s, view.width, view.height) for view in views] == [
        (1, 0.04, 1000, 562),
        (2, 1.0, 1000, 562),
    ]
    assert caption(2, views[1], sample.primary) == "Frame 2, at 1.000 s of 2.000 s:"


def test_pages_are_rendered_to_a_side_and_no_more_are_shown_than_allowed(of: Callable[..., Sample]) -> None:
    sample = of(document((612, 792), (36, 18), (1, 1)))

    views = plan_views(sample, SEEING)

    assert [(view.page_index, view.width, view.height) for view in views] == [(0, 850, 1100), (1, 100, 50)]
    assert caption(2, views[1], sample.primary) == "Page 2 of 3:"
    assert THOUSANDTHS.box_from((0, 0, 1000, 1000), views[0], medium_size(sample.primary, 0)) == Box(
        x1=0, y1=0, x2=612, y2=792
    )


def test_a_scan_keeps_its_pixels(of: Callable[..., Sample]) -> None:
    views = plan_views(of(document((850, 1100), (2550, 3300), dpi=300, format="TIFF")), SEEING)

    assert [(view.width, view.height, view.scale_x) for view in views] == [(850, 1100, 1.0), (850, 1100, 3.0)]


def test_a_whole_view_has_the_mediums_own_pixels(of: Callable[..., Sample]) -> None:
    assert whole_view(of(image(64, 48)).primary, 0) == View(asset_id=of(image()).primary.asset_id, width=64, height=48)
    assert whole_view(of(image(64, 48)).primary, 1) is None
    assert whole_view(of(document((10.5, 20))).primary, 1) is None
    assert whole_view(of(document((10.5, 20))).primary, -1) is None
    page = whole_view(of(document((10.5, 20))).primary, 0)
    assert page is not None
    assert (page.width * page.scale_x, page.height * page.scale_y) == (10.5, 20)
