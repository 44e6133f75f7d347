"""What the money bought, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.unit_costs import UnitCost, unit_costs
from schemas.candidate import Usage
from schemas.payment import Payment


def paid(number: int, usd: float | None, **fields: Any) -> Payment:
    values = {"machine": "eye", "model": "m-1", "sample_id": f"s{number % 2}", "stage": "propose", **fields}
    return Payment(payment_id=str(number), answer_key=str(number), usage=Usage(usd=usd), **values)


def test_dollars_are_spread_over_what_they_bought() -> None:
    payments = [paid(0, 0.5), paid(1, 0.25), paid(2, 1.25, model="m-2"), paid(3, None, model="free", sample_id="s9")]
    assert unit_costs(payments, accepted_regions=4) == (
        UnitCost(of="answer", count=3, usd=2.0),
        UnitCost(of="sample", count=2, usd=2.0),
        UnitCost(of="accepted region", count=4, usd=2.0),
        UnitCost(of="stage propose", count=3, usd=2.0),
        UnitCost(of="model m-1", count=2, usd=0.75),
        UnitCost(of="model m-2", count=1, usd=1.25),
    )


@pytest.mark.parametrize(("count", "each"), [(4, 0.5), (0, None)])
def test_one_costs_its_share(count: int, each: float | None) -> None:
    assert UnitCost(of="sample", count=count, usd=2.0).usd_each == each


def test_nothing_is_said_where_nothing_has_a_price() -> None:
    assert unit_costs([paid(1, None)], accepted_regions=7) == ()
