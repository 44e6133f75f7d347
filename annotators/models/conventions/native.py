"""Boxes in marks of a model's own: ``<loc0512>`` (PaliGemma), ``<loc_512>`` (Florence-2), ``<points ...>`` (Molmo),
``<|box_start|>(x, y),(x, y)<|box_end|>`` (Qwen2-VL), ``<|det|>[[...]]<|/det|>`` (DeepSeek-VL2, InternVL's ``<box>``).

supervision's ``from_vlm`` reads some of them, but brings matplotlib, scipy and OpenCV of its own choice for what is
here four patterns, rounds to whole pixels at once, drops what it cannot read without a word, and has no Qwen2-VL and
no Molmo; so it does not serve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["native_regions"]

MAX_LABEL = 100
"""Characters before a mark that are looked at for its name."""
NUMBER = r"-?\d+(?:\.\d+)?"
_PALIGEMMA = re.compile(r"(?P<marks>(?:<loc\d{4}>\s*){4})(?P<label>[^<>;\n]*)")
_FLORENCE = re.compile(r"(?:<loc_\d{1,3}>\s*){4}")
_MARK = re.compile(r"<loc_?(\d+)>")
_POINTS = re.compile(r"<points?\b(?P<inside>[^<>]*)>(?P<text>[^<>]*)(?:</points?>)?")
_POINT = re.compile(rf"""\b([xy])(\d*)\s*=\s*["']\s*({NUMBER})\s*["']""")
_ALT = re.compile(r"""\balt\s*=\s*["']([^"']*)["']""")
_REFERRED = re.compile(
    r"(?:(?:<\|object_ref_start\|>|<\|ref\|>|<ref>)(?P<label>[^<>]*)(?:<\|object_ref_end\|>|<\|/ref\|>|</ref>)\s*)?"
    r"(?:<\|box_start\|>|<\|det\|>|<box>)(?P<inside>[^<>]*)(?:<\|box_end\|>|<\|/det\|>|</box>)"
)


def native_regions(words: str) -> list[dict[str, Any]]:
    """Regions as our schema has them, ``{"category": ..., "box": [four numbers]}``, in the order they stand.

    Numbers are taken as they stand, in the order they stand; what does not hold four is left out.
    """
    found = [*_located(words), *_pointed(words), *_referred(words)]
    return [region for _, region in sorted(found, key=lambda item: item[0])]


def _located(words: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """PaliGemma names a place after its marks, Florence-2 before them."""
    for match in _PALIGEMMA.finditer(words):
        yield match.start(), _region(match["label"], _marks(match["marks"]))
    for match in _FLORENCE.finditer(words):
        before = words[max(0, match.start() - MAX_LABEL) : match.start()]
        yield match.start(), _region(re.split(r"[<>;\n]", before)[-1], _marks(match[0]))


def _marks(text: str) -> list[int]:
    return [int(number) for number in _MARK.findall(text)]


def _pointed(words: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Two points, ``x1 y1 x2 y2``, are the corners of a box; one point alone has no extent and is none."""
    for match in _POINTS.finditer(words):
        points = {(axis, number or "1"): float(value) for axis, number, value in _POINT.findall(match["inside"])}
        wanted = (("x", "1"), ("y", "1"), ("x", "2"), ("y", "2"))
        if set(points) == set(wanted):
            alt = _ALT.search(match["inside"])
            yield match.start(), _region(alt[1] if alt else match["text"], [points[place] for place in wanted])


def _referred(words: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for match in _REFERRED.finditer(words):
        numbers = [float(number) for number in re.findall(NUMBER, match["inside"])]
        for start in range(0, len(numbers) - len(numbers) % 4, 4):
            yield match.start() + start, _region(match["label"] or "", numbers[start : start + 4])


def _region(label: str, numbers: list[Any]) -> dict[str, Any]:
    return {"category": label.strip(), "box": numbers}
