"""A route says how likely it was, and survives its table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.arrow import from_arrow, table_schema, to_arrow
from schemas.route import Reason, Route

ROUTE = Route(
    sample_id="s",
    modality="image",
    is_routed=True,
    inclusion_probability=0.05,
    priority=0.5,
    effort_s=71,
    reasons=(Reason(signal="audit"), Reason(signal="rarity", value=0.25)),
    categories=("blur",),
)


@given(st.booleans(), st.floats(0.001, 1), st.floats(0, 1))
def test_a_route_survives_its_table(is_routed: bool, probability: float, priority: float) -> None:
    route = ROUTE.evolve(is_routed=is_routed, inclusion_probability=probability, priority=priority)
    (row,) = to_arrow([route], table_schema(Route)).to_pylist()
    assert from_arrow(row, Route) == route


@pytest.mark.parametrize("probability", [0, 1.1])
def test_nobody_is_asked_with_no_chance(probability: float) -> None:
    with pytest.raises(ValidationError, match="inclusion_probability"):
        ROUTE.evolve(inclusion_probability=probability)
