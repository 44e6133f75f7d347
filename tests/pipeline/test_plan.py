"""Who stays, who belongs together, and where everything goes."""

from __future__ import annotations

import random

import pytest

from pipeline.plan import Plan, make_plan
from pipeline.recipe import Recipe
from pipeline.seen import Seen
from schemas.taxonomy import Taxonomy

ZERO = "0" * 64
NEAR = "0" * 63 + "7"
FAR = "f" * 64
OTHERS = tuple(digits * 32 for digits in ("0f", "3c", "55", "66", "a9"))
"""Hashes that are far from all others."""


@pytest.fixture
def recipe(taxonomy: Taxonomy) -> Recipe:
    return Recipe(name="r", taxonomy=taxonomy, sources=({"kind": "folder"},), splits={"train": 0.5, "test": 0.5})


def seen(sample: str, item: str | None = None, **fields: object) -> Seen:
    values = {
        "group_id": None,
        "pair_id": None,
        "asset_ids": (sample,),
        "config": "images",
        "byte_size": 10,
    }
    digits = {name: bytes.fromhex("".join(fields.pop(name, ()))) for name in ("hashes", "altered")}
    return Seen(sample_id=sample, item_id=item or f"{sample}.png", **{**values, **digits, **fields})


def groups(plan: Plan) -> dict[str, str]:
    return {sample: place.group_id for sample, place in plan.places.items()}


def test_exact_duplicates_are_counted_and_the_first_item_is_kept(recipe: Recipe) -> None:
    plan = make_plan([seen("s", "b.png"), seen("s", "a.png"), seen("s", "c.png")], recipe)
    assert list(plan.places) == ["s"]
    assert [(d.item_id, d.kept_item_id, d.sample_id, d.kind) for d in plan.duplicates] == [
        ("b.png", "a.png", "s", "exact"),
        ("c.png", "a.png", "s", "exact"),
    ]


def test_near_duplicates_are_kept_and_share_a_group(recipe: Recipe) -> None:
    plan = make_plan(
        [seen("a", hashes=(ZERO,)), seen("b", hashes=(FAR, NEAR)), seen("c", hashes=(FAR[:-1] + "e",))], recipe
    )
    assert groups(plan) == {"a": "a", "b": "a", "c": "a"}
    assert [(d.item_id, d.kept_item_id, d.distance, d.kind) for d in plan.duplicates] == [
        ("b.png", "a.png", 3, "near"),
        ("c.png", "b.png", 1, "near"),
    ]


def pair(sample: str, second: str, own: tuple[str, str], shared: tuple[str, str]) -> Seen:
    """A row of two images, each with a hash and one of an altered copy."""
    return seen(
        sample,
        asset_ids=(sample, second),
        hashes=(own[0], shared[0]),
        altered=(own[1], shared[1]),
        portions=((32, 32), (32, 32)),
    )


def test_rows_that_share_an_image_share_a_group_and_are_no_near_duplicates_by_it(recipe: Recipe) -> None:
    original = (ZERO, OTHERS[0])
    rows = [
        pair("a", "o", (FAR, OTHERS[1]), original),
        pair("b", "o", (OTHERS[2], OTHERS[3]), original),
        pair("c", "o", (FAR[:-1] + "e", OTHERS[4]), original),
        seen("o", hashes=(ZERO,), altered=(OTHERS[0],)),
        seen("p", hashes=(NEAR,)),
    ]
    plan = make_plan(rows, recipe)
    assert set(groups(plan).values()) == {"a"}
    assert [(d.item_id, d.kept_item_id, d.distance, d.is_altered) for d in plan.duplicates] == [
        ("c.png", "a.png", 1, False),  # the edits, beside the original that they share
        ("p.png", "o.png", 3, False),  # of the original, whose hash is held against others once
    ]


@pytest.mark.parametrize("stands_alone", [True, False])
def test_an_image_that_rows_share_is_held_mirrored_against_altered_copies(recipe: Recipe, stands_alone: bool) -> None:
    mirrored = OTHERS[0]
    lead = seen("z", asset_ids=("z", "o"), hashes=(ZERO,), altered=(mirrored,), portions=((0, 0), (32, 32)))
    rows = [
        pair("a", "o", (FAR, OTHERS[1]), (ZERO, mirrored)),
        seen("o", hashes=(ZERO,), altered=(mirrored,)) if stands_alone else lead,
        seen("p", hashes=(OTHERS[2],), altered=(OTHERS[4], mirrored)),  # cropped, it is the mirrored original
    ]
    assert set(groups(make_plan(rows, recipe)).values()) == {"a"}


