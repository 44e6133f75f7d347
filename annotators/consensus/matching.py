"""Which region of one side is which region of the other: one to one, the best of all ways to pair them.

First within a category, then, among what is left, across categories. Each step is the assignment problem
(Kuhn 1955; scipy's Jonker-Volgenant): the most pairs whose IoU reaches the bar, and of these ways the one with the
highest sum of IoUs. Neither the order of the regions nor that of the sides matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from schemas.candidate import Region

from .overlap import region_ious

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MIN_IOU", "Match", "best_pairs", "content_of", "match_regions", "pairs_by_category"]

MIN_IOU = 0.5
"""From here on two regions are the same place: COCO's and PASCAL VOC's bar."""


class Match(NamedTuple):
    """One region of each side that are the same place."""

    one: int
    """Index in the first side."""
    other: int
    """Index in the second side."""
    iou: float
    """How far they overlap, from min_iou to 1."""
    is_same_category: bool
    """Whether both call it the same."""


def match_regions(
    a: Sequence[Region], b: Sequence[Region], *, min_iou: float = MIN_IOU, primary: str = ""
) -> tuple[Match, ...]:
    """Pairs of regions of ``a`` and ``b``, each region at most once, by ascending index in ``a``.

    Regions on different assets, pages or frames, or with an IoU below ``min_iou`` (or of 0), are never paired. What
    is in no pair was found by one side only. ``primary`` is the asset that a region without an ``asset_id`` lies in.
    """
    ours, theirs = _canonical(a), _canonical(b)
    if _words(a, ours) > _words(b, theirs):
        turned = (m._replace(one=m.other, other=m.one) for m in match_regions(b, a, min_iou=min_iou, primary=primary))
        return tuple(sorted(turned))
    ious = region_ious([a[i] for i in ours], [b[j] for j in theirs], primary=primary)
    names = [a[i].category for i in ours], [b[j].category for j in theirs]
    found = pairs_by_category(ious, *names, min_iou)
    return tuple(sorted(Match(ours[i], theirs[j], float(ious[i, j]), names[0][i] == names[1][j]) for i, j in found))


def pairs_by_category(
    ious: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], min_iou: float
) -> Iterator[tuple[int, int]]:
    """Row and column of each pair: within each category first, then across among what is left."""
    free_rows, free_columns = set(range(len(rows))), set(range(len(columns)))
    for category in sorted({*rows} & {*columns}):
        ours = [i for i in sorted(free_rows) if rows[i] == category]
        theirs = [j for j in sorted(free_columns) if columns[j] == category]
        for i, j in best_pairs(ious, ours, theirs, min_iou):
            free_rows.remove(i)
            free_columns.remove(j)
            yield i, j
    yield from best_pairs(ious, sorted(free_rows), sorted(free_columns), min_iou)


def best_pairs(
    ious: NDArray[np.float64], rows: Sequence[int], columns: Sequence[int], min_iou: float
) -> list[tuple[int, int]]:
    """Of the given rows and columns, the pairs of the best assignment: most pairs first, then highest IoUs."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    part = ious[np.ix_(rows, columns)]
    good = (part >= min_iou) & (part > 0)
    # One more pair weighs more than all IoUs together: no IoU is above 1.
    weights = np.where(good, part + min(part.shape, default=0), 0.0)
    found = zip(*linear_sum_assignment(weights, maximize=True), strict=True)
    return [(rows[i], columns[j]) for i, j in found if good[i, j]]


def _canonical(regions: Sequence[Region]) -> list[int]:
    """Indices in an order that depends on the regions alone: it settles ties whatever order they came in."""
    return sorted(range(len(regions)), key=lambda i: content_of(regions[i]))


def content_of(region: Region) -> str:
    """All that a region says, its id last: a key to sort by."""
    return region.model_dump_json(exclude={"region_id"}) + region.region_id


def _words(regions: Sequence[Region], order: Sequence[int]) -> list[str]:
    return [content_of(regions[i]) for i in order]
