from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter import brush
from PIL import Image

from pipeline.ingest import measure_item
from pipeline.recipe import RecipeLimits
from pipeline.sources.base import route
from pipeline.sources.coco import Coco
from pipeline.sources.coco import Config as CocoConfig
from pipeline.sources.label_studio import Config, LabelStudio
from pipeline.sources.manifest import Config as ManifestConfig
from pipeline.sources.manifest import Manifest
from schemas.candidate import Region
from schemas.geometry import Box, Polygon, mask_to_array
from schemas.media.limits import Limits
from schemas.sample import Item, Sample, Source

sdk: Any = brush
Read = Callable[..., list[Item]]
UPLOAD = "/data/upload/1/ab12cd34-a.png"
BOX = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["hand"]}
RECTANGLE = {"id": "r1", "from_name": "tag", "to_name": "image", "type": "rectanglelabels", "value": BOX}
SIZED = {**RECTANGLE, "original_width": 20, "original_height": 10}
CHOICE = {"id": "c", "from_name": "verdict", "to_name": "image", "type": "choices", "value": {"choices": ["fake"]}}
IN_A = Box(x1=2, y1=2, x2=8, y2=6)
"""BOX in 20 x 10 px."""


def task(*results: Any, data: Any = None, **parts: Any) -> dict[str, Any]:
    return {"id": 1, "data": data or {"image": UPLOAD}, "annotations": [{"id": 5, "result": [*results]}], **parts}


def export(folder: Path, *tasks: Any, name: str = "export.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(tasks))
    return path


def picture(folder: Path, name: str = "a.png", size: tuple[int, int] = (20, 10)) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path, "PNG")


def sample(read: Read, path: Path, **options: Any) -> Sample:
    (item,) = read("label_studio", path, **options)
    assert item.error is None, item.error
    return measure_item(item, RecipeLimits())


def codes(thing: Item | Sample) -> list[str]:
    return [finding.code for finding in thing.findings]


# What is drawn and said


def test_boxes_polygons_and_brush_masks_become_ground_truth(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    alpha = np.zeros((10, 20), np.uint8)
    alpha[2:7, 3:9] = 255
    alpha[8, 1] = 127
    outline = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["text"]}
    painted = {"format": "rle", "rle": sdk.mask2rle(alpha), "brushlabels": ["foot"]}
    base = {"from_name": "tag", "to_name": "image", "original_width": 20, "original_height": 10}
    words = {
        "id": "r1",
        "from_name": "why",
        "to_name": "image",
        "type": "textarea",
        "value": {**BOX, "text": ["6 fingers"]},
    }
    path = export(
        tmp_path,
        task(
            SIZED,
            words,
            {**base, "id": "p1", "type": "polygonlabels", "value": outline},
            {**base, "id": "b1", "type": "brushlabels", "value": painted},
        ),
    )
    found = sample(read, path, category_map={"hand": "anatomy.hand"})
    rectangle, polygon, mask = found.ground_truth
    asset_id = found.assets[0].asset_id
    assert rectangle == Region(
        region_id="r1",
        asset_id=asset_id,
        box=IN_A,
        category="anatomy.hand",
        explanation="6 fingers",
        source="ground_truth",
    )
    assert (polygon.category, polygon.polygons) == ("text", (Polygon(exterior=((0, 0), (10, 0), (10, 5))),))
    assert mask.mask is not None
    theirs = sdk.decode_from_annotation("b1", [{**base, "type": "brushlabels", **painted}])["b1-foot-0"]
    assert np.array_equal(mask_to_array(mask.mask), theirs >= 128)
    assert (found.has_ground_truth, found.findings) == (True, ())


def test_a_result_without_a_size_is_drawn_on_the_medium(tmp_path: Path, read: Read) -> None:
    picture(tmp_path, size=(200, 100))
    (region,) = sample(read, export(tmp_path, task(RECTANGLE))).ground_truth
    assert region.box == Box(x1=20, y1=20, x2=80, y2=60)


