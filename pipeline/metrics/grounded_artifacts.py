"""SynthScars' metrics (arXiv 2503.15264): masks by mIoU and F1, words by ROUGE-L and sentence similarity.

Quirks of the published ones, kept and named: mIoU is the mean of foreground and background, so that an empty answer
about a small flaw still scores about 0.5, and so does silence about a clean picture; a millionth of a pixel in every
union keeps it just below 1; captions share a fixed template, which raises every text score. The corrected ones:
foreground IoU alone, and texts without the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.geometry import Polygon

__all__ = [
    "foreground_iou",
    "mean_iou",
    "pixel_f1",
    "published_mask",
    "rouge_l",
    "sentence_similarity",
    "without_template",
]

Bits = NDArray[np.bool_]
Embed = Callable[[Sequence[str]], NDArray[np.floating]]
"""Texts to vectors, (N, D). As published: the sentence transformer ``paraphrase-MiniLM-L6-v2``."""
EPSILON_PX = 1e-6
"""What the published code adds to every union, against a division by zero."""
TEMPLATE = re.compile(
    r"Upon examining the image\. I have found:|To elaborate, I have found the following artifacts\.", re.IGNORECASE
)


def published_mask(polygons: Iterable[Polygon], width: int, height: int) -> Bits:
    """The true mask as the published evaluation draws it: truncated points, ``cv2.fillPoly``, nothing clamped."""
    import cv2

    drawn = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        points = np.array(polygon.exterior, np.float32).astype(np.int32)
        cv2.fillPoly(drawn, [points.reshape(-1, 1, 2)], (1,))
    return drawn.astype(bool)


def mean_iou(pairs: Iterable[tuple[Bits, Bits]]) -> float:
    """Mean over images of the mean of foreground and background IoU, of ``(truth, predicted)``; as published, where a
    foreground that is empty on both sides scores 0."""
    return _mean([(_published_iou(one, two) + _published_iou(~one, ~two)) / 2 for one, two in pairs])


def foreground_iou(pairs: Iterable[tuple[Bits, Bits]]) -> float:
    """Mean over images of the foreground's IoU; 1 where both are empty."""
    return _mean([_iou(truth, predicted) for truth, predicted in pairs])


def pixel_f1(pairs: Iterable[tuple[Bits, Bits]]) -> float:
    """Mean over images of the F1 of the foreground's pixels; 1 where both are empty."""
    return _mean([_f1(truth, predicted) for truth, predicted in pairs])


def rouge_l(reference: str, text: str) -> float:
    """ROUGE-L F1 (Lin 2004): twice the longest common subsequence over both lengths, in lower-case words."""
    one, two = _words(reference), _words(text)
    if not one or not two:
        return float(one == two)
    return 2 * _common(one, two) / (len(one) + len(two))


def sentence_similarity(references: Sequence[str], texts: Sequence[str], embed: Embed) -> float:
    """Mean cosine of each text with its reference (the published CSS, with the published model as ``embed``)."""
    one, two = embed(references), embed(texts)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    cosines = np.divide((one * two).sum(axis=1), lengths, out=np.zeros(len(one)), where=lengths > 0)
    return _mean([float(cosine) for cosine in cosines])


def without_template(caption: str) -> str:
    """The caption without the words that every caption has."""
    return " ".join(TEMPLATE.sub(" ", caption).split())


def _published_iou(truth: Bits, predicted: Bits) -> float:
    return float(np.count_nonzero(truth & predicted) / (np.count_nonzero(truth | predicted) + EPSILON_PX))


def _iou(truth: Bits, predicted: Bits) -> float:
    union = np.count_nonzero(truth | predicted)
    return float(np.count_nonzero(truth & predicted) / union) if union else 1.0


def _f1(truth: Bits, predicted: Bits) -> float:
    both = np.count_nonzero(truth) + np.count_nonzero(predicted)
    return float(2 * np.count_nonzero(truth & predicted) / both) if both else 1.0


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _common(one: Sequence[str], two: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(two) + 1)
    for word in one:
        diagonal = 0
        for column, other in enumerate(two, 1):
            above = row[column]
            row[column] = diagonal + 1 if word == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]
