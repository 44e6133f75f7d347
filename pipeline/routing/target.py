"""How far down the ranking people must look for a promised error rate, or why the audit cannot say.

Ten cuts of the ranking are tried, each leaving a further tenth of the answered audit below it. A cut holds when the
upper limit of the error rate below it is at most ``max_error``; the limits are those of all ten together
(Bonferroni), so the one that is chosen, the highest that holds, keeps its promise with the stated confidence.
The audit is judged once, when every one of its reviews is answered: looking after each answer until the figures
please would be another ten chances to be wrong. A skipped review counts as wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field, NonNegativeInt

from schemas.base import Frozen

from ..error_rate import wrong_limits

__all__ = ["CUTS", "Standing", "Target", "aim"]

CUTS = 10


class Standing(NamedTuple):
    """One sample as the target sees it."""

    priority: float
    is_audit: bool
    is_wrong: bool | None
    """What the audit found; None where it is open or nobody looked."""
    is_certain: bool = False
    """Whether it is asked whatever its rank (submitted before, gold): it is never below a cut."""


class Target(Frozen):
    """What the audited data say about the promised error rate."""

    max_error: float
    """The rate that is asked for."""
    confidence: float
    """With which confidence."""
    is_waiting: bool = False
    """Whether reviews of the audit are still open, so that nothing is decided yet."""
    is_supported: bool = False
    """Whether some cut of the ranking keeps the promise."""
    threshold: float | None = Field(None, ge=0)
    """People look at every sample of at least this priority; above 1: at none but the audit."""
    unreviewed: NonNegativeInt = 0
    """Samples below it that nobody looks at."""
    high: float | None = None
    """Upper limit of their error rate."""
    words: str = ""
    """The same in a sentence."""


def aim(standings: Sequence[Standing], *, max_error: float, confidence: float) -> Target:
    """The lowest threshold that keeps the promise; see the module for why it may be trusted."""
    target = Target(max_error=max_error, confidence=confidence)
    ranking = sorted((s for s in standings if not s.is_certain), key=lambda s: s.priority)
    audit = [s for s in ranking if s.is_audit]
    waiting = sum(s.is_wrong is None for s in audit)
    if waiting or not audit:
        return target.evolve(
            is_waiting=True, words=f"{waiting:,} of {len(audit):,} audited samples are not answered yet"
        )
    trials = [_trial(ranking, audit, cut, confidence) for cut in _cuts(audit)]
    holding = [trial for trial in trials if trial.high <= max_error]
    if not holding:
        return target.evolve(words=_not_supported(trials, max_error, confidence))
    best = max(holding, key=lambda trial: trial.cut)
    words = (
        f"{best.left:,} samples below priority {best.cut:.3f} may stay unreviewed: "
        f"at most {best.high:.2%} of them are wrong ({confidence:.0%} confidence)"
    )
    return target.evolve(is_supported=True, threshold=best.cut, unreviewed=best.left, high=best.high, words=words)


class _Trial(NamedTuple):
    cut: float
    left: int
    sampled: int
    wrong: int
    high: float


def _cuts(audit: Sequence[Standing]) -> list[float]:
    """Priorities that leave a tenth, two tenths, ... of the audit below; the last is above all."""
    inner = {audit[len(audit) * i // CUTS].priority for i in range(1, CUTS)}
    return [*sorted(inner - {audit[0].priority}), 1.1]


def _trial(ranking: Sequence[Standing], audit: Sequence[Standing], cut: float, confidence: float) -> _Trial:
    population = sum(s.priority < cut for s in ranking)
    below = [s for s in audit if s.priority < cut]
    wrong = sum(bool(s.is_wrong) for s in below)
    # One-sided, at a tenth of the risk: wrong_limits halves what it is given.
    _, most = wrong_limits(population, len(below), wrong, 1 - 2 * (1 - confidence) / CUTS)
    left = population - len(below)
    return _Trial(cut, left, len(below), wrong, (most - wrong) / left if left else 0.0)


def _not_supported(trials: Sequence[_Trial], max_error: float, confidence: float) -> str:
    best = min(trials, key=lambda trial: (trial.high, -trial.sampled))
    needed = _clean_reviews(max_error, confidence)
    words = (
        f"the audit does not support {max_error:.2%}: its best part, {best.sampled:,} samples with {best.wrong:,} "
        f"found wrong, allows up to {best.high:.2%}"
    )
    if best.sampled < needed:
        return f"{words}; even without an error it takes about {needed:,} audited samples: raise routing.audit"
    return f"{words}; let people look at more, or improve the machines"


def _clean_reviews(max_error: float, confidence: float) -> int:
    """Reviews without an error that a cut needs in a large population."""
    from math import ceil, log

    return ceil(log((1 - confidence) / CUTS) / log(1 - max_error))
