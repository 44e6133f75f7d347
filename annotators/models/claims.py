"""The explanation's claims and their evidence: stretches by exact quote, whose characters are counted here.

Checked both ways where the task has claims cited: a region that no claim cites, and a claim that cites nothing and is
not said to be about the whole, go back to the model.
"""

from __future__ import annotations

from typing import Any

from schemas.candidate import Claim, Quote, Region
from schemas.geometry import TimeSpan
from schemas.media.types import Document

from .asked import Asked, Findings
from .conventions.spelling import is_number
from .defects import Flaw, shown
from .places import check_quote, read_span
from .quotes import find_quote
from .reading import whole_text

__all__ = ["claims_by_region", "read_claims"]


def claims_by_region(explanation: str, regions: dict[int, Region]) -> tuple[str, tuple[Claim, ...]]:
    """The whole text and its claims: the words over all, about the whole, and each region's words on that region.

    A region's words that do not stand in the explanation follow it on a line of their own; words that several
    regions share are one claim on all of them. So every region has its claim and every claim its evidence.
    """
    stretches: dict[tuple[int, int], list[str]] = {}
    text = explanation
    for region in regions.values():
        start = text.find(region.explanation) if region.explanation else -1
        if start < 0 and region.explanation:
            text += "\n" * bool(text) + region.explanation
            start = len(text) - len(region.explanation)
        if start >= 0:
            stretches.setdefault((start, start + len(region.explanation)), []).append(region.region_id)
    on_regions = (Claim(start=s, end=e, region_ids=tuple(ids)) for (s, e), ids in sorted(stretches.items()))
    return text, (*_over_all(explanation), *on_regions)


def read_claims(
    answer: dict[str, Any], explanation: str, regions: dict[int, Region], asked: Asked, found: Findings
) -> tuple[Claim, ...]:
    """The claims that the model cites evidence for; the findings tell what is not grounded."""
    given, count = answer.get("claims"), len(answer["regions"]) if isinstance(answer.get("regions"), list) else 0
    if not isinstance(given, list):
        found.wrong(Flaw.WRONG_TYPE.told(name="'claims'", value=shown(given), wanted="a list"))
        return ()
    if not given and explanation and asked.task.ungrounded == "refuse":
        found.wrong(Flaw.NO_CLAIM.told("claims"))
    read = [_claim(f"claim {n}", value, explanation, count, regions, asked, found) for n, value in enumerate(given, 1)]
    if asked.task.ungrounded == "refuse":
        cited = {number for value in given for number in _numbers(value, "regions")}
        for number in sorted(regions.keys() - cited):
            found.wrong(Flaw.UNCLAIMED_REGION.told(f"region {number}"))
    return tuple(claim for claim in read if claim)


def _claim(
    where: str,
    value: Any,
    explanation: str,
    count: int,
    regions: dict[int, Region],
    asked: Asked,
    found: Findings,
) -> Claim | None:
    if not isinstance(value, dict):
        found.wrong(Flaw.WRONG_TYPE.told(name=where, value=shown(value), wanted="an object"))
        return None
    words = _text(value.get("text"))
    place = find_quote(explanation, words)
    if place is None:
        found.wrong(Flaw.CLAIM_NOT_IN_TEXT.told(where, value=shown(value.get("text"))))
        return None
    _check_types(where, value, found)
    for number in _numbers(value, "regions"):
        if not 1 <= number <= count:
            found.wrong(Flaw.NO_SUCH_REGION.told(where, value=number, count=count))
    claim = Claim(
        start=place[0],
        end=place[1],
        region_ids=tuple(regions[n].region_id for n in _numbers(value, "regions") if n in regions),
        page_indices=_pages(where, value, asked, found),
        spans=_spans(where, value, asked, found),
        quotes=_quotes(where, value, asked, found),
        is_global=value.get("is_global") is True,
    )
    if not claim.stands_alone and not _numbers(value, "regions") and asked.task.ungrounded == "refuse":
        found.wrong(Flaw.UNGROUNDED_CLAIM.told(where))
    return claim


def _check_types(where: str, value: dict[str, Any], found: Findings) -> None:
    """Evidence that is said in another form is not read, and never dropped without a word."""
    for key, wanted, is_one in _EVIDENCE:
        given = value.get(key)
        if given is not None and not (isinstance(given, list) and all(map(is_one, given))):
            found.wrong(Flaw.WRONG_TYPE.told(where, name=f"'{key}'", value=shown(given), wanted=wanted))
    if not isinstance(value.get("is_global"), bool | None):
        name, given = "'is_global'", shown(value["is_global"])
        found.wrong(Flaw.WRONG_TYPE.told(where, name=name, value=given, wanted="true or false"))


def _pages(where: str, value: dict[str, Any], asked: Asked, found: Findings) -> tuple[int, ...]:
    pages = _numbers(value, "pages")
    for page in pages:
        if not _has_page(page, asked):
            found.wrong(Flaw.NO_SUCH_PICTURE.told(where, place="page", value=page))
    return tuple(page - 1 for page in pages if _has_page(page, asked))


def _has_page(page: int, asked: Asked) -> bool:
    return isinstance(asked.asset.media, Document) and asked.view(page) is not None


def _spans(where: str, value: dict[str, Any], asked: Asked, found: Findings) -> tuple[TimeSpan, ...]:
    times = (time for time in _listed(value, "times") if isinstance(time, dict))
    spans = (read_span(time.get("start_s"), time.get("end_s"), asked, found, where=where) for time in times)
    return tuple(span for span in spans if span)


def _quotes(where: str, value: dict[str, Any], asked: Asked, found: Findings) -> tuple[Quote, ...]:
    quotes = []
    for given in _listed(value, "quotes"):
        page = given.get("page") if isinstance(given, dict) else None
        text = (
            whole_text(given["text"]).strip() if isinstance(given, dict) and isinstance(given.get("text"), str) else ""
        )
        if not isinstance(page, int) or isinstance(page, bool) or not _has_page(page, asked):
            found.wrong(Flaw.NO_SUCH_PICTURE.told(where, place="page", value=shown(page)))
        elif not text:
            found.wrong(Flaw.SAYS_NOTHING.told(where, name="quotes", value=shown(given.get("text"))))
        else:
            place = check_quote(text, page - 1, asked, found, where=where)
            start, end = place or (None, None)
            quotes.append(Quote(text=text, page_index=page - 1, start=start, end=end))
    return tuple(quotes)


def _over_all(explanation: str) -> tuple[Claim, ...]:
    return (Claim(start=0, end=len(explanation), is_global=True),) if explanation else ()


def _numbers(value: Any, key: str) -> tuple[int, ...]:
    """The whole numbers of a list; an answer says them as ``1`` or ``1.0``."""
    numbers = _listed(value, key) if isinstance(value, dict) else []
    return tuple(dict.fromkeys(int(number) for number in numbers if _is_whole(number)))


def _is_whole(value: Any) -> bool:
    return is_number(value) and value == value // 1


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


_EVIDENCE = (
    ("regions", "a list of whole numbers", _is_whole),
    ("pages", "a list of whole numbers", _is_whole),
    ("times", "a list of objects", _is_object),
    ("quotes", "a list of objects", _is_object),
)


def _text(value: Any) -> str:
    return whole_text(value).strip() if isinstance(value, str) else ""


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    return value[key] if isinstance(value.get(key), list) else []
