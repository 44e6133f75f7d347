"""Machines, people, and what people were shown: whose word each field is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.assembly import assemble
from pipeline.merge import merge_people
from pipeline.review import decide
from schemas.candidate import Answer, Attribute, Candidate, Claim, Region
from schemas.checks import check_record
from schemas.record import Record
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy
from schemas.verification import RegionChange, Verification

SHOWN, NEWER = "5" * 64, "6" * 64


@pytest.fixture
def sample(make_sample: Callable[..., Sample]) -> Sample:
    return make_sample()


@pytest.fixture
def candidate(
    sample: Sample, make_candidate: Callable[..., Candidate], make_region: Callable[..., Region]
) -> Candidate:
    return make_candidate(
        sample,
        "vlm",
        candidate_id=SHOWN,
        verdict="generated",
        explanation="The ear is soft. The sky too.",
        claims=(Claim(start=0, end=16, region_ids=("r1",)), Claim(start=17, end=29, region_ids=("r2",))),
        regions=(make_region(region_id="r1"), make_region((6, 1, 9, 5), region_id="r2")),
        answers=(Answer(question="q", answer="a", region_ids=("r1", "r2")),),
        attributes=(Attribute(name="light", value="odd"),),
    )


Merge = Callable[..., Record]


@pytest.fixture
def merged(sample: Sample, candidate: Candidate, taxonomy: Taxonomy) -> Merge:
    def merge(*people: Verification, now: Candidate = candidate, is_routed: bool = True) -> Record:
        record = assemble(sample, [now], machines=["vlm"], taxonomy=taxonomy, split="train")
        found = merge_people(record, (now, candidate), decide(people), is_routed=is_routed)
        assert check_record(found, taxonomy) == ()
        return found

    return merge


@pytest.fixture
def person(sample: Sample, candidate: Candidate) -> Callable[..., Verification]:
    def say(**fields: object) -> Verification:
        left = {name: getattr(candidate, name) for name in ("explanation", "regions")}
        values = {"verification_id": "v", "reviewer": "ann", "verdict": "accepted", "candidate_id": SHOWN, **left}
        return Verification(sample_id=sample.sample_id, **{**values, **fields})

    return say


def sources(record: Record) -> dict[str, str]:
    return {line.field: line.source for line in record.field_sources}


def test_without_an_answer_only_the_state_of_review_changes(merged: Merge) -> None:
    assert merged(is_routed=False).review == "not_routed"
    assert merged() == merged(is_routed=False).evolve(review="pending")
    assert merged().field_sources == ()


def test_what_a_person_lets_stand_is_confirmed(merged: Merge, person: Callable[..., Verification]) -> None:
    record = merged(person(origin_verdict="generated"))
    assert record.review == "reviewed"
    assert (record.verification_ids, record.reviewers) == (("v",), ("ann",))
    assert sources(record) == {
        "verdict": "confirmed",
        "explanation": "confirmed",
        "regions": "confirmed",
        "attributes": "machine",
        "answers": "machine",
    }
    assert [region.source for region in record.regions] == ["machine", "machine"]
    assert len(record.claims) == 2


def test_what_a_person_changes_is_theirs_and_claims_follow_the_words(
    merged: Merge, person: Callable[..., Verification], make_region: Callable[..., Region]
) -> None:
    moved = make_region((2, 2, 5, 5), region_id="r2")
    record = merged(
        person(
            verdict="fixed_and_accepted",
            origin_verdict="edited",
            explanation="Look: The sky too.",
            regions=(moved,),
            changes=(RegionChange(region_id="r1", change="removed"), RegionChange(region_id="r2", change="moved")),
        )
    )
    assert (record.verdict, record.regions) == ("edited", (moved.evolve(source="human"),))
    assert {sources(record)[name] for name in ("verdict", "explanation", "regions")} == {"human"}
    assert record.claims == (Claim(start=6, end=18, region_ids=("r2",)),)
    assert record.answers[0].region_ids == ("r2",)


def test_rounding_on_the_way_back_is_no_change(
    merged: Merge, person: Callable[..., Verification], candidate: Candidate
) -> None:
    first = candidate.regions[0]
    assert first.box is not None
    drifted = first.evolve(box=first.box.evolve(x1=1.0000001), source="human")
    kept = tuple(RegionChange(region_id=region.region_id, change="kept") for region in candidate.regions)
    record = merged(person(regions=(drifted, candidate.regions[1]), changes=kept))
    assert record.regions == candidate.regions
    assert sources(record)["regions"] == "confirmed"


def test_a_newer_machine_does_not_replace_what_a_person_let_stand(
    merged: Merge, person: Callable[..., Verification], candidate: Candidate
) -> None:
    newer = candidate.evolve(candidate_id=NEWER, verdict="real", regions=(), claims=(), answers=())
    record = merged(person(origin_verdict="generated"), now=newer)
    assert (record.verdict, record.regions) == ("generated", candidate.regions)
    assert (sources(record)["verdict"], sources(record)["explanation"]) == ("earlier", "confirmed")
    assert record.claims == candidate.claims
    (finding,) = record.findings
    assert finding.code == "machine_changed_after_review"
    assert finding.message.endswith("regions, verdict")


def test_the_person_s_own_notes_serve_where_the_shown_candidate_is_gone(
    merged: Merge, person: Callable[..., Verification]
) -> None:
    accepted = merged(person(candidate_id="lost", origin_verdict="real"))
    assert (accepted.verdict, sources(accepted)["verdict"]) == ("real", "earlier")
    assert sources(accepted)["regions"] == "confirmed"
    fixed = merged(person(candidate_id="lost", verdict="fixed_and_accepted", explanation="mine"))
    assert (fixed.explanation, sources(fixed)["explanation"]) == ("mine", "human")


def test_attributes_and_answers_are_the_person_s_where_they_were_asked(
    merged: Merge, person: Callable[..., Verification], candidate: Candidate
) -> None:
    graded = (Attribute(name="light", value="fine"),)
    record = merged(person(verdict="fixed_and_accepted", attributes=graded, answers=candidate.answers))
    assert (record.attributes, sources(record)["attributes"]) == (graded, "human")
    assert (record.answers, sources(record)["answers"]) == (candidate.answers, "confirmed")


def test_only_a_person_says_that_there_is_nothing(
    merged: Merge, person: Callable[..., Verification], candidate: Candidate
) -> None:
    nothing = candidate.evolve(verdict=None, regions=(), claims=(), answers=(), attributes=(), explanation="")
    empty = person(regions=(), explanation="")
    assert merged(now=nothing).annotation_status == "not_annotated"
    assert merged(empty, now=nothing).annotation_status == "annotated_clean"
    assert merged(empty.evolve(origin_verdict="real"), now=nothing).annotation_status == "annotated_clean"
    assert merged(empty.evolve(origin_verdict="generated"), now=nothing).annotation_status == "annotated"


def test_skipped_rows_stay_the_machines(merged: Merge, person: Callable[..., Verification]) -> None:
    record = merged(person(verdict="skipped", regions=(), explanation=""))
    assert record.evolve(review="pending", verification_ids=(), reviewers=()) == merged()
    assert (record.review, record.reviewers) == ("skipped", ("ann",))


def test_agreement_of_two_stands_in_the_row(merged: Merge, person: Callable[..., Verification]) -> None:
    bob = person(reviewer="bob", verification_id="w", verdict="fixed_and_accepted", regions=())
    record = merged(person(), bob)
    assert record.reviewers == ("ann", "bob")
    assert {line.measure: (line.value, line.reviewers) for line in record.agreement} == {
        "decision": (0, 2),
        "categories": (0, 2),
        "regions": (0, 2),
        "explanation": (1, 2),
    }
    assert [finding.code for finding in record.findings] == ["reviewers_disagree"]
    assert merged(bob, person()) == record
