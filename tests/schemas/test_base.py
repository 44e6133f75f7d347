from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from schemas.base import Frozen, content_id
from schemas.candidate import Claim, Region
from schemas.geometry import Box

BOX = Box(x1=0, y1=0, x2=2, y2=2)


def test_a_state_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        BOX.x1 = 1


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Box(x1=0, y1=0, x2=2, y2=2, x3=4)


def test_evolve_is_a_changed_copy() -> None:
    assert BOX.evolve(x2=5) == Box(x1=0, y1=0, x2=5, y2=2)
    assert BOX.x2 == 2


@pytest.mark.parametrize("changes", [{"x2": 0}, {"x2": "wide"}, {"x3": 1}])
def test_evolve_validates(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BOX.evolve(**changes)


def test_states_are_values() -> None:
    assert hash(BOX) == hash(BOX.evolve())
    assert pickle.loads(pickle.dumps(BOX)) == BOX  # noqa: S301 - our own bytes


def test_docstrings_are_descriptions() -> None:
    assert Box.model_json_schema()["properties"]["x2"]["description"] == "Right edge in pixels, exclusive."


def test_content_id_is_pinned_because_ids_are_published() -> None:
    assert content_id("a", 1, None, ["b", {"y": 1.5, "x": "é"}]) == (
        "728bc531eb20936eab30838901af481569aeb723b0e7432a811dafc789575dee"
    )


def test_content_id_tells_parts_apart() -> None:
    ids = {content_id("a", "b"), content_id("ab"), content_id(["a", "b"]), content_id("b", "a"), content_id("a", None)}

    assert len(ids) == 5
    assert content_id({"x": 1, "y": 2}) == content_id({"y": 2, "x": 1})
    assert len(content_id("\udce9")) == 64


def test_a_region_is_somewhere() -> None:
    with pytest.raises(ValidationError, match="region r: no box, polygon, mask, track, time span or page"):
        Region(region_id="r", category="c", source="machine")


@pytest.mark.parametrize("score", [-0.1, 1.1])
def test_a_confidence_is_between_0_and_1(score: float) -> None:
    with pytest.raises(ValidationError, match="score"):
        Region(region_id="r", box=BOX, category="c", source="machine", score=score)


@pytest.mark.parametrize(("start", "end"), [(3, 3), (4, 3)])
def test_a_claim_holds_characters(start: int, end: int) -> None:
    with pytest.raises(ValidationError, match="holds no character"):
        Claim(start=start, end=end)


def test_a_frozen_type_may_have_any_name_for_its_fields() -> None:
    named = type("Named", (Frozen,), {"__annotations__": {"model_name": str}})

    assert named(model_name="x").model_name == "x"