def test_near_duplicate_bits_bound_the_distance(recipe: Recipe) -> None:
    strict = recipe.evolve(dataset=recipe.dataset.evolve(near_duplicate_bits=2))
    assert groups(make_plan([seen("a", hashes=(ZERO,)), seen("b", hashes=(NEAR,))], strict)) == {"a": "a", "b": "b"}


def test_pairs_stated_groups_and_shared_media_are_joined(recipe: Recipe) -> None:
    rows = [
        seen("a", pair_id="p"),
        seen("b", pair_id="p", group_id="g"),
        seen("c", group_id="g", asset_ids=("x",)),
        seen("d", asset_ids=("x",)),
        seen("e", pair_id="g"),
    ]
    assert groups(make_plan(rows, recipe)) == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e"}


def test_a_stated_group_keeps_its_name_where_all_members_state_it(recipe: Recipe) -> None:
    rows = [seen("a", group_id="uid"), seen("b", group_id="uid"), seen("c")]
    assert groups(make_plan(rows, recipe)) == {"a": "uid", "b": "uid", "c": "c"}


def test_a_group_stated_only_by_a_duplicate_item_still_joins(recipe: Recipe) -> None:
    rows = [seen("a", "1.png"), seen("a", "2.png", group_id="g"), seen("b", group_id="g")]
    plan = make_plan(rows, recipe)
    assert plan.places["a"].group_id == plan.places["b"].group_id == "a"


def test_splits_never_cut_a_group_and_order_does_not_matter(recipe: Recipe) -> None:
    rows = [seen(f"s{i:03d}", group_id=f"g{i // 5}") for i in range(200)]
    plan = make_plan(rows, recipe)
    shuffled = random.Random(3).sample(rows, len(rows))
    assert make_plan(shuffled, recipe) == plan
    for group in set(groups(plan).values()):
        assert len({place.split for place in plan.places.values() if place.group_id == group}) == 1
    assert {place.split for place in plan.places.values()} == {"train", "test"}


def test_rejected_samples_have_no_place(recipe: Recipe) -> None:
    plan = make_plan([seen("a"), seen("b")], recipe, rejected=frozenset({"a"}))
    assert list(plan.places) == ["b"]


def test_shards_grow_with_bytes_and_stay_until_they_are_twice_too_large(recipe: Recipe) -> None:
    small = recipe.evolve(splits={"train": 1.0}, dataset=recipe.dataset.evolve(shard_bytes=100))
    rows = [seen(f"s{i}", byte_size=30) for i in range(10)] + [seen("v", config="videos", byte_size=99)]
    assert make_plan(rows, small).shards == {"images/train": 4, "videos/train": 1}
    assert make_plan(rows, small, shards={"images/train": 2}).shards == {"images/train": 2, "videos/train": 1}
    assert make_plan(rows, small, shards={"images/train": 8}).shards == {"images/train": 8, "videos/train": 1}
    assert make_plan(rows, small, shards={"images/train": 1}).shards == {"images/train": 4, "videos/train": 1}
    assert {place.shard for place in make_plan(rows, small).places.values()} <= {0, 1, 2, 3}


def test_an_empty_run_has_an_empty_plan(recipe: Recipe) -> None:
    plan = make_plan([], recipe)
    assert (dict(plan.places), dict(plan.shards), plan.duplicates) == ({}, {}, ())


