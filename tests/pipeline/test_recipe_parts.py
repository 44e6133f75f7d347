"""Routing and budgets: what they mean, and what cannot be."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.recipe_parts import Routing


@pytest.mark.parametrize(
    ("routing", "asks", "share"),
    [({}, False, 0.05), ({"audit": 1.0}, True, 1.0), ({"budget": {"tasks": 9}}, True, 0.05), ({"gold": 3}, True, 0.05)],
)
def test_routing_asks_people_only_where_it_says_so(routing: dict[str, object], asks: bool, share: float) -> None:
    found = Routing.model_validate(routing)
    assert (found.asks_people, found.audit_share) == (asks, share)


@pytest.mark.parametrize("routing", [{"audit": 0}, {"audit": 2}, {"budget": {}}, {"budget": {"tasks": 1, "hours": 1}}])
def test_routing_that_cannot_be_is_refused(routing: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Routing.model_validate(routing)


@pytest.mark.parametrize(
    ("short", "budget"),
    [
        (40, {"tasks": 40}),
        ("40 tasks", {"tasks": 40}),
        ("1 task", {"tasks": 1}),
        ("12h", {"hours": 12.0}),
        ("1.5 hours", {"hours": 1.5}),
    ],
)
def test_a_budget_in_short(short: object, budget: dict[str, object]) -> None:
    assert Routing.model_validate({"budget": short}) == Routing.model_validate({"budget": budget})


@pytest.mark.parametrize("short", [0, -1, True, 1.5, "0 h", "many", "5 days", "1.5 tasks"])
def test_a_budget_that_says_nothing_is_refused(short: object) -> None:
    with pytest.raises(ValidationError, match="budget"):
        Routing.model_validate({"budget": short})
