"""The figures that machines are compared by, each as something that can be taken again over any weighting of samples.

=================  =====================================================================================
box_map            COCO's AP over IoU 0.50 to 0.95 of boxes (of time spans for clips); no score counts as 1
box_ap50           the same at IoU 0.50
pixel_iou          pixels in both truth and proposals over pixels in either, summed over all samples
mean_iou           the same, of each sample by itself, averaged over the samples that hold anything
time_iou           seconds in both over seconds in either
region_f1          regions found: same category and IoU of at least the bar, one to one
category_f1        categories named per sample, wherever they were drawn
verdict_f1         macro F1 of the verdict against the known origin; ``unclear`` and silence find nothing
verdict_accuracy   share of the samples of known origin with the right verdict
faithfulness       share of the claims' places that a second pass finds again from the words alone
reliance           share of the claims that it found so and no longer sees once their places are covered
=================  =====================================================================================
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotators.consensus import ground_of, region_ious
from annotators.models.relocating import HIDDEN, RELOCATED
from schemas.candidate import Candidate, Region
from schemas.geometry import box_from_mask, box_from_polygons
from schemas.judgement import Judgement
from schemas.sample import Sample

from ..overlaps import ious, matched_rows, place_of, shared_extents
from .precision import IOU_THRESHOLDS, Ranked, Scored, average_precision, merged, nothing_of, ranked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MEASURES", "Measure", "measures_of"]

VERDICTS = ("real", "generated", "edited")
MEASURES = (
    "box_map", "box_ap50", "pixel_iou", "mean_iou", "time_iou", "region_f1", "category_f1", "verdict_f1",
    "verdict_accuracy", "faithfulness", "reliance",
)  # fmt: skip
Judged = Mapping[str, Sequence[Sequence[Judgement]]]
"""What second passes said about each candidate, by its id; one sequence for each pass."""


Paired = Callable[["NDArray[np.float64]", "NDArray[np.float64]"], float | None]
"""A figure from two weights of each sample."""


class Measure(ABC):
    """One figure of one machine over a list of samples."""

    @abstractmethod
    def at(self, weights: NDArray[np.float64]) -> float | None:
        """The figure where each sample counts with its weight; None where it says nothing."""

    @abstractmethod
    def paired(self, other: Measure) -> Paired:
        """The figure of a machine that answers partly as this one and partly as another, from the weights of both."""


@dataclass(frozen=True)
class Sums(Measure):
    """A figure made of sums over samples."""

    parts: NDArray[np.float64]
    """What each sample adds, ``(samples, parts)``."""
    value: Callable[[NDArray[np.float64]], float | None]
    """The figure from the summed parts."""

    def at(self, weights: NDArray[np.float64]) -> float | None:
        return self.value(weights @ self.parts)

    def paired(self, other: Measure) -> Paired:
        assert isinstance(other, Sums)  # noqa: S101 - one name, one kind of measure
        theirs = other.parts
        return lambda own, its: self.value(own @ self.parts + its @ theirs)


@dataclass(frozen=True)
class Precision(Measure):
    """COCO's average precision."""

    categories: dict[str, Ranked]
    num_thresholds: int

    def at(self, weights: NDArray[np.float64]) -> float | None:
        return average_precision(list(self.categories.values()), weights, self.num_thresholds)

    def paired(self, other: Measure) -> Paired:
        import numpy as np

        assert isinstance(other, Precision)  # noqa: S101 - one name, one kind of measure
        both = [_both(self.categories, other.categories, n) for n in sorted({*self.categories, *other.categories})]
        return lambda own, its: average_precision(both, np.concatenate([own, its]), self.num_thresholds)


def _both(ours: dict[str, Ranked], theirs: dict[str, Ranked], name: str) -> Ranked:
    one, other = ours.get(name), theirs.get(name)
    if one and other:
        return merged(one, other)
    return merged(one, nothing_of(one)) if one else merged(nothing_of(theirs[name]), theirs[name])


Answers = Sequence[tuple[Sample, Sequence[Candidate]]]
"""The samples, and what one machine said about each; nothing where it did not answer."""


def measures_of(answers: Answers, judgements: Judged, iou_threshold: float) -> dict[str, Measure]:
    """All measures of one machine by name, in the order of MEASURES.

    Regions are held against the truth of samples whose truth is complete, verdicts against every known origin.
    ``judgements`` are those that a second pass made of each candidate's claims (annotators.models.relocating).
    """
    images = ranked(_scored(answers), len(answers))
    verdicts = _parts([_verdicts(sample, said) for sample, said in answers], 3 * len(VERDICTS))
    regions = _parts([_regions(sample, said, iou_threshold) for sample, said in answers], 10)
    judged = _parts([_judged(said, judgements) for _, said in answers], 4)
    found: dict[str, Measure] = {
        "box_map": Precision(images, len(IOU_THRESHOLDS)),
        "box_ap50": Precision(images, 1),
        "pixel_iou": Sums(regions[:, 0:2], _ratio),
        "mean_iou": Sums(regions[:, 2:4], _ratio),
        "time_iou": Sums(regions[:, 4:6], _ratio),
        "region_f1": Sums(regions[:, 6:8], _ratio),
        "category_f1": Sums(regions[:, 8:10], _ratio),
        "verdict_f1": Sums(verdicts, _macro_f1),
        "verdict_accuracy": Sums(verdicts, _accuracy),
        "faithfulness": Sums(judged[:, 0:2], _ratio),
        "reliance": Sums(judged[:, 2:4], _ratio),
    }
    return {name: found[name] for name in MEASURES}


