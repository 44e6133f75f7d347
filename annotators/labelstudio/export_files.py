"""Label Studio's export files: tasks with annotations in each shape that real ones have, others refused by name.

Read: the JSON export (a list of tasks), one task of a folder of tasks, tasks with ``completions`` (before 1.0), the
server's ``{"tasks": ...}``, bare annotations or predictions, and JSON-MIN, which has lost regions' ids and
types. What is found in them is read entry by entry: one that cannot be read is named, the others stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.candidate import Region
from schemas.errors import ConfigError, VerdictError
from schemas.media.types import Video

from .frames import FrameClock
from .geometry import Place, Space, is_number
from .results import Entry, Marked, Said, entries_of, read_entry, text_of

__all__ = ["ExportedTask", "Found", "found_in", "read_export"]

REMEDY = "export the project as JSON"
MOST_FRAMES = 1_000_000
_MIN_MARK = "annotation_id"
"""Every JSON-MIN record has it, and no task."""


class ExportedTask(NamedTuple):
    """One task of a file."""

    data: Mapping[str, Any]
    """What the task shows; empty where the file holds only results."""
    annotations: tuple[Mapping[str, Any], ...]
    """What people did, as the file has it; skipped ones have ``was_cancelled``."""
    predictions: tuple[Mapping[str, Any], ...] = ()
    """What was shown to them."""
    task_id: int | str | None = None
    """The task's number on its server."""
    is_min: bool = False
    """Whether it comes from JSON-MIN: regions have no ids of their own."""


class Found(NamedTuple):
    """What an annotation holds."""

    regions: tuple[Region, ...]
    """What was drawn, in the pixels that the results state; the category is the label as it stands."""
    said: tuple[tuple[str, tuple[str, ...]], ...]
    """What was said of the whole: control and words, choices, or a number as text."""
    refused: tuple[str, ...]
    """What cannot be read: which entry, of which type, and why."""


def read_export(content: bytes, *, where: str) -> tuple[ExportedTask, ...]:
    """The tasks of a file; ``where`` names it. Raises ConfigError that says what it is, where it is no export."""
    raw = _json(content, where)
    if isinstance(raw, Mapping) and isinstance(raw.get("tasks"), list):
        raw = raw["tasks"]
    items = raw if isinstance(raw, list) else [raw]
    return tuple(
        _task(item, f"{where}, item {index}" if isinstance(raw, list) else where) for index, item in enumerate(items)
    )


def found_in(annotation: Mapping[str, Any], *, size: tuple[int, int] | None = None, clip: Video | None = None) -> Found:
    """Everything in an annotation or prediction of anybody.

    ``size`` is (width, height) of a picture or clip whose results state none; ``clip`` is the measured clip, without
    which frames are taken at the fixed rate that the results state. Raises VerdictError where the result is no list.
    """
    raw = annotation.get("result")
    if not isinstance(raw, list):
        entries_of(raw)
    refused: list[str] = []
    entries = [entry for index, each in enumerate(raw or ()) for entry in _entry(each, index, refused)]
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.key, []).append(entry)
    regions: list[Region] = []
    said: list[tuple[str, tuple[str, ...]]] = []
    for key, group in by_key.items():
        _read_group(key, group, size, clip, regions, said, refused)
    return Found(tuple(regions), tuple(said), tuple(refused))


# Files


def _json(content: bytes, where: str) -> Any:
    if content[:2] == b"PK":
        raise ConfigError(f"{where} is a zip archive", remedy=f"unpack it, or {REMEDY}")
    if content.lstrip()[:1] == b"<":
        raise ConfigError(f"{where} is XML, a labelling config perhaps, and no export", remedy=REMEDY)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{where} is no JSON (CSV, YOLO, VOC and other exports are not read)", remedy=REMEDY
        ) from error


def _task(item: Any, where: str) -> ExportedTask:
    if not isinstance(item, Mapping):
        raise ConfigError(f"{where} is a {type(item).__name__}, not a task", remedy=REMEDY)
    if {"images", "categories"} <= item.keys():
        raise ConfigError(f"{where} is COCO, not an export of Label Studio", remedy="read it with the source coco")
    if _MIN_MARK in item and "annotations" not in item:
        return _min_task(item)
    if "result" in item:
        return ExportedTask({}, (item,), (), None)
    if not {"data", "annotations", "completions"} & item.keys():
        keys = ", ".join(sorted(map(str, item))[:5])
        raise ConfigError(f"{where} is no task: it has {keys or 'nothing'}", remedy=REMEDY)
    return ExportedTask(
        data=_mapping(item.get("data"), f"{where}: data"),
        annotations=tuple(
            map(_today, _mappings(item.get("annotations", item.get("completions")), f"{where}: annotations"))
        ),
        predictions=tuple(_mappings(item.get("predictions"), f"{where}: predictions")),
        task_id=item.get("id"),
    )


