"""The mask picture, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labelmap import label_map, label_map_png, read_label_map
from schemas.candidate import Region
from schemas.geometry import Box, Polygon, mask_from_array
from schemas.taxonomy import Category, Level, Taxonomy

BLUR_AND_NOISE = Taxonomy(
    name="two",
    version="1",
    levels=(Level(name="l"),),
    categories=tuple(Category(name=name, level="l", definition="d") for name in ("blur", "noise")),
)


def test_boxes_are_drawn_small_over_large(taxonomy: Taxonomy, make_region: Callable[..., Region]) -> None:
    small, large = make_region((2, 1, 4, 3), "noise"), make_region((1, 0, 6, 4), "blur")
    expected = np.zeros((5, 8), dtype=np.uint8)
    expected[0:4, 1:6] = 1
    expected[1:3, 2:4] = 2
    assert (label_map([small, large], taxonomy, 8, 5) == expected).all()
    assert (label_map([large, small], taxonomy, 8, 5) == expected).all()


def test_a_mask_counts_before_its_box_and_polygons_before_theirs(
    taxonomy: Taxonomy, make_region: Callable[..., Region]
) -> None:
    pixels = np.zeros((5, 8), dtype=bool)
    pixels[1, 2] = True
    masked = make_region((2, 1, 7, 5), mask=mask_from_array(pixels, "threshold"))
    assert (label_map([masked], taxonomy, 8, 5) == pixels).all()
    square = make_region((0, 0, 8, 5), polygons=(Polygon(exterior=((1, 1), (4, 1), (4, 3), (1, 3))),))
    expected = np.zeros((5, 8), dtype=np.uint8)
    expected[1:3, 1:4] = 1
    assert (label_map([square], taxonomy, 8, 5) == expected).all()


def test_a_box_of_less_than_a_pixel_is_still_drawn(taxonomy: Taxonomy, make_region: Callable[..., Region]) -> None:
    corner = np.zeros((5, 8), dtype=np.uint8)
    corner[4, 7] = 1
    assert (label_map([make_region((7.6, 4.6, 8, 5))], taxonomy, 8, 5) == corner).all()


@given(st.lists(st.tuples(*[st.floats(-3, 15)] * 4), max_size=5))
def test_boxes_alone_are_drawn_as_they_are_beside_a_mask(corners: list[tuple[float, float, float, float]]) -> None:
    regions = [
        Region(
            region_id=str(i),
            box=Box(x1=min(a, c), y1=min(b, d), x2=max(a, c) + 1, y2=max(b, d) + 1),
            category=("blur", "noise")[i % 2],
            source="machine",
        )
        for i, (a, b, c, d) in enumerate(corners)
    ]
    pixels = np.zeros((9, 11), dtype=bool)
    pixels[8, 10] = True
    masked = Region(region_id="m", mask=mask_from_array(pixels, "threshold"), category="blur", source="machine")
    alone, beside = (label_map(shown, BLUR_AND_NOISE, 11, 9) for shown in (regions, [*regions, masked]))
    assert (np.where(pixels, 1, alone) == beside).all()
    assert (read_label_map(label_map_png(regions, BLUR_AND_NOISE, 11, 9)) == alone).all()


def test_a_region_of_a_later_frame_is_not_drawn(taxonomy: Taxonomy, make_region: Callable[..., Region]) -> None:
    assert not label_map([make_region(frame_index=3)], taxonomy, 8, 5).any()
    assert label_map([make_region(frame_index=0)], taxonomy, 8, 5).any()


def test_png_reads_back_with_the_taxonomys_colors(taxonomy: Taxonomy, make_region: Callable[..., Region]) -> None:
    import io

    from PIL import Image

    png = label_map_png([make_region((1, 1, 5, 5), "noise")], taxonomy, 21, 10)
    assert (read_label_map(png) == label_map([make_region((1, 1, 5, 5), "noise")], taxonomy, 21, 10)).all()
    with Image.open(io.BytesIO(png)) as picture:
        assert (picture.mode, picture.size) == ("P", (21, 10))
        assert picture.getpalette()[:9] == [0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66]
    assert not read_label_map(label_map_png([], taxonomy, 7, 3)).any()


def test_more_than_fifteen_categories_fit(make_region: Callable[..., Region]) -> None:
    many = Taxonomy(
        name="many",
        version="1",
        levels=(Level(name="l"),),
        categories=tuple(Category(name=f"c{i}", level="l", definition="d") for i in range(20)),
    )
    assert read_label_map(label_map_png([make_region((0, 0, 2, 2), "c19")], many, 4, 4)).max() == 20
