"""The page that an annotator sees, as the elements of a ``<View>``: media large at the left, questions at the right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args
from xml.etree import ElementTree

from schemas.candidate import Verdict
from schemas.ledger import Layout
from schemas.media.types import Modality
from schemas.task import AskedAttribute, Task
from schemas.taxonomy import Category, Taxonomy

from . import controls
from .controls import GEOMETRY_TAGS, OBJECTS, Geometry, suffix

__all__ = ["MODALITY", "Page"]

Element = ElementTree.Element

MODALITY: dict[Layout, Modality] = {"image": "image", "pair": "image", "video": "video", "document": "document"}
_TOOL_WORDS: dict[Geometry, str] = {"box": "Box", "polygon": "Outline", "brush": "Brush", "bitmask": "Brush"}
_HOTKEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0")
_MODIFIERS = ("", "shift+", "alt+", "alt+shift+", "ctrl+shift+", "ctrl+alt+")
"""Before the digit, by tool, those of a pair's second picture last; letters are taken by Label Studio's own tools."""
_VERDICT_KEYS = ("shift+q", "shift+w", "shift+e", "shift+r")
_EVIDENCE_KEYS, _LEAVE_OUT_KEYS = ("shift+s",), ("shift+x",)
_VOTE_KEYS = ("shift+y", "shift+u", "shift+n")
"""Every choice has a key of its own: Label Studio gives free digits and letters to those that have none."""
_STYLE = """.wm-tools .lsf-labels { margin: 0 } .wm-tools .lsf-label { margin: 0 6px 6px 0 }
.wm-tools .lsf-label__text { font-size: 13px } .wm-tools .lsf-label__hotkey { font-size: 11px }
.wm-pair .lsf-object { padding-top: 0 } .wm-pair [class^=pagination] { display: none }"""
"""Rows of labels stand close, so that the picture begins high on the page; nobody turns pages in a list of one."""
_TOOL_NAME = "flex: 0 0 64px; margin: 0; font-size: 14px"
_MOST_STARS = 10
_CAPTIONS = ("First picture: the one to judge", "Second picture: to compare with")


class Page:
    """The elements of one config."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        task: Task,
        layout: Layout,
        geometry: tuple[Geometry, ...],
        has_text: bool,
        has_votes: bool,
    ) -> None:
        self.taxonomy, self.task, self.layout, self.geometry = taxonomy, task, layout, geometry
        self.has_text = has_text and layout == "document"
        self.has_votes = has_votes
        self.modality = MODALITY[layout]
        self.objects = OBJECTS[layout]

    def view(self) -> Element:
        """Media at the left, as large as it can be; what is asked of the whole at the right."""
        media = _element("View", style="flex: 1 1 auto; min-width: 0")
        _fill(media, self._media())
        questions = _element("View", style="flex: 0 0 280px; position: sticky; top: 0; align-self: flex-start")
        _fill(questions, self._questions())
        row = _element("View", style="display: flex; gap: 16px")
        row.extend((media, questions))
        root, style = _element("View"), _element("Style")
        style.text = _STYLE
        root.extend((style, row))
        return root

    def _media(self) -> Iterator[Element]:
        if self.layout == "video":
            yield from self._clip()
        elif self.layout == "pair":
            yield from self._side_by_side()
        else:
            yield from self._tools(0)
            yield self._picture(0)
            yield from self._per_region(self.objects[0], 0)
        if self.has_text:
            yield from self._text()

    def _side_by_side(self) -> Iterator[Element]:
        """Pictures at one height, tools below them: the second picture's keys are long words."""
        positions = range(len(self.objects))
        yield _halves((_header(_CAPTIONS[i], size="6"), self._picture(i)) for i in positions)
        yield _halves(self._tools(i) for i in positions)
        for position in positions:
            yield from self._per_region(self.objects[position], position)

    def _tools(self, position: int) -> Iterator[Element]:
        for index, geometry in enumerate(self.geometry, start=position * len(self.geometry)):
            yield self._tool(geometry, geometry + suffix(position), self.objects[position], index)

    def _picture(self, position: int) -> Element:
        """The second of a pair is a list of one: with two single media in a config the server takes no upload."""
        name = self.objects[position]
        is_list = self.layout == "document" or position > 0
        shown = {"valueList": f"${name}"} if is_list else {"value": f"${name}"}
        return _element(
            "Image",
            name=name,
            **shown,
            zoom="true",
            zoomControl="true",
            brightnessControl="true",
            contrastControl="true",
        )

    def _tool(self, geometry: Geometry, name: str, to_name: str, index: int) -> Element:
        row = _tool_row(_TOOL_WORDS[geometry])
        look = {} if geometry in ("brush", "bitmask") else {"strokeWidth": "2", "opacity": "0.2"}
        labels = _element(GEOMETRY_TAGS[geometry], name=name, toName=to_name, choice="single", **look)
        _fill(labels, self._labels(_MODIFIERS[index] if index < len(_MODIFIERS) else None))
        row.append(labels)
        return row

    def _clip(self) -> Iterator[Element]:
        for name, tag, modifier in ((controls.LABELS, "Labels", ""), (controls.TIMELINE, "TimelineLabels", "shift+")):
            row = _tool_row("Track" if tag == "Labels" else "Time")
            labels = _element(tag, name=name, toName="video", choice="single")
            _fill(labels, self._labels(modifier))
            row.append(labels)
            yield row
        yield _element("Video", name="video", value="$video", frameRate="$fps", height="420", timelineHeight="96")
        yield _element("VideoRectangle", name=controls.TRACK, toName="video")
        yield from self._per_region("video", 0)

    def _text(self) -> Iterator[Element]:
        labels = _element("Labels", name=controls.TEXT_SPAN, toName=controls.TEXT, choice="single")
        _fill(labels, self._labels(None))
        yield labels
        yield _element("Text", name=controls.TEXT, value="$text", granularity="word")

    def _labels(self, modifier: str | None) -> Iterator[Element]:
        here = [category for category in self.taxonomy.categories if self.modality in category.modalities]
        shown = [_short(category) for category in self.taxonomy.categories]
        for index, category in enumerate(here):
            short, name = _short(category), category.name
            # What is shown leaves out the level that a name begins with, where it stays clear.
            is_clear = shown.count(short) == 1 and short not in self.taxonomy.names()
            names = {"value": short, "alias": name} if is_clear else {"value": name}
            keys = {} if modifier is None or index >= len(_HOTKEYS) else {"hotkey": modifier + _HOTKEYS[index]}
            color, hint = self.taxonomy.color_of(name), _plain(category.definition)
            yield _element("Label", **names, background=color, hint=hint, **keys)

    def _per_region(self, to_name: str, position: int) -> Iterator[Element]:
        end = suffix(position)
        words = "What can be seen here, in a sentence or two"
        yield _text_area(
            controls.REGION_EXPLANATION + end, to_name, words, rows="2", perRegion="true", displayMode="region-list"
        )
        if self.task.kind == "document_qa":
            yield _choices(
                controls.EVIDENCE + end,
                to_name,
                ((controls.SUPPORTS, "Supports the answer"),),
                () if position else _EVIDENCE_KEYS,
                perRegion="true",
                choice="multiple",
            )
        if self.has_votes:
            asked = _element("View", visibleWhen="region-selected")
            answers = tuple((vote, vote.capitalize()) for vote in controls.VOTES)
            keys = () if position else _VOTE_KEYS
            asked.append(_header("Is this region what it claims to be?"))
            asked.append(_choices(controls.VOTE + end, to_name, answers, keys, perRegion="true"))
            yield asked

    def _questions(self) -> Iterator[Element]:
        to_name = self.objects[0]
        if self.task.instructions.strip():
            yield _header(self.task.instructions, size="6")
        if self.layout == "pair":
            yield _element("Header", value="$prompt", size="6")
        if self.task.kind == "document_qa":
            yield _element("Header", value="$question", size="4")
            yield _text_area(
                controls.ANSWER,
                to_name,
                "The answer, as short as it can be; empty if the medium does not hold it",
                rows="2",
            )
        if self.task.kind == "artifacts":
            yield _header("The first picture as a whole is" if self.layout == "pair" else "The medium as a whole is")
            answers = tuple((verdict, verdict.capitalize()) for verdict in get_args(Verdict))
            yield _choices(controls.VERDICT, to_name, answers, keys=_VERDICT_KEYS, required="true")
        out = ((controls.LEAVE_OUT, "Leave it out of the dataset"),)
        yield _choices(controls.DECISION, to_name, out, _LEAVE_OUT_KEYS, choice="multiple")
        yield from self._graded(to_name)
        yield _header("Why")
        yield _text_area(
            controls.EXPLANATION, to_name, f"In two or three sentences, in {_plain(self.task.language)}", rows="4"
        )

    def _graded(self, to_name: str) -> Iterator[Element]:
        if self.task.options:
            yield _header("Which one is it?")
            yield _choices(controls.CHOICE, to_name, tuple((option, option) for option in self.task.options))
        for criterion in self.task.criteria:
            yield _header(criterion.definition)
            answers = ((controls.HOLDS, "Holds"), (controls.FAILS, "Does not hold"))
            yield _choices(controls.ATTRIBUTE + criterion.name, to_name, answers, showInline="true")
        for attribute in self.task.graded(self.modality):
            yield _header(attribute.definition)
            yield from _attribute(attribute, to_name)


