"""The regions of an answer: which picture, which category, where, when, and in what words; or what is wrong by name."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from schemas.candidate import Region, View
from schemas.checks import is_placeholder
from schemas.geometry import TimeSpan, box_iou
from schemas.media.types import Video

from .asked import Asked, Findings
from .conventions.spelling import is_number
from .defects import Flaw, shown
from .quotes import find_quote
from .reading import refuses, whole_text
from .shapes import read_shape

__all__ = ["read_regions", "read_span", "read_view", "said"]

SAME_IOU = 0.9
"""Boxes of one category in one picture that overlap by more are the same region."""
MAX_PHRASE_CHARS = 200
"""A phrase points; what is longer explains."""
CLIP_SLACK_S = 1e-3
"""Containers round a clip's length to a millisecond."""


def read_regions(answer: dict[str, Any], asked: Asked, found: Findings) -> dict[int, Region]:
    """The regions that can be used, by their number in the answer, from 1; the findings tell of the others."""
    given = answer.get("regions")
    if not isinstance(given, list):
        found.wrong(Flaw.WRONG_TYPE.told(name="'regions'", value=shown(given), wanted="a list"))
        return {}
    if len(given) > asked.max_regions:
        found.wrong(Flaw.TOO_MANY_REGIONS.told(count=len(given), most=asked.max_regions))
        return {}
    numbered = ((number, _region(number, value, asked, found)) for number, value in enumerate(given, 1))
    regions = {number: region for number, region in numbered if region}
    _check_distinct(regions, found)
    if asked.task.phrases:
        _check_phrases(regions, found)
    return regions


def said(value: Any, name: str, asked: Asked, found: Findings, *, where: str = "", most: int | None = None) -> str:
    """Words that say something, ``most`` characters or as many as an explanation may have.

    A placeholder published as an explanation is a defect that audits find; so are the form's own words and a refusal.
    """
    most = most or asked.task.max_explanation_chars
    if not isinstance(value, str) or is_placeholder(value) or value.strip() in asked.form_words or refuses(value):
        found.wrong(Flaw.SAYS_NOTHING.told(where, name=name, value=shown(value)))
        return ""
    words = whole_text(value).strip()
    if len(words) > most:
        found.wrong(Flaw.TOO_LONG.told(where, name=name, count=len(words), most=most))
    return words


def read_span(start_s: Any, end_s: Any, asked: Asked, found: Findings, *, where: str) -> TimeSpan | None:
    """A stretch of the clip in seconds; None, and a defect, where it does not lie in the clip."""
    media = asked.asset.media
    end_of_clip = media.duration_s if isinstance(media, Video) else 0.0
    if is_number(start_s) and is_number(end_s) and 0 <= start_s < end_s <= end_of_clip + CLIP_SLACK_S:
        return TimeSpan(start_s=start_s, end_s=min(end_s, max(end_of_clip, start_s + CLIP_SLACK_S / 2)))
    found.wrong(Flaw.TIME_OUTSIDE.told(where, value=f"{shown(start_s)} to {shown(end_s)}", end=f"{end_of_clip:g}"))
    return None


def _region(number: int, value: Any, asked: Asked, found: Findings) -> Region | None:
    where = f"region {number}"
    if not isinstance(value, dict):
        found.wrong(Flaw.WRONG_TYPE.told(name=where, value=shown(value), wanted="an object"))
        return None
    view = read_view(where, value, asked, found)
    category = _category(where, value.get("category"), asked, found)
    shape = read_shape(where, value, view, asked, found) if view else None
    span = _span(where, value, asked, found)
    words = _words(where, value, view, asked, found)
    if view is None or category is None or shape is None or shape.box is None:
        return None
    return Region(
        region_id=f"{asked.prefix}-{number}",
        asset_id=asked.asset.asset_id,
        page_index=view.page_index,
        frame_index=view.frame_index,
        pts_s=view.pts_s,
        span=span,
        box=shape.box,
        polygons=shape.polygons,
        mask=shape.mask,
        category=category,
        phrase=_phrase(where, value, asked, found),
        explanation=words,
        source="machine",
    )


