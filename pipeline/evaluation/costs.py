"""What a machine's answers cost: money, tokens and time, with all that it was given by earlier passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import NonNegativeFloat, NonNegativeInt

from schemas.base import Frozen
from schemas.candidate import Candidate, Usage
from schemas.record import Rejection

__all__ = ["Costs", "costs_of"]


class Costs(Frozen):
    """What one machine's answers cost, however they were paid: from disk or anew counts alike."""

    usd: NonNegativeFloat | None = None
    """US dollars; None where an answer has no known price."""
    usd_per_sample: NonNegativeFloat | None = None
    """Of these, for each sample that it looked at."""
    input_tokens: NonNegativeInt = 0
    """Tokens in."""
    output_tokens: NonNegativeInt = 0
    """Tokens out."""
    latency_s: NonNegativeFloat | None = None
    """Median seconds for a sample, the longest way through the passes before it included."""
    latency_p95_s: NonNegativeFloat | None = None
    """Seconds within which 95 of 100 samples were answered."""


def costs_of(
    own: Sequence[Candidate], known: Mapping[str, Candidate], rejections: Sequence[Rejection], num_samples: int
) -> Costs:
    """The costs of one machine's candidates and failures over ``num_samples``; ``known`` are all candidates by id."""
    paid = {c.candidate_id: c for candidate in own for c in _with_ancestors(candidate, known)}
    usages = [usage for candidate in paid.values() if candidate.answer_key for usage in [candidate.usage]]
    usages += [attempt.usage for rejection in rejections for attempt in rejection.history if attempt.answer_key]
    usd = _priced(usages)
    seconds = sorted(_longest_way_s(candidate, known) for candidate in own)
    return Costs(
        usd=usd,
        usd_per_sample=usd / num_samples if usd is not None and num_samples else None,
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        latency_s=_quantile(seconds, 0.5),
        latency_p95_s=_quantile(seconds, 0.95),
    )


def _with_ancestors(candidate: Candidate, known: Mapping[str, Candidate]) -> Iterator[Candidate]:
    yield candidate
    for parent_id in candidate.parent_ids:
        if parent_id in known:
            yield from _with_ancestors(known[parent_id], known)


def _longest_way_s(candidate: Candidate, known: Mapping[str, Candidate]) -> float:
    before = [_longest_way_s(known[parent], known) for parent in candidate.parent_ids if parent in known]
    return candidate.latency_s + max(before, default=0.0)


def _priced(usages: Sequence[Usage]) -> float | None:
    prices = [usage.usd for usage in usages if usage.usd is not None]
    return sum(prices) if len(prices) == len(usages) else None


def _quantile(ascending: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values do not exceed."""
    if not ascending:
        return None
    return ascending[max(0, -int(-share * len(ascending) // 1) - 1)]
