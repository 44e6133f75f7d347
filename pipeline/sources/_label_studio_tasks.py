"""The tasks of an export, and which annotation of a task is the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.errors import ConfigError, SampleError
from schemas.media.limits import Limits

from ..filesystems import printable
from ..strict_json import decode_text, json_type, parse_json
from .base import Container

if TYPE_CHECKING:
    from annotators.labelstudio.export_files import ExportedTask

__all__ = ["SNIFFED_BYTES", "Chosen", "Task", "chosen", "is_export", "tasks_of"]

SNIFFED_BYTES = 2**18
MOST_TOKENS = 100_000
LINES = (".jsonl", ".ndjson")
_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"\s*(:?)|([\[{])|([\]}])')
_COCO = {"images", "categories", "info", "licenses"}
_PEOPLE = {"annotations", "completions"}


class Task(NamedTuple):
    """One task: where it stands in its file, and each of its records there; JSON-MIN has one per annotation."""

    where: str
    records: tuple[ExportedTask, ...]


class Chosen(NamedTuple):
    """The annotation that is the truth."""

    annotation: Mapping[str, Any]
    record: ExportedTask
    """What it stands in."""
    others: str
    """What became of the others, in a sentence; empty where there are none."""


def is_export(head: bytes, *, is_lines: bool) -> bool:
    """Whether a file that begins so is an export: by the keys of its first object, and no COCO file or manifest."""
    try:
        text = decode_text(head)
    except SampleError:
        return False
    text = (text.lstrip().partition("\n")[0] if is_lines else text).strip()
    if not text.startswith("{" if is_lines else ("[", "{")):
        return False
    keys = _keys(text)
    first = keys.get(1 if text.startswith("{") else 2, frozenset())
    inner = keys.get(3 if text.startswith("{") else 4, frozenset())
    if text.startswith("{") and first & _COCO:
        return False
    is_task = bool(first & _PEOPLE) and ("data" in first or "result" in inner)
    is_task = is_task or {"data", "predictions"} <= first or "annotation_id" in first
    is_task = is_task or (text.startswith("[") and "data" in first)
    return is_task or {"result", "completed_by"} <= first or (text.startswith("{") and "tasks" in first)


def tasks_of(container: Container, limits: Limits) -> Iterator[tuple[str, Task | SampleError]]:
    """``(where, task)`` of a file, with the error in place of one that cannot be read. Raises SampleError."""
    from annotators.labelstudio.export_files import task_of

    found: dict[Any, tuple[str, SampleError | list[ExportedTask]]] = {}
    for where, raw in _raw_tasks(container, limits):
        try:
            if isinstance(raw, SampleError):
                raise raw
            task = task_of(raw, "it")
        except (SampleError, ConfigError) as error:
            found[where] = where, SampleError(error.message, remedy=error.remedy)
            continue
        is_shared = task.is_min and isinstance(task.task_id, int | str)
        _, records = found.setdefault(("min", task.task_id) if is_shared else where, (where, []))
        if isinstance(records, list):
            records.append(task)
    for where, records in found.values():
        yield where, records if isinstance(records, SampleError) else Task(where, tuple(records))


def chosen(task: Task) -> Chosen | None:
    """The annotation that its people call the ground truth, else the one that was changed last; no skipped one.

    Of equals the last of the file. None where nobody annotated: predictions are no truth.
    """
    found = [(annotation, record) for record in task.records for annotation in record.annotations]
    made = [(a, r) for a, r in found if a.get("was_cancelled") is not True]
    if not made:
        return None
    place = max(range(len(made)), key=lambda n: (made[n][0].get("ground_truth") is True, _changed_at(made[n][0]), n))
    annotation, record = made[place]
    left = [a for n, (a, _) in enumerate(made) if n != place]
    return Chosen(annotation, record, _others(annotation, left, len(found) - len(made)))


def _others(taken: Mapping[str, Any], left: Sequence[Mapping[str, Any]], num_cancelled: int) -> str:
    if not left and not num_cancelled:
        return ""
    why = "it is marked as ground truth" if taken.get("ground_truth") is True else "it was changed last"
    cancelled = f"{num_cancelled} skipped" if num_cancelled else ""
    named = f"{_ids(left)} left out ({why})" if left else ""
    return f"annotation {_ids([taken])} is taken; {', '.join(filter(None, (named, cancelled)))}"


def _ids(annotations: Sequence[Mapping[str, Any]]) -> str:
    shown = ", ".join(printable(str(a.get("id", "without id")))[:40] for a in islice(annotations, 10))
    return shown + (f" and {len(annotations) - 10} more" if len(annotations) > 10 else "")


def _changed_at(annotation: Mapping[str, Any]) -> datetime:
    """Moment of the last change; without a time zone UTC, and the beginning of time where none can be read."""
    for name in ("updated_at", "created_at"):
        try:
            moment = datetime.fromisoformat(annotation.get(name) or "")
        except (TypeError, ValueError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.min.replace(tzinfo=UTC)


def _raw_tasks(container: Container, limits: Limits) -> Iterator[tuple[str, Any]]:
    text = container.text(limits)
    if container.uri.lower().endswith(LINES):
        yield from _lines(container.name, text)
        return
    document = parse_json(text)
    if isinstance(document, Mapping) and isinstance(document.get("tasks"), list):
        document = document["tasks"]
    if not isinstance(document, list | Mapping):
        raise SampleError(f"no export of Label Studio: it holds {json_type(document)}", remedy="export it as JSON")
    for number, task in enumerate(document if isinstance(document, list) else [document]):
        yield f"{container.name}#tasks[{number}]", task


def _lines(name: str, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"{name}#line={number}", parse_json(line)
            except SampleError as error:
                yield f"{name}#line={number}", error


def _keys(text: str) -> dict[int, frozenset[str]]:
    """Keys by depth, as far as the text goes: what is sniffed is mostly cut in the middle of something."""
    found: dict[int, set[str]] = {}
    depth = 0
    for token in islice(_TOKEN.finditer(text), MOST_TOKENS):
        if token[3]:
            depth += 1
        elif token[4]:
            depth -= 1
        elif token[2]:
            found.setdefault(depth, set()).add(token[1])
    return {depth: frozenset(keys) for depth, keys in found.items()}
