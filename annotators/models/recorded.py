"""Recorded answers, one JSON object a line: who they are about, and what was said.

::

    {"file_name": "a.png", "answer": {"verdict": "generated", "explanation": "...", "regions": [
        {"category": "hands", "box": [120, 300, 260, 410], "explanation": "..."}]}}
    {"item_id": "scan/b.pdf", "question": "Who signed?", "answer": {"answer": "...", "regions": [
        {"page": 1, "category": "text", "box": [0, 0, 500, 90], "quote": "..."}]}}
    {"candidate": {"sample_id": "...", "regions": [...], ...}}

An ``answer`` has the form that a model is asked to fill (an object, or the model's words as a string): boxes in
thousandths of the upright picture, pages and frames counted from 1. A ``candidate`` is a row of ``candidates/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import JsonValue, ValidationError, model_validator

from schemas.base import Frozen
from schemas.errors import ConfigError
from schemas.plugins import readable
from schemas.sample import Sample

__all__ = ["Recorded", "Recording", "read_recording"]


class Recorded(Frozen):
    """One line."""

    sample_id: str | None = None
    """The sample it is about, or"""
    asset_id: str | None = None
    """the sha256 of its primary medium, or"""
    item_id: str | None = None
    """the item it was read from, or"""
    file_name: str | None = None
    """its original file name. Exactly one of these four."""
    question: str | None = None
    """The question it answers, where the sample has one."""
    model: str = ""
    """Who said it."""
    answer: JsonValue = None
    """What was said."""
    candidate: dict[str, Any] | None = None
    """A whole Candidate, in place of all of the above."""

    @model_validator(mode="after")
    def _is_about_one(self) -> Recorded:
        named = [name for name in LOCATORS if getattr(self, name) is not None]
        if self.candidate is not None:
            if named or self.answer is not None or "sample_id" not in self.candidate:
                raise ValueError("a 'candidate' stands alone and has a 'sample_id'")
        elif len(named) != 1 or not isinstance(self.answer, dict | str):
            raise ValueError(f"needs an 'answer' and exactly one of {', '.join(LOCATORS)}")
        return self


LOCATORS = ("sample_id", "asset_id", "item_id", "file_name")


class _Place(NamedTuple):
    by: str
    value: str
    question: str | None


class Recording:
    """All lines of a file, found by sample."""

    def __init__(self, lines: Iterable[Recorded]) -> None:
        self._lines: dict[_Place, list[Recorded]] = {}
        for line in lines:
            self._lines.setdefault(_place(line), []).append(line)

    def about(self, sample: Sample) -> tuple[Recorded, ...]:
        """The lines about a sample, by the most exact name that any line uses; empty where there are none."""
        question = sample.task_input.question
        places = (
            _Place("sample_id", sample.sample_id, None),
            _Place("asset_id", sample.primary.asset_id, question),
            _Place("item_id", sample.item_id, question),
            _Place("file_name", sample.primary.file_name, question),
        )
        return next((tuple(self._lines[place]) for place in places if place in self._lines), ())


def read_recording(lines: Iterable[bytes], *, where: str) -> Recording:
    """Reads JSON lines; empty ones do not count. Raises ConfigError that names the first bad line."""
    return Recording(_recorded(lines, where))


def _recorded(lines: Iterable[bytes], where: str) -> Iterator[Recorded]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Recorded.model_validate(json.loads(line))
        except ValidationError as error:
            raise _bad(where, number, readable(error, Recorded)) from error
        except (ValueError, RecursionError) as error:
            raise _bad(where, number, "it is not JSON") from error


def _bad(where: str, number: int, problem: str) -> ConfigError:
    return ConfigError(f"{where}, line {number}: {problem}", remedy="see annotators/models/recorded.py for the form")


def _place(line: Recorded) -> _Place:
    if line.candidate is not None:
        return _Place("sample_id", str(line.candidate["sample_id"]), None)
    by = next(name for name in LOCATORS if getattr(line, name) is not None)
    return _Place(by, getattr(line, by), None if by == "sample_id" else line.question)
