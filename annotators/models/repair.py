"""The JSON object in a model's words, mended where that guesses nothing.

Cut out of prose and code fences; punctuation mended by json-repair, but only where the result holds exactly the words
and numbers that were said and nothing was cut off at the end: a box is never completed, no half sentence gets lost.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas.checks import Defect

from .defects import Flaw

__all__ = ["Found", "find_object"]

MAX_STARTS = 200
"""Braces in prose that are tried as the start of the object."""
MAX_MENDED = 2**13
"""Characters of a broken answer that are mended; json-repair takes quadratic time (100 s for 60,000 backslashes)."""
_THINKING = re.compile(r"\A.*(?:</think(?:ing)?>|◁/think▷|<\|channel\|>final<\|message\|>)", re.DOTALL)
"""All up to the end of a model's thoughts: Qwen's and DeepSeek's mark, Kimi-VL's, and gpt-oss's (Harmony)."""
_THOUGHT = re.compile(r"\s*(?:<think(?:ing)?>|◁think▷|<\|channel\|>analysis<\|message\|>)")
_NUMBER = re.compile(r"(?<![\w.+-])-?\d++(?:\.\d++)?+(?:[eE][+-]?\d++)?+(?![\w.]*\w)")
_WORD = re.compile(r"[^\W\d_]+")
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)
_NO_WAY_ON = (AssertionError, RecursionError, ValueError)
"""What json-repair raises where it finds no way, or too deep a one."""
_SAME = {"none": "null"}
"""Python's word for JSON's; the others differ by case alone."""
_OBJECT, _BRACE = re.compile(r'\{\s*"'), re.compile(r"[{}]")
_BEGUN = re.compile(r"\s*(?:```\w*\s*)?\{")
"""An answer that begins with its object."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Found(NamedTuple):
    """The object, or why there is none."""

    value: dict[str, Any] | None
    repairs: tuple[Defect, ...] = ()
    """What had to be mended."""
    defect: Defect | None = None
    """What is wrong, where there is no object."""


class _KeyTwiceError(ValueError):
    pass


def find_object(words: str, key: str) -> Found:
    """The JSON object in the words, after any thinking, that has the key; several are one only where they are equal."""
    text = words.strip()
    spoken = _THINKING.sub("", text)
    try:
        if found := _whole(text, key):
            return found
        if _THOUGHT.match(spoken):
            return Found(None, defect=Flaw.CUT_OFF.told(after=" in its thoughts"))
        return _cut_out(spoken, key) or _mended(spoken, key)
    except _KeyTwiceError as twice:
        return Found(None, defect=Flaw.KEY_TWICE.told(key=json.dumps(str(twice)[:80])))
    except RecursionError:
        return Found(None, defect=Flaw.NOT_JSON.told(key=key))


def _whole(text: str, key: str) -> Found | None:
    value = _loaded(text)
    return Found(value) if isinstance(value, dict) and key in value else None


def _cut_out(text: str, key: str) -> Found | None:
    if (fenced := _fenced(text.strip())) and (found := _whole(fenced, key)):
        return found._replace(repairs=(Flaw.FENCED.told(),))
    answers = list(_objects(text, key))
    if any(other != answers[0] for other in answers):
        return Found(None, defect=Flaw.SEVERAL_ANSWERS.told(key=key))
    return Found(answers[0], (Flaw.PROSE_AROUND.told(),)) if answers else None


def _objects(text: str, key: str) -> Iterator[dict[str, Any]]:
    """Every whole JSON object in the words that has the key and lies in no other such one, nor in a broken one."""
    decoder, end = json.JSONDecoder(object_pairs_hook=_once), 0
    closings: dict[int, int] | None = None
    for start in _starts(text):
        if start < end:
            continue
        try:
            value, after = decoder.raw_decode(text, start)
        except (_KeyTwiceError, RecursionError):  # what nests so deeply is slow to find out, and no answer of ours
            raise
        except ValueError:
            closings = _closings(text) if closings is None else closings
            end = max(end, _broken_end(text, closings, start))
            continue
        if key in value:
            end = after
            yield value


def _broken_end(text: str, closings: Mapping[int, int], start: int) -> int:
    """Where the object that cannot be read ends; ``start`` where it looks like none, or where it never ends.

    What an answer begins with and never closes ends with the text.
    """
    if start in closings and _OBJECT.match(text, start):
        return closings[start]
    is_begun = start not in closings and _OBJECT.match(text, start) and _BEGUN.match(text)
    return len(text) if is_begun and text.find("{") == start else start


def _closings(text: str) -> dict[int, int]:
    """Where what each brace opens is over, strings left out; in one pass, for a model may open thousands."""
    opened, closings = list[int](), dict[int, int]()
    for brace in _BRACE.finditer(_STRING.sub(lambda said: " " * len(said[0]), text)):
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            closings[opened.pop()] = brace.end()
    return closings


def _mended(text: str, key: str) -> Found:
    import json_repair

    start, end = text.find("{"), text.rfind("}") + 1
    part = text[start:end]
    if start < 0 or not _is_closed(text[start:]):
        is_begun = start >= 0 and _BEGUN.match(text) is not None
        return Found(None, defect=Flaw.CUT_OFF.told(after="") if is_begun else Flaw.NOT_JSON.told(key=key))
    try:
        value = json_repair.loads(part, skip_json_loads=True) if len(part) <= MAX_MENDED else None
    except _NO_WAY_ON:
        value = None
    if not isinstance(value, dict) or key not in value or not _is_nothing_guessed(value, part):
        return Found(None, defect=Flaw.NOT_JSON.told(key=key))
    return Found(value, (Flaw.BROKEN_JSON.told(),))


def _fenced(text: str) -> str:
    """What stands in a code fence that holds the whole text; empty where there is none."""
    is_fenced = len(text) > 6 and text.startswith("```") and text.endswith("```")
    return text[:-3].partition("\n")[2].strip() if is_fenced else ""


def _starts(text: str) -> list[int]:
    return [match.start() for match in re.finditer(r"\{", text)][:MAX_STARTS]


def _is_closed(text: str) -> bool:
    """Whether brackets that stand outside of strings are closed again: else something is missing at the end."""
    plain = _STRING.sub("", text)
    return all(plain.count(left) <= plain.count(right) for left, right in ("{}", "[]")) and "}" in plain


def _is_nothing_guessed(value: Any, text: str) -> bool:
    """Whether the mended value holds exactly the words and numbers that were said: none made up, none dropped."""
    try:
        mended = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return False
    return _said(mended) == _said(text)


def _said(text: str) -> tuple[Counter[float], Counter[str]]:
    """Numbers and, in lower case, words in a text of JSON or nearly so, wherever they stand."""
    plain = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else " ", text)
    words = (word.lower() for word in _WORD.findall(_NUMBER.sub(" ", plain)))
    return Counter(map(float, _NUMBER.findall(plain))), Counter(_SAME.get(word, word) for word in words)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice would silently lose a value."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _KeyTwiceError(next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1))
    return value


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _KeyTwiceError:
        raise
    except (ValueError, RecursionError):
        return None
