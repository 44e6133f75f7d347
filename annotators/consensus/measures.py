"""Named measures of one candidate among others for the same sample, each 0 (worst) to 1 (best), without a model.

``agreement``   how far it agrees with the others: mean over them of the F1 of its regions, and of equal verdicts
``certainty``   its own score of the verdict and of its regions, averaged; 0 where it gives none
``explained``   share of its regions with words of their own; 1 where it has no regions
``grounded``    share of its claims that cite regions, pages, times or quotes, or are about the whole; 0 without claims
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from schemas.candidate import Candidate

from .cartography import region_f1
from .matching import MIN_IOU

__all__ = ["MEASURES", "MeasureName", "measure"]

MeasureName = Literal["agreement", "certainty", "explained", "grounded"]


def measure(name: MeasureName, candidate: Candidate, others: Sequence[Candidate], *, min_iou: float = MIN_IOU) -> float:
    """One measure of a candidate; ``others`` are the other candidates for its sample."""
    return MEASURES[name](candidate, others, min_iou)


def _agreement(candidate: Candidate, others: Sequence[Candidate], min_iou: float) -> float:
    """The self-consistency of Wang et al. 2023 (arXiv 2203.11171) with places in the place of answers; 1 alone."""
    values = []
    for other in others:
        values.append(region_f1(candidate.regions, other.regions, min_iou=min_iou))
        if candidate.verdict or other.verdict:
            values.append(float(candidate.verdict == other.verdict))
    return _mean(values, 1.0)


def _certainty(candidate: Candidate, others: Sequence[Candidate], min_iou: float) -> float:
    scores = [candidate.verdict_score, *(region.score for region in candidate.regions)]
    return _mean([score for score in scores if score is not None], 0.0)


def _explained(candidate: Candidate, others: Sequence[Candidate], min_iou: float) -> float:
    return _mean([float(bool(region.explanation)) for region in candidate.regions], 1.0)


def _grounded(candidate: Candidate, others: Sequence[Candidate], min_iou: float) -> float:
    return _mean([float(claim.stands_alone or bool(claim.region_ids)) for claim in candidate.claims], 0.0)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return math.fsum(values) / len(values) if values else otherwise


MEASURES: dict[MeasureName, Callable[[Candidate, Sequence[Candidate], float], float]] = {
    "agreement": _agreement,
    "certainty": _certainty,
    "explained": _explained,
    "grounded": _grounded,
}
