"""The model's words as regions, verdict and answer in the original's pixels, or what is wrong with them by name.

A pure function of the words and of what was asked, so that a stored answer always gives the same candidate.
Every defect is told at once: the model is asked again with the list.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

from schemas.candidate import Answer, Claim, ParseStatus, Region, Verdict, View
from schemas.checks import is_placeholder
from schemas.geometry import Box
from schemas.sample import Asset
from schemas.taxonomy import Taxonomy

from .reading import Completion, object_in, whole_text
from .views import box_from_view, medium_size
from .wanted import BOX_SCALE, Question

__all__ = ["Asked", "Proposal", "Reading", "parse"]

MAX_DEFECTS = 10
"""Defects that are named; a model that makes more has understood nothing yet."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an answer is read against."""

    question: Question
    question_text: str
    """The sample's own question; empty for artifacts."""
    asset: Asset
    view: Callable[[int], View | None]
    """The picture with that number, from 1; None where none was shown."""
    taxonomy: Taxonomy
    max_regions: int
    prefix: str
    """Start of the regions' ids, unique per machine."""


class Proposal(NamedTuple):
    """The parts of a Candidate that a model says."""

    verdict: Verdict | None = None
    explanation: str = ""
    claims: tuple[Claim, ...] = ()
    regions: tuple[Region, ...] = ()
    answers: tuple[Answer, ...] = ()


class Reading(NamedTuple):
    """What became of an answer: a proposal, or the defects that make it unusable."""

    status: ParseStatus
    defects: tuple[str, ...] = ()
    proposal: Proposal | None = None


@dataclass
class _Defects:
    """Collects what is wrong, so that one look at an answer finds all of it."""

    found: list[str] = field(default_factory=list)

    def __call__(self, defect: str) -> None:
        if defect not in self.found:
            self.found.append(defect)


def parse(completion: Completion, asked: Asked) -> Reading:
    """What a completion proposes."""
    if completion.problem:
        return Reading("api_error", (completion.problem,))
    answer, is_cut_out = object_in(completion.words, "regions")
    if answer is None:
        return _unreadable(completion)
    defects = _Defects()
    proposal = (_artifacts if asked.question == "artifacts" else _evidence)(answer, asked, defects)
    if defects.found:
        return Reading("parse_error", tuple(defects.found[:MAX_DEFECTS]))
    return Reading("repaired" if is_cut_out else "ok", (), proposal)


def _unreadable(completion: Completion) -> Reading:
    if completion.refusal:
        return Reading("refusal", (f"it is a refusal: {completion.refusal[:200]}",))
    if not completion.words.strip():
        return Reading("empty", ("it is empty",))
    if completion.finish_reason == "length":
        return Reading("truncated", (f"it was cut off after {completion.output_tokens} tokens: be shorter",))
    return Reading("parse_error", ("it is not a whole JSON object with the key 'regions'",))


def _artifacts(answer: dict[str, Any], asked: Asked, defect: _Defects) -> Proposal:
    verdict = _verdict(answer.get("verdict"), defect)
    explanation = _said(answer.get("explanation"), "explanation", defect)
    regions = _regions(answer, asked, "explanation", defect)
    return Proposal(verdict, explanation, _claims(explanation, regions), regions)


def _evidence(answer: dict[str, Any], asked: Asked, defect: _Defects) -> Proposal:
    if not isinstance(answer.get("answer"), str):
        defect(f"'answer' is {_shown(answer.get('answer'))}, not a string")
        return Proposal()
    regions = _regions(answer, asked, "quote", defect)
    text = whole_text(answer["answer"]).strip()
    ids = tuple(region.region_id for region in regions)
    return Proposal(regions=regions, answers=(Answer(question=asked.question_text, answer=text, region_ids=ids),))


def _verdict(value: Any, defect: _Defects) -> Verdict | None:
    spelled = value.strip().lower() if isinstance(value, str) else value
    for verdict in get_args(Verdict):
        if spelled == verdict:
            return verdict
    defect(f"'verdict' is {_shown(value)}, not one of {', '.join(get_args(Verdict))}")
    return None


def _said(value: Any, name: str, defect: _Defects) -> str:
    """Words that say something. A placeholder published as an explanation is a defect that audits find."""
    if not isinstance(value, str) or is_placeholder(value):
        defect(f"'{name}' is {_shown(value)}, which explains nothing")
        return ""
    return whole_text(value).strip()


def _regions(answer: dict[str, Any], asked: Asked, words: str, defect: _Defects) -> tuple[Region, ...]:
    given = answer.get("regions")
    if not isinstance(given, list):
        defect(f"'regions' is {_shown(given)}, not a list")
        return ()
    if len(given) > asked.max_regions:
        defect(f"there are {len(given)} regions: give the {asked.max_regions} that matter most")
        return ()
    regions = (_region(number, value, asked, words, defect) for number, value in enumerate(given, 1))
    return tuple(region for region in regions if region)


