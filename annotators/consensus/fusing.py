"""One region from those that several voices drew of the same place.

Boxes: weighted boxes fusion (Solovyev, Wang & Gabruseva 2021): each edge is the mean of the voices' edges, weighted
by their scores, and the score is the mean score times the share of machines that found it. Polygons and
masks: the pixels that more than half of the voices cover. Time spans: weighted mean of their ends. A track
is the surest voice's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from schemas.candidate import Region
from schemas.geometry import (
    Box,
    Mask,
    TimeSpan,
    box_from_mask,
    mask_from_box,
    mask_from_polygons,
)
from schemas.geometry.runs import mask_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Size", "entropy", "fused_box", "fused_category", "fused_mask", "fused_region", "spread", "weights_of"]

Size = Callable[[Region], tuple[int, int]]
"""Width and height in pixels of the picture, frame or page that a region lies in."""


def fused_region(regions: Sequence[Region], *, share: float, region_id: str, size_of: Size) -> Region:
    """The regions, drawn by different voices, as one; ``share`` of the machines found it.

    Its words are those of the surest voice that gives the chosen category.
    """
    weights = weights_of(regions)
    category = fused_category(regions, weights)
    best = _surest(regions, weights, category)
    place = {} if len(regions) == 1 else _place(regions, weights, best, size_of)
    score = min(1.0, math.fsum(weights) / len(weights) * share)
    return best.evolve(region_id=region_id, category=category, score=score, source="derived", **place)


def weights_of(regions: Sequence[Region]) -> list[float]:
    """Each region's score; one without a score weighs as much as the mean of the others, 1 where nobody scores."""
    known = [region.score for region in regions if region.score is not None]
    usual = math.fsum(known) / len(known) if known else 1.0
    return [usual if region.score is None else region.score for region in regions]


def fused_category(regions: Sequence[Region], weights: Sequence[float]) -> str:
    """What most voices call it; where as many say something else, the greater weight, then the first by name."""
    votes = Counter(region.category for region in regions)
    weight = {name: math.fsum(w for r, w in zip(regions, weights, strict=True) if r.category == name) for name in votes}
    return min(votes, key=lambda name: (-votes[name], -weight[name], name))


def fused_box(boxes: Sequence[Box], weights: Sequence[float]) -> Box:
    """The weighted mean of the boxes, edge by edge; weights that are all 0 count alike."""
    return Box(**{edge: _mean([getattr(box, edge) for box in boxes], weights) for edge in Box.model_fields})


def fused_mask(masks: Sequence[Mask]) -> Mask:
    """The pixels that more than half of the masks cover; where there are none, those that the most masks cover.

    Votes change only where some mask's run starts or ends: no picture is ever unpacked. Raises ValueError for masks
    of different sizes.
    """
    import numpy as np
    from pycocotools import mask as coco

    sizes = {(mask.width, mask.height) for mask in masks}
    if len(sizes) > 1:
        raise ValueError(f"masks of one picture differ in size: {sorted(sizes)}")
    width, height = sizes.pop()
    edges, votes = _votes(masks)
    bar = min(len(masks) // 2 + 1, max(1, int(votes.max(initial=0))))
    # Runs alternate and begin with background: their ends are where the answer changes.
    changes = np.flatnonzero(np.diff(votes >= bar, prepend=False))
    ends = [*edges[changes].tolist(), width * height]
    counts = np.diff(ends, prepend=0).tolist()
    drawn = coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return Mask(width=width, height=height, counts=drawn["counts"].decode("ascii"), rasterizer="threshold")


def _votes(masks: Sequence[Mask]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ascending pixels, in column-major order, from which on the number of votes beside them holds."""
    import numpy as np

    ends = [np.cumsum(mask_runs(mask.counts)) for mask in masks]
    starts = np.concatenate([edges[:-1:2] for edges in ends])
    stops = np.concatenate([edges[1::2] for edges in ends])
    edges, where = np.unique(np.concatenate([starts, stops]), return_inverse=True)
    steps = np.repeat([1, -1], [len(starts), len(stops)])
    votes = np.zeros(len(edges), np.int64)
    np.add.at(votes, where, steps)
    return edges, np.cumsum(votes)


def entropy(values: Sequence[str], weights: Sequence[float] | None = None) -> float:
    """Shannon entropy in bits of the values' distribution; 0 for one value, and for none."""
    totals: dict[str, float] = {}
    for value, weight in zip(values, weights or [1.0] * len(values), strict=True):
        totals[value] = totals.get(value, 0.0) + weight
    whole = math.fsum(totals.values())
    return max(0.0, -math.fsum(t / whole * math.log2(t / whole) for _, t in sorted(totals.items()) if t))


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation of all values (not of a sample of them); None for fewer than two."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def _surest(regions: Sequence[Region], weights: Sequence[float], category: str) -> Region:
    """Of those with the category: one with words before one without, then the greatest weight, then the first."""
    ranked = [(not r.explanation, -w, i) for i, (r, w) in enumerate(zip(regions, weights, strict=True))]
    return regions[min(key for key in ranked if regions[key[2]].category == category)[2]]


def _place(regions: Sequence[Region], weights: Sequence[float], best: Region, size_of: Size) -> dict[str, Any]:
    """The changed fields that say where it is."""
    if best.span or best.track:
        return _time(regions, weights, best)
    if any(region.mask or region.polygons for region in regions):
        mask = fused_mask([_mask(region, *size_of(region)) for region in regions])
        return {"mask": mask, "polygons": (), "box": box_from_mask(mask)}
    boxes = [region.box for region in regions]
    return {"box": fused_box([box for box in boxes if box], weights)} if all(boxes) else {}


def _time(regions: Sequence[Region], weights: Sequence[float], best: Region) -> dict[str, Any]:
    if best.span is None:
        return {}
    spans = [(region.span, weight) for region, weight in zip(regions, weights, strict=True) if region.span]
    start, end = (_mean([getattr(s, e) for s, _ in spans], [w for _, w in spans]) for e in ("start_s", "end_s"))
    return {"span": TimeSpan(start_s=start, end_s=end)}


def _mask(region: Region, width: int, height: int) -> Mask:
    if region.mask:
        return region.mask
    if region.polygons:
        return mask_from_polygons(region.polygons, width, height)
    return mask_from_box(region.box or Box(x1=0, y1=0, x2=width, y2=height), width, height)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    whole = math.fsum(weights)
    if not whole:
        return math.fsum(values) / len(values)
    return math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / whole
