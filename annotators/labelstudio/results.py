"""Result entries of any Label Studio annotation: what was drawn, what was said, and what is refused by name.

An annotation's ``result`` is a flat list; entries with one ``id`` are of one region. An entry names its
control, its object, its type, and holds a ``value`` that spells a place (percent, RLE, frames), says
something (text, choices), or both: what is said of a region repeats its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.errors import VerdictError

from .geometry import (
    Place,
    Space,
    is_number,
    place_from_bitmask,
    place_from_brush,
    place_from_polygon,
    place_from_rectangle,
)
from .tracks import place_from_ranges, place_from_sequence

__all__ = ["SAID", "Drawn", "Entry", "Marked", "Said", "entries_of", "read_entry", "text_of"]

REMEDY = "it is kept as it came; open it in Label Studio, or leave it out"
MOST_ENTRIES = 10_000
"""Of one annotation; a person makes dozens."""
_ID = re.compile(r"[\w.:@#-]{1,64}", re.ASCII)

_PLACES: dict[str, Callable[[Mapping[str, Any], Space], Place]] = {
    "rectangle": place_from_rectangle,
    "polygon": place_from_polygon,
    "brush": place_from_brush,
    "magicwand": place_from_brush,
    "bitmask": place_from_bitmask,
    "videorectangle": place_from_sequence,
    "timeline": place_from_ranges,
}
"""By type without its ending ``labels``."""
SAID = ("textarea", "choices", "taxonomy", "number", "rating", "datetime")
"""Types that hold words or numbers; of a region they repeat its place."""


class Entry(NamedTuple):
    """One entry, its outside checked."""

    key: str
    """``id``: the region, or the entry itself where it is of the whole task."""
    control: str
    """``from_name``."""
    to_name: str
    kind: str
    """``type``, e.g. ``rectanglelabels``."""
    value: Mapping[str, Any]
    item_index: int | None = None
    """0-based page."""
    size: tuple[int, int] | None = None
    """``(original_width, original_height)`` of the picture that it was drawn on."""
    score: float | None = None


class Drawn(NamedTuple):
    """A place, and the labels that stand with it."""

    place: Place
    labels: tuple[str, ...]


class Marked(NamedTuple):
    """A stretch of a text."""

    start: int
    end: int
    text: str
    labels: tuple[str, ...]


class Said(NamedTuple):
    """Words, choices, paths of a taxonomy (joined by `` / ``), or a number or date as text."""

    values: tuple[str, ...]


def entries_of(result: Any) -> tuple[Entry, ...]:
    """The entries of a ``result``, checked from outside. Raises VerdictError for what is no list of entries."""
    if not isinstance(result, list):
        raise VerdictError(f"the result is a {type(result).__name__}, not a list", remedy=REMEDY)
    if len(result) > MOST_ENTRIES:
        raise VerdictError(f"the result has {len(result)} entries, more than {MOST_ENTRIES}", remedy=REMEDY)
    return tuple(_entry(raw, index) for index, raw in enumerate(result))


def read_entry(entry: Entry, space: Space | None) -> Drawn | Marked | Said:
    """What an entry holds. ``space`` is the picture that it is in; None where its size is not known.

    Raises VerdictError, which names the type, for what cannot be read.
    """
    kind = _shape_of(entry)
    if kind in _PLACES:
        if space is None:
            raise VerdictError(f"{entry.kind} of a medium of unknown size", remedy="state the size of the medium")
        return Drawn(_PLACES[kind](entry.value, space), labels_of(entry))
    if kind == "text":
        return _marked(entry)
    if kind in SAID:
        return Said(_said(entry, kind))
    raise VerdictError(f"results of the type {entry.kind!r} are not read", remedy=REMEDY)


def labels_of(entry: Entry) -> tuple[str, ...]:
    """The labels of a place: under the entry's type, else under ``labels``. Raises VerdictError."""
    labels = entry.value.get(entry.kind, entry.value.get("labels", []))
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise VerdictError(f"{entry.kind}: its labels are no list of words", remedy=REMEDY)
    return tuple(labels)


def text_of(said: Said) -> str:
    """Words as one text: entries below each other, without the line end that the page adds."""
    return "\n".join(value.rstrip() for value in said.values).strip("\n")


