"""Ground truth in the space of what was measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from pipeline.ground_truth import fitted, region_to_upright
from schemas.candidate import Region
from schemas.geometry import Box, Mask, Polygon, mask_from_array, mask_to_array
from schemas.media.images import upright
from schemas.media.types import Document, Image, Page
from schemas.sample import Finding, Item

BACK = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""Each orientation's inverse."""
WIDTH, HEIGHT = 7, 5


def box(x1: float, y1: float, x2: float, y2: float, region_id: str = "r", mask: Mask | None = None) -> Region:
    place = Box(x1=x1, y1=y1, x2=x2, y2=y2)
    return Region(region_id=region_id, box=place, mask=mask, category="c", source="ground_truth")


def image(orientation: int = 1, stored: tuple[int, int] = (WIDTH, HEIGHT)) -> Image:
    width, height = stored[::-1] if orientation >= 5 else stored
    return Image(
        format="JPEG", mode="RGB", width=width, height=height,
        stored_width=stored[0], stored_height=stored[1], exif_orientation=orientation,
    )  # fmt: skip


def item(*regions: Region, stated: tuple[int, int] | None = None, has_ground_truth: bool = True) -> Item:
    width, height = stated or (None, None)
    return Item(
        item_id="a.jpg", uri="/in/a.jpg", file_name="a.jpg", stated_width=width, stated_height=height,
        ground_truth=regions, has_ground_truth=has_ground_truth,
    )  # fmt: skip


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """Anywhere in the picture, in quarters of a pixel: these are exact in binary."""
    xs = draw(st.lists(st.integers(0, 4 * WIDTH), min_size=2, max_size=2, unique=True).map(sorted))
    ys = draw(st.lists(st.integers(0, 4 * HEIGHT), min_size=2, max_size=2, unique=True).map(sorted))
    (x1, x2), (y1, y2) = ([side / 4 for side in sides] for sides in (xs, ys))
    pixels = np.array(draw(st.lists(st.booleans(), min_size=WIDTH * HEIGHT, max_size=WIDTH * HEIGHT)))
    hole = ((x1, y1), (x2, y1), (x1, y2))
    return Region(
        region_id="r",
        box=Box(x1=x1, y1=y1, x2=x2, y2=y2),
        polygons=(Polygon(exterior=((x1, y1), (x2, y1), (x2, y2)), holes=(hole,)),),
        mask=mask_from_array(pixels.reshape(HEIGHT, WIDTH), "painted"),
        category="c",
        source="ground_truth",
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@settings(max_examples=40)
@given(region=regions())
def test_there_and_back_is_the_same_region(orientation: int, region: Region) -> None:
    medium = image(orientation)
    there = region_to_upright(region, orientation, WIDTH, HEIGHT)
    assert region_to_upright(there, BACK[orientation], medium.width, medium.height) == region


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_polygons_and_masks_go_where_the_pixels_go(orientation: int) -> None:
    pixels = np.zeros((HEIGHT, WIDTH), np.bool_)
    pixels[1:3, 4:7] = True
    corners = ((4, 1), (7, 1), (7, 3), (4, 3))
    stored = box(4, 1, 7, 3, mask=mask_from_array(pixels, "painted")).evolve(polygons=(Polygon(exterior=corners),))
    seen = np.asarray(upright(PilImage.fromarray(pixels), orientation))
    (ys, xs) = np.nonzero(seen)
    expected = Box(x1=xs.min(), y1=ys.min(), x2=xs.max() + 1, y2=ys.max() + 1)

    turned = region_to_upright(stored, orientation, WIDTH, HEIGHT)

    assert turned.box == expected
    assert turned.mask is not None
    assert turned.mask.rasterizer == "painted"
    assert np.array_equal(mask_to_array(turned.mask), seen)
    points = set(turned.polygons[0].exterior)
    assert points == {(x, y) for x in (expected.x1, expected.x2) for y in (expected.y1, expected.y2)}


def test_the_points_of_exif_6() -> None:
    """Stored 7 x 5, turned clockwise: what was at the left edge is at the top."""
    assert region_to_upright(box(0, 1, 2, 4), 6, 7, 5) == box(1, 0, 4, 2)


@pytest.mark.parametrize("orientation", [1, 6])
def test_without_a_stated_size_nothing_is_turned(orientation: int) -> None:
    region = box(0, 0, 1, 1)
    assert fitted(item(region), image(orientation)) == ((region,), True, ())


def test_a_document_has_pages_and_no_size_to_compare() -> None:
    page = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=2.0, height=2.0),))
    region = box(0, 0, 1, 1).evolve(page_index=0)
    assert fitted(item(region, stated=(7, 5)), page) == ((region,), True, ())


