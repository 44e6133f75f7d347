"""Money: list prices where there are some, one's own before them, None before a guess."""

from __future__ import annotations

import pytest

from annotators.models.history import numbered, total_latency_s, total_usage
from annotators.models.prices import TokenPrice, usd
from schemas.candidate import Attempt, Usage


def test_a_listed_model_costs_its_list_price() -> None:
    assert usd("gpt-4o-mini", 1_000_000, 1_000_000) == pytest.approx(0.15 + 0.60)


def test_an_unknown_model_costs_nobody_knows_what() -> None:
    assert usd("no-such-model-anywhere", 10, 10) is None


def test_ones_own_price_goes_first_even_where_it_is_nothing() -> None:
    assert usd("gpt-4o-mini", 1_000_000, 500_000, TokenPrice(input=2, output=4)) == 4.0
    assert usd("gpt-4o-mini", 10, 10, TokenPrice(input=0, output=0)) == 0.0


def test_a_history_is_summed_over_its_answers_only() -> None:
    history = (
        Attempt(number=1, status="429", latency_s=0.5),
        Attempt(number=1, status="empty", latency_s=1, answer_key="a", usage=Usage(input_tokens=5, usd=0.25)),
        Attempt(
            number=1, status="ok", latency_s=2, answer_key="b", usage=Usage(input_tokens=5, output_tokens=7, usd=0.5)
        ),
    )

    assert [attempt.number for attempt in numbered(history)] == [1, 2, 3]
    assert total_usage(history) == Usage(input_tokens=10, output_tokens=7, usd=0.75)
    assert total_latency_s(history) == 3.5


def test_one_answer_without_a_price_leaves_the_sum_without_one() -> None:
    priced = Attempt(number=1, status="ok", answer_key="a", usage=Usage(usd=0.25))
    unpriced = Attempt(number=2, status="ok", answer_key="b")

    assert total_usage((priced, unpriced)).usd is None