def splits(plan: Plan) -> dict[str, str]:
    return {sample: place.split for sample, place in plan.places.items()}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ((), [0, 1, 2, 3, 4]),
        (("prompt",), [0, 0, 2, 3, 4]),
        (("seed",), [0, 1, 1, 3, 4]),
        (("generator",), [0, 1, 1, 1, 4]),
        (("source",), [0, 1, 2, 0, 4]),
        (("prompt", "source"), [0, 0, 2, 0, 4]),
    ],
)
def test_families_are_joined_where_the_recipe_asks(
    recipe: Recipe, family: tuple[str, ...], expected: list[int]
) -> None:
    rows = [
        seen("s0", prompt="A red  fox ", source="web"),
        seen("s1", prompt="a RED fox", generator="Flux", seed=5),
        seen("s2", generator="flux ", seed=5),
        seen("s3", generator="FLUX", seed=6, source="Web"),
        seen("s4"),
    ]
    found = make_plan(rows, recipe.evolve(dataset=recipe.dataset.evolve(group_by=family)))
    assert groups(found) == {f"s{i}": f"s{number}" for i, number in enumerate(expected)}


def test_a_mirrored_copy_is_a_near_duplicate(recipe: Recipe) -> None:
    plan = make_plan([seen("a", hashes=(ZERO,), altered=(FAR,)), seen("b", hashes=(FAR[:-1] + "e",))], recipe)
    assert groups(plan) == {"a": "a", "b": "a"}
    assert [(d.item_id, d.kept_item_id, d.distance, d.is_altered) for d in plan.duplicates] == [
        ("b.png", "a.png", 1, True)
    ]


def test_samples_keep_their_split_when_others_come(recipe: Recipe) -> None:
    rows = [seen(f"s{i:03d}", origin=("real", "generated")[i % 2]) for i in range(60)]
    before = make_plan(rows[:30], recipe)
    after = make_plan(rows, recipe, earlier=splits(before))
    assert {sample: splits(after)[sample] for sample in before.places} == splits(before)
    assert after.moves == ()
    assert make_plan(rows, recipe, earlier=splits(after)) == after
    assert splits(make_plan(rows, recipe)) != splits(after)  # what came first did decide


def test_two_old_groups_that_are_joined_go_where_most_of_them_were(recipe: Recipe) -> None:
    rows = [seen(f"s{i}", pair_id="p" if i < 3 else "q") for i in range(5)]
    earlier = {"s0": "test", "s1": "test", "s2": "test", "s3": "train", "s4": "train"}
    assert splits(make_plan(rows, recipe, earlier=earlier)) == earlier
    links = [seen("s9", pair_id="p", group_id="g"), seen("t", pair_id="q", group_id="g")]
    plan = make_plan([*rows, *links], recipe, earlier=earlier)
    assert set(splits(plan).values()) == {"test"}
    assert plan.moves == (("s0", "train", "test", 2),)


def test_a_split_that_is_gone_is_dealt_again_and_told(recipe: Recipe) -> None:
    plan = make_plan([seen("a"), seen("b")], recipe, earlier={"a": "gone", "b": "test"})
    assert splits(plan)["b"] == "test"
    assert [(m.group_id, m.before, m.after, m.samples) for m in plan.moves] == [("a", "gone", splits(plan)["a"], 1)]


def test_unseen_generators_and_sources_have_whole_groups_to_themselves(recipe: Recipe) -> None:
    unseen = ({"split": "new_model", "generators": ["Flux 1.1"]}, {"split": "new_domain", "sources": ["clinic"]})
    held = recipe.evolve(unseen=unseen)
    rows = [
        *(seen(f"s{i}") for i in range(8)),
        seen("fake", generator="FLUX", version="1.1", pair_id="p", source="clinic"),
        seen("real", pair_id="p"),
        seen("other version", generator="flux", version="2"),
        seen("scan", source="Clinic"),
    ]
    plan = make_plan(rows, held, earlier={"scan": "train"})
    assert splits(plan)["fake"] == splits(plan)["real"] == "new_model"
    assert splits(plan)["scan"] == "new_domain"
    assert splits(plan)["other version"] in ("train", "test")
    assert plan.moves == (("scan", "train", "new_domain", 1),)
    assert set(plan.shards) == {"images/train", "images/test", "images/new_model", "images/new_domain"}


def test_the_rarest_category_of_a_group_is_divided_evenly(recipe: Recipe) -> None:
    rows = [seen(f"s{i:03d}", categories=("blur", "noise") if i < 10 else ("blur",)) for i in range(100)]
    found = splits(make_plan(rows, recipe))
    assert sum(found[f"s{i:03d}"] == "test" for i in range(10)) == 5
    assert sum(split == "test" for split in found.values()) == 50
