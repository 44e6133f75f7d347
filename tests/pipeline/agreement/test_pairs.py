"""Agreement on one sample, and on the whole run."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.agreement.adjudication import disputes
from pipeline.agreement.figures import agreement_figures
from pipeline.agreement.gold import gold_scores
from pipeline.agreement.likeness import region_likeness
from pipeline.agreement.outlines import boundary_f1, outline_likeness
from pipeline.agreement.pairs import independent, review_agreement
from pipeline.agreement.texts import rouge_l
from schemas.candidate import Region
from schemas.geometry import Polygon, mask_from_array
from schemas.sample import Sample
from schemas.verification import Verification, Vote

MakeRegion = Callable[..., Region]


def answer(reviewer: str, verdict: str = "accepted", sample: str = "s", **fields: object) -> Verification:
    values = {"verification_id": f"{sample}-{reviewer}", "sample_id": sample, "reviewer": reviewer, "verdict": verdict}
    return Verification(**{**values, **fields})


def test_likeness_of_regions(make_region: MakeRegion) -> None:
    whole, half = make_region((0, 0, 10, 10)), make_region((0, 0, 10, 5))
    assert region_likeness([], []) == 1
    assert region_likeness([whole], []) == 0
    assert region_likeness([whole], [half]) == 0.5
    assert region_likeness([whole], [half.evolve(category="noise")]) == 0
    assert region_likeness([whole, make_region((50, 50, 60, 60))], [whole]) == pytest.approx(2 / 3)


def test_borders_are_compared_within_a_tolerance() -> None:
    square = np.zeros((100, 100), np.bool_)
    square[20:60, 20:60] = True
    assert boundary_f1(square, square) == 1
    assert boundary_f1(square, np.roll(square, 1, axis=1)) == 1
    assert boundary_f1(square, np.roll(square, 8, axis=1)) < 0.6
    nothing = np.zeros_like(square)
    assert (boundary_f1(square, nothing), boundary_f1(nothing, nothing)) == (0, 1)


def test_outlines_are_painted_regions_only(make_region: MakeRegion) -> None:
    pixels = np.zeros((40, 40), np.bool_)
    pixels[5:20, 5:20] = True
    mask = make_region(mask=mask_from_array(pixels, "painted"))
    outline = make_region(polygons=(Polygon(exterior=((5, 5), (20, 5), (20, 20), (5, 20))),))
    assert outline_likeness([make_region()], [make_region()]) is None
    assert outline_likeness([mask], [outline]) == 1
    assert outline_likeness([mask], [make_region()]) == 0


def test_rouge_by_hand() -> None:
    assert rouge_l("The ear is soft", "the ear looks soft!") == 0.75
    assert (rouge_l("", "..."), rouge_l("", "word"), rouge_l("a b", "b a")) == (1, 0, 0.5)


def test_measures_of_a_sample(make_region: MakeRegion) -> None:
    one = answer("ann", origin_verdict="real", regions=(make_region(),), explanation="soft ear")
    two = answer("bob", origin_verdict="real", regions=(make_region(), make_region((8, 8, 9, 9), "noise")))
    found = {line.measure: round(line.value, 3) for line in review_agreement([one, two])}
    assert found == {"decision": 1, "verdict": 1, "categories": 0.5, "regions": 0.667, "explanation": 0}
    assert review_agreement([one]) == ()
    assert review_agreement([one, answer("ann", verification_id="again")]) == ()


def test_judges_and_skips_are_not_independent() -> None:
    answers = [answer("ann"), answer("bob", "skipped"), answer("eve", purpose="adjudication")]
    assert independent(answers) == (answers[0],)


def test_disputes_name_their_reasons_and_end_with_a_judge(make_region: MakeRegion) -> None:
    near, far = (make_region(),), (make_region((8, 1, 9, 5)),)
    reviews = [
        answer("ann", regions=near, sample="far"), answer("bob", regions=far, sample="far"),
        answer("ann", "accepted", "tie"), answer("bob", "rejected", "tie"),
        answer("ann", sample="word", origin_verdict="real"), answer("bob", sample="word", origin_verdict="edited"),
        answer("ann", sample="vote", votes=(Vote(region_id="r", confidence=0),)),
        answer("bob", sample="vote", votes=(Vote(region_id="r", confidence=1),)),
        answer("ann", sample="fine"), answer("bob", sample="fine"),
    ]  # fmt: skip
    found = disputes(reviews)
    assert [(d.sample_id, d.reasons) for d in found] == [
        ("far", ("regions",)), ("tie", ("decision",)), ("vote", ("votes",)), ("word", ("verdict",)),
    ]  # fmt: skip
    assert found[0].verification_ids == ("far-ann", "far-bob")
    judged = disputes([*reviews, answer("eve", "rejected", "tie", purpose="adjudication")])
    assert "tie" not in {dispute.sample_id for dispute in judged}


def test_gold_tells_who_is_right(make_sample: Callable[..., Sample], make_region: MakeRegion) -> None:
    truth = make_sample(origin="generated", has_ground_truth=True, ground_truth=(make_region(source="ground_truth"),))
    known = {truth.sample_id: truth}
    right = answer("ann", sample=truth.sample_id, origin_verdict="generated", regions=(make_region(),))
    wrong = answer("bob", sample=truth.sample_id, origin_verdict="real")
    ann, bob = gold_scores([right, wrong, answer("cat", "skipped", truth.sample_id), answer("ann")], known)
    assert (ann.reviewer, ann.tasks, ann.region_f1, ann.verdict_accuracy) == ("ann", 1, 1, 1)
    assert (bob.reviewer, bob.tasks, bob.region_f1, bob.verdict_accuracy) == ("bob", 1, 0, 0)


def test_gold_counts_a_person_once_per_sample_by_the_last_answer_of_their_own(
    make_sample: Callable[..., Sample], make_region: MakeRegion
) -> None:
    samples = [make_sample(name, origin="generated", has_ground_truth=True) for name in ("a.png", "b.png")]
    known, (one, other) = {s.sample_id: s for s in samples}, samples
    first = answer("ann", sample=one.sample_id, origin_verdict="real", updated_at="2024-01-01T00:00:00Z")
    again = {"updated_at": "2024-01-02T00:00:00Z", "origin_verdict": "generated"}
    mind_changed = first.evolve(verification_id="again", **again)
    judged = first.evolve(verification_id="judged", purpose="adjudication", **again | {"origin_verdict": "edited"})
    relayed = judged.evolve(verification_id="relayed", purpose="review", is_relayed=True)
    elsewhere = answer("ann", sample=other.sample_id, origin_verdict="real")
    (ann,) = gold_scores([mind_changed, first, judged, relayed, elsewhere], known)
    assert (ann.tasks, ann.verdicts, ann.verdicts_right) == (2, 2, 1)


def test_figures_of_a_run(make_region: MakeRegion) -> None:
    """Ann and Bob agree; Cat decides by lot, and loses the regions half-way."""
    draws, answers = random.Random(0), []
    for number in range(60):
        verdict = draws.choice(["accepted", "fixed_and_accepted"])
        time = f"2026-01-01T00:00:{number:02}Z"
        marked = (make_region((0, 0, 10, 10), asset_id=str(number)),)
        for reviewer in ("ann", "bob", "cat"):
            is_cat = reviewer == "cat"
            said = draws.choice(["accepted", "fixed_and_accepted"]) if is_cat else verdict
            regions = () if is_cat and number >= 30 else marked
            answers.append(
                answer(reviewer, said, f"s{number:02}", regions=regions, updated_at=time, lead_time_s=number + 1.0)
            )
    found = agreement_figures(answers)
    assert found == agreement_figures(answers[::-1])
    measures = {line.measure: line for line in found.measures}
    assert set(measures) == {"decision", "categories", "regions"}
    assert measures["regions"].mean == pytest.approx((1 + 1 / 3) / 2)
    assert measures["regions"].low < measures["regions"].alpha < measures["regions"].high
    assert [(line.category, line.samples) for line in found.categories] == [("blur", 60)]
    kappas = {(line.one, line.other): line.kappa for line in found.pairs}
    assert kappas["ann", "bob"] == 1
    assert abs(kappas["ann", "cat"] or 1) < 0.4
    ann, _, cat = found.reviewers
    assert (ann.answers, ann.skipped, ann.median_lead_time_s) == (60, 0, 30.5)
    assert (cat.first_half, cat.last_half) == (1, 0)
    assert (ann.accuracy or 0) > 0.99 > 0.8 > (cat.accuracy or 1)


def test_one_person_alone_gives_no_agreement() -> None:
    found = agreement_figures([answer("ann"), answer("ann", sample="t")])
    assert (found.measures, found.pairs, found.categories) == ((), (), ())
    assert [(line.reviewer, line.answers, line.accuracy) for line in found.reviewers] == [("ann", 2, None)]
