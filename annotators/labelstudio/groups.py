"""The entries of a result by region, each checked against the config and against what was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.errors import VerdictError

from . import controls
from .controls import GEOMETRY_TAGS
from .label_config import Control, LabelConfig
from .results import Drawn, Entry, Marked, Said, read_entry, text_of
from .tasks import Picture

__all__ = ["Group", "Grouping"]

_DRAWING = {*GEOMETRY_TAGS.values(), "VideoRectangle", "TimelineLabels"}
_MOST_CHARS = 100_000


class Group(NamedTuple):
    """All that is known of one region: its place, and what is said of it by control, without suffix."""

    drawing: Entry
    drawn: Drawn | Marked
    picture: Picture
    said: Mapping[str, Said]

    @property
    def explanation(self) -> str:
        """What is said of the region; of a stretch of text without words of its own, the stretch."""
        said = text_of(self.said.get(controls.REGION_EXPLANATION, Said(())))
        return said or (self.drawn.text if isinstance(self.drawn, Marked) else "")


@dataclass(frozen=True)
class Grouping:
    """One config, and the pictures of one task."""

    config: LabelConfig
    shown: tuple[Picture, ...]

    def groups(self, entries: Sequence[Entry]) -> tuple[dict[str, Group], dict[str, Said]]:
        """Regions by key, in order; and what is said of the whole sample, by control."""
        by_key: dict[str, dict[str, Entry]] = {}
        said: dict[str, Said] = {}
        for entry in entries:
            control = self._control(entry)
            if control.is_per_region or control.tag in _DRAWING or control.name == controls.TEXT_SPAN:
                _put(by_key.setdefault(entry.key, {}), entry.control, entry, entry.key)
            elif control.name == controls.LABELS:
                raise VerdictError(f"region {entry.key}: a category without a track", remedy="draw the track")
            else:
                _put(said, entry.control, _words(entry, control), entry.key)
        return {key: self._group(key, group) for key, group in by_key.items()}, said

    def _control(self, entry: Entry) -> Control:
        control = self.config.control(entry.control)
        if control is None:
            raise VerdictError(f"the config has no control {entry.control!r}", remedy="was the config changed by hand?")
        if entry.to_name not in control.to_names:
            raise VerdictError(f"control {control.name!r} does not mark {entry.to_name!r}", remedy="check the config")
        if entry.kind != control.tag.lower():
            raise VerdictError(f"control {control.name!r} gives no {entry.kind!r}", remedy="check the config")
        return control

    def _group(self, key: str, group: Mapping[str, Entry]) -> Group:
        drawings = [entry for entry in group.values() if not self._is_per_region(entry)]
        if len(drawings) != 1:
            raise VerdictError(f"region {key} is drawn {len(drawings)} times", remedy="have it drawn again")
        drawing = drawings[0]
        picture = self._picture(drawing)
        drawn = read_entry(drawing, picture.space)
        if isinstance(drawn, Said):
            raise VerdictError(f"region {key} is drawn with words", remedy="have it drawn again")
        drawn = drawn._replace(labels=self._category(drawing, drawn.labels))
        said = {_stem(entry.control): self._said(entry) for entry in group.values() if entry is not drawing}
        return Group(drawing, drawn, picture, said)

    def _is_per_region(self, entry: Entry) -> bool:
        control = self.config.control(entry.control)
        return control is not None and control.is_per_region

    def _category(self, entry: Entry, labels: Sequence[str]) -> tuple[str, ...]:
        """Exactly one label, and one that the config has."""
        control = self.config.control(controls.LABELS if entry.control == controls.TRACK else entry.control)
        if len(labels) != 1:
            raise VerdictError(f"region {entry.key} has {len(labels)} categories", remedy="give it exactly one")
        stored = control.stored(labels) if control else ()
        if control is None or stored[0] not in control.labels:
            raise VerdictError(f"region {entry.key}: {labels[0]!r} is no category of the config", remedy="relabel it")
        return stored

    def _said(self, entry: Entry) -> Said:
        """What is said of a region; of choices only those that the config has."""
        control = self._control(entry)
        said = _words(entry, control)
        for value in said.values if control.labels else ():
            if value not in control.labels:
                raise VerdictError(f"control {entry.control!r} has no choice {value!r}", remedy="check the config")
        return said

    def _picture(self, entry: Entry) -> Picture:
        if entry.to_name == controls.TEXT:
            return self.shown[0]
        for picture in self.shown:
            if picture.to_name == entry.to_name and picture.item_index == self._page(entry, picture):
                size = (picture.space.shown_width, picture.space.shown_height)
                if entry.size not in (None, size):
                    raise VerdictError(
                        f"region {entry.key} was drawn on {entry.size[0]} x {entry.size[1]} px, "
                        f"the medium was shown with {size[0]} x {size[1]}",
                        remedy="the medium behind the task was exchanged: submit the sample again",
                    )
                return picture
        raise VerdictError(
            f"region {entry.key} lies on page {entry.item_index}, which there is not", remedy="delete it"
        )

    def _page(self, entry: Entry, picture: Picture) -> int | None:
        """Label Studio leaves the page of a one-page list out."""
        if picture.item_index is None:
            return None
        return entry.item_index if entry.item_index is not None else 0


def _stem(control: str) -> str:
    """A per-region control's name without the suffix of the second object."""
    return control.removesuffix("_2")


def _words(entry: Entry, control: Control) -> Said:
    said = read_entry(entry, None)
    if not isinstance(said, Said):
        raise VerdictError(f"control {entry.control!r} says nothing", remedy="check the config")
    if sum(map(len, said.values)) > _MOST_CHARS:
        raise VerdictError(f"control {entry.control!r} holds more than {_MOST_CHARS} characters", remedy="shorten it")
    return Said(control.stored(said.values)) if control.labels else said


def _put(entries: dict[str, Any], name: str, value: Any, key: str) -> None:
    if name in entries:
        raise VerdictError(f"control {name!r} answers twice for {key}", remedy="submit the annotation again")
    entries[name] = value
