from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.sources.base import SourcePlace
from pipeline.sources.coco import Coco, Config
from schemas.candidate import Region
from schemas.geometry import Box, Mask, Polygon
from schemas.media.limits import Limits
from schemas.sample import Source

IMAGE = {"id": 1, "file_name": "a.png", "width": 10, "height": 8}
CATEGORIES = [{"id": 1, "name": "hand"}, {"id": 2, "name": "text"}]
SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


def coco(folder: Path, *annotations: Any, name: str = "instances.json", **parts: Any) -> Path:
    numbered = [
        {"id": n, "image_id": 1, "category_id": 1, **a} if isinstance(a, dict) else a
        for n, a in enumerate(annotations, 1)
    ]
    document = {"images": [IMAGE], "categories": CATEGORIES, "annotations": numbered, **parts}
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def test_boxes_polygons_and_masks_become_ground_truth(tmp_path: Path, read) -> None:
    path = coco(
        tmp_path,
        {"bbox": [1, 2, 3, 4], "score": 0.5},
        {"bbox": [1, 1, 4, 4], "segmentation": [*SQUARE, [6, 6, 8, 6, 8, 8]], "category_id": 2},
        {"segmentation": SQUARE},
        {"segmentation": {"size": [8, 10], "counts": [8, 8, 64]}, "iscrowd": 1},
        {"segmentation": {"size": [8, 10], "counts": "88P2"}},
    )
    (item,) = read("coco", path, category_map={"hand": "anatomy.hand"})
    assert (item.item_id, item.uri, item.findings, item.has_ground_truth) == ("a.png", f"{tmp_path}/a.png", (), True)
    square = Polygon(exterior=((1, 1), (5, 1), (5, 5), (1, 5)))
    triangle = Polygon(exterior=((6, 6), (8, 6), (8, 8)))
    column = {"mask": Mask(width=10, height=8, counts="88P2", rasterizer="painted"), "box": Box(x1=1, y1=0, x2=2, y2=8)}
    common = {"category": "anatomy.hand", "source": "ground_truth"}
    assert item.ground_truth == (
        Region(region_id="coco-1", box=Box(x1=1, y1=2, x2=4, y2=6), score=0.5, **common),
        Region(
            region_id="coco-2",
            box=Box(x1=1, y1=1, x2=5, y2=5),
            polygons=(square, triangle),
            **{**common, "category": "text"},
        ),
        Region(region_id="coco-3", box=Box(x1=1, y1=1, x2=5, y2=5), polygons=(square,), **common),
        Region(region_id="coco-4", **column, **common),
        Region(region_id="coco-5", **column, **common),
    )


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"bbox": [1, 2, 3]}, "bbox: 3 numbers instead of 4"),
        ({"bbox": [1, 2, 0, 4]}, "bbox: box (1.0, 2.0, 1.0, 6.0) has no area"),
        ({"bbox": [1, 2, 30, 4]}, "bbox: box (1, 2, 31, 6) reaches 21 px outside of 10 x 8 px"),
        ({"bbox": "big"}, "bbox: text instead of a list of numbers"),
        ({"bbox": [1, 2, None, 4]}, "bbox: null instead of a number"),
        ({"bbox": [1, 2, 10**400, 4]}, "bbox: a number beyond any picture"),
        ({"bbox": [True, 2, 3, 4]}, "bbox: a boolean instead of a number"),
        ({"segmentation": [[1, 1, 2, 2]]}, "segmentation part 0: exterior has 2 distinct points; a ring needs 3"),
        ({"segmentation": [[1, 1, 2]]}, "segmentation part 0: a COCO polygon of 3 numbers: x without y"),
        ({"segmentation": [[1, 1, 50, 1, 5, 5]]}, "segmentation part 0: point (50, 1) lies 40 px outside of 10 x 8 px"),
        ({"segmentation": "88P2"}, "segmentation part 0: text instead of a list of numbers"),
        (
            {"segmentation": {"size": [8, 10], "counts": [8, 8]}},
            "segmentation: run lengths that do not add up to 10 x 8 px",
        ),
        ({"segmentation": {"size": [8, 10], "counts": [-8, 88]}}, "segmentation: run lengths that do not add up"),
        ({"segmentation": {"size": [8, 10], "counts": "\n"}}, "segmentation: mask counts"),
        (
            {"segmentation": {"size": [10, 8], "counts": [80]}},
            "segmentation: run lengths of 8 x 10 px in an image of 10 x 8 px",
        ),
        ({"segmentation": {"size": [8], "counts": [80]}}, "segmentation: run lengths need a size of two whole numbers"),
        ({"segmentation": {"size": [8, 10], "counts": [80]}}, "segmentation: an empty mask has no box"),
        ({"bbox": [1, 2, 3, 4], "category_id": 9}, "category: the id 9 is none of the file's categories"),
        ({"bbox": [1, 2, 3, 4], "category_id": None}, "category: the id is null"),
        ({"caption": "a hand"}, "it has neither a bbox nor a segmentation"),
    ],
)
def test_a_defect_stays_behind_as_a_finding_and_the_image_stays(
    tmp_path: Path, read, annotation: dict[str, Any], reason: str
) -> None:
    (item,) = read("coco", coco(tmp_path, annotation, {"bbox": [1, 2, 3, 4]}))
    assert item.error is None
    assert not item.has_ground_truth
    assert "coco-2" in {region.region_id for region in item.ground_truth}
    (finding,) = item.findings
    assert finding.code == "annotation_defect"
    assert reason in finding.message
    assert finding.message.startswith("annotation 0 (coco-1) is ")