def _attribute(attribute: AskedAttribute, to_name: str) -> Iterator[Element]:
    """A vocabulary as choices; a scale of whole numbers from 0 or 1 up as stars, any other as a number; then why."""
    if attribute.values:
        values = tuple((value, value) for value in attribute.values)
        yield _choices(controls.ATTRIBUTE + attribute.name, to_name, values, showInline="true")
    if attribute.scale_min is not None and attribute.scale_max is not None:
        name = controls.SCORE + attribute.name
        low, high = attribute.scale_min, attribute.scale_max
        if low == 1 and high == int(high) and high <= _MOST_STARS:
            yield _element("Rating", name=name, toName=to_name, maxRating=str(int(high)), size="medium")
        else:
            yield _element("Number", name=name, toName=to_name, min=f"{low:g}", max=f"{high:g}", step="any")
    yield _text_area(controls.REASON + attribute.name, to_name, "Why", rows="1")


def _choices(
    name: str, to_name: str, answers: Sequence[tuple[str, str]], keys: Sequence[str] = (), **options: str
) -> Element:
    """Choices by (what is stored, what is shown)."""
    choices = _element("Choices", name=name, toName=to_name, **{"choice": "single", **options})
    for index, (value, words) in enumerate(answers):
        shown = {"value": _plain(words)} if _plain(words) == value else {"value": _plain(words), "alias": value}
        hotkey = {"hotkey": keys[index]} if index < len(keys) else {}
        choices.append(_element("Choice", **shown, **hotkey))
    return choices


