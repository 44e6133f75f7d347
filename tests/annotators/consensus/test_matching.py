"""The matching against all matchings there are, on 1,000 seeded cases."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import permutations

import pytest

from annotators.consensus import Match, match_regions
from schemas.candidate import Region
from schemas.geometry import box_iou

from .conftest import boxed

CATEGORIES = ("blur", "noise")
BAR = 0.3


def side(rng: random.Random) -> list[Region]:
    """Up to five boxes on a small field, so that many overlap, none equal another."""
    corners = {
        (x, y, x + rng.choice((3, 4, 5)), y + rng.choice((3, 4, 5)))
        for x, y in [(rng.randint(0, 6), rng.randint(0, 6)) for _ in range(rng.randint(0, 5))]
    }
    return [boxed(c, rng.choice(CATEGORIES)) for c in sorted(corners)]


def all_pairings(ours: Sequence[int], theirs: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    """Every one-to-one pairing of the shorter side."""
    if len(ours) <= len(theirs):
        yield from ([*zip(ours, order, strict=True)] for order in permutations(theirs, len(ours)))
    else:
        yield from ([(i, j) for j, i in zip(theirs, order, strict=True)] for order in permutations(ours, len(theirs)))


def best(a: list[Region], b: list[Region], ours: Sequence[int], theirs: Sequence[int]) -> tuple[int, float]:
    """Number of pairs and sum of IoUs of the best pairing of all."""
    sums = []
    for pairing in all_pairings(ours, theirs):
        good = [iou for iou in (box_iou(a[i].box, b[j].box) for i, j in pairing) if iou >= BAR]
        sums.append((len(good), sum(good)))
    return max(sums, default=(0, 0.0))


def value(matches: Sequence[Match]) -> tuple[int, float]:
    return len(matches), sum(match.iou for match in matches)


@pytest.mark.parametrize("block", range(10))
def test_no_pairing_is_better_in_any_of_a_thousand_cases(block: int) -> None:
    for case in range(100):
        rng = random.Random(block * 100 + case)
        a, b = side(rng), side(rng)
        matches = match_regions(a, b, min_iou=BAR)
        same = [match for match in matches if match.is_same_category]
        for category in CATEGORIES:
            ours, theirs = ([i for i, r in enumerate(s) if r.category == category] for s in (a, b))
            found = value([match for match in same if a[match.one].category == category])
            assert found == pytest.approx(best(a, b, ours, theirs))
        left = [
            [i for i in range(len(s)) if i not in {getattr(match, end) for match in same}]
            for s, end in ((a, "one"), (b, "other"))
        ]
        across = [match for match in matches if not match.is_same_category]
        assert value(across) == pytest.approx(best(a, b, *left))
        for match in matches:
            assert match.iou == pytest.approx(box_iou(a[match.one].box, b[match.other].box))


def test_the_order_of_regions_and_sides_does_not_matter() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        a, b = side(rng), side(rng)
        pairs = {(a[m.one].region_id, b[m.other].region_id) for m in match_regions(a, b, min_iou=BAR)}
        shuffled = rng.sample(a, len(a)), rng.sample(b, len(b))
        again = match_regions(*shuffled, min_iou=BAR)
        assert {(shuffled[0][m.one].region_id, shuffled[1][m.other].region_id) for m in again} == pairs
        swapped = match_regions(b, a, min_iou=BAR)
        assert {(a[m.other].region_id, b[m.one].region_id) for m in swapped} == pairs
        assert list(swapped) == sorted(swapped)


def test_one_category_comes_before_a_higher_iou() -> None:
    mine = [boxed((0, 0, 10, 10), "blur")]
    others = [boxed((0, 0, 10, 10), "noise"), boxed((0, 0, 10, 6), "blur")]
    assert match_regions(mine, others, min_iou=0.5) == (Match(0, 1, 0.6, True),)
    assert match_regions(mine, others[:1], min_iou=0.5) == (Match(0, 0, 1.0, False),)


def test_the_bar_counts_as_reached_and_nothing_matches_without_overlap() -> None:
    assert match_regions([boxed((0, 0, 10, 10))], [boxed((0, 0, 10, 5))], min_iou=0.5) == (Match(0, 0, 0.5, True),)
    assert match_regions([boxed((0, 0, 10, 10))], [boxed((0, 0, 10, 5))], min_iou=0.51) == ()
    assert match_regions([boxed((0, 0, 1, 1))], [boxed((5, 5, 6, 6))], min_iou=0.0) == ()
    assert match_regions([], [boxed((5, 5, 6, 6))], min_iou=0.0) == ()
