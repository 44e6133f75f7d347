"""Where a sample lies on the map of a dataset: how sure its voices are of it, and how much they differ.

Dataset cartography (Swayamdipta et al. 2020, arXiv 2009.10795): the mean and the standard deviation of the probability
given to one label. There over the epochs of a training, here over the candidates for the sample. High
confidence is easy, high variability ambiguous, low confidence with low variability likely mislabeled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from schemas.candidate import Candidate, Region, Verdict

from .fusing import spread
from .matching import match_regions

__all__ = ["Cartography", "cartography", "probability_of", "region_f1"]


class Cartography(NamedTuple):
    """A sample's place on the map."""

    confidence: float
    """Mean probability of the reference, 0 to 1."""
    variability: float
    """Its standard deviation over the voices, 0 to 0.5."""


def cartography(probabilities: Sequence[float]) -> Cartography:
    """Mean and standard deviation of what each voice gives the reference. Raises ValueError for no voice."""
    if not probabilities:
        raise ValueError("nobody gives a probability")
    mean = math.fsum(probabilities) / len(probabilities)
    return Cartography(min(1.0, mean), spread(probabilities) or 0.0)


def probability_of(candidate: Candidate, verdict: Verdict) -> float | None:
    """What a candidate gives a verdict: its score, or what that leaves for all others; None without a verdict.

    A verdict without a score counts as certain.
    """
    if candidate.verdict is None:
        return None
    score = 1.0 if candidate.verdict_score is None else candidate.verdict_score
    return score if candidate.verdict == verdict else 1.0 - score


def region_f1(found: Sequence[Region], reference: Sequence[Region], *, min_iou: float, primary: str = "") -> float:
    """Share of regions of both sides that are matched under one category, 0 to 1; two empty sides agree: 1."""
    if not found and not reference:
        return 1.0
    matches = match_regions(found, reference, min_iou=min_iou, primary=primary)
    return 2 * sum(match.is_same_category for match in matches) / (len(found) + len(reference))
