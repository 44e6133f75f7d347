"""Which convention a model's boxes are in: the one under which they lie where they should, out of all that there are.

Each convention maps the answers to pictures' fractions; what is left over to the known boxes is taken as noise that
grows with the box or with the picture, whichever explains it better, and the convention with the greatest likelihood
wins (Laplace, so that single misses count little). Two conventions that noise cannot tell apart, 0 to 999 and 0 to
1000, are told by their far edge: a model writes it exactly, and never more, for boxes that touch the edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from schemas.candidate import View
from schemas.geometry import Box, box_iou
from schemas.task import BoxConvention

from .boxes import CONVENTIONS, Convention

__all__ = ["Fit", "Shot", "farthest_apart", "fit_conventions", "is_ambiguous"]

FAR_OFF = 0.25
"""Errors, as a share of the picture, count as no more: a miss is a miss under any convention."""
ROUNDING = 0.02
"""Added to a box's side in weighing its error, for what rounding to whole numbers adds."""
CLOSE_CALL = 6.0
"""Difference in log-likelihood below which noise cannot tell two conventions apart (odds of 400 to 1)."""
HIT_IOU = 0.5


class Shot(NamedTuple):
    """One picture with a known box, and the four numbers that were answered, in their order."""

    box: Box
    """Where it is, in pixels of the original."""
    view: View
    size: tuple[float, float]
    """Width and height of the original in pixels."""
    numbers: tuple[float, float, float, float]


class Fit(NamedTuple):
    """How well one convention explains the answers."""

    convention: BoxConvention
    median_error: float
    """Median error of a box's edges, as a share of the picture's side."""
    hit_rate: float
    """Share of answers whose box overlaps the known one by an IoU of at least 0.5."""
    median_iou: float
    log_likelihood: float
    at_edge: int
    """Numbers that are exactly the far edge, less three for each that lies beyond."""


class _Errors(NamedTuple):
    errors: list[float]
    weights: list[float]
    ious: list[float]


def fit_conventions(shots: Sequence[Shot]) -> tuple[Fit, ...]:
    """All conventions, the best first. Raises ValueError without a shot."""
    if not shots:
        raise ValueError("no answer holds four numbers")
    fits = sorted((_fit(convention, shots) for convention in CONVENTIONS.values()), key=lambda fit: -fit.log_likelihood)
    best = fits[0].log_likelihood
    close = [fit for fit in fits if best - fit.log_likelihood < CLOSE_CALL]
    close.sort(key=lambda fit: -max(fit.at_edge, 0))  # stable: equals stay in the order of their likelihood
    return (*close, *fits[len(close) :])


def is_ambiguous(fits: Sequence[Fit]) -> bool:
    """Whether neither noise nor the far edge tells the best two apart."""
    first, second = fits[0], fits[1]
    is_close = abs(first.log_likelihood - second.log_likelihood) < CLOSE_CALL
    return is_close and max(first.at_edge, 0) - max(second.at_edge, 0) < 3


def farthest_apart(one: BoxConvention, other: BoxConvention, shots: Sequence[Shot]) -> float:
    """How far the boxes of these answers lie apart at most under two conventions, as a share of the picture's side."""
    return max(
        abs(first - second) / shot.size[edge % 2]
        for shot in shots
        for edge, (first, second) in enumerate(
            zip(_in_pixels(CONVENTIONS[one], shot), _in_pixels(CONVENTIONS[other], shot), strict=True)
        )
    )


def _fit(convention: Convention, shots: Sequence[Shot]) -> Fit:
    found = _Errors([], [], [])
    for shot in shots:
        _measure(convention, shot, found)
    likelihood = max(_laplace(found.errors, found.weights), _laplace(found.errors, [1.0] * len(found.errors)))
    return Fit(
        convention.name,
        median(found.errors),
        sum(iou >= HIT_IOU for iou in found.ious) / len(shots),
        median(found.ious),
        likelihood,
        sum(_at_edge(convention, shot) for shot in shots),
    )


def _measure(convention: Convention, shot: Shot, found: _Errors) -> None:
    width, height = shot.size
    known = shot.box.x1, shot.box.y1, shot.box.x2, shot.box.y2
    said = _in_pixels(convention, shot)
    for edge, (true, guess) in enumerate(zip(known, said, strict=True)):
        side, own = (width, shot.box.x2 - shot.box.x1) if edge % 2 == 0 else (height, shot.box.y2 - shot.box.y1)
        found.errors.append(min(abs(guess - true) / side, FAR_OFF))
        found.weights.append(own / side + ROUNDING)
    found.ious.append(_iou(said, shot))


def _in_pixels(convention: Convention, shot: Shot) -> tuple[float, float, float, float]:
    """Corners in the original's pixels, wherever they lie: a wrong convention puts them anywhere."""
    x1, y1, x2, y2 = convention.corners(shot.numbers)
    left, top = convention.point_from(x1, y1, shot.view, shot.size)
    right, bottom = convention.point_from(x2, y2, shot.view, shot.size)
    return left, top, right, bottom


def _iou(said: tuple[float, float, float, float], shot: Shot) -> float:
    width, height = shot.size
    x1, x2 = (min(max(x, 0.0), width) for x in (said[0], said[2]))
    y1, y2 = (min(max(y, 0.0), height) for y in (said[1], said[3]))
    return box_iou(Box(x1=x1, y1=y1, x2=x2, y2=y2), shot.box) if x1 < x2 and y1 < y2 else 0.0


def _laplace(errors: Sequence[float], weights: Sequence[float]) -> float:
    """Log-likelihood of errors whose scale is one number, fitted, times their weight."""
    scale = max(sum(error / weight for error, weight in zip(errors, weights, strict=True)) / len(errors), 1e-9)
    return -sum(math.log(2 * scale * weight) for weight in weights) - len(errors)


def _at_edge(convention: Convention, shot: Shot) -> int:
    right, bottom = convention.edges(shot.view, shot.size)
    _, _, x2, y2 = convention.corners(shot.numbers)
    total = 0
    for number, edge in ((x2, right), (y2, bottom)):
        if abs(number - edge) <= 1e-6 * edge:
            total += 1
        elif number > edge:
            total -= 3
    return total
