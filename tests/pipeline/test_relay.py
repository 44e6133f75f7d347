"""Rounds that go on from each other: what the next one is shown, whose word counts, and who is credited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotators.base import RELAY
from pipeline.agreement.pairs import independent
from pipeline.assembly import assemble
from pipeline.merge import merge_people
from pipeline.relay import Legs, credited, left_by, proposed_by
from pipeline.review import decide
from schemas.candidate import Candidate, Region
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy
from schemas.verification import RegionChange, Verification, Vote


@pytest.fixture
def sample(make_sample: Callable[..., Sample]) -> Sample:
    return make_sample()


@pytest.fixture
def proposed(sample: Sample, make_candidate: Callable[..., Candidate], make_region: Callable[..., Region]) -> Candidate:
    return make_candidate(sample, "vlm", verdict="generated", explanation="Soft.", regions=(make_region(),))


@pytest.fixture
def drawn(make_region: Callable[..., Region]) -> Region:
    """What the first person adds."""
    return make_region((8, 1, 12, 5), "noise", region_id="person-1", source="human")


def answer(sample: Sample, shown: Candidate, pass_number: int, regions: tuple[Region, ...], **fields: object):
    values = {"verdict": "accepted", "reviewer": f"p{pass_number}", "origin_verdict": "generated"}
    values |= {"explanation": "Soft.", "is_relayed": shown.kind == RELAY, "verification_id": f"v{pass_number}"}
    return Verification(
        sample_id=sample.sample_id,
        candidate_id=shown.candidate_id,
        pass_number=pass_number,
        regions=regions,
        **{**values, **fields},
    )


@pytest.fixture
def relay(sample: Sample, proposed: Candidate, drawn: Region) -> tuple[Verification, Candidate, Verification]:
    """The first person adds a region, the second one accepts what the first one left."""
    first = answer(
        sample,
        proposed,
        1,
        (*proposed.regions, drawn),
        verdict="fixed_and_accepted",
        changes=(RegionChange(region_id="person-1", change="added"),),
    )
    left = left_by(first, proposed)
    return first, left, answer(sample, left, 2, left.regions)


def test_a_round_is_shown_what_the_round_before_left(sample: Sample, proposed: Candidate, relay: tuple) -> None:
    first, left, second = relay
    candidates = {c.candidate_id: c for c in (proposed, left)}
    legs = Legs([first, second])
    assert legs.start(sample.sample_id, 2, candidates) == left
    assert (left.machine, left.kind, left.parent_ids) == (RELAY, RELAY, (proposed.candidate_id,))
    assert [region.region_id for region in left.regions] == ["blur-1-1", "person-1"]
    third = legs.start(sample.sample_id, 3, candidates)
    assert third is not None
    assert third.parent_ids == (left.candidate_id,)
    assert proposed_by([proposed, left, third], third.candidate_id) == proposed.candidate_id
    assert proposed_by([], "unknown") == "unknown"


@pytest.mark.parametrize("verdict", ["skipped", "rejected", None])
def test_no_round_begins_before_there_is_something_to_go_on_from(
    sample: Sample, proposed: Candidate, verdict: str | None
) -> None:
    given = [answer(sample, proposed, 1, (), verdict=verdict)] if verdict else []
    assert Legs(given).start(sample.sample_id, 2, {}) is None


def test_equal_decisions_are_shown_as_one_candidate_and_changed_ones_as_another(
    sample: Sample, proposed: Candidate, relay: tuple
) -> None:
    first, left, _ = relay
    assert left_by(first, proposed) == left
    assert left_by(first.evolve(explanation="Very soft."), proposed).candidate_id != left.candidate_id


def test_the_last_round_decides_and_an_earlier_correction_is_one(relay: tuple) -> None:
    first, _, second = relay
    decision = decide([first, second])
    assert decision is not None
    assert decision.chosen == second.evolve(verdict="fixed_and_accepted")
    assert (decision.is_error, decision.is_disputed) == (True, False)
    assert [v.verification_id for v in decision.verifications] == ["v1", "v2"]
    same_person = decide([first, second.evolve(reviewer=first.reviewer)])
    assert same_person is not None
    assert same_person.is_error
    untouched = decide([first.evolve(verdict="accepted"), second])
    assert untouched is not None
    assert (untouched.chosen, untouched.is_error) == (second, False)


def test_a_relay_is_no_independent_look(relay: tuple) -> None:
    first, _, second = relay
    assert independent([first, second]) == (first,)


def test_the_row_credits_people_and_machines_through_all_rounds(
    sample: Sample, proposed: Candidate, relay: tuple, taxonomy: Taxonomy
) -> None:
    first, left, second = relay
    record = assemble(sample, [proposed], machines=["vlm"], taxonomy=taxonomy, split="train")
    votes = [(Vote(region_id="person-1", confidence=c),) for c in (1.0, 0.5)]
    answers = [first.evolve(votes=votes[0]), second.evolve(votes=votes[1])]
    merged = merge_people(record, (proposed, left), decide(answers), is_routed=True)
    assert {s.field: s.source for s in merged.field_sources} == {
        "verdict": "confirmed", "explanation": "confirmed", "regions": "human",
    }  # fmt: skip
    assert [(r.region_id, r.source, r.score) for r in merged.regions] == [
        ("blur-1-1", "machine", None),
        ("person-1", "human", 0.75),
    ]
    assert (merged.review, merged.reviewers, merged.findings) == ("reviewed", ("p1", "p2"), ())


def test_who_works_in_two_rounds_is_credited_for_both(relay: tuple) -> None:
    first, left, second = relay
    removed = RegionChange(region_id="blur-1-1", change="removed")
    again = second.evolve(reviewer=first.reviewer, verdict="fixed_and_accepted", changes=(removed,))
    before = first.evolve(verification_id="v0", updated_at="2024-01-01", changes=(removed.evolve(region_id="gone"),))
    answers = [first.evolve(updated_at="2024-01-02"), before, again]
    decision = decide(answers)
    assert decision is not None
    told = credited(decision, answers, {left.candidate_id: first.candidate_id})
    assert told.chosen is not None
    assert told.chosen.candidate_id == first.candidate_id
    assert [(change.region_id, change.change) for change in told.chosen.changes] == [
        ("person-1", "added"),
        ("blur-1-1", "removed"),
    ]
    assert credited(decision, answers, {}) == decision
