"""What speaks for asking a person, signal by signal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.recipe import Effort, Signals
from pipeline.routing.effort import seconds_by_modality
from pipeline.routing.opinions import Opinion, opinion_of, published_opinion
from pipeline.routing.overrides import OverrideRate, override_rates, ranking_rates
from pipeline.routing.signals import Surroundings, priority_of, reasons_of, signals_of
from schemas.candidate import Attempt, Candidate, Region
from schemas.geometry import Polygon
from schemas.route import Reason
from schemas.sample import Sample
from schemas.verification import RegionChange, Verification

Say = Callable[..., Opinion]
NOTHING = Surroundings()


@pytest.fixture
def say(make_sample: Callable[..., Sample], make_candidate: Callable[..., Candidate]) -> Say:
    sample = make_sample()
    return lambda machine="vlm", **fields: opinion_of(make_candidate(sample, machine, **fields))


def signals(*opinions: Opinion, around: Surroundings = NOTHING, **facts: bool) -> dict[str, float]:
    found = signals_of(opinions, published_opinion(opinions), around, **facts)
    return {name: round(value, 6) for name, value in found.items() if value}


def test_nobody_and_one_sure_voice_give_no_signal(say: Say) -> None:
    assert signals() == {}
    assert signals(say(verdict="real", verdict_score=1.0)) == {}


def test_another_verdict_or_other_regions_are_disagreement(say: Say, make_region: Callable[..., Region]) -> None:
    real, fake = say(verdict="real"), say("forensic", verdict="generated")
    assert signals(real, fake)["disagreement"] == 1
    one, other = say(regions=(make_region((0, 0, 10, 10)),)), say("forensic", regions=(make_region((0, 0, 10, 5)),))
    assert signals(one, other) == {"disagreement": 0.5}
    renamed = say("forensic", regions=(make_region((0, 0, 10, 10), "noise"),))
    assert signals(one, renamed) == {"disagreement": 1}
    assert signals(one, one._replace(is_derived=True, machine="consensus", regions=())) == {}


def test_the_lowest_score_is_the_uncertainty(say: Say, make_region: Callable[..., Region]) -> None:
    voice = say(verdict="real", verdict_score=0.9, regions=(make_region(score=0.3), make_region((6, 6, 9, 9))))
    assert signals(voice) == {"uncertainty": 0.7}


def test_blind_against_label_given(say: Say) -> None:
    told = say(verdict="generated", conditioning="label_given")
    assert signals(say(verdict="real"), told) == {"conditioning": 1, "cartography": 1}
    assert signals(say("forensic", verdict="generated"), told) == {}


def test_rare_categories_and_overridden_ones(say: Say, make_region: Callable[..., Region]) -> None:
    around = Surroundings(
        category_samples={"blur": 40, "noise": 10}, override_rates={("vlm", "blur"): 0.5, ("x", "noise"): 1}
    )
    assert signals(say(regions=(make_region(),)), around=around) == {"overrides": 0.5}
    both = say(regions=(make_region(), make_region(category="noise")))
    assert signals(both, around=around) == {"rarity": 0.75, "overrides": 0.5}


def test_flags_twins_and_cartography(say: Say) -> None:
    tries = (Attempt(number=1, status="parse_error"), Attempt(number=2, status="ok"))
    assert signals(say(parse_status="repaired")) == {"flags": 1}
    assert signals(say(attempts=tries)) == {"flags": 1}
    two_questions = (Attempt(number=1, status="ok"), Attempt(number=2, status="ok"))
    assert signals(say("judge", attempts=two_questions)) == {}
    busy = (Attempt(number=1, status="429"), Attempt(number=2, status="timeout"), Attempt(number=3, status="ok"))
    assert signals(say(attempts=busy)) == {}
    assert signals(say(), has_finding=True, has_corrected_twin=True) == {"flags": 1, "corrected_twin": 1}
    voices = say(verdict="generated", verdict_score=0.9), say("b", verdict="generated", verdict_score=0.5)
    assert signals(*voices)["cartography"] == pytest.approx(0.4)
    assert signals(say(verdict="unclear"), say("b", verdict="unclear")) == {}


def test_weights_make_the_priority_and_order_the_reasons() -> None:
    weights = Signals(disagreement=3, flags=1, **dict.fromkeys(
        ("uncertainty", "conditioning", "rarity", "corrected_twin", "cartography", "overrides"), 0))  # fmt: skip
    found = {"disagreement": 0.5, "flags": 1.0, "rarity": 1.0}
    assert priority_of(found, weights) == pytest.approx(2.5 / 4)
    assert reasons_of(found, weights) == (Reason(signal="disagreement", value=0.5), Reason(signal="flags", value=1.0))
    assert priority_of(found, Signals(**dict.fromkeys(Signals.model_fields, 0))) == 0


def test_an_opinion_keeps_boxes_and_leaves_outlines(say: Say, make_region: Callable[..., Region]) -> None:
    outline = make_region(polygons=(Polygon(exterior=((0, 0), (4, 0), (4, 8))),), box=(0, 0, 4, 8))
    (region,) = say(regions=(outline,)).regions
    assert (region.box, region.polygons, region.explanation) == (outline.box, (), "")
    assert published_opinion((say("a"), say("b", verdict="real"))) == say("b", verdict="real")
    draft, last = say("a", verdict="real"), say("b", verdict="generated")
    assert published_opinion((draft, last), "last") == last
    assert published_opinion((draft, say("b")), "last") == draft
    assert published_opinion((say("a", verdict="real"), say("b")), "b") == say("b")


def answer(**fields: object) -> Verification:
    values: dict[str, object] = {"verification_id": "v", "sample_id": "s", "reviewer": "ann", "verdict": "accepted"}
    return Verification(**{**values, **fields})


def test_overrides_are_counted_region_by_region(make_region: Callable[..., Region]) -> None:
    had = tuple(make_region(region_id=name) for name in ("kept", "moved", "gone", "renamed"))
    left = (had[0], had[1], had[3].evolve(category="noise"), make_region(region_id="new"))
    person = answer(
        verdict="fixed_and_accepted", regions=left, changes=(RegionChange(region_id="moved", change="moved"),)
    )
    (rate,) = override_rates([("vlm", "m1", had, person)])
    assert rate == OverrideRate(
        machine="vlm", model="m1", category="blur", shown=4, moved=1, relabeled=1, removed=1, added=1
    )
    assert rate.rate == 0.75
    assert ranking_rates([rate, rate.evolve(model="m2", moved=0)]) == {("vlm", "blur"): 5 / 12}
    assert override_rates([("vlm", "m1", had, answer(verdict="skipped"))]) == ()


def test_a_region_that_was_moved_and_reworded_was_overridden(make_region: Callable[..., Region]) -> None:
    had = (make_region(region_id="both"),)
    changes = (RegionChange(region_id="both", change="moved"), RegionChange(region_id="both", change="reworded"))
    (rate,) = override_rates([("vlm", "m", had, answer(verdict="fixed_and_accepted", regions=had, changes=changes))])
    assert (rate.shown, rate.moved, rate.rate) == (1, 1, 1.0)


def test_effort_is_published_until_enough_was_measured() -> None:
    def timed(count: int, seconds: float) -> list[Verification]:
        return [answer(lead_time_s=seconds) for _ in range(count)]

    assert seconds_by_modality(Effort(), timed(19, 10), {"s": "image"})["image"] == 71
    learned = seconds_by_modality(Effort(), timed(20, 10), {"s": "image"})
    assert learned == {"image": 10, "video": 450, "document": 180}
    lunch = seconds_by_modality(Effort(), [*timed(19, 10), *timed(1, 3600)], {"s": "image"})
    assert lunch["image"] == pytest.approx((190 + 50) / 20)