def _text_area(name: str, to_name: str, words: str, **options: str) -> Element:
    return _element(
        "TextArea", name=name, toName=to_name, placeholder=words, editable="true", maxSubmissions="1", **options
    )


def _header(words: str, size: str = "5") -> Element:
    return _element("Header", value=_plain(words), size=size)


def _tool_row(words: str) -> Element:
    row = _element("View", className="wm-tools", style="display: flex; align-items: baseline; gap: 8px")
    row.append(_element("Header", value=words, size="6", style=_TOOL_NAME))
    return row


def _halves(contents: Iterable[Iterable[Element]]) -> Element:
    """Columns of one width."""
    row = _element("View", className="wm-pair", style="display: flex; gap: 8px")
    for content in contents:
        half = _element("View", style="flex: 1 1 0; min-width: 0")
        _fill(half, content)
        row.append(half)
    return row


def _fill(parent: Element, children: Iterable[Element]) -> None:
    """One by one: ``Element.extend`` hides an error of a generator behind one of its own."""
    for child in children:
        parent.append(child)


def _short(category: Category) -> str:
    """``low-level-edge_shape`` of the level ``low-level`` as ``edge shape``."""
    return category.name.removeprefix(category.level + "-").replace("_", " ")


def _element(tag: str, /, **attributes: str) -> Element:
    return Element(tag, attributes)


def _plain(words: str) -> str:
    """One line that XML can hold and in which Label Studio finds no ``$variable`` to replace."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", " ", words).split())
    return line.replace("$", "$\u200b")
