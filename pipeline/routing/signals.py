"""What speaks for asking a person about a sample: each signal is 0 (nothing) to 1, and knows no other sample.

What depends on other samples (how rare a category is, whose look-alike was corrected, where machines were
overridden before) comes in ready as ``Surroundings``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean, pstdev

from schemas.route import Reason, Signal

from ..agreement.likeness import region_likeness
from ..recipe import Signals
from .opinions import Opinion

__all__ = ["Surroundings", "priority_of", "reasons_of", "signals_of"]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the rest of the run says."""

    category_samples: Mapping[str, int] = field(default_factory=dict)
    """For each category, the samples that would be published with it."""
    override_rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """For each machine and category, how often people overrode it, drawn towards 0 where few looked."""


def signals_of(
    opinions: Sequence[Opinion],
    shown: Opinion | None,
    around: Surroundings,
    *,
    has_finding: bool = False,
    has_corrected_twin: bool = False,
) -> dict[Signal, float]:
    """Every signal of one sample, by name; ``shown`` is the opinion that would be published."""
    voices = [opinion for opinion in opinions if not opinion.is_derived]
    return {
        "disagreement": _disagreement(voices),
        "uncertainty": _uncertainty(shown) if shown else 0.0,
        "conditioning": _conditioning(voices),
        "rarity": _rarity(shown, around) if shown else 0.0,
        "flags": float(has_finding or any(opinion.is_flagged for opinion in opinions)),
        "corrected_twin": float(has_corrected_twin),
        "cartography": _variability(voices),
        "overrides": _overrides(shown, around) if shown else 0.0,
    }


def priority_of(signals: Mapping[Signal, float], weights: Signals) -> float:
    """The weighted mean of the signals, 0 to 1; 0 where every weight is 0."""
    weight = dict(weights)
    total = sum(weight.values())
    return min(1.0, sum(weight[name] * value for name, value in signals.items()) / total) if total else 0.0


def reasons_of(signals: Mapping[Signal, float], weights: Signals) -> tuple[Reason, ...]:
    """The signals that contributed, the strongest contribution first."""
    weight = dict(weights)
    found = [(weight[name] * value, name) for name, value in signals.items() if weight[name] * value > 0]
    return tuple(Reason(signal=name, value=signals[name]) for _, name in sorted(found, key=lambda f: (-f[0], f[1])))


def _disagreement(opinions: Sequence[Opinion]) -> float:
    """Mean distance of the pairs of different machines that were shown the same."""
    pairs = [
        _distance(one, other)
        for one, other in combinations(opinions, 2)
        if one.machine != other.machine and one.conditioning == other.conditioning
    ]
    return fmean(pairs) if pairs else 0.0


def _conditioning(opinions: Sequence[Opinion]) -> float:
    blind = [opinion for opinion in opinions if opinion.conditioning == "blind"]
    told = [opinion for opinion in opinions if opinion.conditioning == "label_given"]
    return max((_distance(one, other) for one in blind for other in told), default=0.0)


def _distance(one: Opinion, other: Opinion) -> float:
    """1 for another verdict, else the distance of their regions."""
    if one.verdict and other.verdict and one.verdict != other.verdict:
        return 1.0
    return 1 - region_likeness(one.regions, other.regions)


def _uncertainty(shown: Opinion) -> float:
    """What is missing to certainty where the machine is least certain; 0 where it gives no score."""
    scores = [shown.verdict_score, *(region.score for region in shown.regions)]
    return 1 - min((score for score in scores if score is not None), default=1.0)


def _rarity(shown: Opinion, around: Surroundings) -> float:
    most = max(around.category_samples.values(), default=0)
    shares = [around.category_samples.get(region.category, 0) / most for region in shown.regions] if most else []
    return 1 - min(shares, default=1.0)


def _variability(opinions: Sequence[Opinion]) -> float:
    """Twice the standard deviation, over the passes, of the probability that the medium is not real."""
    chances = [chance for chance in map(_chance_of_fake, opinions) if chance is not None]
    return min(1.0, 2 * pstdev(chances)) if len(chances) > 1 else 0.0


def _chance_of_fake(opinion: Opinion) -> float | None:
    if opinion.verdict is None:
        return None
    if opinion.verdict == "unclear":
        return 0.5
    score = 1.0 if opinion.verdict_score is None else opinion.verdict_score
    return score if opinion.verdict in ("generated", "edited") else 1 - score


def _overrides(shown: Opinion, around: Surroundings) -> float:
    return max(
        (around.override_rates.get((shown.machine, region.category), 0.0) for region in shown.regions), default=0
    )
