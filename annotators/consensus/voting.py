"""Votes on what is said rather than drawn: verdicts, attributes, answers. Ties go to the first by name."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from schemas.candidate import Answer, Attribute, Candidate

__all__ = ["agreed_answers", "agreed_attributes", "winner"]

ROUNDING = 1e-9
"""Shares are sums of fractions: three thirds are a whole."""


def winner(values: Sequence[str | None], weights: Sequence[float]) -> tuple[str | None, float | None]:
    """The value with the greatest weight, and its share of the weight of all that give one; (None, None) without."""
    totals: defaultdict[str, list[float]] = defaultdict(list)
    for value, weight in zip(values, weights, strict=True):
        if value is not None:
            totals[value].append(weight)
    if not totals:
        return None, None
    summed = {value: math.fsum(given) for value, given in totals.items()}
    best = min(summed, key=lambda value: (-summed[value], value))
    return best, min(1.0, summed[best] / math.fsum(summed.values()))


def agreed_attributes(
    candidates: Sequence[Candidate], weights: Sequence[float], min_share: float
) -> tuple[Attribute, ...]:
    """Each attribute's most given value with the mean of the scores given with it, as far as enough machines give it.

    By name; reason and scale are those of the first candidate that gives the value. Scores on different scales are
    not averaged: the first one stands.
    """
    whole = math.fsum(weights)
    given: defaultdict[str, list[tuple[Attribute, float]]] = defaultdict(list)
    for candidate, weight in zip(candidates, weights, strict=True):
        for name, attribute in {a.name: a for a in candidate.attributes}.items():
            given[name].append((attribute, weight))
    agreed = []
    for _, voices in sorted(given.items()):
        value, _ = winner([attribute.value or "" for attribute, _ in voices], [weight for _, weight in voices])
        same = [(attribute, weight) for attribute, weight in voices if (attribute.value or "") == value]
        if math.fsum(weight for _, weight in same) / whole >= min_share - ROUNDING:
            agreed.append(_averaged(same))
    return tuple(agreed)


def agreed_answers(
    candidates: Sequence[Candidate],
    weights: Sequence[float],
    min_share: float,
    new_ids: Mapping[str, Mapping[str, str]],
) -> tuple[Answer, ...]:
    """Each question's most given answer with all the evidence given for it, as far as enough machines give it.

    Answers that differ in case or blanks are one. ``new_ids`` leads, for each candidate, from its region ids to those
    of the consensus; evidence that is gone is left out.
    """
    whole = math.fsum(weights)
    given: defaultdict[str, list[tuple[Answer, float, tuple[str, ...]]]] = defaultdict(list)
    for candidate, weight in zip(candidates, weights, strict=True):
        ids = new_ids[candidate.candidate_id]
        for question, answer in {a.question: a for a in candidate.answers}.items():
            given[question].append((answer, weight, tuple(ids[i] for i in answer.region_ids if i in ids)))
    agreed = []
    for _, voices in sorted(given.items()):
        text, _ = winner([_plain(answer.answer) for answer, _, _ in voices], [weight for _, weight, _ in voices])
        same = [voice for voice in voices if _plain(voice[0].answer) == text]
        if math.fsum(weight for _, weight, _ in same) / whole >= min_share - ROUNDING:
            evidence = {region_id for _, _, ids in same for region_id in ids}
            agreed.append(same[0][0].evolve(region_ids=tuple(sorted(evidence))))
    return tuple(agreed)


def _averaged(voices: Sequence[tuple[Attribute, float]]) -> Attribute:
    first = voices[0][0]
    scored = [(a.score, w) for a, w in voices if a.score is not None]
    scales = {(a.scale_min, a.scale_max) for a, _ in voices if a.score is not None}
    if len(scales) != 1:
        return first
    mean = math.fsum(score * weight for score, weight in scored) / math.fsum(weight for _, weight in scored)
    scale_min, scale_max = scales.pop()
    return first.evolve(score=mean, scale_min=scale_min, scale_max=scale_max)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
