"""Label Studio's export files: tasks with annotations in each shape that real ones have, others refused by name.

Read: the JSON export (a list of tasks), one task of a folder of tasks, tasks with ``completions`` (before 1.0), the
server's ``{"tasks": ...}``, bare annotations or predictions, and JSON-MIN, which has lost regions' ids and
types. What is found in them is read entry by entry: one that cannot be read is named, the others stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from schemas.candidate import Region
from schemas.errors import ConfigError, VerdictError
from schemas.media.types import Video

from .frames import FrameClock
from .geometry import Place, Space, is_same_place
from .json_min import MIN_MARK, answers_of, min_annotation
from .rates import check_duration, stated_rate, steady_clock
from .results import SAID, Drawn, Entry, Marked, Said, entries_of, read_entry, text_of

__all__ = ["ExportedTask", "Found", "found_in", "is_drawn", "read_export", "task_of"]

REMEDY = "export the project as JSON"


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
    answers: Mapping[str, Any] = MappingProxyType({})
    """Of JSON-MIN: choices and texts that stand bare among the task's fields, and those fields."""


class Found(NamedTuple):
    """What an annotation holds."""

    regions: tuple[Region, ...]
    """What was drawn, in the pixels that the results state; the category is the label as it stands."""
    said: tuple[tuple[str, tuple[str, ...]], ...]
    """What was said of the whole: control and words, choices, or a number as text."""
    refused: tuple[str, ...]
    """What cannot be read: which entry, of which type, and why."""
    beside: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """What was said of a region beside its label and text: region, control, and words."""
    sizes: tuple[tuple[int, int] | None, ...] = ()
    """Of each region: (width, height) of the picture that it was drawn on, as its entry states it."""


def read_export(content: bytes, *, where: str) -> tuple[ExportedTask, ...]:
    """The tasks of a file; ``where`` names it. Raises ConfigError that says what it is, where it is no export."""
    raw = _json(content, where)
    if isinstance(raw, Mapping) and isinstance(raw.get("tasks"), list):
        raw = raw["tasks"]
    items = raw if isinstance(raw, list) else [raw]
    return tuple(
        task_of(item, f"{where}, item {index}" if isinstance(raw, list) else where) for index, item in enumerate(items)
    )


def found_in(annotation: Mapping[str, Any], *, size: tuple[int, int] | None = None, clip: Video | None = None) -> Found:
    """Everything in an annotation or prediction of anybody.

    ``size`` is (width, height) of a picture or clip whose results state none; ``clip`` is the measured clip, without
    which frames are taken at the fixed rate that the results state. Raises VerdictError where the result is no list.
    """
    raw = annotation.get("result")
    if not isinstance(raw, list):
        entries_of(raw)
    reading = _Reading(size, clip, FrameClock.of(clip, stated_rate(raw or (), clip)) if clip else None)
    entries = [entry for index, each in enumerate(raw or ()) for entry in _entry(each, index, reading.refused)]
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.key, []).append(entry)
    for key, group in by_key.items():
        reading.take(key, group)
    return Found(
        tuple(region for region, _ in reading.regions),
        tuple(reading.said),
        tuple(reading.refused),
        tuple(reading.beside),
        tuple(size for _, size in reading.regions),
    )


def is_drawn(entry: Any) -> bool:
    """Whether an entry of a result is a place, or of an unknown kind; not what is only said."""
    kind = entry.get("type") if isinstance(entry, Mapping) else None
    return not isinstance(kind, str) or kind.lower() not in SAID


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


def task_of(item: Any, where: str) -> ExportedTask:
    """One task of a file as it stands there; ``where`` names it. Raises ConfigError for what is none."""
    if not isinstance(item, Mapping):
        raise ConfigError(f"{where} is a {type(item).__name__}, not a task", remedy=REMEDY)
    if {"images", "categories"} <= item.keys():
        raise ConfigError(f"{where} is COCO, not an export of Label Studio", remedy="read it with the source coco")
    if MIN_MARK in item and "annotations" not in item:
        return _min_task(item)
    if "result" in item:
        return _of_storage(item, where)
    if not {"data", "annotations", "completions"} & item.keys():
        keys = ", ".join(sorted(map(str, item))[:5])
        raise ConfigError(f"{where} is no task: it has {keys or 'nothing'}", remedy=REMEDY)
    return ExportedTask(
        data=_mapping(item.get("data"), f"{where}: data"),
        annotations=tuple(map(_today, _mappings(_work_on(item), f"{where}: annotations"))),
        predictions=tuple(_mappings(item.get("predictions"), f"{where}: predictions")),
        task_id=item.get("id"),
    )