def _today(annotation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Before 1.0 a skipped annotation said ``skipped``."""
    return {**annotation, "was_cancelled": True} if annotation.get("skipped") is True else annotation


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{what} is a {type(value).__name__}, not a mapping", remedy=REMEDY)
    return value


def _mappings(value: Any, what: str) -> Sequence[Mapping[str, Any]]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise ConfigError(f"{what} is no list of mappings", remedy=REMEDY)
    return value


def _min_task(item: Mapping[str, Any]) -> ExportedTask:
    """JSON-MIN: the task's data and, beside them, the values of each control, drawn ones with their type's key."""
    result = []
    for control, values in item.items():
        for index, value in enumerate(values if isinstance(values, list) else ()):
            kind = next((key for key in value if key.endswith("labels")), None) if isinstance(value, Mapping) else None
            if kind:
                entry = {"id": f"{control}.{index}", "from_name": control, "to_name": "", "type": kind, "value": value}
                sizes = {key: value[key] for key in ("original_width", "original_height") if key in value}
                result.append({**entry, **sizes})
    annotation = {"id": item[_MIN_MARK], "completed_by": item.get("annotator"), "result": result}
    annotation |= {key: item[key] for key in ("lead_time", "created_at", "updated_at") if key in item}
    return ExportedTask(item, (annotation,), (), item.get("id"), is_min=True)


# Annotations


def _entry(raw: Any, index: int, refused: list[str]) -> Iterator[Entry]:
    try:
        yield from entries_of([{**raw, "id": raw.get("id", f"entry-{index}")} if isinstance(raw, Mapping) else raw])
    except VerdictError as error:
        kind = raw.get("type") if isinstance(raw, Mapping) else type(raw).__name__
        refused.append(f"entry {index} ({kind}): {error.message}")


def _read_group(
    key: str,
    group: Sequence[Entry],
    size: tuple[int, int] | None,
    clip: Video | None,
    regions: list[Region],
    said: list[tuple[str, tuple[str, ...]]],
    refused: list[str],
) -> None:
    """The entries of one id: a region with what is said of it, or something said of the whole."""
    places: list[tuple[Entry, Place]] = []
    labels: list[str] = []
    words: list[str] = []
    others: list[tuple[str, tuple[str, ...]]] = []
    for entry in group:
        try:
            read = read_entry(entry, _space(entry, size, clip))
        except VerdictError as error:
            refused.append(f"{entry.kind} {key}: {error.message}")
            continue
        if isinstance(read, Said):
            words += [text_of(read)] if entry.kind == "textarea" else []
            others.append((entry.control, read.values))
            continue
        labels += [label for label in read.labels if label not in labels]
        if isinstance(read, Marked):
            refused.append(f"{entry.kind} {key}: a stretch of text has no place in a picture")
        else:
            places += [(entry, read.place)]
    if not places:
        said += others
        return
    regions.append(_region(key, *places[0], labels, words))


def _region(key: str, entry: Entry, place: Place, labels: Sequence[str], words: Sequence[str]) -> Region:
    return Region(
        region_id=key,
        page_index=entry.item_index,
        category=", ".join(labels),
        explanation="\n".join(words),
        score=entry.score,
        source="human",
        **place._asdict(),
    )


def _space(entry: Entry, size: tuple[int, int] | None, clip: Video | None) -> Space | None:
    """The picture that an entry is in, as far as the entry, the caller or the clip says."""
    width, height = entry.size or size or ((clip.width, clip.height) if clip else (0, 0))
    if clip:
        return Space(width, height, width, height, FrameClock.of(clip))
    clock = _steady(entry.value) if {"sequence", "ranges"} & entry.value.keys() else None
    if not width and "ranges" not in entry.value:
        return None
    return Space(width, height, width, height, clock)


def _steady(value: Mapping[str, Any]) -> FrameClock | None:
    """The clock that a track states: its number of frames, and a rate from its duration or from a keyframe's time."""
    count, duration = value.get("framesCount"), value.get("duration")
    if not isinstance(count, int) or not 0 < count <= MOST_FRAMES:
        return None
    if is_number(duration) and duration:
        return _at_rate(count, count / duration)
    sequence = value.get("sequence")
    for entry in sequence if isinstance(sequence, list) else ():
        frame, time = (entry.get("frame"), entry.get("time")) if isinstance(entry, Mapping) else (None, None)
        if is_number(frame) and is_number(time) and time:
            return _at_rate(count, frame / time)
    return None


def _at_rate(count: int, framerate: float) -> FrameClock | None:
    return FrameClock.steady(count, framerate) if 0.01 <= framerate <= 10_000 else None
