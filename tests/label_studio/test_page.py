"""The real page in a real browser: what the machine said is seen where it belongs, and what is clicked comes back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

import pipeline.sources
from pipeline.dataset import read_records
from pipeline.stages import finalize
from pipeline.verify import verify_run
from schemas.candidate import Candidate, Region
from schemas.geometry import Box, mask_to_array
from schemas.plugins import configure
from schemas.sample import Sample

from .conftest import image_regions
from .desk import Desk, bounds, is_outlined, quiet

pytestmark = pytest.mark.slow

WORDS = "textarea[data-testid=textarea-region-textarea]"


def test_an_image_shows_its_box_and_mask_and_every_change_comes_back(lay_out: Callable[..., Desk]) -> None:
    size = (320.0, 240.0)
    desk = lay_out("a.png")
    desk.open("a.png")
    assert desk.comes_to_outline("image", (40, 60), (120, 60), size=size), "the box is drawn where it was proposed"
    assert desk.page.locator(".lsf-outliner-item").count() == 2

    desk.select("splice")
    desk.drag(desk.at(80, 60, size), desk.at(112, 84, size))
    desk.select("blur")
    desk.page.locator('button[aria-label*="elete" i]').last.click()
    desk.page.get_by_text("noise", exact=True).nth(2).click()
    desk.page.locator(".lsf-tool").first.click()  # the brush
    desk.drag(desk.at(30, 180, size), desk.at(90, 180, size))
    desk.shot("image_changed")
    desk.finish("Submit")

    found = desk.collect()["a.png"]
    assert {change.region_id: change.change for change in found.changes if change.change != "added"} == {
        "red": "moved",
        "blue": "removed",
    }
    red = next(region for region in found.regions if region.region_id == "red")
    assert red.box is not None
    assert (red.box.x1, red.box.y1, red.box.x2, red.box.y2) == pytest.approx((72, 54, 152, 114), abs=1.5)
    (painted,) = [region for region in found.regions if region.region_id not in ("red", "blue")]
    assert (painted.category, painted.source) == ("noise", "human")
    assert painted.mask is not None
    pixels = mask_to_array(painted.mask)
    assert pixels[180, 32:88].all()
    assert not pixels[140].any()


def test_a_pair_stands_side_by_side_and_a_box_drawn_on_the_second_is_the_second_s(
    hand_out: Callable[..., Desk],
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    tmp_path: Path,
) -> None:
    size = (320.0, 240.0)
    first, second = make_sample("a.png"), make_sample("b.png")
    pair = make_sample("a.png", second="b.png")
    left, right = (image_regions(each)[0] for each in (first, second))
    regions = left, right.evolve(region_id="right", box=Box(x1=180, y1=120, x2=280, y2=200))
    source = configure(pipeline.sources, {"kind": "manifest", "reference": "original"}, where="sources.0")
    listed = tmp_path / "in" / "m.csv"
    listed.write_text("path,original\na.png,b.png\n")
    desk = hand_out(
        [pair],
        [propose(pair, *regions, candidate_id="c" * 64)],
        change=lambda recipe: recipe.evolve(sources=(source,)),
        inputs=(str(listed),),
    )

    desk.open("a.png")
    page, run = desk.page, desk.run
    assert desk.comes_to_outline("pair", (40, 60), (120, 60), size=size)
    assert desk.comes_to_outline("pair", (180, 160), (280, 160), size=size, position=1)
    (x1, top1, width1, height1), (x2, top2, width2, height2) = desk.canvas(0), desk.canvas(1)
    assert x1 + width1 < x2
    assert (top1, width1, height1) == pytest.approx((top2, width2, height2), abs=1)

    page.keyboard.press("Alt+Shift+Digit3")  # noise, as a box on the second picture
    desk.drag(desk.at(40, 30, size, 1), desk.at(120, 90, size, 1))
    desk.shot("pair_changed")
    desk.finish("Submit")

    found = desk.collect()["a.png"]
    assert [(change.region_id, change.change) for change in found.changes[:2]] == [("red", "kept"), ("right", "kept")]
    assert found.regions[:2] == regions
    (drawn,) = found.regions[2:]
    assert (drawn.asset_id, drawn.category, drawn.source) == (second.primary.asset_id, "noise", "human")

    manifest = finalize(run, run.read_manifest() or desk.manifest, arguments=(), write=quiet)
    (record,) = read_records(run.path("dataset"))
    assert record.reference is not None
    assert (record.reference.asset_id, record.review) == (second.primary.asset_id, "reviewed")
    assert [region.asset_id for region in record.regions] == [region.asset_id for region in found.regions]
    assert verify_run(run, manifest) == []
    assert drawn.box is not None
    assert (drawn.box.x1, drawn.box.y1, drawn.box.x2, drawn.box.y2) == pytest.approx((40, 30, 120, 90), abs=1.5)


def test_an_edited_explanation_and_a_skip_come_back_as_that(lay_out: Callable[..., Desk]) -> None:
    desk = lay_out("a.png", "b.png")
    desk.open("a.png")
    desk.select("splice")
    words = desk.page.locator(WORDS).first
    assert words.input_value() == "A red patch."
    words.fill("A red patch with a hard edge.")
    words.press("Shift+Enter")
    desk.shot("words_changed")
    desk.finish("Submit")
    desk.start_stream("b.png")
    desk.finish("Skip")

    found = desk.collect()

    assert found["a.png"].verdict == "fixed_and_accepted"
    assert {change.region_id: change.change for change in found["a.png"].changes} == {"red": "reworded", "blue": "kept"}
    assert {r.region_id: r.explanation for r in found["a.png"].regions}["red"] == "A red patch with a hard edge."
    assert (found["b.png"].verdict, found["b.png"].regions) == ("skipped", ())


def test_a_clip_plays_and_shows_its_track(lay_out: Callable[..., Desk]) -> None:
    desk = lay_out("clip.mp4")
    desk.open("clip.mp4")
    assert desk.comes_to_show("video", shows_track)
    video = desk.page.evaluate(
        "() => { const v = document.querySelector('video'); return [v.videoWidth, v.videoHeight, v.error === null] }"
    )
    assert video == [320, 240, True]
    assert desk.page.locator(".lsf-outliner-item").count() == 1


def test_a_document_shows_the_region_on_its_last_page(lay_out: Callable[..., Desk]) -> None:
    desk = lay_out("report.pdf")
    desk.open("report.pdf")
    desk.select("pasted region")

    assert desk.comes_to_outline("document", (100, 230), (300, 230), size=(595, 842))


def marked(sample: Sample, box: Box, category: str, **fields: Any) -> Region:
    """A machine's region, where a test has a place of its own."""
    asset_id = sample.primary.asset_id
    return Region(region_id="there", asset_id=asset_id, box=box, category=category, source="machine", **fields)