def _of_storage(item: Mapping[str, Any], where: str) -> ExportedTask:
    """Bare results; a target storage writes one annotation per file, its task within it."""
    task = item.get("task")
    task = task if isinstance(task, Mapping) else {}
    return ExportedTask(_mapping(task.get("data"), f"{where}: data"), (_today(item),), (), task.get("id"))


def _work_on(item: Mapping[str, Any]) -> Any:
    """What people did: under the name of before 1.0 where nothing stands under today's."""
    today = item.get("annotations")
    return item.get("completions", today) if today is None or today == [] else today


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
    return ExportedTask(item, (min_annotation(item),), (), item.get("id"), is_min=True, answers=answers_of(item))


# Annotations


def _entry(raw: Any, index: int, refused: list[str]) -> Iterator[Entry]:
    try:
        yield from entries_of([{**raw, "id": raw.get("id", f"entry-{index}")} if isinstance(raw, Mapping) else raw])
    except VerdictError as error:
        kind = raw.get("type") if isinstance(raw, Mapping) else type(raw).__name__
        refused.append(f"entry {index} ({kind}): {error.message}")


@dataclass(eq=False)
class _Reading:
    """What is found, while the entries of one annotation are read id by id."""

    size: tuple[int, int] | None
    clip: Video | None
    clock: FrameClock | None
    regions: list[tuple[Region, tuple[int, int] | None]] = field(default_factory=list)
    said: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    beside: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    def take(self, key: str, group: Sequence[Entry]) -> None:
        """The entries of one id: a region with what is said of it, or something said of the whole."""
        places: list[tuple[Entry, Place]] = []
        labels: list[str] = []
        said: list[tuple[Entry, Said]] = []
        for entry in group:
            read = self._read(entry)
            if isinstance(read, Said):
                said.append((entry, read))
            elif read is not None:
                labels += [label for label in read.labels if label not in labels]
            if isinstance(read, Marked):
                self.refused.append(f"{entry.kind} {key}: a stretch of text has no place in a picture")
            elif isinstance(read, Drawn):
                places.append((entry, read.place))
        if places:
            self._take_region(key, places, labels, said)
        else:
            self.said += [(entry.control, words.values) for entry, words in said]

    def _take_region(
        self,
        key: str,
        places: Sequence[tuple[Entry, Place]],
        labels: Sequence[str],
        said: Sequence[tuple[Entry, Said]],
    ) -> None:
        entry, place = places[0]
        for other, elsewhere in places[1:]:
            if not is_same_place(place, elsewhere):
                self.refused.append(f"{other.kind} {key}: the id has another place already")
        words = [text_of(each) for entry, each in said if entry.kind == "textarea"]
        self.regions.append((_region(key, entry, place, labels, words), entry.size))
        self.beside += [(key, entry.control, each.values) for entry, each in said if entry.kind != "textarea"]

    def _read(self, entry: Entry) -> Drawn | Marked | Said | None:
        try:
            return read_entry(entry, self._space(entry))
        except VerdictError as error:
            self.refused.append(f"{entry.kind} {entry.key}: {error.message}")
            return None

    def _space(self, entry: Entry) -> Space | None:
        """The picture that an entry is in, as far as the entry, the caller or the clip says. Raises VerdictError."""
        clip = self.clip
        width, height = entry.size or self.size or ((clip.width, clip.height) if clip else (0, 0))
        if clip:
            check_duration(entry, clip)
            return Space(width, height, width, height, self.clock)
        clock = steady_clock(entry.value) if {"sequence", "ranges"} & entry.value.keys() else None
        if not width and "ranges" not in entry.value:
            return None
        return Space(width, height, width, height, clock)


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
