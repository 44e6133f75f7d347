"""What a run has paid, to the token and at any moment; and the budget that it stops at.

One line per paid answer, appended *before* the answer itself is written: a run that is killed between the two has paid,
and its books say so. All worker processes add to the same sum, under a lock, so a budget is one for all of them. They
must see the folder of answers and its file system must have POSIX locks.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from schemas.base import Frozen
from schemas.errors import ServiceError
from schemas.payment import Payment

from .shares import locked, opened

__all__ = ["Books", "BudgetReached", "Purse"]

ROUNDING = 1e-9
LOOK_AGAIN_S = 0.05
"""How often a call that waits for what others really cost looks at the sum."""


class BudgetReached(ServiceError):  # noqa: N818 - not a failure: a person set the bound
    """The next call might exceed the budget: nothing new is asked, what is in flight is finished and kept."""


class Books(Frozen):
    """The sum of a run's payments, as all processes see it."""

    calls: int = 0
    """Paid answers."""
    usd: float = 0.0
    """US dollars; where the server did not say what it counted, what was expected."""
    reserved: float = 0.0
    """US dollars that the calls in flight are expected to cost."""


class Purse:
    """Pays for one run. ``folder`` is made with the first payment; ``budget`` is in US dollars, None is no bound."""

    def __init__(self, folder: Path, payer: str, budget: float | None = None) -> None:
        self.budget = budget
        self._journal = folder / f"{payer}.jsonl"
        self._sum = folder / f"{payer}.sum"

    def opened(self) -> Self:
        """Sum up the journal anew, with nothing in flight: on the launcher, before the workers start."""
        books = Books()
        for payment in self:
            books = books.evolve(calls=books.calls + 1, usd=books.usd + payment.charged_usd)
        if books.calls or self._sum.exists():
            self._write(books)
        return self

    @property
    def books(self) -> Books:
        """The sum now."""
        if not self._sum.exists():
            return Books()
        return self._read(opened(self._sum))

    @property
    def left(self) -> float:
        """US dollars of the budget that are not spent; infinite without one."""
        return float("inf") if self.budget is None else max(0.0, self.budget - self.books.usd)

    async def reserve(self, usd: float) -> float:
        """Sets aside what a call is expected to cost, and returns it; waits while calls in flight may turn out cheaper.

        Raises BudgetReached where the budget is spent, or what is left does not cover the call.
        """
        if self.budget is None:
            return 0.0
        while not self.set_aside(usd):
            if self.books.reserved <= ROUNDING:
                raise self.reached()
            await asyncio.sleep(LOOK_AGAIN_S)
        return usd

    def set_aside(self, usd: float) -> bool:
        """Sets the sum aside where the budget covers it. Raises BudgetReached where nothing is left at all."""
        if self.budget is None:
            return True
        file = opened(self._sum)
        with locked(file):
            books = self._read(file)
            if books.usd >= self.budget and usd > 0:
                raise self.reached(books)
            if books.usd + books.reserved + usd > self.budget + ROUNDING:
                return False
            self._put(file, books.evolve(reserved=books.reserved + usd))
        return True

    def release(self, usd: float) -> None:
        """Gives back what was set aside."""
        if usd:
            self._add(reserved=-usd)

    def pay(self, payment: Payment, reserved: float = 0.0) -> None:
        """Notes a payment, and gives back what was set aside for it."""
        line = "\n" + json.dumps(payment.model_dump(), separators=(",", ":"))  # no half line before it is its start
        file = opened(self._journal, os.O_APPEND)
        os.write(file, line.encode())
        self._add(calls=1, usd=payment.charged_usd, reserved=-reserved)

    def reached(self, books: Books | None = None) -> BudgetReached:
        """The error that ends the run."""
        books = books or self.books
        left = max(0.0, (self.budget or 0.0) - books.usd)
        error = BudgetReached(
            f"the budget of ${self.budget:,.6g} is reached: ${books.usd:,.6f} paid for {books.calls:,} answers, "
            f"${left:,.6f} left, less than the next call may cost",
            remedy="run again with a larger --budget to go on: what is paid for is kept",
        )
        error.__dict__.update(status="budget", is_fatal=True)
        return error

    def __iter__(self) -> Iterator[Payment]:
        """Every payment once; a half line of a process that was killed is none."""
        seen: set[str] = set()
        if not self._journal.exists():
            return
        with self._journal.open("rb") as lines:
            for line in lines:
                try:
                    payment = Payment.model_validate_json(line)
                except ValidationError:
                    continue
                if payment.payment_id not in seen:
                    seen.add(payment.payment_id)
                    yield payment

    def _add(self, *, calls: int = 0, usd: float = 0.0, reserved: float = 0.0) -> None:
        file = opened(self._sum)
        with locked(file):
            books = self._read(file)
            self._put(
                file,
                Books(calls=books.calls + calls, usd=books.usd + usd, reserved=max(0.0, books.reserved + reserved)),
            )

    def _write(self, books: Books) -> None:
        file = opened(self._sum)
        with locked(file):
            self._put(file, books)

    def _read(self, file: int) -> Books:
        text = os.pread(file, 1000, 0)
        return Books.model_validate_json(text) if text.strip() else Books()

    def _put(self, file: int, books: Books) -> None:
        """Padded to one length, in one write: who reads without the lock sees a whole line."""
        os.pwrite(file, books.model_dump_json().encode().ljust(200), 0)
