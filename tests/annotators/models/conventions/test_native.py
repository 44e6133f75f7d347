"""Marks of models that do not speak JSON."""

from __future__ import annotations

from typing import Any

import pytest

from annotators.models.conventions import native_regions


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("<loc0256><loc0128><loc0768><loc1023> cat", [("cat", [256, 128, 768, 1023])]),
        (
            "<loc0001><loc0002><loc0003><loc0004> a b ; <loc0005><loc0006><loc0007><loc0008> c",
            [("a b", [1, 2, 3, 4]), ("c", [5, 6, 7, 8])],
        ),
        (
            "car<loc_52><loc_332><loc_932><loc_774>wheel<loc_1><loc_2><loc_3><loc_4>",
            [("car", [52, 332, 932, 774]), ("wheel", [1, 2, 3, 4])],
        ),
        ('<points x1="10.5" y1="20" x2="30" y2="40.5" alt="blur">blur</points>', [("blur", [10.5, 20, 30, 40.5])]),
        (
            "<|object_ref_start|>the cat<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>",
            [("the cat", [1, 2, 3, 4])],
        ),
        (
            "<|ref|>dog<|/ref|><|det|>[[1, 2, 3, 4], [5, 6, 7, 8]]<|/det|>",
            [("dog", [1, 2, 3, 4]), ("dog", [5, 6, 7, 8])],
        ),
        ("<ref>blur</ref><box>[[10, 20, 30, 40]]</box>", [("blur", [10, 20, 30, 40])]),
    ],
)
def test_marks_are_regions(words: str, expected: list[tuple[str, list[Any]]]) -> None:
    assert [(region["category"], region["box"]) for region in native_regions(words)] == expected


@pytest.mark.parametrize(
    "words", ["", "no", "<loc0001><loc0002> x", '<point x="1" y="2">a</point>', "<box>1 2 3</box>", "[1, 2, 3, 4]"]
)
def test_what_does_not_span_a_box_is_none(words: str) -> None:
    assert native_regions(words) == []
