from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from annotators.consensus import consensus
from schemas.candidate import Answer, Attribute, Candidate, Claim, Region
from schemas.checks import check_region
from schemas.sample import Sample

from .conftest import PICTURE, boxed

Make = Callable[..., Candidate]
NewSample = Callable[..., Sample]


def corners(region: Region) -> tuple[float, ...]:
    assert region.box is not None
    return region.box.x1, region.box.y1, region.box.x2, region.box.y2


def test_what_three_machines_say_worked_out_by_hand(sample: NewSample, candidate: Make) -> None:
    a = candidate("a", boxed((0, 0, 10, 10), score=0.8), boxed((20, 0, 30, 10), "noise"), verdict="generated")
    b = candidate("b", boxed((0, 0, 10, 8), "noise", score=0.4), verdict="generated", verdict_score=0.6)
    c = candidate("c", boxed((0, 1, 10, 10), score=0.6), verdict="real", verdict_score=0.9)
    found = consensus(sample(), (a, b, c))

    first, second = found.regions
    assert (first.region_id, first.category, first.source) == ("consensus-1", "blur", "derived")
    assert corners(first) == pytest.approx((0, 0.6 / 1.8, 10, (10 * 0.8 + 8 * 0.4 + 10 * 0.6) / 1.8))
    assert (first.score, second.score) == (pytest.approx(0.6), pytest.approx(1 / 3))
    one, two = found.agreement.regions
    assert (one.region_id, one.machines, one.share) == ("consensus-1", ("a", "b", "c"), 1.0)
    assert one.candidate_ids == ("a/1", "b/1", "c/1")
    assert (one.category_entropy, one.score_spread) == (pytest.approx(0.9182958), pytest.approx(0.1632993))
    assert one.mean_iou == pytest.approx((0.8 + 0.9 + 0.7) / 3)
    assert (two.machines, two.share, two.mean_iou, two.score_spread) == (("a",), pytest.approx(1 / 3), None, None)
    assert (found.verdict, found.verdict_score) == ("generated", pytest.approx((1 + 0.6 + 0.1) / 3))
    agreement = found.agreement
    assert (agreement.machines, agreement.num_candidates) == (("a", "b", "c"), 3)
    assert (agreement.verdict_share, agreement.verdict_entropy) == (pytest.approx(2 / 3), pytest.approx(0.9182958))
    assert (agreement.basis, agreement.confidence) == ("verdict", pytest.approx(1.7 / 3))
    assert agreement.variability == pytest.approx(0.3681787)


def test_regions_may_have_a_bar_of_their_own(sample: NewSample, candidate: Make) -> None:
    fields = {"attributes": (Attribute(name="light", value="odd"),)}
    a, b = candidate("a", boxed((0, 0, 10, 10)), **fields), candidate("b", boxed((20, 0, 30, 10)))
    assert len(consensus(sample(), (a, b), min_share=1).regions) == 0
    found = consensus(sample(), (a, b), min_share=1, min_region_share=0.5)
    assert (len(found.regions), found.attributes) == (2, ())


def test_the_order_of_candidates_and_regions_does_not_matter(sample: NewSample, candidate: Make) -> None:
    for seed in range(100):
        rng = random.Random(seed)

        def said(machine: str, number: int, rng: random.Random = rng) -> Candidate:
            regions = [
                boxed((x, y, x + rng.randint(3, 9), y + rng.randint(3, 9)), rng.choice(("blur", "noise")))
                for x, y in [(rng.randint(0, 20), rng.randint(0, 15)) for _ in range(rng.randint(0, 5))]
            ]
            return candidate(
                machine,
                *(r.evolve(score=rng.choice((None, rng.random()))) for r in regions),
                number=number,
                verdict=rng.choice((None, "real", "generated")),
                explanation=f"{machine} {number}",
            )

        candidates = [said("a", 1), said("a", 2), said("b", 1), said("c", 1)]
        first = consensus(sample(), candidates, min_iou=0.3)
        shuffled = [c.evolve(regions=tuple(rng.sample(c.regions, len(c.regions)))) for c in rng.sample(candidates, 4)]
        assert consensus(sample(), shuffled, min_iou=0.3) == first
        assert not [defect for region in first.regions for defect in check_region(region, PICTURE, None)]


def test_a_machine_that_answers_several_times_has_one_vote(sample: NewSample, candidate: Make) -> None:
    often = [candidate("a", boxed((0, 0, 10, 10)), number=n, verdict="generated") for n in (1, 2)]
    often.append(candidate("a", number=3, verdict="real"))
    once = candidate("b", verdict="real")
    found = consensus(sample(), [*often, once])
    assert found.agreement.regions[0].share == pytest.approx((2 / 3) / 2)
    assert (found.verdict, found.agreement.verdict_share) == ("real", pytest.approx((1 / 3 + 1) / 2))