def _region(number: int, value: Any, asked: Asked, words: str, defect: _Defects) -> Region | None:
    name = f"region {number}"
    if not isinstance(value, dict):
        defect(f"{name} is {_shown(value)}, not an object")
        return None
    view = _view(name, value, asked, defect)
    category = _category(name, value.get("category"), asked, defect)
    box = _in_pixels(name, _box(name, value.get("box"), defect), view, asked, defect)
    explanation = _quote(value) if words == "quote" else _said(value.get(words), f"{name}: {words}", defect)
    if view is None or category is None or box is None:
        return None
    return Region(
        region_id=f"{asked.prefix}-{number}",
        asset_id=asked.asset.asset_id,
        page_index=view.page_index,
        frame_index=view.frame_index,
        pts_s=view.pts_s,
        box=box,
        category=category,
        explanation=explanation,
        source="machine",
    )


def _view(name: str, value: dict[str, Any], asked: Asked, defect: _Defects) -> View | None:
    """The picture that a region lies in: by its number where several can be shown."""
    place = {"video": "frame", "document": "page"}.get(asked.asset.media.kind)
    if place is None:
        return asked.view(1)
    number = value.get(place)
    view = asked.view(number) if isinstance(number, int) and not isinstance(number, bool) else None
    if view is None:
        defect(f"{name}: '{place}' is {_shown(number)}, which is no number of a {place} that was shown")
    return view


def _category(name: str, value: Any, asked: Asked, defect: _Defects) -> str | None:
    names = asked.taxonomy.names(asked.asset.media.kind)
    category = asked.taxonomy.resolve(value) if isinstance(value, str) else None
    if category not in names:
        defect(f"{name}: category {_shown(value)} is not one of {', '.join(names)}")
        return None
    return category


def _box(name: str, value: Any, defect: _Defects) -> tuple[float, float, float, float] | None:
    """Thousandths of the picture, or None and a defect that says which rule of the box is broken."""
    problem = _box_problem(value)
    if problem:
        defect(f"{name}: box {_shown(value)} {problem}")
        return None
    x1, y1, x2, y2 = value
    return float(x1), float(y1), float(x2), float(y2)


def _box_problem(value: Any) -> str:
    if not isinstance(value, list) or len(value) != 4:
        return "is not a list of four numbers [x1, y1, x2, y2]"
    if not all(_is_number(v) for v in value):
        return "holds something that is not a number"
    if min(value) < 0 or max(value) > BOX_SCALE:
        return f"lies outside of the picture, which reaches from 0 to {BOX_SCALE}"
    if max(value) <= 1 and not all(isinstance(v, int) for v in value):
        return f"is in fractions: give integers from 0 to {BOX_SCALE}"
    x1, y1, x2, y2 = value
    if x2 < x1 or y2 < y1:
        return "has its corners swapped: x1 < x2 and y1 < y2 in [x1, y1, x2, y2]"
    return "has no area" if x1 == x2 or y1 == y2 else ""


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _in_pixels(
    name: str, xyxy: tuple[float, float, float, float] | None, view: View | None, asked: Asked, defect: _Defects
) -> Box | None:
    """The box in the original's pixels; one thinner than a float can tell has no area there."""
    if xyxy is None or view is None:
        return None
    try:
        return box_from_view(xyxy, view, medium_size(asked.asset, view.page_index))
    except ValueError:
        defect(f"{name}: box {_shown(list(xyxy))} has no area in the picture")
        return None


def _quote(value: dict[str, Any]) -> str:
    """The words a region shows; words like ``N/A`` are a fact of the page, so it is said that they stand there."""
    quote = whole_text(value["quote"]).strip() if isinstance(value.get("quote"), str) else ""
    return f"Reads: {quote}" if quote and is_placeholder(quote) and not is_placeholder(f"Reads: {quote}") else quote


def _claims(explanation: str, regions: tuple[Region, ...]) -> tuple[Claim, ...]:
    """The whole explanation as a claim about the whole; where it repeats a region's words, a claim on that region."""
    if not explanation:
        return ()
    starts = [(explanation.find(region.explanation), region) for region in regions if region.explanation]
    quoted = (
        Claim(start=start, end=start + len(region.explanation), region_ids=(region.region_id,))
        for start, region in starts
        if start >= 0
    )
    return (Claim(start=0, end=len(explanation), is_global=True), *quoted)


def _shown(value: Any) -> str:
    """A value from an answer as it may stand in a message: JSON, short, in one line."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= 80 else text[:77] + "..."
