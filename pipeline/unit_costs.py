"""What the money bought: dollars for each answer, sample and accepted region, and by stage and model."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import NonNegativeFloat, NonNegativeInt

from schemas.base import Frozen
from schemas.payment import Payment

__all__ = ["UnitCost", "unit_costs"]


class UnitCost(Frozen):
    """One thing that was paid for."""

    of: str
    """``answer``, ``sample``, ``accepted region``, ``stage NAME`` or ``model NAME``."""
    count: NonNegativeInt
    """How many there are; of a stage or model, its answers."""
    usd: NonNegativeFloat
    """US dollars for all of them."""

    @property
    def usd_each(self) -> float | None:
        """US dollars for one; None where there is none."""
        return self.usd / self.count if self.count else None


def unit_costs(payments: Iterable[Payment], *, accepted_regions: int) -> tuple[UnitCost, ...]:
    """The costs of a run's answers with a known price; nothing where no answer has one.

    ``accepted_regions`` are the regions of the published rows: what models and people agreed to keep.
    """
    priced = [payment for payment in payments if payment.usage.usd is not None]
    if not priced:
        return ()
    samples = {payment.sample_id for payment in priced if payment.sample_id}
    total = sum(payment.charged_usd for payment in priced)
    counted = {"answer": len(priced), "sample": len(samples), "accepted region": accepted_regions}
    return (
        *(UnitCost(of=of, count=count, usd=total) for of, count in counted.items()),
        *_grouped("stage", ((payment.stage, payment) for payment in priced)),
        *_grouped("model", ((payment.model, payment) for payment in priced if payment.model)),
    )


def _grouped(kind: str, named: Iterable[tuple[str, Payment]]) -> list[UnitCost]:
    paid: dict[str, list[float]] = {}
    for name, payment in named:
        paid.setdefault(name, []).append(payment.charged_usd)
    return [UnitCost(of=f"{kind} {name}", count=len(each), usd=sum(each)) for name, each in sorted(paid.items())]
