"""A judge that scores proposals in both orders, and what it takes over."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotators.base import Workbench
from annotators.machines.judge import Config, Judge
from annotators.models.judging import Factor
from annotators.models.retries import Backoff
from schemas.candidate import Candidate, Claim, Region
from schemas.errors import AnswerError, ConfigError, ServiceError
from schemas.geometry import Box
from schemas.plugins import configure
from schemas.sample import Sample

sys.path.insert(0, str(Path(__file__).parent))
from thinking import Asked, ThinkingServer

FACTORS = (Factor(name="truth", definition="It can be seen."), Factor(name="tight", definition="Boxes fit.", weight=3))
GOOD, BAD = "Good words.", "Bad words."


def scores_of(asked: Asked, score: Callable[[int, str, dict[str, Any]], Any]) -> dict[str, Any]:
    """An answer with a score for each proposal and factor, in the order they were asked."""
    factors = [line[2:].partition(":")[0] for line in asked.system.splitlines() if line.startswith("- ")]
    return {
        "scores": [
            {"proposal": place, "factor": factor, "reason": f"Place {place}.", "score": score(place, factor, proposal)}
            for place, proposal in enumerate(asked.proposals(), 1)
            for factor in factors
        ]
    }


def by_words(place: int, factor: str, proposal: dict[str, Any]) -> int:
    return 5 if proposal["explanation"] == GOOD else 2 if factor == "truth" else 1


def region(number: int, words: str, owner: str) -> Region:
    box = Box(x1=8.0 * number, y1=0, x2=8.0 * number + 8, y2=12)
    return Region(region_id=f"{owner}-{number}", box=box, category="blur", explanation=words, source="machine")


def said(sample: Sample, name: str, words: str, *regions: Region) -> Candidate:
    claims = (Claim(start=0, end=len(words), is_global=True),)
    claims += tuple(Claim(start=0, end=4, region_ids=(r.region_id,)) for r in regions)
    return Candidate(
        candidate_id=name, sample_id=sample.sample_id, machine=name, kind="vlm", verdict="edited", explanation=words,
        regions=regions, claims=claims,
    )  # fmt: skip


def judged(server: ThinkingServer, bench: Workbench, sample: Sample, *earlier: Candidate, **options: Any) -> Candidate:
    config = Config(
        base_url=server.base_url,
        model="gpt-4o-mini",
        name="jury",
        after=("a",),
        convention="thousandths_xyxy",
        **{"factors": FACTORS, **options},
    )

    async def once() -> Candidate:
        judge = Judge(config, backoff=Backoff(first_s=0.0))
        await judge.connect(bench)
        try:
            (candidate,) = await judge.propose_after(sample, earlier)
            return candidate
        finally:
            await judge.close()

    return asyncio.run(once())


def test_the_best_is_taken_over_and_both_orders_are_on_record(make_image: Any, make_bench: Any) -> None:
    sample = make_image(1, size=(80, 40))
    a, b = said(sample, "a", BAD), said(sample, "b", GOOD, region(1, "Soft.", "b"))
    with ThinkingServer(lambda asked: scores_of(asked, by_words)) as server:
        found = judged(server, make_bench(), sample, b, a)
        again = judged(server, make_bench(), sample, a, b)

    first, turned = sorted(server.asked, key=lambda asked: asked.proposals()[0]["explanation"])  # BAD before GOOD
    assert [asked.proposals()[0]["explanation"] for asked in (first, turned)] == [BAD, GOOD]
    assert first.proposals()[1]["regions"] == [
        {"number": 1, "category": "blur", "box": [100, 0, 200, 300], "explanation": "Soft."}
    ]
    assert "machine" not in first.words
    assert (found.machine, found.kind, found.chosen_id, found.parent_ids) == ("jury", "judge", "b", ("a", "b"))
    assert (found.verdict, found.explanation, found.regions, found.claims) == ("edited", GOOD, b.regions, b.claims)
    assert found.is_consistent is True
    assert [(j.candidate_id, j.name, j.score, j.position, j.factor_position) for j in found.judgements] == [
        ("a", "truth", 2.0, 1, 1), ("a", "tight", 1.0, 1, 2), ("b", "truth", 5.0, 2, 1), ("b", "tight", 5.0, 2, 2),
        ("b", "tight", 5.0, 1, 1), ("b", "truth", 5.0, 1, 2), ("a", "tight", 1.0, 2, 1), ("a", "truth", 2.0, 2, 2),
    ]  # fmt: skip
    assert {(j.scale_min, j.scale_max, j.region_id) for j in found.judgements} == {(1.0, 5.0, None)}
    assert (len(found.attempts), found.usage.input_tokens, found.is_cached) == (2, 200, False)
    assert again == found.evolve(is_cached=True)


def test_a_judge_that_favors_a_place_is_found_out(make_image: Any, make_bench: Any) -> None:
    sample = make_image(2)
    a, b = said(sample, "a", BAD), said(sample, "b", GOOD)
    with ThinkingServer(lambda asked: scores_of(asked, lambda place, *_: 5 if place == 1 else 1)) as server:
        found = judged(server, make_bench(), sample, a, b)
        once = judged(server, make_bench(), sample, a, b, swaps=False)
    assert (found.is_consistent, found.chosen_id) == (False, "a")  # a tie: the first by id, not by place
    assert (once.is_consistent, len(once.judgements)) == (None, 4)
    assert len(server.asked) == 2  # the first order was on disk


def test_weights_decide(make_image: Any, make_bench: Any) -> None:
    sample = make_image(3)

    def score(place: int, factor: str, proposal: dict[str, Any]) -> int:
        return 5 if (factor == "truth") == (proposal["explanation"] == BAD) else 2

    with ThinkingServer(lambda asked: scores_of(asked, score)) as server:
        found = judged(server, make_bench(), sample, said(sample, "a", BAD), said(sample, "b", GOOD))
    assert found.chosen_id == "b"  # tight counts three times


@pytest.mark.parametrize(
    ("spoil", "defect"),
    [
        (lambda answer: {"scores": answer["scores"][1:]}, "missing_grade"),
        (lambda answer: {"scores": [*answer["scores"], answer["scores"][0]]}, "grade_twice"),
        (lambda answer: {"scores": [{**entry, "score": 9} for entry in answer["scores"]]}, "off_scale"),
        (lambda answer: {"scores": [{**entry, "proposal": 7} for entry in answer["scores"]]}, "not_a_choice"),
        (lambda answer: {"scores": [{**entry, "factor": "style"} for entry in answer["scores"]]}, "not_a_choice"),
        (lambda answer: {"scores": [{**entry, "reason": ""} for entry in answer["scores"]]}, "says_nothing"),
        (lambda answer: {"scores": "all fine"}, "wrong_type"),
        (lambda answer: "The second one is better.", "not_json"),
        (lambda answer: "", "empty"),
    ],
)
def test_what_is_wrong_with_scores_is_named_and_asked_again(
    make_image: Any, make_bench: Any, spoil: Callable[[Any], Any], defect: str
) -> None:
    sample = make_image(4)

    def think(asked: Asked) -> Any:
        answer = scores_of(asked, by_words)
        return spoil(answer) if asked.number_of_turns == 2 else answer

    with ThinkingServer(think) as server:
        found = judged(server, make_bench(), sample, said(sample, "a", BAD), said(sample, "b", GOOD), swaps=False)
    first, second = found.attempts
    assert (defect in first.defects, second.status, found.chosen_id) == (True, "ok", "b")


def test_nothing_good_enough_is_a_rejection_that_tells_what_was_paid(make_image: Any, make_bench: Any) -> None:
    sample = make_image(5)
    with (
        ThinkingServer(lambda asked: scores_of(asked, by_words)) as server,
        pytest.raises(AnswerError, match=r"the best of 1 candidates scores 1\.25, below min_score 3") as caught,
    ):
        judged(server, make_bench(), sample, said(sample, "a", BAD), min_score=3)
    assert [attempt.status for attempt in caught.value.__dict__["history"]] == ["ok", "ok"]


def test_both_orders_are_asked_at_once(make_image: Any, make_bench: Any) -> None:
    sample, both = make_image(6), threading.Barrier(2, timeout=10)

    def think(asked: Asked) -> Any:
        both.wait()  # breaks where the second question waits for the first answer
        return scores_of(asked, by_words)

    with ThinkingServer(think) as server:
        found = judged(server, make_bench(), sample, said(sample, "a", BAD), said(sample, "b", GOOD), max_tries=1)
    assert (found.chosen_id, len(server.asked)) == ("b", 2)


def test_a_failure_in_one_order_tells_what_the_other_cost(make_image: Any, make_bench: Any) -> None:
    sample = make_image(6)

    def think(asked: Asked) -> Any:
        return 500 if asked.proposals()[0]["explanation"] == GOOD else scores_of(asked, by_words)

    with (
        ThinkingServer(think) as server,
        pytest.raises(ServiceError) as caught,
    ):
        judged(server, make_bench(), sample, said(sample, "a", BAD), said(sample, "b", GOOD), max_tries=1)
    history = caught.value.__dict__["history"]
    assert [(attempt.number, attempt.status) for attempt in history] == [(1, "ok"), (2, "500")]
    assert history[0].usage.input_tokens == 100


def test_regions_that_hold_are_taken_over_with_what_cites_them(make_image: Any, make_bench: Any) -> None:
    sample = make_image(7, size=(80, 40))
    a = said(sample, "a", GOOD, region(1, GOOD, "a"), region(2, BAD, "a"))
    b = said(sample, "b", BAD, region(3, GOOD, "b"))
    with ThinkingServer(lambda asked: scores_of(asked, by_words)) as server:
        found = judged(server, make_bench(), sample, a, b, judges="regions")
    assert [(r.region_id, r.box) for r in found.regions] == [("jury-1", a.regions[0].box), ("jury-2", b.regions[0].box)]
    assert (found.explanation, found.chosen_id, found.is_consistent) == (GOOD, None, True)
    assert found.claims == (a.claims[0], Claim(start=0, end=4, region_ids=("jury-1",)))
    assert {(j.candidate_id, j.region_id) for j in found.judgements} == {("a", "a-1"), ("a", "a-2"), ("b", "b-3")}


def test_more_regions_than_an_answer_has_room_for_are_judged_in_several_questions(
    make_image: Any, make_bench: Any
) -> None:
    """The server stands for a model that is cut off where scores take more than ``max_tokens``, at 60 tokens each."""
    sample = make_image(9, size=(400, 40))
    regions = [region(number, GOOD if number % 3 else BAD, "a") for number in range(40)]
    first = said(sample, "a", GOOD, *regions)

    def think(asked: Asked) -> Any:
        answer = scores_of(asked, by_words)
        return answer if 60 * len(answer["scores"]) <= 1000 else '{"scores": [{"proposal": 1, "fac'

    with ThinkingServer(think) as server:
        found = judged(server, make_bench(), sample, first, judges="regions", max_tokens=1000)
    assert sorted(len(asked.proposals()) for asked in server.asked) == [5] * 4 + [6] * 10
    assert [r.box for r in found.regions] == [r.box for r in regions if r.explanation == GOOD]
    assert sorted((j.region_id, j.name) for j in found.judgements) == sorted(
        (r.region_id, factor.name) for r in regions for factor in FACTORS for _ in range(2)
    )
    assert (found.is_consistent, len(found.attempts)) == (True, 14)


def test_a_portion_whose_order_cannot_matter_is_asked_once(make_image: Any, make_bench: Any) -> None:
    sample = make_image(10, size=(80, 40))
    a = said(sample, "a", GOOD, *(region(number, GOOD, "a") for number in range(3)))
    with ThinkingServer(lambda asked: scores_of(asked, by_words)) as server:
        found = judged(server, make_bench(), sample, a, judges="regions", factors=FACTORS[:1], max_tokens=160)
    assert sorted(len(asked.proposals()) for asked in server.asked) == [1, 2, 2]
    assert (found.is_consistent, len(found.regions), len(found.attempts)) == (True, 3, 3)


@pytest.mark.parametrize(
    ("options", "rounds"),
    [
        ({}, (1, 1, 1)),
        ({"after": tuple("abcdefghijklm")}, (1, 2, 2)),  # 13 candidates, 12 to an answer of 2,048 tokens
        ({"judges": "regions"}, (0, 1, 5)),  # 50 regions, 12 to an answer of 2,048 tokens
        ({"judges": "regions", "max_tokens": 8192}, (0, 1, 1)),
        ({"judges": "regions", "max_tokens": 8192, "after": ("a", "b")}, (0, 1, 2)),
    ],
)
def test_how_often_it_asks_is_known_before_there_are_regions(
    options: dict[str, Any], rounds: tuple[int, int, int]
) -> None:
    assert Judge(Config(**{"factors": FACTORS, "after": ("a",), **options})).rounds == rounds


def test_where_there_are_no_regions_nobody_is_asked(make_image: Any, make_bench: Any) -> None:
    sample = make_image(8)
    with ThinkingServer(lambda asked: 500) as server:
        found = judged(server, make_bench(), sample, said(sample, "a", GOOD), judges="regions")
        with pytest.raises(AnswerError, match="was given no candidates"):
            asyncio.run(Judge(Config(after=("a",))).propose(sample))
    assert (server.asked, found.explanation, found.regions) == ([], GOOD, ())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"factors": [{"name": "a", "definition": "x"}, {"name": "a", "definition": "y"}]},
            "two factors have one name",
        ),
        ({"factors": [{"name": "a", "definition": "x", "weight": 0}]}, "weights are 0 or more, one of them more"),
        ({"factors": []}, "factors"),
        ({"scale_min": 5}, "scale_min must lie below scale_max"),
    ],
)
def test_options_that_cannot_be_judged_by_are_refused(options: dict[str, Any], problem: str) -> None:
    import annotators.machines

    with pytest.raises(ConfigError, match=problem):
        configure(annotators.machines, {"kind": "judge", **options}, where="machines.0")
