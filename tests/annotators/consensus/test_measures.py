from __future__ import annotations

from collections.abc import Callable

import pytest

from annotators.consensus import measure
from schemas.candidate import Candidate, Claim, Quote
from schemas.geometry import TimeSpan

from .conftest import boxed

Make = Callable[..., Candidate]


def test_agreement_is_that_of_regions_and_verdicts_with_each_other_candidate(candidate: Make) -> None:
    one = candidate("a", boxed((0, 0, 10, 10)), verdict="real")
    same = candidate("b", boxed((0, 0, 10, 9)), boxed((20, 20, 25, 25)), verdict="real")
    silent = candidate("c")
    assert measure("agreement", one, [same, silent]) == pytest.approx((2 / 3 + 1 + 0 + 0) / 4)
    assert measure("agreement", one, []) == 1.0


def test_certainty_words_and_evidence_are_shares(candidate: Make) -> None:
    sure = candidate("a", boxed((0, 0, 5, 5), score=0.5, explanation="soft"), boxed((9, 9, 12, 12)), verdict_score=1)
    sure = sure.evolve(
        explanation="It is soft here.",
        claims=(
            Claim(start=0, end=5, is_global=True),
            Claim(start=0, end=6, region_ids=("a-1",)),
            Claim(start=0, end=7),
            Claim(start=0, end=8),
            Claim(start=0, end=8, page_indices=(0,)),
            Claim(start=0, end=8, spans=(TimeSpan(start_s=0, end_s=1),)),
            Claim(start=0, end=8, quotes=(Quote(text="soft", page_index=0),)),
            Claim(start=0, end=9),
        ),
    )
    assert measure("certainty", sure, []) == 0.75
    assert measure("explained", sure, []) == 0.5
    assert measure("grounded", sure, []) == 5 / 8
    empty = candidate("b")
    assert [measure(name, empty, []) for name in ("certainty", "explained", "grounded")] == [0.0, 1.0, 0.0]
