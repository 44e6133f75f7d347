"""JSON-MIN: a task's data and, beside them under the controls' names, what one annotation holds.

The converter (label-studio-sdk, ``prettify_result``) drops ids, types and which words are of which region, and writes a
single choice or text bare. A bare word may be an answer or a field of the task, so such values are returned apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MIN_MARK", "answers_of", "min_annotation"]

MIN_MARK = "annotation_id"
"""Every JSON-MIN record has it, and no task."""
_OF_SERVER = frozenset({"id", "annotator", MIN_MARK, "created_at", "updated_at", "lead_time", "agreement"})
_PLACES = ("rle", "imageDataURL", "points", "ranges", "sequence", "x")
_SAID = {"text": "textarea", **{kind: kind for kind in ("choices", "taxonomy", "number", "rating", "datetime")}}


def min_annotation(item: Mapping[str, Any]) -> dict[str, Any]:
    """The annotation of a record: what has a type by its keys, under ids of its place in the file."""
    result = []
    for control, values in item.items():
        for index, value in enumerate(values if isinstance(values, list) else (values,)):
            kind = _kind_of(value)
            if kind:
                sizes = {key: value[key] for key in ("original_width", "original_height") if key in value}
                entry = {"id": f"{control}.{index}", "from_name": control, "to_name": "", "type": kind, "value": value}
                result.append({**entry, **sizes})
    stated = {key: item[key] for key in ("lead_time", "created_at", "updated_at") if key in item}
    return {"id": item[MIN_MARK], "completed_by": item.get("annotator"), "result": result, **stated}


def answers_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What a record holds beside its regions: single choices and texts, and fields of the task: nobody can tell."""
    return {
        name: value
        for name, value in item.items()
        if name not in _OF_SERVER and value not in (None, [], "") and not _is_read(value)
    }


def _is_read(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(_kind_of(each) for each in values)


def _kind_of(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    labels = next((key for key in value if isinstance(key, str) and key.endswith("labels")), None)
    if labels or any(key in value for key in _PLACES):
        return labels or "labels"
    return next((kind for key, kind in _SAID.items() if key in value), None)
