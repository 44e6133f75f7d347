"""One field of a machine changed, and not a character more."""

from __future__ import annotations

import pytest

from pipeline.recipe_edit import set_machine_field
from schemas.errors import ConfigError

BLOCK = """\
# why
name: a   # the name
machines:
  - kind: forensic
  - kind: vlm            # the one that costs
    model: "house: 7b"   # ours
    temperature: 0.0

    extra_body: {a: 1}
dataset:
  title: T
"""


def test_a_line_is_added_after_the_models() -> None:
    changed = set_machine_field(BLOCK, 1, "convention", "unit_xyxy", where="r.yaml")

    assert changed == BLOCK.replace("# ours\n", "# ours\n    convention: unit_xyxy\n")


def test_a_value_that_is_there_is_replaced() -> None:
    once = set_machine_field(BLOCK, 1, "convention", "unit_xyxy", where="r.yaml")

    assert set_machine_field(once, 1, "convention", "nines_xywh", where="r.yaml") == once.replace(
        "unit_xyxy", "nines_xywh"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("machines: [{kind: vlm, model: a}]  # x\n", "machines: [{kind: vlm, model: a, convention: unit_xyxy}]  # x\n"),
        ("machines:\n- kind: vlm", "machines:\n- kind: vlm\n  convention: unit_xyxy\n"),
        (
            "machines:\n- {kind: vlm, convention: nines_xyxy}\n",
            "machines:\n- {kind: vlm, convention: unit_xyxy}\n",
        ),
    ],
)
def test_other_styles_keep_theirs(text: str, expected: str) -> None:
    assert set_machine_field(text, 0, "convention", "unit_xyxy", where="r.yaml") == expected


@pytest.mark.parametrize(
    ("text", "machine", "problem"),
    [
        ("name: a\n", 0, "has no machine 0"),
        (BLOCK, 2, "has no machine 2"),
        ("machines: [1]\n", 0, "has no machine 0"),
        ("machines:\n  - kind: vlm\n    model: >-\n      house\n      7b\n", 0, "without changing more"),
    ],
)
def test_what_cannot_be_done_safely_is_left_to_people(text: str, machine: int, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        set_machine_field(text, machine, "convention", "unit_xyxy", where="r.yaml")
