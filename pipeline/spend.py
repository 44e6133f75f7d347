"""What a run has paid, counted from its tables: a killed run forgets nothing, a rerun counts nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from schemas.candidate import Usage
from schemas.payment import Payment

from .storage import RunFolder, Spend
from .tables import read_batches, read_rows, write_table

__all__ = ["Payment", "Work", "pay", "spend_by_machine", "spend_of", "work_by_machine"]


@dataclass
class Work:
    """What one machine did; answers are counted once, however many rows rest on them."""

    candidates: set[bytes] = field(default_factory=set)
    """Digests of its candidates' ids."""
    failed: set[bytes] = field(default_factory=set)
    """Digests of the samples on which it failed."""
    cached: set[bytes] = field(default_factory=set)
    """Digests of the answers that the last pass took from disk."""
    answers: set[bytes] = field(default_factory=set)
    """Digests of all answers."""
    spend: Spend = field(default_factory=Spend)
    """What this run paid for them."""


def work_by_machine(run: RunFolder) -> dict[str, Work]:
    """The work behind ``candidates/`` and ``rejections/``, by the machine's name."""
    machines: dict[str, Work] = {}
    for batch in read_batches(run, "candidates", ("machine", "candidate_id", "attempts", "is_cached", "answer_key")):
        for row in batch.to_pylist():
            work = machines.setdefault(row["machine"], Work())
            work.candidates.add(_digest(row["candidate_id"]))
            if row["is_cached"] and row["answer_key"]:
                work.cached.add(_digest(row["answer_key"]))
            _pay(work, row["attempts"])
    for batch in read_batches(run, "rejections", ("machine", "sample_id", "history")):
        for row in batch.to_pylist():
            if row["machine"]:
                work = machines.setdefault(row["machine"], Work())
                work.failed.add(_digest(row["sample_id"]))
                _pay(work, row["history"])
    return machines


def spend_of(works: Iterable[Work]) -> Spend:
    """What the machines paid together."""
    total = Spend()
    for work in works:
        total = _sum(total, work.spend.evolve(cached=len(work.cached)))
    return total


def _pay(work: Work, attempts: Iterable[Mapping[str, Any]]) -> None:
    """Add the attempts that were answered, were not yet counted, and were paid by this run."""
    for attempt in attempts:
        key = _digest(attempt["answer_key"] or "")
        if not attempt["answer_key"] or key in work.answers:
            continue
        work.answers.add(key)
        if not attempt["is_paid_elsewhere"]:
            work.spend = _sum(work.spend, _price(Usage.model_validate(attempt["usage"])))


def _price(usage: Usage) -> Spend:
    return Spend(
        calls=1,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        usd=usage.usd or 0.0,
        unpriced_calls=usage.usd is None,
    )


def _sum(one: Spend, other: Spend) -> Spend:
    values = {name: getattr(one, name) + getattr(other, name) for name in Spend.model_fields}
    return Spend(**{**values, "usd": round(values["usd"], 9)})


def _digest(text: str) -> bytes:
    """A key in 16 bytes: ten million of them fit into memory."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def pay(run: RunFolder, journal: Iterable[Payment] = ()) -> Spend:
    """Add what was paid to ``payments/``; returns what the run has paid over its whole life.

    ``journal`` is what was noted at the moment of paying (the run's Purse): an answer that was paid for twice, or that
    no row rests on, is in there. Answers behind the tables that it does not know are added, once each.
    """
    total = Spend(cached=_count_cached(run))
    seen: set[bytes] = set()
    answers: set[bytes] = set()

    def unseen() -> Iterator[Payment]:
        nonlocal total
        for payment in chain(journal, read_rows(run, "payments", Payment), _payments(run)):
            own, answer = _digest(payment.payment_id), _digest(payment.answer_key)
            if (own in seen) if payment.payment_id else (answer in answers):
                continue
            seen.add(own)
            answers.add(answer)
            total = _sum(total, _price(payment.usage))
            yield payment

    write_table(run, "payments", unseen(), Payment)
    return total


def _count_cached(run: RunFolder) -> int:
    """Answers that the last pass took from disk, counted once for each machine that used them."""
    columns = ("machine", "is_cached", "answer_key")
    rows = (row for batch in read_batches(run, "candidates", columns) for row in batch.to_pylist())
    return len({(r["machine"], _digest(r["answer_key"])) for r in rows if r["is_cached"] and r["answer_key"]})


def spend_by_machine(run: RunFolder) -> dict[str, Spend]:
    """What each machine paid, by its name: the payments of ``payments/``."""
    spends: dict[str, Spend] = {}
    for payment in read_rows(run, "payments", Payment):
        spends[payment.machine] = _sum(spends.get(payment.machine, Spend()), _price(payment.usage))
    return spends


def _payments(run: RunFolder) -> Iterator[Payment]:
    for table, column in (("candidates", "attempts"), ("rejections", "history")):
        for batch in read_batches(run, table, ("machine", column)):
            for row in batch.to_pylist():
                for attempt in row[column]:
                    if attempt["answer_key"] and not attempt["is_paid_elsewhere"]:
                        usage = Usage.model_validate(attempt["usage"])
                        yield Payment(answer_key=attempt["answer_key"], machine=row["machine"], usage=usage)
