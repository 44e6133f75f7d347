"""How alike two people's (or machines') regions are: the one measure behind routing, adjudication and agreement."""

from __future__ import annotations

from collections.abc import Sequence

from annotators.consensus.matching import best_pairs
from annotators.consensus.overlap import region_ious
from schemas.candidate import Region

__all__ = ["region_likeness"]


def region_likeness(one: Sequence[Region], other: Sequence[Region]) -> float:
    """Soft F1, 0 to 1: each matched pair of one category counts its IoU; 1 where neither side has a region.

    With IoUs of 0 and 1 alone it is the F1 of detection. Raises ValueError where masks of one picture differ in size.
    """
    total = len(one) + len(other)
    if not (one and other):
        return float(total == 0)
    ious = region_ious(one, other)
    for i, ours in enumerate(one):
        for j, theirs in enumerate(other):
            ious[i, j] *= ours.category == theirs.category
    pairs = best_pairs(ious, range(len(one)), range(len(other)), 0.0)
    return 2 * float(sum(ious[i, j] for i, j in pairs)) / total
