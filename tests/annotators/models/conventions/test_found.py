"""Four numbers somewhere in a model's words."""

from __future__ import annotations

import pytest

from annotators.models.conventions.found import numbers_in


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ('{"box": [1, 2, 3, 4]}', (1, 2, 3, 4)),
        ("[1, 2, 3, 4]", (1, 2, 3, 4)),
        ('```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "red"}]\n```', (1, 2, 3, 4)),
        ('Of {n}: {"verdict": "x", "regions": [{"box": [0.1, 0.2, 0.3, 0.4]}]}', (0.1, 0.2, 0.3, 0.4)),
        ('{"box": {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}}', (1, 2, 3, 4)),
        ("<loc0001><loc0002><loc0003><loc0004> rectangle", (1, 2, 3, 4)),
        ('<points x1="1.5" y1="2" x2="3" y2="4" alt="red">red</points>', (1.5, 2, 3, 4)),
        ("It is at [1, 2, 3, 4].", (1, 2, 3, 4)),
    ],
)
def test_they_are_found_in_any_form(words: str, numbers: tuple[float, ...]) -> None:
    assert numbers_in(words) == numbers


@pytest.mark.parametrize("words", ["", "no", "[1, 2, 3]", '{"box": "1,2,3,4"}', "[" * 50_000, '{"a": [1, [2, [3]]]}'])
def test_or_there_are_none(words: str) -> None:
    assert numbers_in(words) is None