def test_what_is_sound_of_an_annotation_is_used(tmp_path: Path, read) -> None:
    annotation = {"bbox": [0, 0, 50, 50], "segmentation": [*SQUARE, [1, 1, 2, 2]], "score": 7}
    (item,) = read("coco", coco(tmp_path, annotation))
    (region,) = item.ground_truth
    assert (len(region.polygons), region.box, region.score) == (1, None, None)
    assert "is partly used: segmentation part 1: " in item.findings[0].message
    assert "bbox: " in item.findings[0].message
    assert "score: 7 is not between 0 and 1" in item.findings[0].message


def test_rounding_of_less_than_a_pixel_is_cut_off(tmp_path: Path, read) -> None:
    (item,) = read("coco", coco(tmp_path, {"bbox": [-0.5, 0, 10.9, 8.4]}))
    assert item.ground_truth[0].box == Box(x1=0, y1=0, x2=10, y2=8)
    assert item.findings == ()


def test_annotation_ids_may_repeat_or_be_missing(tmp_path: Path, read) -> None:
    (item,) = read("coco", coco(tmp_path, {"id": 7, "bbox": [1, 1, 1, 1]}, {"id": 7, "bbox": [1, 1, 1, 1]}))
    assert [region.region_id for region in item.ground_truth] == ["coco-7", "coco-7#2"]
    entry = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 1, 1]}
    (item,) = read("coco", coco(tmp_path, annotations=[entry]))
    assert [region.region_id for region in item.ground_truth] == ["coco-at-0"]


def test_annotations_of_no_image_are_one_item_with_an_error(tmp_path: Path, read) -> None:
    found = read("coco", coco(tmp_path, {"image_id": 777}, {"image_id": []}, "text", {"bbox": [1, 2, 3, 4]}))
    assert [item.item_id for item in found] == ["a.png", "instances.json#annotations"]
    message = "instances.json: 3 annotations belong to no usable image of the file (image ids: 777)"
    assert found[1].error == message
    assert len(found[0].ground_truth) == 1


