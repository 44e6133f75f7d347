"""What a machine hands over: a wrong plug-in is named with what it gave, a bad region is one sample's rejection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from annotators.base import MachineConfig
from pipeline.received import MachineError, received
from schemas.candidate import Answer, Candidate, Claim, Region
from schemas.errors import AnswerError
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

CONFIG = MachineConfig(kind="mine", name="merry")
ID = "5" * 64


@pytest.fixture
def make(make_sample: Callable[..., Sample]) -> Callable[..., Candidate]:
    def candidate(**fields: Any) -> Candidate:
        said = {"candidate_id": ID, "sample_id": make_sample().sample_id, "machine": "merry", "kind": "mine"}
        return Candidate(**{**said, **fields})

    return candidate


def test_sound_candidates_come_as_they_were_given(make, make_sample, make_region, taxonomy: Taxonomy) -> None:
    text = "a soft hand"
    sound = make(
        regions=(make_region(), make_region(asset_id=make_sample().primary.asset_id, region_id="named")),
        explanation=text,
        claims=(Claim(start=2, end=len(text), region_ids=("named",)),),
    )
    assert received((sound, make()), CONFIG, make_sample(), taxonomy) == (sound, make())
    assert received([sound], CONFIG, make_sample(), taxonomy) == (sound,)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "NoneType where a tuple of Candidates belongs"),
        ({"verdict": "real"}, "dict where a tuple of Candidates belongs"),
        ((), "no candidate (one without regions says that nothing was found"),
        (({"verdict": "real"},), "dict where a Candidate belongs"),
    ],
)
def test_what_is_no_candidate_is_named(make_sample, taxonomy: Taxonomy, given: object, words: str) -> None:
    with pytest.raises(MachineError) as caught:
        received(given, CONFIG, make_sample(), taxonomy)
    assert caught.value.message.startswith(f"machine 'merry' (kind mine) gave {words}")
    assert caught.value.message.endswith(", for 'a.png'")
    assert "mend annotators/machines/mine.py" in caught.value.remedy


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"candidate_id": "my-1"}, "candidate_id 'my-1', not 64 lower-case hex digits"),
        ({"candidate_id": ID.upper().replace("5", "A")}, "not 64 lower-case hex digits"),
        ({"sample_id": "x"}, "a candidate with sample_id 'x', not '"),
        ({"machine": "mine"}, "a candidate with machine 'mine', not 'merry'"),
        ({"kind": "merry"}, "a candidate with kind 'merry', not 'mine'"),
    ],
)
def test_a_candidate_of_something_else_is_named(
    make, make_sample, taxonomy, fields: dict[str, str], words: str
) -> None:
    with pytest.raises(MachineError) as caught:
        received((make(), make(**fields)), CONFIG, make_sample(), taxonomy)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ({"box": (1, 1, 25, 5)}, "region blur-1-1: box (1, 1, 25, 5) reaches 5 px outside of 20 x 10 px"),
        ({"category": "blurr"}, "region blurr-1-1: 'blurr' is not in tiny@1"),
        ({"asset_id": "f" * 64}, f"region blur-1-1: lies in '{'f' * 64}', not in this row"),
        ({"page_index": 0}, "region blur-1-1: page 0 of an image"),
    ],
)
def test_a_region_that_is_nowhere_rejects_the_sample(
    make, make_sample, make_region: Callable[..., Region], taxonomy: Taxonomy, region: dict[str, Any], words: str
) -> None:
    with pytest.raises(AnswerError) as caught:
        received((make(regions=(make_region(**region),)),), CONFIG, make_sample(), taxonomy)
    assert caught.value.message == f"what 'merry' proposed cannot be published: {words}"
    assert "annotators/machines/mine.py" in caught.value.remedy


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"explanation": "soft", "claims": (Claim(start=0, end=9),)}, "characters 0 to 9 of an explanation of 4"),
        (
            {"answers": (Answer(question="q", answer="a", region_ids=("r",)),)},
            "an answer cites 'r'",
        ),
    ],
)
def test_text_that_cites_nothing_rejects_the_sample(make, make_sample, taxonomy, fields, words: str) -> None:
    with pytest.raises(AnswerError) as caught:
        received((make(**fields),), CONFIG, make_sample(), taxonomy)
    assert words in caught.value.message


def test_one_name_for_two_regions_rejects_the_sample(make, make_sample, make_region, taxonomy: Taxonomy) -> None:
    twice = make_region(), make_region(category="noise", region_id="blur-1-1")
    with pytest.raises(AnswerError, match="'blur-1-1' names several regions"):
        received((make(regions=twice),), CONFIG, make_sample(), taxonomy)
