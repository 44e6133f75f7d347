"""Pictures with one rectangle at a known place."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.planting.rectangles import SIZES, sample_of, targets
from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.measure import measure


def test_the_rectangle_is_where_it_is_said_to_be(tmp_path: Path) -> None:
    for number, target in enumerate(targets(24)):
        sample = sample_of(target, tmp_path / f"{number}.png")
        data = Path(sample.primary.uri).read_bytes()
        with Image.open(sample.primary.uri) as picture:
            is_shape = np.asarray(picture.convert("RGB")).min(axis=2) < 255
        ys, xs = is_shape.any(axis=1).nonzero()[0], is_shape.any(axis=0).nonzero()[0]
        box = target.box

        assert (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1) == (box.x1, box.y1, box.x2, box.y2)
        assert is_shape.sum() == (box.x2 - box.x1) * (box.y2 - box.y1)
        assert sample.primary.asset_id == hashlib.sha256(data).hexdigest()
        assert (sample.primary.media.width, sample.primary.media.height) == target.size


def test_the_sample_says_what_measuring_would(tmp_path: Path) -> None:
    sample = sample_of(next(targets(1)), tmp_path / "a.png")

    measured = measure(partial(open, mode="rb"), sample.primary.uri, file_name="a.png", limits=DEFAULT_LIMITS)

    assert measured.media == sample.primary.media


def test_places_are_the_same_each_time_and_differ_by_seed() -> None:
    assert list(targets(30))[:10] == list(targets(10))
    assert list(targets(10, seed=1)) != list(targets(10))


def test_sizes_vary_and_many_boxes_touch_the_far_edges() -> None:
    found = list(targets(64))
    at_edge = sum((t.box.x2 == t.size[0]) + (t.box.y2 == t.size[1]) for t in found)

    assert {target.size for target in found} == set(SIZES)
    assert 30 < at_edge < 90
    assert max(max(size) for size in SIZES) > 1536
