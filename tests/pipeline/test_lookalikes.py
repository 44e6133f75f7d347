"""Look-alikes against a comparison of everything with everything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lookalikes import look_alikes as found_among

BASES = ("0" * 64, "f" * 64, "0f" * 32)


@st.composite
def hashes(draw: st.DrawFn) -> str:
    """A base with up to three of its last 40 bits turned, so that chains and clusters arise."""
    number = int(draw(st.sampled_from(BASES)), 16)
    for bit in draw(st.lists(st.integers(0, 39), max_size=3, unique=True)):
        number ^= 1 << bit
    return f"{number:064x}"


def look_alikes(samples: list[tuple[str, ...]], max_bits: int, altered: list[tuple[str, ...]] | None = None) -> list:
    """By hexadecimal digits."""
    spelled = altered or [()] * len(samples)
    joined = [[bytes.fromhex("".join(found)) for found in side] for side in (samples, spelled)]
    return list(found_among(*joined, max_bits))


def bits(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


@settings(deadline=None)
@given(st.lists(st.lists(hashes(), max_size=3).map(tuple), max_size=12), st.integers(0, 5))
def test_closest_and_clusters_are_those_of_all_pairs(samples: list[tuple[str, ...]], max_bits: int) -> None:
    found = {alike.position: alike for alike in look_alikes(samples, max_bits)}
    assert sorted(found) == [i for i, sample in enumerate(samples) if sample]
    near = {
        (i, j): min(bits(a, b) for a in samples[i] for b in samples[j]) for i in found for j in found if i != j
    }  # fmt: skip
    for i, alike in found.items():
        earlier = [(distance, j) for (k, j), distance in near.items() if k == i and j < i and distance <= max_bits]
        assert (alike.closest == i) == (not earlier)
        if earlier:
            assert alike.distance == min(earlier)[0]
            assert near[i, alike.closest] == alike.distance
    assert together([set(found[i].clusters) for i in sorted(found)]) == together_by_distance(samples, near, max_bits)


def together(clusters: list[set[int]]) -> list[int]:
    """Smallest position that each position is connected with."""
    names = list(range(len(clusters)))
    for _ in names:
        for i, one in enumerate(clusters):
            for j, other in enumerate(clusters):
                if one & other:
                    names[i] = names[j] = min(names[i], names[j])
    return names


def together_by_distance(samples: list[tuple[str, ...]], near: dict[tuple[int, int], int], max_bits: int) -> list[int]:
    positions = [i for i, sample in enumerate(samples) if sample]
    # a sample's own hashes also chain: they are compared like any others when clusters are joined
    links = [set[int]() for _ in positions]
    for number, (i, j) in enumerate((i, j) for (i, j), distance in near.items() if distance <= max_bits):
        links[positions.index(i)].add(number)
        links[positions.index(j)].add(number)
    return together(links)


def test_a_burst_of_equal_pictures_gives_one_row_each() -> None:
    found = list(look_alikes([("0" * 64,)] * 1000, 31))
    assert [(a.closest, a.distance) for a in found] == [(0, 0)] * 1000
    assert {a.clusters for a in found} == {(0,)}


MIRRORED = "5" * 64


def test_a_copy_of_an_earlier_sample_and_the_original_of_one_are_found() -> None:
    samples = [("0" * 64,), ("f" * 64,), (MIRRORED[:-1] + "4",)]
    altered = [(MIRRORED, "3" * 64), ("a" * 64,), ()]
    found = look_alikes(samples, 31, altered)
    assert [(a.closest, a.distance, a.is_altered) for a in found] == [(0, 0, False), (1, 0, False), (0, 1, True)]
    assert found[0].clusters == found[2].clusters != found[1].clusters
    turned = look_alikes(samples[::-1], 31, altered[::-1])
    assert [(a.closest, a.distance, a.is_altered) for a in turned] == [(0, 0, False), (1, 0, False), (0, 1, True)]


def test_a_copy_that_is_mirrored_and_cropped_is_the_mirrored_one_of_a_cropped_one() -> None:
    cropped = "3" * 64
    samples = [("0" * 64,), ("c" * 64,), ("f" * 64,)]
    altered = [(MIRRORED, cropped), (cropped[:-1] + "2", "a" * 64), ("6" * 64, MIRRORED[:-2] + "99")]
    found = look_alikes(samples, 31, altered)
    assert [(a.closest, a.distance, a.is_altered) for a in found] == [(0, 0, False), (0, 1, True), (0, 4, True)]
    assert len({a.clusters for a in found}) == 1


def test_crops_of_two_pictures_may_look_alike() -> None:
    found = look_alikes([("0" * 64,), ("f" * 64,)], 31, [(MIRRORED, "3" * 64), ("a" * 64, "3" * 64)])
    assert [a.closest for a in found] == [0, 1]


def test_the_copies_of_each_of_two_equal_samples_count() -> None:
    found = look_alikes([("0" * 64,), ("0" * 64,), (MIRRORED,)], 31, [("c" * 64,), (MIRRORED,), ()])
    assert [(a.closest, a.distance, a.is_altered) for a in found] == [(0, 0, False), (0, 0, False), (0, 0, True)]
    assert len({a.clusters for a in found}) == 1


def test_a_picture_that_is_its_own_mirror_image_resembles_nothing() -> None:
    found = look_alikes([("0" * 64,), ("f" * 64,)], 31, [("0" * 64,), ("f" * 64,)])
    assert [a.closest for a in found] == [0, 1]


def test_an_equal_hash_counts_before_a_copy_at_the_same_distance() -> None:
    found = look_alikes([("0" * 63 + "1",), ("0" * 63 + "2",), ("0" * 64,)], 31, [("0" * 63 + "4",), (), ()])
    assert (found[2].closest, found[2].distance, found[2].is_altered) == (0, 1, False)


def test_samples_without_a_hash_are_left_out() -> None:
    found = look_alikes([(), ("0" * 64,), ()], 31, [("0" * 64,), (), ()])
    assert [a.position for a in found] == [1]
    assert look_alikes([], 31) == []


def test_pairs_that_are_joined_in_several_turns_make_the_same_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [(f"{(1 << 2 * i) - 1:064x}",) for i in range(20)]  # each two bits from the next
    whole = look_alikes(chain, 2)
    monkeypatch.setattr("pipeline.lookalikes.PAIRS_AT_ONCE", 1)
    assert look_alikes(chain, 2) == whole
    assert {a.clusters for a in whole} == {whole[0].clusters}