def turned_jpeg() -> bytes:
    """240 x 320 upright, stored lying on its side (EXIF orientation 6: turn clockwise to see it)."""
    pixels = np.full((320, 240, 3), 200, np.uint8)
    pixels[220:300, 20:80] = (200, 30, 30)
    exif, out = Picture.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Picture.fromarray(pixels).transpose(Picture.Transpose.ROTATE_90).save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def mixed_pages() -> bytes:
    """A TIFF of three pages: 600 x 300, 300 x 600 and 400 x 400."""
    pages = [Picture.new("RGB", size, (230, 230, 230)) for size in ((600, 300), (300, 600), (400, 400))]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "size", "category", "page_index"),
    [
        ("turned.jpg", turned_jpeg(), (240, 320), "splice", None),
        ("mixed.tif", mixed_pages(), (300, 600), "pasted_region", 1),
    ],
    ids=["turned", "mixed"],
)
def test_places_are_those_of_the_upright_picture_or_of_its_own_page(
    hand_out: Callable[..., Desk],
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    name: str,
    data: bytes,
    size: tuple[float, float],
    category: str,
    page_index: int | None,
) -> None:
    sample = make_sample(name, data)
    there = marked(sample, Box(x1=20, y1=220, x2=80, y2=300), category, page_index=page_index)
    desk = hand_out([sample], [propose(sample, there)])

    desk.open(name)
    if page_index:
        desk.select("pasted region")  # turns to its page
    assert desk.comes_to_outline(name, (20, 260), (80, 260), size=size)
    desk.page.keyboard.press("Escape")
    desk.page.locator(".lsf-labels .lsf-label", has_text=category.replace("_", " ")).first.click()
    desk.drag(desk.at(120, 40, size), desk.at(200, 90, size))
    desk.shot(f"{name}_drawn")
    desk.finish("Submit")

    found = desk.collect()[name]
    assert [(change.region_id, change.change) for change in found.changes][:1] == [("there", "kept")]
    assert found.regions[0] == there
    (drawn,) = found.regions[1:]
    assert (drawn.category, drawn.page_index, drawn.source) == (category, page_index, "human")
    assert drawn.box is not None
    assert (drawn.box.x1, drawn.box.y1, drawn.box.x2, drawn.box.y2) == pytest.approx((120, 40, 200, 90), abs=2.5)


def shows_track(page: np.ndarray) -> bool:
    """Whether the clip is there in its own shape, and both sides of its track's first box are drawn on it."""
    gray = np.abs(page - 90).max(-1) <= 6
    if not (gray.sum(0) > 100).any():
        return False
    left, top, right, bottom = bounds(gray)
    scale = (right - left) / 320
    in_shape = scale == pytest.approx((bottom - top) / 240, rel=0.02)
    return in_shape and all(is_outlined(page, left + x * scale, top + 120 * scale) for x in (20, 60))