def read_view(where: str, value: dict[str, Any], asked: Asked, found: Findings) -> View | None:
    """The picture that a region lies in: by its number where several can be shown."""
    place = {"video": "frame", "document": "page"}.get(asked.asset.media.kind)
    if place is None or (asked.is_native and asked.view(2) is None):
        return asked.view(1)
    number = value.get(place)
    view = asked.view(number) if isinstance(number, int) and not isinstance(number, bool) else None
    if view is None:
        found.wrong(Flaw.NO_SUCH_PICTURE.told(where, place=place, value=shown(number)))
    return view


def _category(where: str, value: Any, asked: Asked, found: Findings) -> str | None:
    names = asked.taxonomy.names(asked.asset.media.kind)
    category = asked.taxonomy.resolve(value) if isinstance(value, str) else None
    if category not in names:
        found.wrong(Flaw.UNKNOWN_CATEGORY.told(where, value=shown(value), choices=", ".join(names)))
        return None
    if category != value:
        found.mended(Flaw.OTHER_SPELLING.told(where, name="category", value=shown(value), choice=category))
    return category


def _span(where: str, value: dict[str, Any], asked: Asked, found: Findings) -> TimeSpan | None:
    """When a region lasts, where an answer says so: nothing that we ask for, and nothing that we lose."""
    if value.get("start_s") is None and value.get("end_s") is None:
        return None
    return read_span(value.get("start_s"), value.get("end_s"), asked, found, where=where)


def _words(where: str, value: dict[str, Any], view: View | None, asked: Asked, found: Findings) -> str:
    """What a region says: its explanation; for evidence the words that stand there, or what can be seen."""
    most = asked.task.max_explanation_chars
    if asked.is_native:
        return ""
    if asked.question not in ("question", "written_question"):
        return said(value.get("explanation"), "explanation", asked, found, where=where)
    if not isinstance(value.get("quote"), str | None):
        found.wrong(Flaw.WRONG_TYPE.told(where, name="'quote'", value=shown(value["quote"]), wanted="a string"))
    quote = _text(value.get("quote"))
    if quote and view:
        check_quote(quote, view.page_index, asked, found, where=where)
    if not quote:
        quote = _text(value.get("explanation"))
    if len(quote) > most:
        found.wrong(Flaw.TOO_LONG.told(where, name="quote", count=len(quote), most=most))
    return f"Reads: {quote}" if quote and is_placeholder(quote) and not is_placeholder(f"Reads: {quote}") else quote


def check_quote(
    quote: str, page_index: int | None, asked: Asked, found: Findings, *, where: str
) -> tuple[int, int] | None:
    """Where the words stand in the page's text layer; a defect where it has one and they do not."""
    text = None if page_index is None else asked.page_text(page_index)
    place = find_quote(text, quote) if text else None
    if text and place is None and asked.task.quotes == "exact":
        found.wrong(Flaw.QUOTE_NOT_IN_TEXT.told(where, value=shown(quote), page=(page_index or 0) + 1))
    return place


def _phrase(where: str, value: dict[str, Any], asked: Asked, found: Findings) -> str:
    """Words that point to the place, in one line: required where the task asks for them, kept where they come."""
    if not (asked.task.phrases and asked.question == "artifacts"):
        return " ".join(_text(value.get("phrase")).split())
    return " ".join(said(value.get("phrase"), "phrase", asked, found, where=where, most=MAX_PHRASE_CHARS).split())


def _text(value: Any) -> str:
    return whole_text(value).strip() if isinstance(value, str) else ""


def _check_distinct(regions: dict[int, Region], found: Findings) -> None:
    for (first, one), (second, other) in combinations(regions.items(), 2):
        is_same_place = (one.category, one.page_index, one.frame_index, one.span) == (
            other.category,
            other.page_index,
            other.frame_index,
            other.span,
        )
        if is_same_place and one.box and other.box and box_iou(one.box, other.box) > SAME_IOU:
            found.wrong(Flaw.SAME_REGION_TWICE.told(f"region {second}", other=first))


def _check_phrases(regions: dict[int, Region], found: Findings) -> None:
    """A phrase that points to two places points to none."""
    first: dict[str, int] = {}
    for number, region in regions.items():
        other = first.setdefault(region.phrase.casefold(), number)
        if region.phrase and other != number:
            found.wrong(Flaw.PHRASE_TWICE.told(f"region {number}", value=shown(region.phrase), other=other))
