"""Several people's answers come to one decision."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.review import Decision, by_sample, decide, finding_of, has_clear_majority, latest
from schemas.candidate import Region
from schemas.verification import Verification


def answer(reviewer: str, verdict: str = "accepted", **fields: object) -> Verification:
    values = {"verification_id": f"v-{reviewer}", "sample_id": "s", "reviewer": reviewer, "verdict": verdict}
    return Verification(**{**values, **fields})


def decided(*answers: Verification) -> Decision:
    decision = decide(answers)
    assert decision is not None
    assert decision == decide(answers[::-1])
    return decision


def test_one_answer_decides_and_none_decides_nothing() -> None:
    assert decide(()) is None
    decision = decided(answer("ann"))
    assert (decision.review, decision.is_error, decision.is_rejected, decision.is_disputed) == (
        "reviewed", False, False, False,
    )  # fmt: skip
    assert decided(answer("ann", "rejected")).is_rejected
    assert decided(answer("ann", "fixed_and_accepted")).is_error


def test_skips_are_no_answers() -> None:
    decision = decided(answer("ann", "skipped"), answer("bob", "skipped"))
    assert (decision.review, decision.chosen, decision.is_error) == ("skipped", None, False)
    assert decided(answer("ann", "skipped"), answer("bob")).review == "reviewed"
    assert (finding_of(None), finding_of(decision), finding_of(decided(answer("bob")))) == (None, True, False)


@pytest.mark.parametrize(
    ("verdicts", "outcome", "is_disputed"),
    [
        (("accepted", "accepted", "rejected"), "accepted", False),
        (("rejected", "rejected", "accepted"), "rejected", False),
        (("accepted", "fixed_and_accepted"), "fixed_and_accepted", True),
        (("accepted", "rejected"), "accepted", True),
        (("accepted", "fixed_and_accepted", "rejected"), "fixed_and_accepted", True),
        (("fixed_and_accepted", "fixed_and_accepted", "accepted"), "fixed_and_accepted", False),
    ],
)
def test_the_majority_decides_and_a_tie_keeps_the_sample_and_says_so(
    verdicts: tuple[str, ...], outcome: str, is_disputed: bool
) -> None:
    answers = [answer(f"p{i}", verdict) for i, verdict in enumerate(verdicts)]
    decision = decided(*answers)
    assert decision.chosen is not None
    assert (decision.chosen.verdict, decision.is_disputed) == (outcome, is_disputed)
    assert has_clear_majority(answers) is not is_disputed
    assert decision.is_error is (is_disputed or outcome != "accepted")


def test_the_most_typical_person_is_published_whole(make_region: Callable[..., Region]) -> None:
    boxes = {"ann": (0, 0, 10, 10), "bob": (0, 0, 10, 9), "cat": (0, 0, 3, 3)}
    answers = [answer(name, "fixed_and_accepted", regions=(make_region(box),)) for name, box in boxes.items()]
    decision = decided(*answers)
    assert decision.chosen == answers[1]
    assert [v.verification_id for v in decision.verifications] == ["v-ann", "v-bob", "v-cat"]


def test_other_words_for_the_medium_are_a_dispute() -> None:
    decision = decided(answer("ann", origin_verdict="real"), answer("bob", origin_verdict="generated"))
    assert decision.is_disputed
    assert not decided(answer("ann", origin_verdict="real"), answer("bob")).is_disputed


def test_a_judge_wins() -> None:
    judge = answer("eve", "rejected", purpose="adjudication")
    decision = decided(answer("ann"), answer("bob"), judge)
    assert (decision.review, decision.chosen, decision.is_disputed) == ("adjudicated", judge, False)
    skipping = answer("eve", "skipped", purpose="adjudication")
    assert decided(answer("ann"), skipping).review == "reviewed"


def test_who_answers_again_has_changed_their_mind() -> None:
    first = answer("ann", verification_id="z", updated_at="2026-01-01T00:00:00Z")
    second = answer("ann", "rejected", verification_id="a", updated_at="2026-01-02T00:00:00Z")
    assert latest([second, first]) == (second,)
    assert decided(first, second).is_rejected
    assert by_sample([first, answer("bob", sample_id="t")]) == {"s": (first,), "t": (answer("bob", sample_id="t"),)}
