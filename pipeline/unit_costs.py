"""What the money bought: dollars for each answer, sample and accepted region, and by stage and model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

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
    counts, usd, samples = Counter[str](), defaultdict[str, float](float), set[str]()
    for payment in payments:
        if payment.usage.usd is not None:
            samples.update([payment.sample_id] if payment.sample_id else [])
            for of in _bought(payment):
                counts[of] += 1
                usd[of] += payment.charged_usd
    if not counts:
        return ()
    units = {"answer": counts.pop("answer"), "sample": len(samples), "accepted region": accepted_regions}
    return (
        *(UnitCost(of=of, count=count, usd=usd["answer"]) for of, count in units.items()),
        *(UnitCost(of=of, count=counts[of], usd=usd[of]) for of in sorted(counts, key=_stages_first)),
    )


def _bought(payment: Payment) -> Iterator[str]:
    yield "answer"
    yield f"stage {payment.stage}"
    if payment.model:
        yield f"model {payment.model}"


def _stages_first(of: str) -> tuple[bool, str]:
    return of.startswith("model "), of
