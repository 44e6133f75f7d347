from __future__ import annotations

from collections.abc import Callable

import pytest

from annotators.consensus.keeping import recited_answers, recited_claims
from schemas.candidate import Answer, Candidate, Claim, Quote
from schemas.geometry import TimeSpan

from .conftest import boxed

Make = Callable[..., Candidate]


def spoken(candidate: Make, *claims: Claim) -> Candidate:
    return candidate("a", boxed((0, 0, 5, 5)), boxed((9, 9, 12, 12)), explanation="It is soft.", claims=claims)


def test_claims_follow_their_regions_to_new_names_and_go_with_the_last_of_them(candidate: Make) -> None:
    both, gone = Claim(start=0, end=2, region_ids=("a-1", "a-2")), Claim(start=3, end=5, region_ids=("a-2",))
    assert recited_claims(spoken(candidate, both, gone), {"a-1": "c-1"}) == (both.evolve(region_ids=("c-1",)),)


@pytest.mark.parametrize(
    "evidence",
    [
        {"is_global": True},
        {"page_indices": (1,)},
        {"spans": (TimeSpan(start_s=0, end_s=1),)},
        {"quotes": (Quote(text="soft", page_index=0),)},
    ],
)
def test_a_claim_with_other_evidence_outlives_its_regions(candidate: Make, evidence: dict[str, object]) -> None:
    claim = Claim(start=0, end=2, region_ids=("a-2",), **evidence)
    assert recited_claims(spoken(candidate, claim), {"a-1": "c-1"}) == (claim.evolve(region_ids=()),)


def test_a_claim_that_never_had_evidence_stays_as_it_was(candidate: Make) -> None:
    bare = Claim(start=0, end=2)
    assert recited_claims(spoken(candidate, bare), {}) == (bare,)


def test_answers_stay_on_what_is_left_of_their_evidence(candidate: Make) -> None:
    answer = Answer(question="q", answer="a", region_ids=("a-1", "a-2"))
    one = candidate("a", boxed((0, 0, 5, 5)), boxed((9, 9, 12, 12)), answers=(answer,))
    assert recited_answers(one, {"a-2": "c-9"}) == (answer.evolve(region_ids=("c-9",)),)
