from __future__ import annotations

import math
import random

import numpy as np
import pytest

from annotators.consensus import entropy, fused_box, fused_category, fused_mask, fused_region, spread
from schemas.candidate import Region
from schemas.geometry import Box, Keyframe, Polygon, TimeSpan, mask_from_array, mask_to_array

from .conftest import HEIGHT, WIDTH, boxed


def size_of(_: Region) -> tuple[int, int]:
    return WIDTH, HEIGHT


def fused(*regions: Region, share: float = 1.0) -> Region:
    return fused_region(regions, share=share, region_id="c-1", size_of=size_of)


def test_boxes_are_the_weighted_mean_of_their_edges_in_a_thousand_cases() -> None:
    for seed in range(1000):
        rng = random.Random(seed)
        boxes, weights = [], []
        for _ in range(rng.randint(1, 5)):
            x, y = rng.uniform(0, 50), rng.uniform(0, 50)
            boxes.append(Box(x1=x, y1=y, x2=x + rng.uniform(1, 20), y2=y + rng.uniform(1, 20)))
            weights.append(rng.choice((0.0, 0.25, 1.0)))
        corners = np.array([[b.x1, b.y1, b.x2, b.y2] for b in boxes])
        expected = np.average(corners, axis=0, weights=weights if any(weights) else None)
        box = fused_box(boxes, weights)
        assert [box.x1, box.y1, box.x2, box.y2] == pytest.approx(expected.tolist())


def test_masks_are_decided_by_more_than_half_in_a_thousand_cases() -> None:
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        pixels = rng.random((int(rng.integers(1, 6)), 4, 5)) < 0.6
        pixels[:, 0, 0] = True
        fused_pixels = mask_to_array(fused_mask([mask_from_array(layer, "painted") for layer in pixels]))
        for y in range(4):
            for x in range(5):
                votes = sum(bool(layer[y, x]) for layer in pixels)
                assert fused_pixels[y, x] == (votes > len(pixels) / 2)


def test_where_no_pixel_has_a_majority_those_that_the_most_cover_stand() -> None:
    layers = np.zeros((4, 1, 4), bool)
    for i, columns in enumerate([(0, 1), (1, 2), (2, 3), (3, 0)]):
        layers[i, 0, list(columns)] = True
    assert mask_to_array(fused_mask([mask_from_array(layer, "painted") for layer in layers])).all()


def test_a_region_says_what_its_surest_finder_of_the_chosen_category_says() -> None:
    region = fused(
        boxed((0, 0, 10, 10), "blur", score=0.6, explanation="soft"),
        boxed((2, 0, 12, 10), "noise", score=0.9, explanation="grainy"),
        boxed((1, 0, 11, 10), "blur", score=0.3, explanation="dull"),
        share=0.75,
    )
    assert (region.region_id, region.category, region.explanation, region.source) == ("c-1", "blur", "soft", "derived")
    assert region.score == pytest.approx(0.6 * 0.75)
    assert region.box is not None
    assert region.box.x1 == pytest.approx((0 * 0.6 + 2 * 0.9 + 1 * 0.3) / 1.8)


@pytest.mark.parametrize(
    ("named", "winner"),
    [
        ((("blur", 0.1), ("blur", 0.1), ("noise", 0.9)), "blur"),
        ((("blur", 0.1), ("noise", 0.9)), "noise"),
        ((("noise", 0.5), ("blur", 0.5)), "blur"),
    ],
)
def test_a_category_is_chosen_by_number_then_weight_then_name(named: tuple[tuple[str, float]], winner: str) -> None:
    regions = [boxed((0, 0, 1, 1), name) for name, _ in named]
    assert fused_category(regions, [weight for _, weight in named]) == winner


def test_a_score_that_is_missing_counts_as_the_others_do() -> None:
    assert fused(boxed((0, 0, 1, 1)), boxed((0, 0, 1, 1)), share=0.5).score == 0.5
    assert fused(boxed((0, 0, 1, 1), score=0.4), boxed((0, 0, 1, 1))).score == pytest.approx(0.4)


def test_a_region_that_one_alone_found_keeps_its_outline() -> None:
    polygon = Polygon(exterior=((0, 0), (4, 0), (0, 4)))
    alone = boxed((0, 0, 4, 4), polygons=(polygon,))
    assert fused(alone, share=0.5) == alone.evolve(region_id="c-1", source="derived", score=0.5)


def test_outlines_and_boxes_become_pixels_and_their_tight_box() -> None:
    triangle = Polygon(exterior=((0, 0), (8, 0), (8, 8), (0, 8)))
    region = fused(boxed((0, 0, 8, 8), polygons=(triangle,)), boxed((2, 0, 12, 8)))
    assert region.mask is not None
    pixels = mask_to_array(region.mask)
    assert (pixels.shape, pixels[0:8, 2:8].all(), pixels.sum()) == ((HEIGHT, WIDTH), True, 48)
    assert (region.polygons, region.box) == ((), Box(x1=2, y1=0, x2=8, y2=8))


def test_spans_are_averaged_and_a_track_is_the_surest_ones() -> None:
    one = Region(region_id="a", span=TimeSpan(start_s=1, end_s=3), category="x", source="machine", score=0.5)
    other = one.evolve(span=TimeSpan(start_s=2, end_s=5), score=1.0)
    span = fused(one, other).span
    assert span is not None
    assert (span.start_s, span.end_s) == (pytest.approx(5 / 3), pytest.approx(13 / 3))
    track = (Keyframe(frame_index=0, pts_s=0, box=Box(x1=0, y1=0, x2=1, y2=1), is_visible=True),)
    assert fused(one.evolve(span=None, track=track, score=1.0), one).track == track


def test_entropy_is_in_bits() -> None:
    assert entropy(["a", "a"]) == 0.0
    assert entropy([]) == 0.0
    assert entropy(["a", "b"]) == pytest.approx(1.0)
    assert entropy(["a", "b", "b", "c"]) == pytest.approx(1.5)
    assert entropy(["a", "b"], [3, 1]) == pytest.approx(-0.75 * math.log2(0.75) - 0.25 * math.log2(0.25))


def test_a_spread_needs_two() -> None:
    assert spread([]) is None
    assert spread([0.3]) is None
    assert spread([0.2, 0.6]) == pytest.approx(0.2)
