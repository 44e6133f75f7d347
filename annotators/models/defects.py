"""Everything that can be wrong with an answer, by name, and how it is said to the model.

A name is what tables count; the message goes back to the model with the offending part and stands in the Attempt.
The last group was mended without guessing: the answer is used and flagged ``repaired``.
"""

from __future__ import annotations

import json
from enum import Enum, unique
from typing import Any

from schemas.checks import Defect

__all__ = ["Flaw", "shown"]

MAX_SHOWN = 80
"""Characters of a value from an answer that a message shows."""


@unique
class Flaw(Enum):
    """One way for an answer to be wrong; the value is the message, its places filled by ``told``."""

    # The answer as a whole
    NO_COMPLETION = "{problem}"
    EMPTY = "it is empty"
    REFUSAL = "it is a refusal: {words}"
    CUT_OFF = "it is not a whole JSON object, it was cut off{after}: be shorter"
    NOT_JSON = "it is not a whole JSON object with the key {key!r}"
    SEVERAL_ANSWERS = "there are several different JSON objects with the key {key!r}: give one"
    KEY_TWICE = "the key {key} stands twice in one object"
    WRONG_TYPE = "{name} is {value}, not {wanted}"
    NOT_A_CHOICE = "{name} is {value}, not one of {choices}"
    TOO_MANY_REGIONS = "there are {count} regions: give the {most} that matter most"
    # Categories
    UNKNOWN_CATEGORY = "category {value} is not one of {choices}"
    # Where and when
    NO_SUCH_PICTURE = "'{place}' is {value}, which is no number of a {place} that was shown"
    TIME_OUTSIDE = "time {value} s lies outside of the clip, which lasts from 0 to {end} s, or ends before it starts"
    # Boxes
    NO_BOX = "box {value} is not a list of four numbers {names}"
    NOT_A_NUMBER = "box {value} holds something that is not a number"
    BOX_OUTSIDE = "box {value} lies outside of the picture, which reaches from 0 to {edges}"
    OTHER_UNIT = "box {value} is in fractions or covers next to nothing: give {names} {unit}"
    AXES_SWAPPED = "box {value} has its corners swapped: {names} runs from the top-left to the bottom-right corner"
    NO_AREA = "box {value} has no area in the picture"
    WHOLE_PICTURE = "{kind} {value} covers {share} of the picture, which points at nothing: draw it around the place"
    SAME_REGION_TWICE = "is the same place and category as region {other}: give it once"
    # Outlines and masks
    NO_RING = "polygon {value} is no outline: {problem}"
    RING_CROSSES = "polygon {value} crosses itself: {problem}"
    RING_OUTSIDE = "polygon {value} leaves the picture: {problem}"
    NO_MASK = "mask {value} cannot be read: {problem}"
    MASK_OUTSIDE_BOX = "the mask reaches out of its box"
    RING_OUTSIDE_BOX = "polygon {value} reaches out of its box"
    # Words
    SAYS_NOTHING = "'{name}' is {value}, which explains nothing"
    PHRASE_TWICE = "has the phrase {value} of region {other}: say it so that it points to one of them"
    HALF_A_PAIR = "there is no {missing}: give question and answer, or leave both empty where there is nothing to ask"
    NO_EVIDENCE = "the answer rests on no region: give its evidence, or leave {empty} empty"
    EVIDENCE_OF_NOTHING = "there are regions and no answer that rests on them: give the answer, or no regions"
    TOO_LONG = "'{name}' has {count} characters: say it in at most {most}"
    QUOTE_NOT_IN_TEXT = "quote {value} does not stand in the text of page {page}: copy words exactly as they stand"
    # Claims
    NO_CLAIM = "there are none: say in 'claims' what each stretch of 'explanation' rests on"
    CLAIM_NOT_IN_TEXT = "text {value} does not stand in 'explanation': copy a stretch of it exactly"
    NO_SUCH_REGION = "cites region {value}, and there are {count}"
    UNGROUNDED_CLAIM = "cites nothing: name the regions, pages, times or quotes it rests on, or set 'is_global'"
    UNCLAIMED_REGION = "no claim cites it: say in 'explanation' what it shows and cite it there, or leave it out"
    # Grades
    MISSING_GRADE = "{what} {value} is missing"
    GRADE_TWICE = "{what} {value} is given twice"
    OFF_SCALE = "score {value} lies outside of its scale, {low} to {high}"
    # Mended: nothing was guessed
    FENCED = "the object stood in a code fence"
    PROSE_AROUND = "there was prose around the object"
    BROKEN_JSON = "the JSON was broken in its punctuation"
    OTHER_KEY = "the box stood under the key {value}"
    OTHER_SPELLING = "{name} {value} was taken for {choice}"
    ROUNDED_OUTSIDE = "box {value} reached out of the picture by rounding"
    CLOSED_RING = "the polygon repeated its first point at its end"

    @property
    def code(self) -> str:
        """Its name in tables."""
        return self.name.lower()

    def told(self, where: str = "", **parts: Any) -> Defect:
        """The defect with its message; ``where`` says of which part, e.g. ``region 2``."""
        message = self.value.format(**parts)
        return Defect(self.code, f"{where}: {message}" if where else message)


def shown(value: Any) -> str:
    """A value from an answer as it may stand in a message: JSON, short, in one line."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."