def test_a_size_that_contradicts_the_medium_costs_the_regions(tmp_path: Path, read: Read) -> None:
    picture(tmp_path, size=(40, 20))
    found = sample(read, export(tmp_path, task(SIZED)))
    assert (found.ground_truth, found.has_ground_truth) == ((), False)
    (finding,) = found.findings
    assert finding.code == "stated_size_disagrees"
    assert finding.message == "the source states 20 x 10 px, the image has 40 x 20 px: its 1 region is left out"


def test_of_several_stated_sizes_only_the_medium_s_counts(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    other = {**RECTANGLE, "id": "r2", "original_width": 30, "original_height": 30}
    found = sample(read, export(tmp_path, task(SIZED, other)))
    assert [region.region_id for region in found.ground_truth] == ["r1"]
    assert not found.has_ground_truth
    assert [f.message for f in found.findings] == [
        "the annotation is partly left out: region r2: drawn on 30 x 30 px, the medium has 20 x 10 px"
    ]


def test_what_the_reader_refuses_is_a_finding_and_the_truth_incomplete(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    keypoint = {**SIZED, "id": "k", "type": "keypointlabels", "value": {"x": 1, "y": 1, "width": 1}}
    unlabeled = {**SIZED, "id": "u", "type": "rectangle", "value": {**BOX, "rectanglelabels": []}}
    found = sample(read, export(tmp_path, task(SIZED, keypoint, unlabeled)))
    assert [region.region_id for region in found.ground_truth] == ["r1"]
    assert not found.has_ground_truth
    assert [f.message for f in found.findings] == [
        "the annotation is partly left out: keypointlabels k: results of the type 'keypointlabels' are not read",
        "the annotation is partly left out: region u: it has no label",
    ]


def test_choices_and_texts_are_findings_and_tell_nothing_about_regions(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    graded = {"id": "r1", "from_name": "grade", "to_name": "image", "type": "rating", "value": {**BOX, "rating": 4}}
    found = sample(read, export(tmp_path, task(CHOICE)))
    assert [f.message for f in found.findings] == ["verdict: fake"]
    assert not found.has_ground_truth
    clean = sample(read, export(tmp_path, task(CHOICE)), unannotated_is_clean=True)
    assert (clean.ground_truth, clean.has_ground_truth) == ((), True)
    both = sample(read, export(tmp_path, task(SIZED, graded, CHOICE)))
    assert [f.message for f in both.findings] == ["verdict: fake", "grade of region r1: 4"]
    assert both.has_ground_truth


def test_choices_on_the_whole_say_the_origin_where_the_recipe_says_so(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    of_region = {**CHOICE, "id": "r1", "value": {**BOX, "choices": ["photo"]}}
    path = export(tmp_path, task(SIZED, CHOICE, of_region))
    origins = {"fake": "generated", "photo": "real"}
    assert [read("label_studio", path, **options)[0].origin for options in ({}, {"origins": origins})] == [
        None,
        "generated",
    ]
    both = {**CHOICE, "id": "d", "value": {"choices": ["photo"]}}
    (unsure,) = read("label_studio", export(tmp_path, task(CHOICE, both)), origins=origins, origin="edited")
    assert (unsure.origin, [f.message for f in unsure.findings]) == (
        "edited",
        ["its choices say several origins: generated, real"],
    )
    record = {"id": 1, "image": UPLOAD, "verdict": "fake", "annotation_id": 3}
    assert read("label_studio", export(tmp_path, record), origins=origins)[0].origin == "generated"


def test_a_mask_of_a_picture_far_larger_than_the_medium_is_not_expanded(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    painted = {"format": "rle", "rle": [1, 2, 3], "brushlabels": ["foot"]}
    huge = {**RECTANGLE, "type": "brushlabels", "value": painted, "original_width": 2**19, "original_height": 2**19}
    found = sample(read, export(tmp_path, task(huge)))
    assert [f.message for f in found.findings] == [
        "the annotation is partly left out: drawn on 524288 x 524288 px, far more than the medium has"
    ]
    assert not found.has_ground_truth


def test_half_a_character_pair_does_not_stop_a_row(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    value = {**BOX, "rectanglelabels": ["h\ud800nd"]}
    (region,) = sample(read, export(tmp_path, task({**SIZED, "value": value}))).ground_truth
    assert region.category == "h\\ud800nd"


# Which annotation


@pytest.mark.parametrize(
    ("annotations", "taken", "message"),
    [
        ([{}], 0, None),
        ([{"was_cancelled": True}, {}], 1, "annotation 2 is taken; 1 skipped"),
        (
            [{"updated_at": "2024-01-02T00:00:00Z"}, {"updated_at": "2024-01-01T23:00:00-05:00"}],
            1,
            "annotation 2 is taken; 1 left out (it was changed last)",
        ),
        (
            [{"ground_truth": True, "updated_at": "2020-01-01"}, {"updated_at": "2024-01-01T00:00:00Z"}],
            0,
            "annotation 1 is taken; 2 left out (it is marked as ground truth)",
        ),
        (
            [{"ground_truth": True, "was_cancelled": True}, {"created_at": "2024-01-01"}, {"created_at": "soon"}],
            1,
            "annotation 2 is taken; 3 left out (it was changed last), 1 skipped",
        ),
        ([{}, {}], 1, "annotation 2 is taken; 1 left out (it was changed last)"),
    ],
)
def test_one_annotation_is_the_truth_and_the_others_are_named(
    tmp_path: Path, read: Read, annotations: list[Any], taken: int, message: str | None
) -> None:
    picture(tmp_path)
    given = [
        {"id": n, "result": [{**SIZED, "value": {**BOX, "rectanglelabels": [f"label {n}"]}}], **annotation}
        for n, annotation in enumerate(annotations, 1)
    ]
    found = sample(read, export(tmp_path, task(annotations=given)))
    assert [region.category for region in found.ground_truth] == [f"label {taken + 1}"]
    assert [f.message for f in found.findings if f.code == "annotation_choice"] == [message][: message is not None]
    assert found.has_ground_truth


@pytest.mark.parametrize("annotations", [[], None, [{"was_cancelled": True, "result": [SIZED]}]])
def test_skipped_annotations_and_predictions_are_no_truth(tmp_path: Path, read: Read, annotations: Any) -> None:
    picture(tmp_path)
    path = export(tmp_path, task(annotations=annotations, predictions=[{"result": [SIZED]}]))
    (item,) = read("label_studio", path, unannotated_is_clean=True)
    assert (item.exported_result, item.ground_truth, item.has_ground_truth, item.error) == (None, (), False, None)


# Where the medium is


@pytest.mark.parametrize(
    ("stated", "there"),
    [
        ("/data/upload/1/ab12cd34-a.png", "a.png"),
        ("/data/upload/1/ab12cd34-a.png", "deep/er/ab12cd34-a.png"),
        ("/data/upload/1/ab12cd34-my_photo_1.png", "my photo (1).png"),
        ("a.png", "ab12cd34-a.png"),
        ("/data/local-files/?d=set%201/a.png", "set 1/a.png"),
        ("/data/local-files/?d=..%2F..%2Fa.png", "a.png"),
        ("https://example.org/x/a%20b.png?sign=1#2", "a b.png"),
        ("https://example.org/x/a%20b.png", "a%20b.png"),
        ("s3://bucket/some/a.png", "some/a.png"),
        ("C:\\photos\\a.png", "a.png"),
        ("/home/somebody/a.png", "a.png"),
        ("../../a.png", "a.png"),
        ("cafe\u0301.png", "café.png"),
    ],
)
def test_a_medium_is_found_by_its_name(tmp_path: Path, read: Read, stated: str, there: str) -> None:
    picture(tmp_path, there)
    (item,) = read("label_studio", export(tmp_path, task(data={"image": stated})))
    assert (item.error, item.item_id, item.uri) == (None, there, f"{tmp_path}/{there}")
    assert item.source.url == (stated.partition("?")[0] if stated.startswith("https") else None)


def test_no_password_or_signature_is_published_with_a_url(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    stated = ("https://me:secret@example.org/a.png", "https://example.org/a.png?X-Amz-Signature=secret", "s3://b/a.png")
    items = read("label_studio", export(tmp_path, *(task(data={"image": value}) for value in stated)))
    assert [item.source.url for item in items] == [None, "https://example.org/a.png", None]
    assert not any("secret" in item.model_dump_json() for item in items)


def test_the_folder_of_the_media_is_an_option(tmp_path: Path, read: Read) -> None:
    picture(tmp_path, "media/a.png")
    (tmp_path / "exports").mkdir()
    path = export(tmp_path / "exports", task(SIZED))
    (item,) = read("label_studio", path, media="../media", licence="CC0-1.0", name="theirs")
    assert (item.uri, item.item_id) == (f"{tmp_path}/media/a.png", "a.png")
    assert item.source == Source(name="theirs", licence="CC0-1.0")
    (missing,) = read("label_studio", path)
    assert missing.error == f"export.json#tasks[0]: there is no 'ab12cd34-a.png' nor 'a.png' in {tmp_path}/exports"
    (nowhere,) = read("label_studio", path, media="nowhere")
    assert "nowhere" in str(nowhere.error)


def test_nothing_above_the_folder_is_found(tmp_path: Path, read: Read) -> None:
    picture(tmp_path, "a.png")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.png").symlink_to(tmp_path / "a.png")
    stated = ("../a.png", f"{tmp_path}/a.png", f"file://{tmp_path}/a.png", "/data/local-files/?d=../a.png")
    items = read("label_studio", export(tmp_path / "inner", *(task(data={"image": value}) for value in stated)))
    assert [item.error for item in items] == [
        f"export.json#tasks[{n}]: there is no 'a.png' in {tmp_path}/inner" for n in range(4)
    ]


def test_of_several_files_of_a_name_the_folders_decide_or_nobody(tmp_path: Path, read: Read) -> None:
    for name in ("one/a.png", "two/a.png", "b.png", "two/b.png", "one/c.png", "two/c.png"):
        picture(tmp_path, name)
    stated = ("s3://bucket/two/a.png", "/data/upload/1/ab12cd34-c.png", "b.png", "https://example.org/b.png")
    items = read("label_studio", export(tmp_path, *(task(data={"image": value}) for value in stated)))
    assert [item.item_id for item in items] == ["two/a.png", "export.json#tasks[1]", "b.png", "export.json#tasks[3]"]
    assert items[1].error == (
        f"export.json#tasks[1]: 2 files in {tmp_path} may be 'ab12cd34-c.png' or 'c.png': 'one/c.png', 'two/c.png'"
    )
    assert "2 files" in str(items[3].error)


def test_two_uploads_that_differ_in_the_prefix_only_are_not_one_file(tmp_path: Path, read: Read) -> None:
    picture(tmp_path, "a.png")
    picture(tmp_path, "00000000-b.png")
    path = export(
        tmp_path,
        task(data={"image": UPLOAD}),
        task(data={"image": UPLOAD.replace("ab12cd34", "99999999")}),
        task(data={"image": "/data/upload/1/11111111-b.png"}),
    )
    first, second, other = read("label_studio", path)
    assert str(first.error).endswith("several tasks may mean the file 'a.png': their media differ only in the prefix")
    assert second.error is not None
    assert "there is no '11111111-b.png'" in str(other.error)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "its data names no image, video or document (it has nothing)"),
        ({"text": "how nice"}, "its data names no image, video or document (it has text)"),
        ({"image": "data:image/png;base64,AAAA"}, "the medium stands in the task itself (data: URI)"),
        ({"image": ["a.png", 3]}, "the medium is int, not the name of a file"),
        ({"one": "a.png", "two": "b.png"}, "its data names several media: one, two"),
    ],
)
def test_a_task_without_one_medium_is_refused_by_what_it_has(tmp_path: Path, read: Read, data: Any, why: str) -> None:
    picture(tmp_path)
    item = read("label_studio", export(tmp_path, {**task(), "data": data}))[-1]
    assert str(item.error).split(": ", 1)[1] == why
    assert item.remedy


# Several media in one task


def test_pairs_are_items_with_their_own_results(tmp_path: Path, read: Read) -> None:
    picture(tmp_path, "a.png")
    picture(tmp_path, "b.png")
    data = {"left": "a.png", "right": "b.png", "prompt": "a hand"}
    results = [
        {**SIZED, "id": "l", "to_name": "left"},
        {**SIZED, "id": "r", "to_name": "img2"},
        {**SIZED, "id": "s", "source": "$right", "to_name": "x"},
    ]
    path = export(tmp_path, task(*results, data=data))
    left, right = read("label_studio", path, data_keys=["left", "right"], objects={"right": "img2"})
    assert (left.item_id, right.item_id) == ("a.png", "b.png")
    assert left.group_id == right.group_id == "label_studio:export.json#tasks[0]"
    drawn = [[r.region_id for r in measure_item(item, RecipeLimits()).ground_truth] for item in (left, right)]
    assert drawn == [["l"], ["r", "s"]]
    assert [f.message for f in left.findings] == ["2 results are of other media of the task"]
    assert left.has_ground_truth

    unknown = read("label_studio", path, data_keys=["left"])[0]
    assert not unknown.has_ground_truth
    assert "nobody knows which medium 'img2' shows: say so in sources.N.objects" in [
        f.message for f in unknown.findings
    ]
    (missing,) = read("label_studio", path, data_keys=["middle"])
    assert str(missing.error).endswith("its data has no 'middle'")


def test_each_page_of_a_list_is_a_picture(tmp_path: Path, read: Read) -> None:
    picture(tmp_path, "a.png")
    picture(tmp_path, "b.png", (30, 10))
    first, second = {**SIZED, "item_index": 0}, {**SIZED, "id": "r2", "original_width": 30, "item_index": 1}
    path = export(tmp_path, task(first, second, CHOICE, data={"pages": ["a.png", "b.png"]}))
    samples = [measure_item(item, RecipeLimits()) for item in read("label_studio", path)]
    assert [[(r.region_id, r.page_index) for r in s.ground_truth] for s in samples] == [[("r1", None)], [("r2", None)]]
    assert [codes(s) for s in samples] == [["annotation_elsewhere", "annotation_said"]] * 2
    assert all(s.has_ground_truth for s in samples)


# Shapes of files


def test_lines_tasks_of_a_server_and_files_of_a_storage(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    lines = tmp_path / "tasks.jsonl"
    lines.write_text(f"{json.dumps(task(SIZED))}\n\n{{\n{json.dumps(task())}\n")
    first, torn, last = read("label_studio", lines)
    assert (first.item_id, last.item_id) == ("a.png", "a.png#2")
    assert (torn.item_id, torn.error is not None) == ("tasks.jsonl#line=3", True)
    (tmp_path / "server.json").write_text(json.dumps({"tasks": [task(SIZED)]}))
    (tmp_path / "storage.json").write_text(json.dumps({"id": 5, "result": [SIZED], "completed_by": 1, "task": task()}))
    for name in ("server.json", "storage.json"):
        assert [r.box for r in sample(read, tmp_path / name).ground_truth] == [IN_A]


def test_json_min_gives_regions_and_names_what_may_be_an_answer(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    record = {
        "id": 1,
        "image": UPLOAD,
        "tag": [{**BOX, "original_width": 20, "original_height": 10}],
        "verdict": "fake",
    }
    old = {**record, "tag": [], "annotation_id": 3, "updated_at": "2024-01-01T00:00:00Z"}
    new = {**record, "annotation_id": 4, "updated_at": "2024-02-01T00:00:00Z"}
    found = sample(read, export(tmp_path, new, old))
    assert [(r.region_id, r.box) for r in found.ground_truth] == [("tag.0", IN_A)]
    assert [f.message for f in found.findings] == [
        "annotation 4 is taken; 3 left out (it was changed last)",
        'answers or fields of the task, JSON-MIN does not tell: {"verdict": "fake"}',
    ]


def test_json_min_of_several_media_is_refused_by_what_it_lacks(tmp_path: Path, read: Read) -> None:
    picture(tmp_path)
    record = {
        "id": 1,
        "image": UPLOAD,
        "thumb": "https://example.org/b.png?sign=secret",
        "tag": [BOX],
        "annotation_id": 3,
    }
    (item,) = read("label_studio", export(tmp_path, record), data_keys=["image"])
    assert [f.message for f in item.findings] == [
        "JSON-MIN does not say which of the task's media its regions are of: export it as JSON"
    ]
    assert (item.exported_result, item.has_ground_truth) == ("[]", False)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no valid JSON"),
        ("3", "no export of Label Studio: it holds a number"),
        ('[{"data": {"image": "a.png"}, "annotations": [{"result": "x"}]}]', "result of its annotation is text"),
        ('[{"data": 3}]', "it: data is a int, not a mapping"),
        ('[{"images": [], "categories": []}]', "it is COCO, not an export"),
    ],
)
def test_what_is_no_task_is_an_item_with_an_error(tmp_path: Path, read: Read, content: str, why: str) -> None:
    picture(tmp_path)
    (tmp_path / "export.json").write_text(content)
    (item,) = read("label_studio", tmp_path / "export.json")
    assert why in str(item.error)
    assert item.remedy


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path, read: Read) -> None:
    (item,) = read("label_studio", export(tmp_path, task()), limits=Limits(max_in_memory_bytes=10))
    assert "more than limits.max_in_memory_bytes = 10" in str(item.error)


# Who takes a file

COCO = {"images": [], "categories": [], "annotations": [{"id": 1, "result": [], "data": {}}]}


@pytest.mark.parametrize(
    ("name", "content", "taken"),
    [
        ("a.json", [task()], True),
        ("a.json", task(), True),
        ("a.json", {"tasks": []}, True),
        ("a.json", {"annotations": [{"result": []}], "data": {}}, True),
        ("a.json", [{"image": "a.png", "annotation_id": 3}], True),
        ("a.json", COCO, False),
        ("a.json", {"annotations": [{"id": 1, "bbox": [1, 2, 3, 4]}] * 9000, "images": []}, False),
        ("a.json", {"info": {}, "annotations": []}, False),
        ("a.json", [], False),
        ("a.json", [{"image_id": 1, "bbox": [1, 2, 3, 4]}], False),
        ("a.JSONL", task(), True),
        ("a.jsonl", {"path": "a.png", "annotations": "none", "data": 3}, True),
        ("a.jsonl", {"path": "a.png", "origin": "real"}, False),
        ("a.csv", [task()], False),
    ],
)
def test_it_takes_exports_by_what_they_hold(tmp_path: Path, name: str, content: Any, taken: bool) -> None:
    (tmp_path / name).write_text(json.dumps(content))
    assert LabelStudio(Config()).accepts(str(tmp_path / name)) is taken


def test_others_keep_their_files_in_every_order_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    (tmp_path / "rows.jsonl").write_text('{"path": "a.png"}\n')
    (tmp_path / "tasks.jsonl").write_text(json.dumps(task()) + "\n")
    export(tmp_path, task())
    given = [str(path) for path in sorted(tmp_path.iterdir())]
    sources = [Coco(CocoConfig()), Manifest(ManifestConfig()), LabelStudio(Config())]
    coco, export_json, rows, tasks = given
    assert route(sources, given) == ((coco,), (rows,), (export_json, tasks))
    assert route(sources[::-1], given) == ((export_json, tasks), (rows,), (coco,))


def test_a_glob_is_taken_only_if_all_files_are_exports(tmp_path: Path) -> None:
    source = LabelStudio(Config())
    assert not source.accepts(f"{tmp_path}/*.json")
    export(tmp_path, task())
    export(tmp_path, task(), name="other.json")
    assert source.accepts(f"{tmp_path}/*.json")
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    assert not source.accepts(f"{tmp_path}/*.json")
