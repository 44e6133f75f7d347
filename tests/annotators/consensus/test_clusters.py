"""Clusters of many voices: planted places are found again, and the rules hold on random ones."""

from __future__ import annotations

import random

import numpy as np
import pytest

from annotators.consensus import clustered, match_regions, region_ious
from schemas.candidate import Region

from .conftest import boxed

BAR = 0.3


def scene(rng: random.Random, voices: int) -> tuple[list[Region], list[int]]:
    """Boxes of several voices on a small field, so that places run into each other."""
    regions, owners = [], []
    for voice in range(voices):
        for _ in range(rng.randint(0, 4)):
            x, y = rng.randint(0, 8), rng.randint(0, 8)
            regions.append(boxed((x, y, x + rng.randint(3, 6), y + rng.randint(3, 6)), rng.choice(("blur", "noise"))))
            owners.append(voice)
    return regions, owners


def by_definition(ious: np.ndarray, owners: list[int], names: list[str]) -> list[list[int]]:
    """The documented rule, written as plainly as can be: join pair by pair over lists."""
    pairs = []
    for a in sorted(set(owners)):
        for b in sorted(set(owners)):
            if a < b:
                ours, theirs = ([i for i, o in enumerate(owners) if o == v] for v in (a, b))
                pairs += [(names[i] != names[j], -ious[i][j], i, j) for i, j in optimal(ious, names, ours, theirs)]
    clusters = [[i] for i in range(len(owners))]
    for _, _, i, j in sorted(pairs):
        one, other = (next(c for c in clusters if k in c) for k in (i, j))
        between = [ious[p][q] for p in one for q in other]
        is_free = not {owners[p] for p in one} & {owners[q] for q in other}
        if is_free and sum(between) / len(between) >= BAR - 1e-12:
            clusters = [c for c in clusters if c is not one and c is not other] + [sorted(one + other)]
    return sorted(clusters)


def optimal(ious: np.ndarray, names: list[str], ours: list[int], theirs: list[int]) -> list[tuple[int, int]]:
    """The best pairing by trying all, one category at a time, then across what is left."""
    found: list[tuple[int, int]] = []
    for category in [*sorted(set(names)), None]:
        rows = [i for i in ours if i not in {p for p, _ in found} and category in (None, names[i])]
        columns = [j for j in theirs if j not in {q for _, q in found} and category in (None, names[j])]
        found += max(tried(ious, rows, columns), key=lambda pairs: (len(pairs), sum(ious[i][j] for i, j in pairs)))
    return found


def tried(ious: np.ndarray, rows: list[int], columns: list[int]) -> list[list[tuple[int, int]]]:
    if not rows:
        return [[]]
    first, *others = rows
    ways = tried(ious, others, columns)
    for j in columns:
        if ious[first][j] >= BAR:
            ways = ways + [[(first, j), *way] for way in tried(ious, others, [c for c in columns if c != j])]
    return ways


@pytest.mark.parametrize("block", range(10))
def test_a_thousand_scenes_are_clustered_as_defined(block: int) -> None:
    for case in range(100):
        rng = random.Random(block * 100 + case)
        regions, owners = scene(rng, rng.randint(1, 4))
        names = [region.category for region in regions]
        # A little noise makes every IoU its own: ties are settled by index, which no definition needs to know.
        noise = np.random.default_rng(case).random((len(regions), len(regions))) * 1e-6
        ious = np.clip(region_ious(regions, regions) - (noise + noise.T), 0, 1)
        found = clustered(ious, owners, names, BAR)
        assert [list(cluster) for cluster in found] == by_definition(ious, owners, names)
        for cluster in found:
            assert len({owners[i] for i in cluster}) == len(cluster)


def test_two_voices_are_clustered_as_they_are_matched() -> None:
    for seed in range(100):
        regions, owners = scene(random.Random(seed), 2)
        a, b = ([i for i, owner in enumerate(owners) if owner == voice] for voice in (0, 1))
        matches = match_regions([regions[i] for i in a], [regions[j] for j in b], min_iou=BAR)
        found = clustered(region_ious(regions, regions), owners, [r.category for r in regions], BAR)
        assert len(found) == len(regions) - len(matches)


def test_planted_places_are_found_again_under_noise() -> None:
    rng = random.Random(5)
    regions, owners, truth = [], [], []
    for voice in range(5):
        places = [place for place in range(12) if rng.random() < 0.8]
        rng.shuffle(places)
        for place in places:
            x, y = 40 * (place % 4) + rng.random() * 2, 40 * (place // 4) + rng.random() * 2
            regions.append(boxed((x, y, x + 20, y + 20), "blur" if rng.random() < 0.7 else "noise"))
            owners.append(voice)
            truth.append(place)
    found = clustered(region_ious(regions, regions), owners, [r.category for r in regions], 0.5)
    assert sorted(sorted(truth[i] for i in cluster) for cluster in found) == sorted(
        [place] * truth.count(place) for place in set(truth)
    )


def test_a_chain_of_small_shifts_does_not_become_one_place() -> None:
    chain = [boxed((4 * i, 0, 4 * i + 10, 10)) for i in range(5)]  # neighbors share 6 of 14: IoU 0.43
    found = clustered(region_ious(chain, chain), range(5), ["blur"] * 5, 0.4)
    assert found == ((0, 1), (2, 3), (4,))


def test_nothing_is_clustered_into_nothing() -> None:
    assert clustered(np.zeros((0, 0)), [], [], 0.5) == ()