def test_the_upright_size_is_what_we_have() -> None:
    truth = fitted(item(box(0, 0, 5, 7), stated=(5, 7)), image(6))
    assert (truth.regions, truth.findings, truth.is_complete) == ((box(0, 0, 5, 7),), (), True)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_stored_size_of_a_turned_image_turns_the_regions(orientation: int) -> None:
    region = box(0, 1, 2, 4)
    truth = fitted(item(region, stated=(7, 5)), image(orientation))
    assert truth.regions == (region_to_upright(region, orientation, 7, 5),)
    assert truth.regions != (region,)
    assert truth.is_complete
    turned = f"1 region is turned into the upright 5 x 7 px (EXIF {orientation})"
    message = f"the source states 7 x 5 px, as stored; {turned}"
    assert truth.findings == (Finding(code="ground_truth_rotated", message=message),)


@pytest.mark.parametrize(("orientation", "stored"), [(6, (5, 5)), (3, (7, 5)), (2, (7, 5))])
def test_a_size_that_cannot_tell_which_way_is_up_leaves_the_regions_and_says_so(
    orientation: int, stored: tuple[int, int]
) -> None:
    region = box(0, 1, 2, 4)
    truth = fitted(item(region, stated=stored), image(orientation, stored))
    assert (truth.regions, truth.is_complete) == ((region,), True)
    (finding,) = truth.findings
    assert finding.code == "ground_truth_rotation_unknown"
    size = f"{stored[0]} x {stored[1]} px"
    assert finding.message.startswith(f"{size} is the size as stored and upright (EXIF {orientation}): ")


@pytest.mark.parametrize("orientation", [1, 2, 6])
def test_an_image_without_regions_has_nothing_to_turn(orientation: int) -> None:
    truth = fitted(item(stated=(7, 5)), image(orientation))
    assert (truth.regions, truth.findings, truth.is_complete) == ((), (), True)


@pytest.mark.parametrize("region", [(box(0, 0, 1, 1),), ()])
def test_any_other_size_is_of_another_image(region: tuple[Region, ...]) -> None:
    truth = fitted(item(*region, stated=(14, 10)), image())
    assert (truth.regions, truth.is_complete) == ((), False)
    lost = "1 region is" if region else "0 regions are"
    message = f"the source states 14 x 10 px, the image has 7 x 5 px: its {lost} left out"
    assert truth.findings == (Finding(code="stated_size_disagrees", message=message),)


def test_the_stored_size_is_named_where_it_differs() -> None:
    (finding,) = fitted(item(stated=(14, 10)), image(6)).findings
    assert "the image has 5 x 7 px (stored as 7 x 5 px):" in finding.message


def test_a_region_outside_of_the_medium_is_left_out_alone() -> None:
    inside, outside = box(0, 0, 1, 1, "in"), box(0, 0, 9, 9, "out")
    truth = fitted(item(inside, outside), image())
    assert (truth.regions, truth.is_complete) == ((inside,), False)
    message = "region out: box (0, 0, 9, 9) reaches 4 px outside of 7 x 5 px; it is left out"
    assert truth.findings == (Finding(code="ground_truth_defect", message=message),)
