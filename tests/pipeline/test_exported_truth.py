from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.exported_truth import with_exported_truth
from pipeline.ground_truth import fitted
from schemas.geometry import Box
from schemas.media.types import Document, Image, Media, Page
from schemas.sample import Item
from tests.clips import CLIP

VALUE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["hand"]}
RECTANGLE = {"id": "r", "from_name": "tag", "to_name": "image", "type": "rectanglelabels", "value": VALUE}
TURNED = Image(
    format="JPEG", mode="RGB", width=100, height=200, stored_width=200, stored_height=100, exif_orientation=6
)
PAGES = Document(
    format="PDF",
    num_pages=2,
    pages=tuple(Page(page_index=index, width=100 + index, height=200) for index in range(2)),
)


def drawn(media: Media, *entries: Any, complete: bool = True) -> Item:
    item = Item(item_id="i", uri="u", file_name="f", exported_result=json.dumps(entries), has_ground_truth=complete)
    return with_exported_truth(item, media)


def sized(key: str, width: int, height: int, **parts: Any) -> dict[str, Any]:
    return {**RECTANGLE, "id": key, "original_width": width, "original_height": height, **parts}


def messages(item: Item) -> list[str]:
    return [finding.message.removeprefix("the annotation is partly left out: ") for finding in item.findings]


def test_an_item_without_an_export_is_itself() -> None:
    item = Item(item_id="i", uri="u", file_name="f")
    assert with_exported_truth(item, TURNED) is item


def test_what_states_no_size_was_drawn_on_the_same_picture_as_the_rest() -> None:
    item = drawn(TURNED, sized("a", 200, 100), {**RECTANGLE, "id": "b"})
    assert (item.stated_width, item.stated_height) == (200, 100)
    assert {region.box for region in item.ground_truth} == {Box(x1=20, y1=20, x2=80, y2=60)}
    assert {region.box for region in fitted(item, TURNED).regions} == {Box(x1=40, y1=20, x2=80, y2=80)}
    assert fitted(item, TURNED).is_complete


def test_each_page_of_a_document_has_its_own_size() -> None:
    item = drawn(
        PAGES,
        sized("a", 100, 200, item_index=0),
        sized("b", 101, 200, item_index=1),
        sized("c", 100, 200, item_index=1),
        sized("d", 100, 200, item_index=2),
    )
    assert [(region.region_id, region.page_index) for region in item.ground_truth] == [("a", 0), ("b", 1)]
    assert messages(item) == [
        "region c: drawn on 100 x 200 px, the medium has 101 x 200 px",
        "region d: drawn on 100 x 200 px, the medium has no such page",
    ]
    assert (item.stated_width, item.has_ground_truth) == (None, False)


def test_tracks_lie_on_the_frames_of_the_clip() -> None:
    entry = {**VALUE, "frame": 49, "time": 49 / 24, "enabled": True}
    value = {"framesCount": 240, "duration": 10.0, "sequence": [entry], "labels": ["hand"]}
    item = drawn(CLIP, {**RECTANGLE, "type": "videorectangle", "value": value})
    (region,) = fitted(item, CLIP).regions
    assert [(k.frame_index, k.pts_s, k.box) for k in region.track] == [(20, 2.0, Box(x1=20, y1=20, x2=80, y2=60))]
    assert item.has_ground_truth


@pytest.mark.parametrize(
    "wrong",
    [
        3,
        {},
        {**RECTANGLE, "value": {**VALUE, "x": 1e400}},
        {**RECTANGLE, "value": {**VALUE, "width": -1e-320}},
        {**RECTANGLE, "value": {**VALUE, "rectanglelabels": 3}},
        {**RECTANGLE, "original_width": 1e999, "original_height": 1},
        {**RECTANGLE, "original_width": 10**400, "original_height": 1.5},
        {**RECTANGLE, "item_index": 10**30},
        {**RECTANGLE, "id": {}},
    ],
)
def test_nonsense_leaves_the_rest_and_makes_the_truth_incomplete(wrong: Any) -> None:
    item = drawn(CLIP, wrong, {**RECTANGLE, "id": "good"})
    truth = fitted(item, CLIP)
    assert "good" in {region.region_id for region in item.ground_truth}
    assert not truth.is_complete
    assert [*item.findings, *truth.findings]


def test_it_never_completes_what_its_source_calls_incomplete() -> None:
    assert not drawn(TURNED, RECTANGLE, complete=False).has_ground_truth
