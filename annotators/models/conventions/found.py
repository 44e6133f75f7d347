"""The four numbers that stand for a box somewhere in a model's words, whatever form it chose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .boxes import CONVENTIONS
from .native import native_regions
from .spelling import four_numbers

__all__ = ["numbers_in"]

MAX_STARTS = 200
"""Brackets in prose that are tried as the start of a value."""


def numbers_in(words: str) -> tuple[float, float, float, float] | None:
    """The first four numbers that stand for a box in a model's words, in their order; None where there are none.

    Named edges are read as x1, y1, x2, y2 or x, y, width, height by their names, and then mean xyxy whatever wins.
    """
    for value in (*(region["box"] for region in native_regions(words)), *_values(words)):
        for part in _parts(value):
            numbers = four_numbers(part, CONVENTIONS["thousandths_xyxy"].names)
            if numbers is not None:
                return numbers
    return None


def _values(words: str) -> Iterator[Any]:
    """Every JSON object and list that stands in the words, outermost first."""
    decoder, position = json.JSONDecoder(), 0
    for _ in range(MAX_STARTS):
        starts = [place for place in (words.find("{", position), words.find("[", position)) if place >= 0]
        if not starts:
            return
        try:
            value, position = decoder.raw_decode(words, min(starts))
        except RecursionError:  # slow to find out, and what nests so deeply is no box
            return
        except ValueError:
            position = min(starts) + 1
            continue
        yield value


def _parts(value: Any) -> Iterator[Any]:
    """The value and all that is nested in it, outermost first."""
    queue = [value]
    while queue:
        part = queue.pop(0)
        yield part
        if isinstance(part, dict):
            queue.extend(part.values())
        elif isinstance(part, list):
            queue.extend(part)
