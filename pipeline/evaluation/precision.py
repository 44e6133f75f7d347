"""COCO's average precision, as sums that can be weighted: AP over IoU 0.50 to 0.95 in steps of 0.05.

The rules are those of pycocotools' COCOeval (greedy matching by score within an image and category, at most 100
proposals, precision at 101 recalls, mean over the categories that occur), and a test holds them against it. COCOeval
itself counts once; here every image has a weight, so that thousands of resamples cost one matching. Stretches of
clips are matched by temporal IoU, as ActivityNet does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["IOU_THRESHOLDS", "Ranked", "Scored", "average_precision", "ranked"]

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALLS = 101
MOST_PROPOSALS = 100
"""Proposals of one image and category that count, the surest first."""


class Scored(NamedTuple):
    """One image (picture, frame, page or clip) and category: what is there, and what was proposed."""

    sample: int
    """Index of the sample that it belongs to."""
    category: str
    num_truths: int
    scores: tuple[float, ...]
    """Score of each proposal."""
    ious: NDArray[np.float64]
    """IoU of each proposal with each truth, ``(proposals, truths)``."""


@dataclass(frozen=True)
class Ranked:
    """All proposals of one category, the surest first."""

    samples: NDArray[np.int64]
    """The sample of each proposal, ``(p,)``."""
    scores: NDArray[np.float64]
    """Its score, descending, ``(p,)``."""
    hits: NDArray[np.bool_]
    """Whether it is a known region, at each threshold, ``(10, p)``."""
    truths: NDArray[np.float64]
    """Known regions of each sample, ``(number of samples,)``."""


def ranked(images: Iterable[Scored], num_samples: int) -> dict[str, Ranked]:
    """The proposals by category; equal scores in the order of images."""
    import numpy as np

    parts: defaultdict[str, list[tuple[Scored, list[int], NDArray[np.bool_]]]] = defaultdict(list)
    truths: defaultdict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(num_samples))
    for image in images:
        order = sorted(range(len(image.scores)), key=lambda i: -image.scores[i])[:MOST_PROPOSALS]
        truths[image.category][image.sample] += image.num_truths
        parts[image.category].append((image, order, _hits(image.ious[order])))
    return {category: _ranked(parts[category], truths[category]) for category in sorted(parts)}


def average_precision(
    categories: Sequence[Ranked], weights: NDArray[np.float64], num_thresholds: int = len(IOU_THRESHOLDS)
) -> float | None:
    """Mean AP over categories and over the first so many thresholds; ``weights`` is one per sample.

    None where nothing is known of any category.
    """
    values = []
    for category in categories:
        known = float(category.truths @ weights)
        if known > 0:
            values.append(_average(category, weights, known, num_thresholds))
    return sum(values) / len(values) if values else None


def merged(one: Ranked, other: Ranked) -> Ranked:
    """The proposals of two machines about one list of samples as if about two: the other's follow."""
    import numpy as np

    scores = np.concatenate([one.scores, other.scores])
    order = np.argsort(-scores, kind="stable")
    samples = np.concatenate([one.samples, other.samples + len(one.truths)])
    hits = np.concatenate([one.hits, other.hits], axis=1)
    return Ranked(samples[order], scores[order], hits[:, order], np.concatenate([one.truths, other.truths]))


def nothing_of(category: Ranked) -> Ranked:
    """The same truth, and no proposals."""
    import numpy as np

    return Ranked(np.zeros(0, np.int64), np.zeros(0), np.zeros((len(IOU_THRESHOLDS), 0), bool), category.truths)


def _hits(ious: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Greedy: each proposal in turn takes the free truth that it overlaps most; of equal ones the last, as COCOeval."""
    import numpy as np

    hits = np.zeros((len(IOU_THRESHOLDS), len(ious)), bool)
    for t, threshold in enumerate(IOU_THRESHOLDS):
        free = list(range(ious.shape[1]))
        for row, overlaps in enumerate(ious):
            best = max(free, key=lambda j: (overlaps[j], j), default=None)
            if best is not None and overlaps[best] >= min(threshold, 1 - 1e-10):
                free.remove(best)
                hits[t, row] = True
    return hits


def _ranked(parts: Sequence[tuple[Scored, list[int], NDArray[np.bool_]]], truths: NDArray[np.float64]) -> Ranked:
    import numpy as np

    scores = np.array([image.scores[i] for image, order, _ in parts for i in order], float)
    samples = np.array([image.sample for image, order, _ in parts for _ in order], np.int64)
    hits = np.concatenate([hits for _, _, hits in parts], axis=1)
    by_score = np.argsort(-scores, kind="stable")
    return Ranked(samples[by_score], scores[by_score], hits[:, by_score], truths)


def _average(category: Ranked, weights: NDArray[np.float64], known: float, num_thresholds: int) -> float:
    """Precision, made to fall monotonically, at 101 recalls; a recall that is never reached has precision 0."""
    import numpy as np

    weight = weights[category.samples]
    found = np.cumsum(weight * category.hits[:num_thresholds], axis=1)
    precision = found / (np.cumsum(weight) + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([envelope, np.zeros((num_thresholds, 1))], axis=1)
    # Recalls are sums of weights over a sum of weights: a hair of rounding must not lose the last one.
    recalls, wanted = found / known + 1e-12, np.linspace(0, 1, RECALLS)
    reached = [row[np.searchsorted(recall, wanted)] for row, recall in zip(padded, recalls, strict=True)]
    return float(np.mean(reached))