def _entry(raw: Any, index: int) -> Entry:
    if not isinstance(raw, Mapping):
        raise VerdictError(f"entry {index} of the result is a {type(raw).__name__}, not a mapping", remedy=REMEDY)
    kind, value = raw.get("type"), raw.get("value")
    if kind == "relation":
        raise VerdictError("relations between regions are not read", remedy=REMEDY)
    if not isinstance(kind, str) or not isinstance(value, Mapping):
        raise VerdictError(f"entry {index} of the result has no type or no value", remedy=REMEDY)
    key = raw.get("id", f"entry-{index}")
    if not isinstance(key, str) or not _ID.fullmatch(key):
        raise VerdictError(f"entry {index} of the result has no usable id", remedy=REMEDY)
    if raw.get("image_rotation") not in (None, 0):
        raise VerdictError(f"{kind} {key}: drawn on a turned picture", remedy="turn it back and draw again")
    return Entry(
        key=key,
        control=_word(raw, "from_name", index),
        to_name=_word(raw, "to_name", index),
        kind=kind.lower(),
        value=value,
        item_index=_page(raw, index),
        size=_size(raw, index),
        score=_score(raw),
    )


def _word(raw: Mapping[str, Any], name: str, index: int) -> str:
    word = raw.get(name)
    if not isinstance(word, str) or len(word) > 256:
        raise VerdictError(f"entry {index} of the result has no {name}", remedy=REMEDY)
    return word


def _page(raw: Mapping[str, Any], index: int) -> int | None:
    page = raw.get("item_index", raw["value"].get("item_index"))
    if page is not None and (not isinstance(page, int) or isinstance(page, bool) or page < 0):
        raise VerdictError(f"entry {index} of the result lies on page {page!r}", remedy=REMEDY)
    return page


def _size(raw: Mapping[str, Any], index: int) -> tuple[int, int] | None:
    width, height = (_whole(raw.get(name)) for name in ("original_width", "original_height"))
    if width is None and height is None:
        return None
    if not all(isinstance(side, int) and not isinstance(side, bool) and 0 < side < 1 << 20 for side in (width, height)):
        raise VerdictError(f"entry {index} of the result was drawn on {width!r} x {height!r} px", remedy=REMEDY)
    return width, height


def _whole(value: Any) -> Any:
    """A side as it stands; programs also write 640.0 for 640."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _score(raw: Mapping[str, Any]) -> float | None:
    score = raw.get("score")
    return float(score) if is_number(score) and 0 <= score <= 1 else None  # type: ignore[arg-type, operator]


def _shape_of(entry: Entry) -> str:
    """The type without ``labels``; bare ``labels`` are of the shape that their value has."""
    if entry.kind != "labels":
        return entry.kind.removesuffix("labels") if entry.kind not in SAID else entry.kind
    value = entry.value
    for key, kind in (("rle", "brush"), ("imageDataURL", "bitmask"), ("points", "polygon"), ("ranges", "timeline")):
        if key in value:
            return kind
    if "sequence" in value:
        return "videorectangle"
    if "width" in value and "height" in value:
        return "rectangle"
    return "text" if isinstance(value.get("start"), int) else "labels"


def _marked(entry: Entry) -> Marked:
    start, end, text = (entry.value.get(name) for name in ("start", "end", "text"))
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        raise VerdictError(f"{entry.kind} {entry.key}: characters {start!r} to {end!r}", remedy=REMEDY)
    return Marked(start, end, text if isinstance(text, str) else "", labels_of(entry))


def _said(entry: Entry, kind: str) -> tuple[str, ...]:
    name = "text" if kind == "textarea" else kind
    value = entry.value.get(name)
    if kind in ("number", "rating") and is_number(value):
        return (repr(value),)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and kind == "taxonomy":
        value = [
            " / ".join(path) if isinstance(path, list) and all(isinstance(p, str) for p in path) else path
            for path in value
        ]
    if not isinstance(value, Sequence) or not all(isinstance(part, str) for part in value):
        raise VerdictError(f"{entry.kind} {entry.key}: its {name} is no words", remedy=REMEDY)
    return tuple(value)