def _scored(answers: Answers) -> Iterator[Scored]:
    """Each ground (picture, frame, page, clip) and category of each sample with complete truth."""
    for number, (sample, said) in enumerate(answers):
        if not sample.has_ground_truth:
            continue
        truths = [_boxed(region) for region in sample.ground_truth]
        proposals = [_boxed(region) for candidate in said for region in candidate.regions]
        overlap = region_ious(proposals, truths, primary=sample.primary.asset_id)
        keys = {_key(region, sample) for region in (*truths, *proposals)}
        for key in sorted(keys, key=repr):
            rows = [i for i, region in enumerate(proposals) if _key(region, sample) == key]
            columns = [j for j, region in enumerate(truths) if _key(region, sample) == key]
            scores = tuple(1.0 if (s := proposals[i].score) is None else s for i in rows)
            yield Scored(number, key[0], len(columns), scores, overlap[rows][:, columns])


def _key(region: Region, sample: Sample) -> tuple[str, object]:
    return region.category, ground_of(region, primary=sample.primary.asset_id)


def _boxed(region: Region) -> Region:
    """The region as its box alone; stretches of a clip and whole pages stay as they are."""
    if region.span or region.track or not (region.polygons or region.mask):
        return region
    box = region.box or (box_from_polygons(region.polygons) if region.polygons else None)
    if box is None and region.mask is not None:
        box = box_from_mask(region.mask)
    return region.evolve(box=box, polygons=(), mask=None)


def _regions(sample: Sample, said: Sequence[Candidate], iou_threshold: float) -> list[float]:
    """Numerator and denominator of pixel, mean and time IoU, region F1 and category F1."""
    import numpy as np

    if not sample.has_ground_truth:
        return [0.0] * 10
    truths = [place_of(region, sample) for region in sample.ground_truth]
    proposals = [place_of(region, sample) for candidate in said for region in candidate.regions]
    extents = {"pixels": [0.0, 0.0], "seconds": [0.0, 0.0]}
    for shared in shared_extents(truths, proposals):
        extents[shared.unit][0] += shared.both
        extents[shared.unit][1] += shared.either
    pixels = extents["pixels"]
    mean = [pixels[0] / pixels[1], 1.0] if pixels[1] else [0.0, 0.0]
    overlap = ious(truths, proposals)
    is_same = np.array([[t.category == p.category for p in proposals] for t in truths], bool).reshape(overlap.shape)
    found = len(matched_rows(np.where(is_same, overlap, 0), iou_threshold))
    there, named = {t.category for t in truths}, {p.category for p in proposals}
    counts = [2.0 * found, len(truths) + len(proposals), 2.0 * len(there & named), len(there) + len(named)]
    return [*pixels, *mean, *extents["seconds"], *map(float, counts)]


def _verdicts(sample: Sample, said: Sequence[Candidate]) -> list[float]:
    """True positives, false positives and false negatives of each verdict, by the first candidate that has one."""
    verdict = next((candidate.verdict for candidate in said if candidate.verdict), None)
    if sample.origin not in VERDICTS:
        return [0.0] * (3 * len(VERDICTS))
    return [
        float(flag)
        for name in VERDICTS
        for flag in (
            sample.origin == name == verdict,
            verdict == name != sample.origin,
            sample.origin == name != verdict,
        )
    ]


def _judged(said: Sequence[Candidate], judgements: Judged) -> list[float]:
    """Places found again and places looked for, claims that fell with their places and claims found again.

    A claim that was not even found in the open medium says nothing by not being seen in the covered one.
    """
    sums = [0.0] * 4
    for given in (one for candidate in said for one in judgements.get(candidate.candidate_id, ())):
        scores = [(j.name, j.position, j.score) for j in given if j.score is not None]
        found = [(place, score) for name, place, score in scores if name == RELOCATED]
        there = {place for place, score in found if score}
        fallen = [score for name, place, score in scores if name == HIDDEN and place in there]
        parts = math.fsum(score for _, score in found), len(found), math.fsum(fallen), len(fallen)
        sums = [a + b for a, b in zip(sums, parts, strict=True)]
    return sums


def _parts(rows: Sequence[Sequence[float]], width: int) -> NDArray[np.float64]:
    import numpy as np

    return np.array(rows, float).reshape(len(rows), -1) if rows else np.zeros((0, width))


def _ratio(sums: NDArray[np.float64]) -> float | None:
    return float(sums[0] / sums[1]) if sums[1] else None


def _macro_f1(sums: NDArray[np.float64]) -> float | None:
    """Mean F1 of the verdicts that occur in the truth."""
    values = []
    for hit, wrong, missed in sums.reshape(-1, 3):
        if hit + missed > 0:
            values.append(2 * hit / (2 * hit + wrong + missed))
    return float(sum(values) / len(values)) if values else None


def _accuracy(sums: NDArray[np.float64]) -> float | None:
    table = sums.reshape(-1, 3)
    known = float(table[:, 0].sum() + table[:, 2].sum())
    return float(table[:, 0].sum()) / known if known else None
