"""What was paid for: one row of ``payments/`` per answer."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeFloat

from .base import Frozen
from .candidate import Usage

__all__ = ["Payment"]


class Payment(Frozen):
    """One answer that this run paid for; the table ``payments/`` keeps it whatever becomes of the recipe."""

    payment_id: str = ""
    """Identifies the payment: an answer that was paid twice (two workers, a kill in the wrong moment) has two."""
    answer_key: str
    """Key of the answer."""
    machine: str
    """The machine that asked, by its name at that time."""
    model: str = ""
    """The model, as asked for."""
    sample_id: str = ""
    """The sample that it was asked about first."""
    stage: str = "propose"
    """The stage of the run that asked."""
    mode: Literal["online", "batch"] = "online"
    """At once, or by a Batch API at its own price."""
    usage: Usage
    """What it cost."""
    expected_usd: NonNegativeFloat | None = None
    """What it was expected to cost, where the server did not say what it counted; no bill, but a budget counts it."""

    @property
    def charged_usd(self) -> float:
        """US dollars that a budget counts."""
        return (self.expected_usd or 0.0) if self.usage.usd is None else self.usage.usd
