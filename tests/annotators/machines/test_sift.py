"""What a sieve leaves out, and that nothing vanishes with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import annotators.machines
from annotators.machines.sift import Config, Sift
from schemas.candidate import Answer, Candidate, Claim, Region
from schemas.errors import AnswerError, ConfigError
from schemas.geometry import Box, Polygon
from schemas.media.types import Document, Page
from schemas.plugins import configure
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

WORDS = "The table says it. The heading, too."
PAGES = tuple(Page(page_index=n, width=100, height=200) for n in range(2))


@pytest.fixture
def document(make_image: Any) -> Sample:
    """Two pages of 100 x 200 points."""
    sample = make_image()
    media = Document(format="PDF", num_pages=2, pages=PAGES)
    return sample.evolve(assets=(sample.primary.evolve(media=media),))


def block(name: str, x1: float, y1: float, x2: float, y2: float, **fields: Any) -> Region:
    box = Box(x1=x1, y1=y1, x2=x2, y2=y2)
    return Region(**{"region_id": name, "box": box, "page_index": 0, "category": "blur", "source": "machine", **fields})


def said(sample: Sample, *regions: Region, **fields: Any) -> Candidate:
    return Candidate(
        candidate_id="c1", sample_id=sample.sample_id, machine="m", kind="vlm", model="x", regions=regions, **fields
    )


def sifted(sample: Sample, *earlier: Candidate, **options: Any) -> Candidate:
    (found,) = asyncio.run(Sift(Config(after=("m",), **options)).propose_after(sample, earlier))
    return found


def kept(candidate: Candidate) -> list[str]:
    return [region.region_id for region in candidate.regions]


def test_boxes_outside_of_the_window_are_left_out_and_told(document: Sample) -> None:
    blocks = block("dot", 0, 0, 10, 10), block("part", 0, 0, 50, 100), block("page", 0, 0, 100, 200)
    found = sifted(document, said(document, *blocks), min_area_share=0.05, max_area_share=0.7)
    assert kept(found) == ["part"]
    assert [(m.finding, m.name, m.value, m.threshold, m.text) for m in found.measurements] == [
        ("left_out", "area_share", 0.005, 0.05, "dot: blur"),
        ("left_out", "area_share", 1.0, 0.7, "page: blur"),
    ]
    assert (found.machine, found.kind, found.model, found.parent_ids, found.chosen_id) == (
        "sift", "sift", "sift-1", ("c1",), "c1",
    )  # fmt: skip


def test_of_nested_boxes_of_one_category_one_stays_as_the_category_says(document: Sample) -> None:
    large, inner = block("large", 0, 0, 60, 100), block("inner", 10, 10, 30, 30)
    figures = block("figure", 0, 0, 60, 100, category="noise"), block("axis", 10, 10, 30, 30, category="noise")
    candidate = said(document, large, inner, *figures)
    assert kept(sifted(document, candidate, max_nesting=0.9)) == ["large", "figure"]
    assert kept(sifted(document, candidate, max_nesting=0.9, keep={"blur": "smaller"})) == ["inner", "figure"]
    assert kept(sifted(document, candidate)) == ["large", "inner", "figure", "axis"]


def test_the_bound_is_included_and_taken_of_the_smaller_box(document: Sample) -> None:
    wide, small = block("wide", 0, 0, 100, 100), block("small", 91, 0, 101, 10)  # nine tenths of the small one
    assert kept(sifted(document, said(document, wide, small), max_nesting=0.9)) == ["wide"]
    assert kept(sifted(document, said(document, wide, small), max_nesting=0.91)) == ["wide", "small"]


def test_boxes_on_other_pages_never_nest(document: Sample) -> None:
    pages = block("a", 0, 0, 50, 50), block("b", 0, 0, 50, 50, page_index=1)
    assert kept(sifted(document, said(document, *pages), max_nesting=0.5)) == ["a", "b"]


def test_of_a_chain_every_box_is_held_against_what_stays(document: Sample) -> None:
    chain = block("s", 10, 10, 20, 20), block("m", 5, 5, 40, 40), block("l", 0, 0, 80, 80)
    assert kept(sifted(document, said(document, *chain), max_nesting=0.9)) == ["l"]
    assert kept(sifted(document, said(document, *chain), max_nesting=0.9, keep={"blur": "smaller"})) == ["s"]


def test_padding_stays_on_the_page_and_leaves_outlines_alone(document: Sample) -> None:
    square = Polygon(exterior=((10, 10), (20, 10), (20, 20)))
    blocks = block("edge", 1, 1, 50, 199), block("drawn", 10, 10, 20, 20, polygons=(square,))
    edge, drawn = sifted(document, said(document, *blocks), padding_px=2.4).regions
    assert edge.box == Box(x1=0, y1=0, x2=52.4, y2=200)
    assert drawn.box == Box(x1=10, y1=10, x2=20, y2=20)


def test_claims_and_answers_keep_what_is_left(document: Sample) -> None:
    blocks = block("table", 0, 0, 50, 100), block("heading", 0, 0, 10, 10)
    claims = (
        Claim(start=0, end=18, region_ids=("table", "heading")),
        Claim(start=19, end=36, region_ids=("heading",)),
        Claim(start=0, end=36, is_global=True),
    )
    answer = Answer(question="?", answer="42", region_ids=("heading", "table"))
    before = said(document, *blocks, explanation=WORDS, claims=claims, answers=(answer,))
    found = sifted(document, before, min_area_share=0.05)
    assert [claim.region_ids for claim in found.claims] == [("table",), ()]
    assert found.answers == (answer.evolve(region_ids=("table",)),)


def test_what_cannot_be_meant_is_refused(document: Sample, taxonomy: Taxonomy) -> None:
    with pytest.raises(ConfigError, match="min_area_share must lie below max_area_share"):
        configure(annotators.machines, {"kind": "sift", "min_area_share": 0.7, "max_area_share": 0.5}, where="m")
    with pytest.raises(ConfigError, match="'table' is no category of taxonomy tiny@1"):
        Sift(Config(keep={"table": "smaller"})).check(taxonomy)
    with pytest.raises(AnswerError, match="was given no candidates"):
        asyncio.run(Sift(Config()).propose(document))