def test_images_without_annotations_are_clean_only_where_the_recipe_says_so(tmp_path: Path, read) -> None:
    path = coco(tmp_path)
    assert [item.has_ground_truth for item in read("coco", path)] == [False]
    assert [item.has_ground_truth for item in read("coco", path, unannotated_is_clean=True)] == [True]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ({"file_name": "../../../etc/passwd"}, "the path '../../../etc/passwd' leaves the folder"),
        ({"file_name": "/etc/passwd"}, "the path '/etc/passwd' leaves the folder"),
        ({"file_name": "http://169.254.169.254/x.png"}, "the path 'http://169.254.169.254/x.png' leaves the folder"),
        ({"file_name": "a\0b.png"}, "the path 'a\\x00b.png' holds a NUL character"),
        ({"file_name": None}, "its file_name is null"),
        ({"file_name": ""}, "its file_name is empty"),
        ({"id": [1]}, "the id is a list"),
        ("a.png", "it is text, not an object"),
    ],
)
def test_an_image_that_cannot_be_used_is_an_item_with_an_error(tmp_path: Path, read, image: Any, reason: str) -> None:
    entry = {"id": 2, "file_name": "b.png", **image} if isinstance(image, dict) else image
    good, bad = read("coco", coco(tmp_path, images=[IMAGE, entry]))
    assert good.error is None
    assert bad.item_id == "instances.json#images[1]"
    assert str(bad.error).startswith(f"instances.json#images[1]: {reason}")
    assert bad.remedy


def test_an_id_of_several_images_gives_none_of_them_the_annotations(tmp_path: Path, read) -> None:
    images = [IMAGE, {**IMAGE, "id": 2, "file_name": "c.png"}, {**IMAGE, "file_name": "b.png"}]
    first, other, last = read("coco", coco(tmp_path, {"bbox": [1, 1, 1, 1]}, images=images))
    why = "its id 1 is that of several files: nobody knows whose annotations are whose"
    assert (first.error, last.error) == (f"instances.json#images[0]: {why}", f"instances.json#images[2]: {why}")
    assert (other.error, other.ground_truth) == (None, ())


def test_an_image_that_stands_twice_is_read_once(tmp_path: Path, read) -> None:
    first, second = read("coco", coco(tmp_path, {"bbox": [1, 1, 1, 1]}, images=[IMAGE, IMAGE]))
    assert len(first.ground_truth) == 1
    assert second.error == "instances.json#images[1]: its id 1 stands twice"


def test_a_category_id_of_two_names_is_no_category(tmp_path: Path, read) -> None:
    categories = [
        {"id": 1, "name": "hand"},
        {"id": 1, "name": "foot"},
        {"id": 2, "name": "eye"},
        {"id": 2, "name": "eye"},
    ]
    boxes = ({"bbox": [1, 1, 1, 1], "category_id": number} for number in (1, 2))
    (item,) = read("coco", coco(tmp_path, *boxes, categories=categories))
    assert [region.category for region in item.ground_truth] == ["eye"]
    assert "the id 1 is none of the file's categories, or of two with different names" in item.findings[0].message


@pytest.mark.parametrize("folder", [".", "images", "val2017", "../images", "../images/val2017", "../val2017"])
def test_the_folder_of_the_images_is_found(tmp_path: Path, read, folder: str) -> None:
    (tmp_path / "annotations" / folder).resolve().mkdir(parents=True, exist_ok=True)
    (tmp_path / "annotations").mkdir(exist_ok=True)
    (tmp_path / "annotations" / folder / "a.png").touch()
    (item,) = read("coco", coco(tmp_path / "annotations", name="instances_val2017.json"))
    assert Path(item.uri) == (tmp_path / "annotations" / folder / "a.png").resolve()


