"""What a row shows: words to filter by, whose regions are whose, texts cut at claims."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.gallery.pictures import View
from pipeline.gallery.rows import disagreements, facets_of, layers_of, row_of
from schemas.candidate import Claim, Region
from schemas.judgement import Agreement
from schemas.record import FieldSource, Lineage, Record, Reference, ReviewAgreement

Make = Callable[..., Record]


def test_a_row_is_found_by_what_it_is(record: Make, region: Callable[..., Region]) -> None:
    regions = (region("a"), region("b", category="noise", source="human"))
    row = record(1, origin="edited", verdict="edited", regions=regions, annotation_status="annotated", split="test")

    assert facets_of(row) == {
        "config": ("images",),
        "split": ("test",),
        "origin": ("edited",),
        "verdict": ("edited",),
        "category": ("blur", "noise"),
        "drawn by": ("human", "machine"),
        "annotation": ("annotated",),
        "review": ("not_routed",),
        "disagreement": (),
        "generator": (),
    }


def test_a_pair_shows_both_images_each_with_its_own_regions(record: Make, region: Callable[..., Region]) -> None:
    media = record(0).media.evolve(width=60, height=120, stored_width=60, stored_height=120)
    second = Reference(asset_id="e" * 64, role="target", file_name="after.png", byte_size=9, media=media)
    one = record(1)
    regions = (
        region("a", (0, 0, 12, 8), asset_id=one.asset_id),
        region("b", (30, 20, 60, 40), asset_id=second.asset_id),
        region("c", (0, 0, 30, 20), asset_id=second.asset_id),
    )
    pair = one.evolve(reference=second, regions=regions, annotation_status="annotated")
    row = row_of(pair, layers_of(pair, None), {}, facets_of(pair))

    assert (row.views, row.cover, row.second_id) == ((View(), View(is_second=True)), 0, second.asset_id)
    views = row.facts["views"]
    assert [(round(view["size"][0] / view["size"][1], 3), view["label"]) for view in views] == [
        (1.5, "image"),
        (0.5, "target"),
    ]
    assert [[number for _, _, number in view["layers"]["machine"]] for view in views] == [[1], [2, 3]]


def line(verdict: str) -> Lineage:
    return Lineage(candidate_id="0" * 64, machine=verdict, kind="vlm", verdict=verdict)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lineage": (line("real"), line("edited"))}, ["machines differ"]),
        ({"lineage": (line("real"), line("real"))}, []),
        ({"machine_agreement": Agreement(verdict_share=0.5)}, ["machines differ"]),
        ({"machine_agreement": Agreement(verdict_share=1.0)}, []),
        ({"field_sources": (FieldSource(field="regions", source="human"),)}, ["people against machines"]),
        ({"field_sources": (FieldSource(field="regions", source="confirmed"),)}, []),
        ({"agreement": (ReviewAgreement(measure="verdict", value=0.5, reviewers=2),)}, ["people differ"]),
        ({"agreement": (ReviewAgreement(measure="verdict", value=1, reviewers=2),)}, []),
        ({"origin": "real", "verdict": "generated"}, ["verdict against origin"]),
        ({"origin": "real", "verdict": "real"}, []),
        ({"origin": "real", "verdict": "unclear"}, []),
        ({"origin": "real"}, []),
        ({"origin": "unknown", "verdict": "generated"}, []),
    ],
)
def test_who_contradicts_whom(record: Make, fields: dict[str, object], said: list[str]) -> None:
    assert list(disagreements(record(1, **fields))) == said


def test_what_a_person_let_stand_is_the_persons_word_too(record: Make, region: Callable[..., Region]) -> None:
    kept, added, removed = region("kept"), region("added", source="human"), region("removed")
    decided = record(1, review="reviewed", regions=(kept, added))

    assert layers_of(decided, [kept, removed]) == {
        "truth": (),
        "machine": [kept, removed],
        "human": [kept, added],
    }


def test_where_nobody_decided_the_regions_are_the_machines(record: Make, region: Callable[..., Region]) -> None:
    known = region("known", source="ground_truth")
    row = record(1, regions=(region("a"),), ground_truth=(known,))

    assert layers_of(row, None) == {"truth": (known,), "machine": [region("a")], "human": []}


def test_claims_cut_the_explanation_and_name_their_regions(record: Make, region: Callable[..., Region]) -> None:
    text = "An 👁 odd eye. The rest is fine."
    claims = (
        Claim(start=0, end=13, region_ids=("a", "b")),
        Claim(start=14, end=31, is_global=True),
    )
    row = record(1, explanation=text, claims=claims, regions=(region("a"), region("b")))

    facts = row_of(row, layers_of(row, None), {}, {}).facts

    assert facts["explanation"] == [
        ["An 👁 odd eye.", [1, 2], True],
        [" ", [], False],
        ["The rest is fine.", [], True],
    ]


def test_an_endless_explanation_says_how_much_is_left_out(record: Make) -> None:
    row = record(1, explanation="x" * 4_234)

    facts = row_of(row, layers_of(row, None), {}, {}).facts

    assert facts["explanation"] == [
        ["x" * 3_000, [], False],
        ["… 1,234 more characters in the dataset", [], False],
    ]


def test_outlines_lie_in_layers_and_know_the_published_region(record: Make, region: Callable[..., Region]) -> None:
    kept, removed = region("kept", (12, 8, 60, 40)), region("removed", (0, 0, 12, 8), category="noise")
    row = record(1, review="reviewed", regions=(kept,))

    (view,) = row_of(row, layers_of(row, [removed, kept]), {}, {}).facts["views"]

    square, corner = "M100 66.7L500 66.7L500 333.3L100 333.3Z", "M0 0L100 0L100 66.7L0 66.7Z"
    assert view == {
        "size": (1000.0, 666.7),
        "label": "",
        "layers": {"machine": [["noise", corner, 0], ["blur", square, 1]], "human": [["blur", square, 1]]},
    }


def test_a_search_looks_through_names_explanations_and_regions_that_are_gone(
    record: Make, region: Callable[..., Region]
) -> None:
    row = record(1, file_name="Photo.PNG", explanation="Too SOFT", review="reviewed")

    found = row_of(row, layers_of(row, [region("gone", phrase="the Left hand")]), {}, {})

    assert found.text == "photo.png\ntoo soft\nblur\nthe left hand\ngone is soft"


def test_characters_that_mislead_are_named(record: Make) -> None:
    row = record(1, file_name="photo\u202egpj.exe")

    found = row_of(row, layers_of(row, None), {}, {})

    assert found.facts["name"] == "photo⟨U+202E⟩gpj.exe"
