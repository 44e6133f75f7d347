"""What one machine's answers are expected to cost, and the bill for each."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from schemas.candidate import Usage
from schemas.payment import Payment

from .inquiry import Inquiry
from .prices import usd
from .purse import Purse
from .tokens import picture_tokens, text_tokens

if TYPE_CHECKING:
    from .options import ModelOptions

__all__ = ["Bill", "Till", "expected_tokens"]


class Bill:
    """One call's: what it was expected to cost, how much of that was set aside, and what came of it."""

    def __init__(self, till: Till, sample_id: str, expected: float, reserved: float) -> None:
        self._till, self._sample_id, self._expected = till, sample_id, expected
        self.reserved = reserved

    def pay(self, key: str, usage: Usage) -> None:
        """Notes what the answer cost; before it is written, so that a kill forgets nothing."""
        self._till.note(key, self._sample_id, usage, expected=self._expected, reserved=self.reserved)
        self.reserved = 0.0


class Till:
    """The payments of one machine in one worker process. Without a purse nothing is noted."""

    def __init__(self, options: ModelOptions, purse: Purse | None) -> None:
        self._options = options
        self._purse = None if options.mode == "batch" else purse  # batches are paid when they come back
        self._mean_usd, self._num_paid = 0.0, 0

    @asynccontextmanager
    async def ready_for(self, inquiry: Inquiry) -> AsyncIterator[Bill]:
        """Sets aside what a call will cost. Raises BudgetReached."""
        if self._purse is None:
            yield Bill(self, "", 0.0, 0.0)
            return
        expected = self._expected_usd(inquiry)
        bill = Bill(self, inquiry.sample.sample_id, expected, await self._purse.reserve(expected))
        try:
            yield bill
        finally:
            self._purse.release(bill.reserved)

    def note(self, key: str, sample_id: str, usage: Usage, *, expected: float, reserved: float) -> None:
        """Adds a payment to the books."""
        if self._purse is None:
            return
        if usage.usd is not None:
            self._num_paid += 1
            self._mean_usd += (usage.usd - self._mean_usd) / min(self._num_paid, 50)
        self._purse.pay(
            Payment(
                payment_id=uuid.uuid4().hex,
                answer_key=key,
                machine=self._options.title,
                model=self._options.model,
                sample_id=sample_id,
                usage=usage,
                expected_usd=expected if usage.usd is None else None,
            ),
            reserved,
        )

    def _expected_usd(self, inquiry: Inquiry) -> float:
        """The mean of what was paid; before the first answer, what the estimate and the longest answer come to."""
        if self._num_paid and self._mean_usd:
            return self._mean_usd
        options = self._options
        return (
            usd(options.model, expected_tokens(inquiry, options.model), options.max_tokens, options.price_per_million)
            or 0.0
        )


def expected_tokens(inquiry: Inquiry, model: str) -> int:
    """Input tokens of a first question, about."""
    shown = (*inquiry.views, *filter(None, [inquiry.beside]))
    pictures = sum(picture_tokens(model, view.width, view.height) for view in shown)
    return pictures + text_tokens(len(inquiry.system) + len(inquiry.words) + 40 * len(inquiry.views))
