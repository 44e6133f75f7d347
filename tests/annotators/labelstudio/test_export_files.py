from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter import brush

from annotators.labelstudio.export_files import found_in, read_export
from schemas.errors import ConfigError, VerdictError
from schemas.geometry import Box, mask_to_array

sdk: Any = brush
BOX = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["Car"]}
RECTANGLE = {"id": "r1", "from_name": "tag", "to_name": "img", "type": "rectanglelabels", "value": BOX}
SIZED = {**RECTANGLE, "original_width": 200, "original_height": 100}


def read(value: Any) -> Any:
    return read_export(json.dumps(value).encode(), where="export.json")


def test_every_shape_of_json_export() -> None:
    annotation = {"id": 5, "result": [SIZED]}
    task = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [annotation], "predictions": [{"result": []}]}
    for file in ([task], task, {"tasks": [task]}):
        (found,) = read(file)
        assert (found.task_id, found.data, found.annotations) == (1, {"image": "a.jpg"}, (annotation,))
        assert found.predictions == ({"result": []},)
    assert read([annotation])[0].annotations == (annotation,)
    assert read({"annotations": [annotation]})[0].data == {}
    old = {"id": 5, "data": {}, "completions": [{"result": [], "skipped": True}]}
    assert read(old)[0].annotations == ({"result": [], "skipped": True, "was_cancelled": True},)
    assert read_export("\ufeff[]".encode(), where="x") == ()


@pytest.mark.parametrize("empty", [[], None])
def test_work_under_its_old_name_is_read_beside_an_empty_new_one(empty: Any) -> None:
    annotation = {"id": 5, "result": [SIZED]}
    assert read([{"data": {}, "completions": [annotation], "annotations": empty}])[0].annotations == (annotation,)
    assert read([{"data": {}, "completions": [{"id": 4}], "annotations": [annotation]}])[0].annotations == (annotation,)