def test_the_folder_of_the_images_can_be_named(tmp_path: Path, read) -> None:
    (tmp_path / "annotations").mkdir()
    (item,) = read("coco", coco(tmp_path / "annotations"), images="../pictures")
    assert item.uri == f"{tmp_path}/pictures/a.png"


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ({"width": 10, "height": 8}, (10, 8)),
        ({"width": 10}, (None, None)),
        ({"width": 0, "height": 8}, (None, None)),
        ({"width": "10", "height": 8}, (None, None)),
        ({"width": True, "height": 8}, (None, None)),
        ({"width": 2**63, "height": 8}, (None, None)),
        ({"width": 2**63 - 1, "height": 8}, (2**63 - 1, 8)),
    ],
)
def test_the_stated_size_is_carried_along(tmp_path: Path, read, sides: dict[str, Any], expected: Any) -> None:
    (item,) = read("coco", coco(tmp_path, images=[{"id": 1, "file_name": "a.png", **sides}]))
    assert (item.stated_width, item.stated_height) == expected
    assert item.error is None


def test_names_that_are_no_text_are_kept_printable(tmp_path: Path, read) -> None:
    path = coco(tmp_path, {"id": "\udce9", "bbox": "big"}, images=[{**IMAGE, "file_name": "caf\udce9.png"}])
    (item,) = read("coco", path)
    assert (item.item_id, item.uri) == (r"caf\xe9.png", f"file+bytes://{tmp_path}/caf%E9.png")
    assert item.findings[0].message.startswith(r"annotation 0 (coco-\xe9) is left out")


def test_our_own_bug_is_no_defect_of_the_file(tmp_path: Path) -> None:
    class Broken(Coco):
        def stated(self, **said: str | None) -> Source:
            raise ValueError("a bug")

    place = SourcePlace(inputs=(str(coco(tmp_path)),), spool_uri=str(tmp_path), limits=Limits())
    with pytest.raises(ValueError, match="a bug"):
        list(Broken(Config()).items(place))


def test_licence_and_address_of_each_image(tmp_path: Path, read) -> None:
    image = {**IMAGE, "license": 3, "coco_url": "http://images.example/a.png"}
    path = coco(tmp_path, images=[image], licenses=[{"id": 3, "name": "CC BY 2.0"}])
    (item,) = read("coco", path, name="COCO")
    assert (item.source.name, item.source.licence, item.source.url) == (
        "COCO",
        "CC BY 2.0",
        "http://images.example/a.png",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no valid JSON: Expecting value at column 1"),
        (b"[]", "no COCO file: it holds a list"),
        (b'{"images": {}}', "no COCO file: it holds an object without a list of images"),
        (b'{"images": [], "annotations": {}}', "no COCO file: 'annotations' holds an object, not a list"),
        (b'{"images": [NaN]}', "no valid JSON: NaN is no JSON number"),
        (b'{"images": [], "images": []}', "no usable JSON: the key 'images' stands twice in one object"),
        (b"[" * 40_000, "no usable JSON: it is nested too deeply"),
        (b'{"images": [' + b"9" * 5000 + b"]}", "no usable JSON: a number has thousands of digits"),
        (b"\xff\xfe{", "broken UTF-16 text at byte 2"),
        (b" " * 2000, "more than limits.max_in_memory_bytes = 1000 bytes of JSON"),
    ],
)
def test_a_file_that_is_no_coco_file_is_one_item_with_an_error(
    tmp_path: Path, read, content: bytes, reason: str
) -> None:
    (tmp_path / "x.json").write_bytes(content)
    limits = Limits(max_in_memory_bytes=1000 if reason.startswith("more than") else 100_000)
    (item,) = read("coco", tmp_path / "x.json", limits=limits)
    assert item.item_id == "x.json"
    assert item.error == f"x.json: {reason}"
    assert item.remedy


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "id"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(["id", "image_id", "category_id", "bbox", "segmentation", "score"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(KEYS, JSON, max_size=6) | JSON, max_size=4))
def test_no_annotation_crashes_it(tmp_path: Path, read, annotations: list[Any]) -> None:
    found = read("coco", coco(tmp_path, *annotations))
    assert found[0].item_id == "a.png"
    assert all(item.model_dump_json() for item in found)
