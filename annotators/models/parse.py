"""The model's words as regions, verdict, grades and answers in the original's pixels, or what is wrong by name.

A pure function of the words and of what was asked, so that a stored answer always gives the same candidate.
Every defect is told at once: the model is asked again with the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from schemas.candidate import Answer, Verdict

from .asked import MAX_DEFECTS, Asked, Findings, Proposal, Reading
from .claims import claims_by_region, read_claims
from .conventions import native_regions
from .defects import Flaw, shown
from .forms import Question
from .grades import read_contrast, read_grades, read_grades_beside, read_rubric
from .places import read_regions, said
from .reading import Completion, begins_as_refusal, refuses, whole_text
from .repair import Found, find_object

__all__ = ["Asked", "Proposal", "Reading", "parse", "unreadable"]


def parse(completion: Completion, asked: Asked) -> Reading:
    """What a completion proposes."""
    given = _object(completion, asked)
    if given.value is None or completion.refusal:
        return unreadable(completion, given)
    found = Findings(repairs=list(given.repairs))
    proposal = _READ[asked.question](given.value, asked, found)
    if found.defects:
        return Reading("parse_error", tuple(found.defects[:MAX_DEFECTS]), repairs=tuple(found.repairs))
    return Reading("repaired" if found.repairs else "ok", (), proposal, tuple(found.repairs))


def _object(completion: Completion, asked: Asked) -> Found:
    """The answer's object; of a model that answers in marks of its own, the regions that they say."""
    if asked.is_native and (regions := native_regions(completion.words)):
        return Found({"regions": regions})
    return find_object(completion.words, "regions")


def unreadable(completion: Completion, given: Found) -> Reading:
    """Why a completion without an object, or with a refusal beside it, is no answer."""
    words = completion.words.strip()
    if completion.problem:
        return Reading("api_error", (Flaw.NO_COMPLETION.told(problem=completion.problem),))
    if completion.refusal:
        return Reading("refusal", (Flaw.REFUSAL.told(words=completion.refusal[:200]),))
    if not words:
        return Reading("empty", (Flaw.EMPTY.told(),))
    if completion.finish_reason == "length" or completion.is_full:
        after = f" after {completion.output_tokens} tokens" if completion.output_tokens else ""
        return Reading("truncated", (Flaw.CUT_OFF.told(after=after),))
    if begins_as_refusal(words):
        return Reading("refusal", (Flaw.REFUSAL.told(words=" ".join(words[:200].split())),))
    return Reading("parse_error", (given.defect,) if given.defect else ())


def _artifacts(answer: dict[str, Any], asked: Asked, found: Findings) -> Proposal:
    proposal = _explained(answer, asked, found)
    if asked.is_native:
        return proposal
    attributes = read_grades_beside(answer, asked, found)
    return proposal._replace(verdict=_verdict(answer.get("verdict"), found), attributes=attributes)


def _evidence(answer: dict[str, Any], asked: Asked, found: Findings) -> Proposal:
    if not isinstance(answer.get("answer"), str):
        found.wrong(Flaw.WRONG_TYPE.told(name="'answer'", value=shown(answer.get("answer")), wanted="a string"))
        return Proposal()
    regions = tuple(read_regions(answer, asked, found).values())
    text = _answer(answer["answer"], asked, found)
    if regions and not text:
        found.wrong(Flaw.EVIDENCE_OF_NOTHING.told())
    if text and answer.get("regions") == [] and asked.task.ungrounded == "refuse":
        found.wrong(Flaw.NO_EVIDENCE.told(empty="the answer"))
    ids = tuple(region.region_id for region in regions)
    return Proposal(regions=regions, answers=(Answer(question=asked.question_text, answer=text, region_ids=ids),))


def _written(answer: dict[str, Any], asked: Asked, found: Findings) -> Proposal:
    """A question of the model's own with its answer; both empty where there is nothing to ask."""
    question, words = answer.get("question"), answer.get("answer")
    for name, value in (("'question'", question), ("'answer'", words)):
        if not isinstance(value, str):
            found.wrong(Flaw.WRONG_TYPE.told(name=name, value=shown(value), wanted="a string"))
    if not isinstance(question, str) or not isinstance(words, str):
        return Proposal()
    question = said(question, "question", asked, found) if question.strip() else ""
    words = _answer(words, asked, found)
    if bool(question) != bool(words):
        found.wrong(Flaw.HALF_A_PAIR.told(missing="question" if words else "answer"))
    regions = tuple(read_regions(answer, asked, found).values()) if question else ()
    if question and answer.get("regions") == []:
        found.wrong(Flaw.NO_EVIDENCE.told(empty="question and answer"))
    ids = tuple(region.region_id for region in regions)
    answers = (Answer(question=question, answer=words, region_ids=ids),) if question else ()
    return Proposal(regions=regions, answers=answers)


def _answer(value: str, asked: Asked, found: Findings) -> str:
    """The words of an answer: any, as ``none`` and ``-`` may stand on a page, but the form's own and too many."""
    words, most = whole_text(value).strip(), asked.task.max_explanation_chars
    if words in asked.form_words or refuses(words):
        found.wrong(Flaw.SAYS_NOTHING.told(name="answer", value=shown(value)))
    if len(words) > most:
        found.wrong(Flaw.TOO_LONG.told(name="answer", count=len(words), most=most))
    return words


def _contrast(answer: dict[str, Any], asked: Asked, found: Findings) -> Proposal:
    proposal = _explained(answer, asked, found)
    chosen, attributes = read_contrast(answer, asked, found)
    ids = tuple(region.region_id for region in proposal.regions)
    question = asked.question_text or asked.task.instructions
    return proposal._replace(attributes=attributes, answers=(Answer(question=question, answer=chosen, region_ids=ids),))


def _graded(answer: dict[str, Any], asked: Asked, found: Findings) -> Proposal:
    return _explained(answer, asked, found)._replace(attributes=read_grades(answer, asked, found))


def _rubric(answer: dict[str, Any], asked: Asked, found: Findings) -> Proposal:
    return _explained(answer, asked, found)._replace(attributes=read_rubric(answer, asked, found))


_READ: dict[Question, Callable[[dict[str, Any], Asked, Findings], Proposal]] = {
    "artifacts": _artifacts,
    "question": _evidence,
    "written_question": _written,
    "contrast": _contrast,
    "attributes": _graded,
    "rubric": _rubric,
}


def _explained(answer: dict[str, Any], asked: Asked, found: Findings) -> Proposal:
    """Explanation, regions and the claims that bind them."""
    regions = read_regions(answer, asked, found)
    if asked.is_native:
        return Proposal(regions=tuple(regions.values()))
    explanation = said(answer.get("explanation"), "explanation", asked, found)
    if asked.task.claims == "cited" or "claims" in answer:
        claims = read_claims(answer, explanation, regions, asked, found)
    else:
        explanation, claims = claims_by_region(explanation, regions)
    return Proposal(explanation=explanation, claims=claims, regions=tuple(regions.values()))


def _verdict(value: Any, found: Findings) -> Verdict | None:
    spelled = value.strip().lower() if isinstance(value, str) else value
    for verdict in get_args(Verdict):
        if spelled == verdict:
            if value != verdict:
                found.mended(Flaw.OTHER_SPELLING.told(name="'verdict'", value=shown(value), choice=verdict))
            return verdict
    found.wrong(Flaw.NOT_A_CHOICE.told(name="'verdict'", value=shown(value), choices=", ".join(get_args(Verdict))))
    return None
