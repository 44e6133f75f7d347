from __future__ import annotations

import re

import pytest

from schemas.errors import ConfigError
from schemas.yaml_text import mapping_from_yaml


def test_a_mapping() -> None:
    assert mapping_from_yaml("a: {b: [1, x]}\nc: null", where="f.yaml") == {"a": {"b": [1, "x"]}, "c": None}


def test_merge_keys_may_be_overridden() -> None:
    text = "base: &b {x: 1, y: 2}\nuse: {<<: *b, x: 3}"

    assert mapping_from_yaml(text, where="f.yaml")["use"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml, line 3: 'a' stands twice"),
        ("x:\n  - a: 1\n    a: 1", "f.yaml, line 3: 'a' stands twice"),
        ("a: [1", "f.yaml, line 1: "),
        ("a: !!python/object/apply:os.system [ls]", "f.yaml, line 1: could not determine a constructor"),
        ("a: \x00", "f.yaml: "),
        ("retrieved: 2026-02-30", "f.yaml: day is out of range for month"),
        ("- 1", "f.yaml holds no mapping"),
        ("", "f.yaml holds no mapping"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        mapping_from_yaml(text, where="f.yaml")

    assert caught.value.remedy
