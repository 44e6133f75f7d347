"""What becomes of a sample and its candidates in the published row."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.assembly import assemble, join_duplicates, preferred
from schemas.candidate import Candidate, Region
from schemas.record import Record
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

Make = Callable[..., Sample]


@pytest.fixture
def built(taxonomy: Taxonomy) -> Callable[..., Record]:
    def build(sample: Sample, *candidates: Candidate, machines: tuple[str, ...] = ("vlm", "forensic")) -> Record:
        return assemble(sample, candidates, machines=machines, taxonomy=taxonomy, split="train")

    return build


def test_the_first_machine_of_the_recipe_that_answered_is_published(
    built: Callable[..., Record],
    make_sample: Make,
    make_candidate: Callable[..., Candidate],
    make_region: Callable[..., Region],
) -> None:
    sample = make_sample()
    forensic = make_candidate(sample, "forensic", explanation="measured", regions=(make_region(),))
    vlm = make_candidate(sample, "vlm", explanation="seen", verdict="generated", model="m", answer_key="k")
    record = built(sample, forensic, vlm)
    assert (record.explanation, record.verdict, record.regions) == ("seen", "generated", ())
    assert [line.machine for line in record.lineage] == ["vlm", "forensic"]
    assert built(sample, forensic).regions == forensic.regions
    silent = make_candidate(sample, "vlm", explanation="I see nothing")
    assert built(sample, silent, forensic).regions == forensic.regions
    assert built(sample, silent).explanation == "I see nothing"


def test_a_candidate_of_a_machine_that_the_recipe_no_longer_names_is_left_out(
    built: Callable[..., Record], make_sample: Make, make_candidate: Callable[..., Candidate]
) -> None:
    sample = make_sample()
    assert built(sample, make_candidate(sample, "gone", verdict="real")).lineage == ()
    assert preferred([], ["vlm"]) is None


def test_the_last_word_is_that_of_the_last_machine_that_says_something(
    make_sample: Make, make_candidate: Callable[..., Candidate], make_region: Callable[..., Region]
) -> None:
    sample, machines = make_sample(), ["vlm", "outline", "check"]
    draft = make_candidate(sample, "vlm", verdict="generated")
    outlined = make_candidate(sample, "outline", verdict="generated", regions=(make_region(),))
    silent = make_candidate(sample, "check")
    assert preferred([draft, silent, outlined], machines, "last") is outlined
    assert preferred([draft, silent], machines, "last") is draft
    assert preferred([silent], machines, "last") is silent
    again = make_candidate(sample, "outline", verdict="real", candidate_id="a")
    assert preferred([outlined, again], machines, "last") is again  # by id among equals, as for the first


def test_annotation_status(
    built: Callable[..., Record],
    make_sample: Make,
    make_candidate: Callable[..., Candidate],
    make_region: Callable[..., Region],
) -> None:
    sample = make_sample()
    assert built(sample).annotation_status == "not_annotated"
    assert built(sample, make_candidate(sample, explanation="nothing found")).annotation_status == "not_annotated"
    assert built(sample, make_candidate(sample, verdict="real")).annotation_status == "annotated"
    assert built(sample, make_candidate(sample, regions=(make_region(),))).annotation_status == "annotated"
    clean = make_sample(has_ground_truth=True)
    assert built(clean).annotation_status == "annotated_clean"
    known = make_sample(has_ground_truth=True, ground_truth=(make_region(source="ground_truth"),))
    assert built(known).annotation_status == "annotated"


def test_a_record_says_nothing_that_differs_between_equal_runs(
    built: Callable[..., Record], make_sample: Make, make_candidate: Callable[..., Candidate]
) -> None:
    sample = make_sample()
    slow = make_candidate(sample, verdict="real", latency_s=9.5, is_cached=False)
    again = make_candidate(sample, verdict="real", latency_s=0.0, is_cached=True)
    assert built(sample, slow) == built(sample, again)


def test_duplicates_become_one_and_their_disagreement_is_a_finding(make_sample: Make) -> None:
    first = make_sample("a", content="same", origin="real")
    second = make_sample("b", content="same", origin="generated", pair_id="p")
    joined = join_duplicates([second, first])
    assert joined.item_id == "a.png"
    assert joined.origin == "real"
    (finding,) = joined.findings
    assert finding.code == "duplicate_disagrees"
    assert finding.message == "the same content as 'b.png' says otherwise about: origin, pair_id"
    assert join_duplicates([first, first]) == first
