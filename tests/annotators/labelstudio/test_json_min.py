from __future__ import annotations

import json
from typing import Any

import pytest
from label_studio_sdk.converter import Converter

from annotators.labelstudio.export_files import found_in, read_export
from annotators.labelstudio.json_min import answers_of, min_annotation

CONFIG = """<View><Image name="img" value="$image"/>
<RectangleLabels name="tag" toName="img"><Label value="Car"/></RectangleLabels>
<BrushLabels name="brush" toName="img"><Label value="Car"/></BrushLabels>
<Choices name="verdict" toName="img"><Choice value="real"/></Choices>
<Choices name="kinds" toName="img" choice="multiple"><Choice value="a"/><Choice value="b"/></Choices>
<TextArea name="why" toName="img"/></View>"""
PLACE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
SIZE = {"original_width": 200, "original_height": 100}


def entry(key: str, control: str, kind: str, **value: Any) -> dict[str, Any]:
    return {"id": key, "from_name": control, "to_name": "img", "type": kind, "value": value, **SIZE}


def test_what_the_converter_writes_is_drawn_said_or_named(tmp_path) -> None:
    result = [
        entry("r", "tag", "rectanglelabels", **PLACE, rectanglelabels=["Car"]),
        entry("v", "verdict", "choices", choices=["real"]),
        entry("k", "kinds", "choices", choices=["a", "b"]),
        entry("w", "why", "textarea", text=["one"]),
    ]
    annotation = {"id": 7, "completed_by": 2, "result": result, "created_at": "c", "updated_at": "u"}
    task = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{**annotation, "lead_time": 1.5}]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    Converter(CONFIG, str(tmp_path)).convert_to_json_min(tmp_path / "tasks.json", tmp_path / "out", is_dir=False)

    (read,) = read_export((tmp_path / "out" / "result.json").read_bytes(), where="result.json")
    (annotation,) = read.annotations
    found = found_in(annotation)
    assert (annotation["id"], annotation["completed_by"], annotation["lead_time"]) == (7, 2, 1.5)
    assert [(region.region_id, region.category) for region in found.regions] == [("tag.0", "Car")]
    assert (found.said, found.refused) == ((("kinds", ("a", "b")),), ())
    assert read.answers == {"image": "a.jpg", "verdict": "real", "why": "one"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (PLACE, "labels"),
        ({"rle": [1], "brushlabels": ["Car"]}, "brushlabels"),
        ({"sequence": [], "labels": ["Car"]}, "labels"),
        ({"text": ["a", "b"]}, "textarea"),
        ({"taxonomy": [["A", "B"]]}, "taxonomy"),
        ({"rating": 3}, "rating"),
    ],
)
def test_the_type_is_told_by_the_keys(value: Any, kind: str) -> None:
    item = {"annotation_id": 1, "control": [value]}
    assert [each["type"] for each in min_annotation(item)["result"]] == [kind]
    assert answers_of(item) == {}


def test_what_has_no_type_is_returned_apart_and_never_lost() -> None:
    item = {"annotation_id": 1, "id": 2, "notes": ["a", "b"], "meta": {"z": 1}, "n": 0, "nothing": [], "annotator": 3}
    assert min_annotation(item)["result"] == []
    assert answers_of(item) == {"notes": ["a", "b"], "meta": {"z": 1}, "n": 0}
