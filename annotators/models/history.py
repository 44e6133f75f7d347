"""The way to an answer, attempt by attempt, and what all of it cost."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.candidate import Attempt, Usage

__all__ = ["numbered", "total_latency_s", "total_usage"]


def numbered(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """The attempts with their numbers, from 1, in order."""
    return tuple(
        attempt if attempt.number == number else attempt.evolve(number=number)
        for number, attempt in enumerate(attempts, 1)
    )


def total_usage(history: tuple[Attempt, ...]) -> Usage:
    """The sum over all answers; its price is known only where every answer's is."""
    usages = [attempt.usage for attempt in history if attempt.answer_key]
    prices = [usage.usd for usage in usages if usage.usd is not None]
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        usd=sum(prices) if len(prices) == len(usages) else None,
    )


def total_latency_s(history: tuple[Attempt, ...]) -> float:
    """Seconds in requests, waiting between them excepted."""
    return round(sum(attempt.latency_s for attempt in history), 6)