def test_json_min_is_read_but_said_to_be_less() -> None:
    record = {
        "image": "a.jpg",
        "id": 1,
        "tag": [{**BOX, "original_width": 200, "original_height": 100}],
        "verdict": "real",
        "annotator": 2,
        "annotation_id": 7,
        "lead_time": 2.5,
    }
    (task,) = read([record])
    assert task.is_min
    (annotation,) = task.annotations
    assert (annotation["id"], annotation["completed_by"], annotation["lead_time"]) == (7, 2, 2.5)
    assert found_in(annotation).regions[0].box == Box(x1=20, y1=20, x2=80, y2=60)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04", "is a zip archive"),
        (b"<View/>", "is XML, a labelling config perhaps"),
        (b"image,label\na,b", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b'{"images": [], "categories": [], "annotations": []}', "is COCO"),
        (b'{"labels": {}}', "is no task: it has labels"),
        (b"[3]", "item 0 is a int, not a task"),
        (b'[{"data": 3}]', "item 0: data is a int, not a mapping"),
        (b'[{"annotations": {}}]', "item 0: annotations is no list of mappings"),
    ],
)
def test_other_files_are_refused_by_name(content: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_export(content, where="export.json")


def test_rectangles_need_a_size() -> None:
    assert found_in({"result": [SIZED]}).regions[0].box == Box(x1=20, y1=20, x2=80, y2=60)
    assert found_in({"result": [RECTANGLE]}, size=(200, 100)).regions[0].box == Box(x1=20, y1=20, x2=80, y2=60)
    found = found_in({"result": [RECTANGLE]})
    assert (found.regions, found.refused) == (
        (),
        ("rectanglelabels r1: rectanglelabels of a medium of unknown size",),
    )


def test_what_is_no_rectangle_polygon_or_brush_is_refused_by_its_type() -> None:
    def refused(kind: str, **value: Any) -> tuple[str, ...]:
        size = {"original_width": 200, "original_height": 100}
        entry = {"id": "k", "from_name": "c", "to_name": "image", "type": kind, "value": value, **size}
        return found_in({"result": [entry]}).refused

    for kind in ("keypointlabels", "ellipselabels", "vectorlabels", "pairwise", "ranker"):
        place = {"x": 1, "y": 1, "width": 1, "radiusX": 1, "radiusY": 1, kind: ["A"]}
        assert refused(kind, **place) == (f"{kind} k: results of the type {kind!r} are not read",)


def test_sides_may_be_written_as_floats_but_must_be_whole() -> None:
    value = {"x": 10, "y": 10, "width": 20, "height": 10, "rotation": 0, "rectanglelabels": ["A"]}
    entry = {"id": "k", "from_name": "box", "to_name": "image", "type": "rectanglelabels", "value": value}
    (region,) = found_in({"result": [{**entry, "original_width": 200.0, "original_height": 100}]}).regions
    assert region.box == Box(x1=20, y1=10, x2=60, y2=20)
    for wrong in ({"original_width": 200.5, "original_height": 100}, {"original_width": 200}):
        (why,) = found_in({"result": [{**entry, **wrong}]}).refused
        assert "was drawn on" in why


def test_a_shape_and_its_labels_in_two_entries_are_one_region() -> None:
    alpha = np.zeros((6, 8), np.uint8)
    alpha[2:4, 3:7] = 255
    rle = {"format": "rle", "rle": sdk.mask2rle(alpha)}
    base = {"id": "w", "to_name": "img", "original_width": 8, "original_height": 6}
    wand = {**base, "from_name": "wand", "type": "magicwand", "value": rle}
    labels = {**base, "from_name": "labels", "type": "labels", "value": {**rle, "labels": ["Cloud"]}}
    (region,) = found_in({"result": [wand, labels]}).regions
    assert region.mask is not None
    assert region.category == "Cloud"
    theirs = sdk.decode_from_annotation("labels", [{"type": "labels", **base, **rle, "labels": ["Cloud"]}])
    assert np.array_equal(mask_to_array(region.mask), theirs["labels-Cloud-0"] >= 128)


def test_a_track_at_a_fixed_rate() -> None:
    entries = [
        {"frame": 1, "enabled": True, "x": 0, "y": 0, "width": 10, "height": 10, "rotation": 0, "time": 0.04},
        {"frame": 5, "enabled": False, "x": 50, "y": 0, "width": 10, "height": 10, "rotation": 0, "time": 0.2},
    ]
    value = {"framesCount": 100, "sequence": entries, "labels": ["Car"]}
    track = {"id": "t", "from_name": "box", "to_name": "video", "type": "videorectangle", "value": value}
    (region,) = found_in({"result": [track]}, size=(320, 240)).regions
    assert [(k.frame_index, k.pts_s, k.is_visible) for k in region.track] == [
        (0, 0.0, True),
        (4, 0.16, True),
        (5, 0.2, False),
    ]
    assert found_in({"result": [track]}).refused == ("videorectangle t: videorectangle of a medium of unknown size",)


@pytest.mark.parametrize(
    "wrong", [{"framesCount": 10**12}, {"duration": 5e-324}, {"duration": 10**400}, {"sequence": 7}]
)
def test_a_track_that_states_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    entry = {"frame": 1, "x": 0, "y": 0, "width": 10, "height": 10}
    value = {"framesCount": 100, "sequence": [entry], "labels": ["Car"], **wrong}
    track = {"id": "t", "from_name": "box", "to_name": "video", "type": "videorectangle", "value": value}
    found = found_in({"result": [track]}, size=(320, 240))
    assert (found.regions, len(found.refused)) == ((), 1)


def test_words_choices_numbers_and_paths() -> None:
    said = [
        ("textarea", {"text": ["one", "two"]}, ("one", "two")),
        ("choices", {"choices": ["A"]}, ("A",)),
        ("taxonomy", {"taxonomy": [["B", "B.1"]]}, ("B / B.1",)),
        ("number", {"number": 2}, ("2",)),
        ("rating", {"rating": 4}, ("4",)),
        ("datetime", {"datetime": "1991-05-22T09:17"}, ("1991-05-22T09:17",)),
    ]
    result = [{"id": kind, "from_name": kind, "to_name": "t", "type": kind, "value": value} for kind, value, _ in said]
    assert found_in({"result": result}).said == tuple((kind, values) for kind, _, values in said)


def test_one_entry_that_cannot_be_read_leaves_the_others() -> None:
    keypoint = {**RECTANGLE, "id": "k", "type": "keypointlabels", "value": {"x": 1, "y": 1, "width": 0.5}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    torn = {**SIZED, "id": "b", "type": "brushlabels", "value": {"format": "rle", "rle": [1, 2, 3]}}
    found = found_in({"result": [keypoint, SIZED, relation, torn, "x"]}, size=(200, 100))
    assert [region.region_id for region in found.regions] == ["r1"]
    assert found.refused == (
        "entry 2 (relation): relations between regions are not read",
        "entry 4 (str): entry 0 of the result is a str, not a mapping",
        "keypointlabels k: results of the type 'keypointlabels' are not read",
        "brushlabels b: brush mask cannot be read: its header is cut off",
    )


def test_a_result_that_is_no_list_is_refused() -> None:
    with pytest.raises(VerdictError, match="the result is a str, not a list"):
        found_in({"result": "x"})


def test_what_is_said_of_a_region_beside_its_words_is_named() -> None:
    grade = {**SIZED, "from_name": "grade", "type": "choices", "value": {**BOX, "choices": ["bad"]}}
    words = {**SIZED, "from_name": "why", "type": "textarea", "value": {**BOX, "text": ["blurred"]}}
    found = found_in({"result": [SIZED, grade, words]})
    assert [region.explanation for region in found.regions] == ["blurred"]
    assert (found.beside, found.said, found.refused) == ((("r1", "grade", ("bad",)),), (), ())
    assert found.sizes == ((200, 100),)


def test_a_second_place_under_one_id_is_refused_and_a_repeated_one_is_not() -> None:
    moved = {**SIZED, "value": {**BOX, "x": 15}}
    found = found_in({"result": [SIZED, SIZED, moved]})
    assert [region.box for region in found.regions] == [Box(x1=20, y1=20, x2=80, y2=60)]
    assert found.refused == ("rectanglelabels r1: the id has another place already",)


def test_a_file_of_a_storage_holds_its_task() -> None:
    (task,) = read({"id": 5, "result": [SIZED], "task": {"id": 3, "data": {"image": "a.jpg"}}})
    assert (task.data, task.task_id, [a["id"] for a in task.annotations]) == ({"image": "a.jpg"}, 3, [5])
