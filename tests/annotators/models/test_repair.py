"""The object in a model's words, and that mending guesses nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models.defects import Flaw
from annotators.models.repair import find_object

ANSWER = {"answer": "Zoë {", "regions": [{"box": [1, 2, 3, 4]}]}
TEXT = json.dumps(ANSWER)


@pytest.mark.parametrize(
    ("words", "repairs"),
    [
        (TEXT, []),
        (f"\n  {TEXT}\n", []),
        (f"```json\n{TEXT}\n```", ["fenced"]),
        (f"```\n{TEXT}\n```", ["fenced"]),
        (f"Here {{you}} are: {TEXT} {{done}}", ["prose_around"]),
        (f'<think>{{"regions": [1]}} no</think>{TEXT}', ["prose_around"]),
        (f"[{TEXT}]", ["prose_around"]),
        (f"{TEXT} Once more: {TEXT}", ["prose_around"]),
        (f'{TEXT}{{"note": "done"}}', ["prose_around"]),
        (f'{{"answer": {TEXT}}}', ["prose_around"]),
        (TEXT.replace("]}]}", "],}],}"), ["broken_json"]),
        (TEXT.replace("]}]}", "],}],}").replace("\\u00eb", "ë"), ["broken_json"]),
        (f"Here: {TEXT.replace('4]', '4,]')} Bye.", ["broken_json"]),
    ],
)
def test_the_object_is_found(words: str, repairs: list[str]) -> None:
    found = find_object(words, "regions")

    assert found.value == ANSWER
    assert [repair.code for repair in found.repairs] == repairs


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", "not_json"),
        ("no", "not_json"),
        (TEXT[:-1], "cut_off"),
        (f"```json\n{TEXT[:-9]}", "cut_off"),
        ("{" * 5000, "cut_off"),
        ('{"a":' * 50_000, "not_json"),
        ("[" * 100_000, "not_json"),
        ('{"verdict": "real"}', "not_json"),
        ('{"regions": [{"a": "grain: "[heavy]"}]}', "not_json"),
        ('{"regions": [{"a": "\u7c92: "[\u91cd]"}]}', "not_json"),
        ('{"regions": [], /* but look at 7 */ "a": 1}', "not_json"),
        ('{"regions": [{"box" [1, 2, 3, 4]}]}', "not_json"),
        ('{"regions": [], "a": 1, "a": 2}', "key_twice"),
        (TEXT + TEXT.replace("4]", "5]"), "several_answers"),
        (f"Draft: {TEXT} Final: {TEXT.replace('1', '0')}", "several_answers"),
        ('Look: {"regions": [{"box": [1, 2, 3, 4], "box": [5, 6, 7, 8]}]}', "key_twice"),
    ],
)
def test_there_may_be_no_object(words: str, code: str) -> None:
    found = find_object(words, "regions")

    assert (found.value, found.defect and found.defect.code) == (None, code)


NUMBERS = st.lists(st.integers(-2000, 2000) | st.floats(-2000, 2000, allow_nan=False), min_size=4, max_size=8)
TAKEN = st.sampled_from([", ", ",", "]", "[", "}", "{", '"', ": "])


@given(numbers=NUMBERS, start=st.integers(0, 80), taken=TAKEN)
def test_no_damage_makes_a_number_that_was_not_said(numbers: list[float], start: int, taken: str) -> None:
    """Whatever punctuation is missing, a number of the mended answer is one that stands in the words whole."""
    text = json.dumps({"regions": [{"box": numbers, "category": "a"}]})
    place = text.find(taken, start)
    words = text if place < 0 else text[:place] + text[place + len(taken) :]

    found = find_object(words, "regions")

    if found.value is not None and found.repairs:
        tokens = "".join(" " if character in '[]{},:"' else character for character in words).split()
        assert {json.dumps(number) for number in _numbers(found.value)} <= set(tokens)


@given(
    box=st.lists(st.integers(0, 1000), min_size=4, max_size=4),
    words=st.lists(st.sampled_from(["grain", "[heavy]", "sky:", "Zoë,"]), min_size=1, max_size=4),
    start=st.integers(0, 80),
    taken=TAKEN,
)
def test_no_damage_loses_what_was_said(box: list[int], words: list[str], start: int, taken: str) -> None:
    region = {"category": "a", "box": box, "explanation": " ".join(words)}
    text = json.dumps({"regions": [region, region]}, ensure_ascii=False)
    place = text.find(taken, start)
    damaged = text if place < 0 else text[:place] + text[place + len(taken) :]

    found = find_object(damaged, "regions")

    if found.value is not None:
        assert _said(json.dumps(found.value, ensure_ascii=False)) == _said(damaged)


def _said(text: str) -> list[str]:
    """Words and whole numbers, in any order; two zeros that ran together are one."""
    return sorted(str(int(word)) if word.isdecimal() else word for word in re.findall(r"\w+", text))


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return _numbers(list(value.values()))
    if isinstance(value, list):
        return [number for part in value for number in _numbers(part)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


CLAIMS = '"claims": [{"text": "It repeats.", "regions": [1]}], "regions": [{"category": "blur", "box": [1, 2, 3, 4]}]'


def test_a_part_of_a_broken_answer_is_not_the_answer() -> None:
    for words in (f'{{"verdict": "real", {CLAIMS},}}', f'Here: {{"verdict": "real", {CLAIMS},}} I hope it helps.'):
        found = find_object(words, "regions")
        assert found.value == json.loads(f'{{"verdict": "real", {CLAIMS}}}')
        assert [repair.code for repair in found.repairs] == ["broken_json"]


def test_a_part_of_an_answer_that_was_cut_off_is_not_the_answer() -> None:
    words = f'{{"verdict": "real", {CLAIMS}'
    assert [find_object(cut, "regions").defect for cut in (words, words[:90], f"```json\n{words}")] == [
        Flaw.CUT_OFF.told(after="")
    ] * 3


def test_what_is_broken_before_an_answer_does_not_hide_it() -> None:
    answer = f'{{"verdict": "real", {CLAIMS}}}'
    for before in ('As in {"box": x}: ', "As in {'box': [1]}: ", "A set {a, b, ", 'The form is {"regions": [...]}. '):
        assert find_object(before + answer, "regions").value == json.loads(answer)


@pytest.mark.parametrize(
    "words",
    [
        '{"```json\n```(}',  # json-repair's own assertion fails
        '{"regions": ' + "[" * 500 + "]" * 500 + ",}",  # deeper than it goes
        '{"regions": ' + "[" * 3000 + "]" * 3000 + ",}",  # deeper than json goes
    ],
)
def test_what_json_repair_breaks_at_is_no_answer(words: str) -> None:
    assert find_object(words, "regions").defect == Flaw.NOT_JSON.told(key="regions")


@given(st.lists(st.sampled_from(["{", "}", "[", "]", '"', '"regions"', ":", ",", "1", "```json\n", "```", "(", "\\"])))
def test_no_words_break_it(parts: list[str]) -> None:
    found = find_object("".join(("{", *parts, "}")), "regions")
    assert (found.value is None) == (found.defect is not None)
