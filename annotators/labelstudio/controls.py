"""Names that stand in every config, task, prediction and result: they must agree, so they are said once."""

from __future__ import annotations

from typing import Literal

from schemas.ledger import Layout

__all__ = [
    "ANSWER",
    "ATTRIBUTE",
    "CHOICE",
    "DECISION",
    "EVIDENCE",
    "EXPLANATION",
    "FAILS",
    "GEOMETRY_TAGS",
    "HOLDS",
    "LABELS",
    "LEAVE_OUT",
    "OBJECTS",
    "REASON",
    "REGION_EXPLANATION",
    "SCORE",
    "SUPPORTS",
    "TEXT",
    "TEXT_SPAN",
    "TIMELINE",
    "TRACK",
    "VERDICT",
    "VOTE",
    "VOTES",
    "Geometry",
    "Layout",
    "suffix",
]

Geometry = Literal["box", "polygon", "brush", "bitmask"]
"""A tool; it is also the name of its control."""

GEOMETRY_TAGS: dict[Geometry, str] = {
    "box": "RectangleLabels",
    "polygon": "PolygonLabels",
    "brush": "BrushLabels",
    "bitmask": "BitmaskLabels",
}
OBJECTS: dict[Layout, tuple[str, ...]] = {
    "image": ("image",),
    "video": ("video",),
    "document": ("pages",),
    "pair": ("image", "image_2"),
}
"""Names of the objects, which are also the keys of their addresses in the task's data."""

TRACK, LABELS, TIMELINE = "track", "category", "timeline"
"""Controls of a clip: the moving box, its categories, and stretches of time."""
TEXT, TEXT_SPAN = "text", "text_span"
"""The text layer, and the control that marks a stretch of it."""

REGION_EXPLANATION, EVIDENCE, VOTE = "region_explanation", "evidence", "vote"
"""Said of one region; with a suffix for the second object."""
VERDICT, EXPLANATION, ANSWER, DECISION, CHOICE = "verdict", "explanation", "answer", "decision", "choice"
"""Said of the whole sample."""
ATTRIBUTE, SCORE, REASON = "attribute.", "score.", "reason."
"""Before the name of an attribute: its value, its score, and why."""

LEAVE_OUT = "leave_out"
SUPPORTS = "supports"
HOLDS, FAILS = "holds", "fails"
VOTES: dict[str, float] = {"yes": 1.0, "perhaps": 0.5, "no": 0.0}
"""Answers to whether a region is what it claims to be, and the confidence that they mean (X-AIGD)."""


def suffix(position: int) -> str:
    """What follows a control's name for the n-th object, 0-based."""
    return "" if position == 0 else f"_{position + 1}"
