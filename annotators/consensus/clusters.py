"""Which regions of any number of voices are the same place: a partition with at most one region per voice.

Each two voices are matched as in ``matching``. The pairs are then joined, those of one category before those across,
the highest IoU first; two clusters join only if no voice stands in both and the mean IoU between them
reaches the bar (average linkage), so that a chain of small shifts does not become one place. With two
voices this is exactly their matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from .matching import pairs_by_category

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["clustered"]


class _Edge(NamedTuple):
    """A pair of regions that two voices were matched in; sorts as it is joined."""

    is_across: bool
    distance: float
    one: int
    other: int


def clustered(
    ious: NDArray[np.float64], voices: Sequence[int], categories: Sequence[str], min_iou: float
) -> tuple[tuple[int, ...], ...]:
    """The clusters, each ascending, by their first region.

    ``ious`` is ``(n, n)`` and symmetric, ``voices`` says who found each of the n regions, ``categories`` what it is
    called. Equal IoUs are settled by index: give the regions in an order that depends on them alone.
    """
    cluster_of = [frozenset([i]) for i in range(len(voices))]
    for edge in sorted(_edges(ious, voices, categories, min_iou)):
        one, other = cluster_of[edge.one], cluster_of[edge.other]
        if _may_join(one, other, ious, voices, min_iou):
            for i in one | other:
                cluster_of[i] = one | other
    return tuple(sorted(tuple(sorted(cluster)) for cluster in set(cluster_of)))


def _edges(ious: NDArray[np.float64], voices: Sequence[int], categories: Sequence[str], min_iou: float) -> list[_Edge]:
    import numpy as np

    found = []
    of_voice = {voice: [i for i, v in enumerate(voices) if v == voice] for voice in sorted(set(voices))}
    for ours, theirs in combinations(of_voice.values(), 2):
        names = [categories[i] for i in ours], [categories[j] for j in theirs]
        for row, column in pairs_by_category(ious[np.ix_(ours, theirs)], *names, min_iou):
            i, j = ours[row], theirs[column]
            found.append(_Edge(categories[i] != categories[j], -float(ious[i, j]), i, j))
    return found


def _may_join(
    one: frozenset[int], other: frozenset[int], ious: NDArray[np.float64], voices: Sequence[int], min_iou: float
) -> bool:
    import numpy as np

    if not {voices[i] for i in one}.isdisjoint(voices[j] for j in other):
        return False
    # A mean of equal IoUs may fall short of them by rounding.
    return float(ious[np.ix_(sorted(one), sorted(other))].mean()) >= min_iou - 1e-12
