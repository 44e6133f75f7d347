"""The entries of an annotation that are of one medium of its task, its labels in the words of the taxonomy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas.errors import SampleError

from ..filesystems import printable
from ..strict_json import json_type

__all__ = ["Read", "Shown", "choices_on_whole", "results_of"]


class Shown(NamedTuple):
    """One medium of a task."""

    name: str
    """What a person calls it."""
    key: str
    """Key of the task's data."""
    value: Any
    """What stands there."""
    objects: Mapping[str, str]
    """Every medium of the task: data key, and name of the tag that shows it."""
    page_index: int | None
    """0-based place in a list of pages."""


class Read(NamedTuple):
    """What of a result is of one medium."""

    entries: list[Any]
    """The entries, as they stand but for their labels and pages."""
    is_drawn: bool
    """Whether one of them is a place."""
    defects: tuple[str, ...]
    """Entries of which nobody knows what they are of."""
    elsewhere: str
    """How many are of the task's other media; empty for none."""


def results_of(annotation: Mapping[str, Any], shown: Shown, category_map: Mapping[str, str]) -> Read:
    """The entries of one medium. Raises SampleError where the result is no list."""
    from annotators.labelstudio.export_files import is_drawn

    result = annotation.get("result")
    if not isinstance(result, list | None):
        raise SampleError(f"the result of its annotation is {json_type(result)}, not a list")
    kept, lost, num_elsewhere = [], set(), 0
    for entry in result or ():
        owner = _owner(entry, shown)
        if owner is None and is_drawn(entry):
            lost.add(printable(str(entry.get("to_name")))[:100])
        elif (owner in (None, shown.key)) and (not is_drawn(entry) or _is_on_page(entry, shown)):
            kept.append(_mapped(_without_page(entry, shown), category_map))
        else:
            num_elsewhere += 1
    defects = tuple(map(_unknown, sorted(lost)))
    elsewhere = f"{num_elsewhere} results are of other media of the task" if num_elsewhere else ""
    return Read(kept, any(map(is_drawn, kept)), defects, elsewhere)


def _unknown(name: str) -> str:
    if not name:
        return "JSON-MIN does not say which of the task's media its regions are of: export it as JSON"
    return f"nobody knows which medium {name!r} shows: say so in sources.N.objects"


def choices_on_whole(entries: list[Any]) -> Iterator[str]:
    """What was chosen about the medium, not about a region of it."""
    from annotators.labelstudio.export_files import is_drawn

    drawn = {str(entry.get("id")) for entry in entries if isinstance(entry, Mapping) and is_drawn(entry)}
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("type") == "choices" and str(entry.get("id")) not in drawn:
            value = entry.get("value")
            words = value.get("choices") if isinstance(value, Mapping) else None
            yield from (word for word in (words if isinstance(words, list) else [words]) if isinstance(word, str))


def _owner(entry: Any, shown: Shown) -> str | None:
    """The data key of what an entry is of; None where that is not known."""
    if len(shown.objects) == 1 or not isinstance(entry, Mapping) or "to_name" not in entry:
        return shown.key
    source = entry.get("source")
    if isinstance(source, str) and source.removeprefix("$") in shown.objects:
        return source.removeprefix("$")
    return next((key for key, name in shown.objects.items() if name == entry["to_name"]), None)


def _is_on_page(entry: Any, shown: Shown) -> bool:
    if shown.page_index is None or not isinstance(entry, Mapping):
        return True
    value = entry.get("value")
    stated = entry.get("item_index", value.get("item_index") if isinstance(value, Mapping) else None)
    return (stated or 0) == shown.page_index


def _without_page(entry: Any, shown: Shown) -> Any:
    """A page of a list is a picture of its own here."""
    if shown.page_index is None or not isinstance(entry, Mapping):
        return entry
    value = entry.get("value")
    inner = {key: each for key, each in value.items() if key != "item_index"} if isinstance(value, Mapping) else value
    return {**{key: each for key, each in entry.items() if key != "item_index"}, "value": inner}


def _mapped(entry: Any, category_map: Mapping[str, str]) -> Any:
    value = entry.get("value") if isinstance(entry, Mapping) else None
    if not category_map or not isinstance(value, Mapping):
        return entry
    labels = {key: _renamed(each, category_map) for key, each in value.items() if key.endswith("labels")}
    return {**entry, "value": {**value, **labels}}


def _renamed(labels: Any, category_map: Mapping[str, str]) -> Any:
    if not isinstance(labels, list):
        return labels
    return [category_map.get(label, label) if isinstance(label, str) else label for label in labels]
