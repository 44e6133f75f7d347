"""Average precision against pycocotools' COCOeval."""

from __future__ import annotations

import contextlib
import io
import random
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from annotators.consensus import region_ious
from pipeline.evaluation.precision import Scored, average_precision, merged, ranked
from schemas.candidate import Region
from schemas.geometry import Box

CATEGORIES = ("a", "b", "c")
Row = tuple[int, str, tuple[float, float, float, float], float]
"""Image, category, xywh, score."""


def scene(seed: int, images: int = 6) -> tuple[list[Row], list[Row]]:
    """Truths and proposals; some proposals are shifted truths, some are not; scores are all different."""
    rng = random.Random(seed)
    truths: list[Row] = []
    proposals: list[Row] = []
    for image in range(images):
        for _ in range(rng.randint(0, 5)):
            xywh = (rng.uniform(0, 60), rng.uniform(0, 60), rng.uniform(10, 30), rng.uniform(10, 30))
            category = rng.choice(CATEGORIES[:2])
            truths.append((image, category, xywh, 1.0))
            for _ in range(rng.choice((0, 1, 1, 2))):
                shift = rng.choice((0.5, 2, 6))
                near = (xywh[0] + rng.uniform(-shift, shift), xywh[1] + rng.uniform(-shift, shift), *xywh[2:])
                proposals.append((image, rng.choice((category, category, "c")), near, rng.random()))
        for _ in range(rng.randint(0, 2)):
            proposals.append((image, rng.choice(CATEGORIES), (rng.uniform(0, 60), 5, 9, 9), rng.random()))
    return truths, proposals


def coco_ap(truths: list[Row], proposals: list[Row], images: int) -> tuple[float, float]:
    """AP over all thresholds and at 0.50, as COCOeval says; -1 where nothing is known."""
    ids = {name: number for number, name in enumerate(CATEGORIES, 1)}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(images)],
            "categories": [{"id": number, "name": name} for name, number in ids.items()],
            "annotations": [
                {"id": n, "image_id": i, "category_id": ids[c], "bbox": list(b), "area": b[2] * b[3], "iscrowd": 0}
                for n, (i, c, b, _) in enumerate(truths, 1)
            ],
        }
        coco.createIndex()
        found = [{"image_id": i, "category_id": ids[c], "bbox": list(b), "score": s} for i, c, b, s in proposals]
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 0]
    known = precision[:, :, precision[0, 0] > -1]
    return (float(known.mean()), float(known[0].mean())) if known.size else (-1.0, -1.0)


def region(row: Row) -> Region:
    x, y, width, height = row[2]
    return Region(
        region_id="r", box=Box(x1=x, y1=y, x2=x + width, y2=y + height), category=row[1], score=row[3], source="machine"
    )


def scored(truths: list[Row], proposals: list[Row], images: int) -> list[Scored]:
    found = []
    for image in range(images):
        for category in CATEGORIES:
            mine, theirs = ([r for r in rows if r[:2] == (image, category)] for rows in (truths, proposals))
            ious = region_ious([region(r) for r in theirs], [region(r) for r in mine])
            found.append(Scored(image, category, len(mine), tuple(r[3] for r in theirs), ious))
    return found


def ap(truths: list[Row], proposals: list[Row], images: int, weights: Any = None) -> tuple[float, float]:
    categories = list(ranked(scored(truths, proposals, images), images).values())
    at = np.ones(images) if weights is None else np.array(weights, float)
    values = average_precision(categories, at), average_precision(categories, at, 1)
    return tuple(-1.0 if value is None else value for value in values)  # type: ignore[return-value]


def test_it_is_cocoevals_on_a_hundred_scenes() -> None:
    for seed in range(100):
        truths, proposals = scene(seed)
        if proposals:
            assert ap(truths, proposals, 6) == pytest.approx(coco_ap(truths, proposals, 6), abs=1e-9)


def test_more_than_a_hundred_proposals_of_one_image_do_not_count() -> None:
    truths: list[Row] = [(0, "a", (0, 0, 10, 10), 1.0)]
    noise: list[Row] = [(0, "a", (50, 50, 5, 5), 0.9 + i / 10_000) for i in range(100)]
    late = [*noise, (0, "a", (0, 0, 10, 10), 0.5)]
    assert ap(truths, late, 1) == coco_ap(truths, late, 1) == (0.0, 0.0)
    early = [*noise[:99], (0, "a", (0.0, 0.0, 10.0, 10.0), 0.5)]
    assert ap(truths, early, 1) == pytest.approx(coco_ap(truths, early, 1))


def test_a_weight_is_that_many_images() -> None:
    for seed in range(20):
        truths, proposals = scene(seed)
        weights = [random.Random(seed + i).choice((0, 1, 1, 3)) for i in range(6)]
        copies = [image for image, weight in enumerate(weights) for _ in range(weight)]

        def copied(rows: list[Row], copies: list[int] = copies) -> list[Row]:
            return [(new, *row[1:]) for new, image in enumerate(copies) for row in rows if row[0] == image]

        if copied(truths) and copied(proposals):
            expected = coco_ap(copied(truths), copied(proposals), len(copies))
            # Copies have equal scores: COCOeval lists them one after another, which is what a weight is.
            assert ap(truths, proposals, 6, weights) == pytest.approx(expected, abs=0.02)


def test_two_machines_merged_are_each_alone_where_the_other_weighs_nothing() -> None:
    for seed in range(20):
        truths, one = scene(seed)
        _, other = scene(seed + 1000)
        first, second = (ranked(scored(truths, rows, 6), 6) for rows in (one, other))
        both = [merged(first[name], second[name]) for name in CATEGORIES]
        ones, zeros = np.ones(6), np.zeros(6)
        assert average_precision(both, np.concatenate([ones, zeros])) == average_precision(list(first.values()), ones)
        assert average_precision(both, np.concatenate([zeros, ones])) == average_precision(list(second.values()), ones)


def test_without_truth_there_is_no_precision_and_without_proposals_it_is_none() -> None:
    assert average_precision([], np.ones(2)) is None
    assert ap([], [(0, "a", (0, 0, 1, 1), 0.5)], 1) == (-1.0, -1.0)
    assert ap([(0, "a", (0, 0, 1, 1), 1.0)], [], 1) == (0.0, 0.0)
