"""Contrasts, grades and rubrics as attributes: one per option, attribute or criterion, none missing, none twice."""

from __future__ import annotations

from typing import Any

from schemas.candidate import Attribute
from schemas.task import AskedAttribute, Task

from .asked import Asked, Findings
from .conventions.spelling import is_number
from .defects import Flaw, shown
from .places import said

__all__ = ["DERIVED", "read_contrast", "read_grades", "read_grades_beside", "read_rubric"]

CHOSEN, NOT_CHOSEN = "chosen", "not_chosen"
HOLDS, FAILS = "yes", "no"
DERIVED = "label"
"""Name of the attribute that a rubric's rules give."""


def read_contrast(answer: dict[str, Any], asked: Asked, found: Findings) -> tuple[str, tuple[Attribute, ...]]:
    """The chosen option, and per option why it is or is not: an attribute ``chosen`` or ``not_chosen``."""
    options, chosen = asked.task.options, answer.get("answer")
    if chosen not in options:
        found.wrong(Flaw.NOT_A_CHOICE.told(name="'answer'", value=shown(chosen), choices=", ".join(options)))
        chosen = ""
    reasons = _by_name(answer.get("reasons"), "reasons", "option", options, found)
    return str(chosen), tuple(
        Attribute(
            name=option,
            value=CHOSEN if option == chosen else NOT_CHOSEN,
            reason=_reason(entry, f"option {shown(option)}", asked, found),
        )
        for option, entry in reasons.items()
    )


def read_grades(
    answer: dict[str, Any], asked: Asked, found: Findings, *, is_complete: bool = True
) -> tuple[Attribute, ...]:
    """Value, reason and score with its scale, per attribute of the task; of all of them where it must be complete."""
    wanted = {attribute.name: attribute for attribute in asked.task.graded(asked.asset.media.kind)}
    grades = _by_name(answer.get("grades"), "grades", "name", tuple(wanted), found, is_complete=is_complete)
    return tuple(_grade(wanted[name], entry, asked, found) for name, entry in grades.items())


def read_grades_beside(answer: dict[str, Any], asked: Asked, found: Findings) -> tuple[Attribute, ...]:
    """Grades that are asked for beside something else: an object with a property for each, or a list as ever.

    What is not named is not graded.
    """
    grades = answer.get("grades")
    if grades is None or not asked.task.graded(asked.asset.media.kind):
        return ()
    if isinstance(grades, dict) and all(isinstance(entry, dict) for entry in grades.values()):
        grades = [{**entry, "name": name} for name, entry in grades.items()]
    return read_grades({"grades": grades}, asked, found, is_complete=False)


def read_rubric(answer: dict[str, Any], asked: Asked, found: Findings) -> tuple[Attribute, ...]:
    """``yes`` or ``no`` with its reason per criterion, and the label that the task's rules derive, where one does."""
    names = tuple(criterion.name for criterion in asked.task.criteria)
    entries = _by_name(answer.get("criteria"), "criteria", "name", names, found)
    attributes = tuple(_held(name, entry, asked, found) for name, entry in entries.items())
    return (*attributes, *_derived(asked.task, attributes))


def _grade(wanted: AskedAttribute, entry: dict[str, Any], asked: Asked, found: Findings) -> Attribute:
    where = f"attribute {shown(wanted.name)}"
    value, score = entry.get("value"), entry.get("score")
    if wanted.values and value not in wanted.values:
        choices = ", ".join(wanted.values)
        found.wrong(Flaw.NOT_A_CHOICE.told(where, name="'value'", value=shown(value), choices=choices))
    return Attribute(
        name=wanted.name,
        value=value if wanted.values and value in wanted.values else None,
        reason=_reason(entry, where, asked, found),
        score=_score(score, wanted, where, found),
        scale_min=wanted.scale_min,
        scale_max=wanted.scale_max,
    )


def _score(score: Any, wanted: AskedAttribute, where: str, found: Findings) -> float | None:
    low, high = wanted.scale_min, wanted.scale_max
    if low is None or high is None:
        return None
    if not is_number(score) or not low <= score <= high:
        found.wrong(Flaw.OFF_SCALE.told(where, value=shown(score), low=f"{low:g}", high=f"{high:g}"))
        return None
    return float(score)


def _held(name: str, entry: dict[str, Any], asked: Asked, found: Findings) -> Attribute:
    where, holds = f"criterion {shown(name)}", entry.get("holds")
    if not isinstance(holds, bool):
        found.wrong(Flaw.WRONG_TYPE.told(where, name="'holds'", value=shown(holds), wanted="true or false"))
    return Attribute(name=name, value=HOLDS if holds is True else FAILS, reason=_reason(entry, where, asked, found))


def _derived(task: Task, attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    holding = frozenset(attribute.name for attribute in attributes if attribute.value == HOLDS)
    rule = task.derived_label(holding)
    if rule is None:
        return ()
    because = [*(f"{name} holds" for name in rule.holds), *(f"{name} does not hold" for name in rule.fails)]
    return (Attribute(name=DERIVED, value=rule.label, reason="by rule: " + (", ".join(because) or "otherwise")),)


def _reason(entry: dict[str, Any], where: str, asked: Asked, found: Findings) -> str:
    return said(entry.get("reason"), "reason", asked, found, where=where)


def _by_name(
    value: Any, list_name: str, key: str, names: tuple[str, ...], found: Findings, *, is_complete: bool = True
) -> dict[str, dict[str, Any]]:
    """The entries in the order of ``names``; unknown, missing and repeated ones are defects."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        found.wrong(Flaw.WRONG_TYPE.told(name=f"'{list_name}'", value=shown(value), wanted="a list of objects"))
        return {}
    given: dict[str, dict[str, Any]] = {}
    for entry in value:
        name = entry.get(key)
        if not isinstance(name, str) or name not in names:
            found.wrong(Flaw.NOT_A_CHOICE.told(list_name, name=f"'{key}'", value=shown(name), choices=", ".join(names)))
        elif name in given:
            found.wrong(Flaw.GRADE_TWICE.told(what=key, value=shown(name)))
        else:
            given[name] = entry
    for name in names if is_complete else ():
        if name not in given:
            found.wrong(Flaw.MISSING_GRADE.told(what=key, value=shown(name)))
    return {name: given[name] for name in names if name in given}