def test_unanimity_keeps_what_all_machines_give(sample: NewSample, candidate: Make) -> None:
    shadow = Attribute(name="shadow", value="yes", score=1, scale_min=0, scale_max=4)
    a = candidate("a", boxed((0, 0, 10, 10)), boxed((20, 0, 30, 10)), attributes=(shadow,))
    b = candidate("b", boxed((0, 0, 10, 10)), attributes=(shadow.evolve(score=3), Attribute(name="text", value="no")))
    c = candidate("c", boxed((0, 0, 10, 9)), attributes=(shadow.evolve(score=2),))
    all_three = consensus(sample(), (a, b, c), min_share=1.0)
    assert [corners(r)[:3] for r in all_three.regions] == [(0, 0, 10)]
    assert all_three.attributes == (shadow.evolve(score=2),)
    assert len(consensus(sample(), (a, b, c), min_share=1 / 3).regions) == 2
    assert [x.name for x in consensus(sample(), (a, b, c)).attributes] == ["shadow", "text"]


def test_the_closest_candidate_speaks_and_its_claims_point_at_the_new_regions(
    sample: NewSample, candidate: Make
) -> None:
    far = candidate("a", boxed((20, 20, 30, 30)), verdict="generated", explanation="far")
    near = candidate("b", boxed((30, 0, 34, 4)), boxed((0, 0, 10, 10)), verdict="generated", explanation="It is soft.")
    near = near.evolve(
        claims=(
            Claim(start=0, end=11, is_global=True),
            Claim(start=0, end=2, region_ids=("b-2",)),
            Claim(start=3, end=5, region_ids=("b-1",)),
        )
    )
    also = candidate("c", boxed((0, 0, 10, 10)), verdict="generated")
    found = consensus(sample(), (far, near, also), min_share=0.5)
    assert found.explanation == "It is soft."
    assert [region.region_id for region in found.regions] == ["consensus-1"]
    assert found.claims == (
        Claim(start=0, end=11, is_global=True),
        Claim(start=0, end=2, region_ids=("consensus-1",)),
    )


def test_answers_are_voted_on_with_all_their_evidence(sample: NewSample, candidate: Make) -> None:
    def answered(machine: str, text: str, *regions: Region) -> Candidate:
        ids = tuple(f"{machine}-{i}" for i in range(1, len(regions) + 1))
        return candidate(machine, *regions, answers=(Answer(question="Who?", answer=text, region_ids=ids),))

    a = answered("a", "Ada  Lovelace", boxed((0, 0, 10, 10)))
    b = answered("b", "ada lovelace", boxed((20, 0, 30, 10)))
    c = answered("c", "Babbage", boxed((0, 20, 10, 30)))
    found = consensus(sample(), (a, b, c))
    (answer,) = found.answers
    places = {region.region_id: corners(region) for region in found.regions}
    assert answer.answer == "Ada  Lovelace"
    assert sorted(places[i] for i in answer.region_ids) == [(0, 0, 10, 10), (20, 0, 30, 10)]
    assert consensus(sample(), (a, b, c), min_share=0.9).answers == ()


def test_the_map_is_taken_against_what_is_known(sample: NewSample, candidate: Make) -> None:
    a = candidate("a", verdict="generated", verdict_score=0.9)
    b = candidate("b", verdict="real", verdict_score=0.8)
    agreement = consensus(sample(origin="real"), (a, b)).agreement
    assert (agreement.basis, agreement.confidence) == ("origin", pytest.approx((0.1 + 0.8) / 2))
    places = consensus(sample(), (candidate("a", boxed((0, 0, 5, 5))), candidate("b"))).agreement
    assert (places.basis, places.confidence, places.variability) == ("regions", pytest.approx(0.5), pytest.approx(0.5))
    silent = consensus(sample(origin="real"), (candidate("a"), candidate("b"))).agreement
    assert (silent.basis, silent.confidence, silent.variability) == (None, None, None)


def test_one_candidate_is_its_own_consensus_and_none_is_no_consensus(sample: NewSample, candidate: Make) -> None:
    alone = candidate("a", boxed((0, 0, 5, 5), score=0.5), verdict="edited", explanation="cut")
    found = consensus(sample(), (alone, alone))
    assert (found.verdict, found.explanation, found.agreement.num_candidates) == ("edited", "cut", 1)
    assert [corners(region) for region in found.regions] == [(0, 0, 5, 5)]
    with pytest.raises(ValueError, match="no candidates"):
        consensus(sample(), ())
