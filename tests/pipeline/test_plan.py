"""Who stays, who belongs together, and where everything goes."""

from __future__ import annotations

import random

import pytest

from pipeline.plan import Plan, Seen, make_plan
from pipeline.recipe import Recipe
from schemas.taxonomy import Taxonomy

ZERO = "0" * 64
NEAR = "0" * 63 + "7"
FAR = "f" * 64


@pytest.fixture
def recipe(taxonomy: Taxonomy) -> Recipe:
    return Recipe(name="r", taxonomy=taxonomy, sources=({"kind": "folder"},), splits={"train": 0.5, "test": 0.5})


def seen(sample: str, item: str | None = None, **fields: object) -> Seen:
    values = {
        "group_id": None,
        "pair_id": None,
        "asset_ids": (sample,),
        "hashes": (),
        "config": "images",
        "byte_size": 10,
    }
    return Seen(sample_id=sample, item_id=item or f"{sample}.png", **{**values, **fields})


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
