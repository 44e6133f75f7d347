"""The refine loop: criticized, revised, bounded, and every verdict on record."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotators.base import Workbench
from annotators.machines.refine import Config, Refine
from annotators.models.retries import Backoff
from schemas.candidate import Candidate
from schemas.errors import AnswerError
from schemas.sample import Sample

sys.path.insert(0, str(Path(__file__).parent))
from thinking import Asked, ThinkingServer

PROBLEM = "The box misses\nthe hand."


def answer(words: str, box: list[int]) -> dict[str, Any]:
    regions = [{"category": "blur", "box": box, "explanation": words}]
    return {"verdict": "edited", "explanation": words, "regions": regions}


def proposal(asked: Asked) -> dict[str, Any]:
    (line,) = [line for line in asked.words.splitlines() if line.startswith("The proposal: ")]
    return json.loads(line.partition(": ")[2])


def is_critic(asked: Asked) -> bool:
    return "critic of annotations" in asked.system


def thinking(accepts: Callable[[dict[str, Any]], bool]) -> Callable[[Asked], Any]:
    """A critic that accepts what it is told to, and a model whose n-th revision says so."""
    revisions: list[Asked] = []

    def think(asked: Asked) -> Any:
        if is_critic(asked):
            is_good = accepts(proposal(asked))
            return {"problems": [] if is_good else [PROBLEM], "is_acceptable": is_good}
        revisions.append(asked)
        return answer(f"Revision {len(revisions)}.", [0, 0, 100 * len(revisions), 500])

    return think


def refined(server: ThinkingServer, bench: Workbench, sample: Sample, **options: Any) -> Candidate:
    first = Candidate(
        candidate_id="f" * 64, sample_id=sample.sample_id, machine="a", kind="vlm", verdict="real", explanation="First."
    )
    config = Config(
        base_url=server.base_url, model="gpt-4o-mini", after=("a",), convention="thousandths_xyxy", **options
    )

    async def once() -> Candidate:
        machine = Refine(config, backoff=Backoff(first_s=0.0))
        await machine.connect(bench)
        try:
            (candidate,) = await machine.propose_after(sample, (first,))
            return candidate
        finally:
            await machine.close()

    return asyncio.run(once())


def test_it_is_revised_until_the_critic_accepts(make_image: Any, make_bench: Any) -> None:
    sample, bench = make_image(1, size=(100, 50)), make_bench()
    with ThinkingServer(thinking(lambda shown: shown["explanation"] == "Revision 2.")) as server:
        found = refined(server, bench, sample, max_rounds=5)
        calls = len(server.asked)
        again = refined(server, bench, sample, max_rounds=5)

    assert [(j.position, j.score, j.reason) for j in found.judgements] == [
        (1, 0.0, "The box misses the hand."), (2, 0.0, "The box misses the hand."), (3, 1.0, ""),
    ]  # fmt: skip
    assert found.judgements[0].candidate_id == "f" * 64
    assert (found.explanation, found.verdict, found.chosen_id) == ("Revision 2.", "edited", None)
    assert [(r.region_id, r.box.x2 if r.box else None) for r in found.regions] == [("refine-1", 20.0)]
    assert [asked.number_of_turns for asked in server.asked] == [2] * 5
    assert proposal(server.asked[1])["explanation"] == "First."
    assert 'The critic\'s problems: ["The box misses the hand."]' in server.asked[1].words
    assert (len(found.attempts), found.usage.input_tokens, calls) == (5, 500, 5)
    assert (len(server.asked), again) == (calls, found.evolve(is_cached=True))


def test_what_is_good_is_taken_over_as_it_is(make_image: Any, make_bench: Any) -> None:
    with ThinkingServer(thinking(lambda shown: True)) as server:
        found = refined(server, make_bench(), make_image(2))
    assert (found.explanation, found.verdict, found.chosen_id) == ("First.", "real", "f" * 64)
    assert (found.machine, found.kind, found.parent_ids) == ("refine", "refine", ("f" * 64,))
    assert (len(server.asked), [j.score for j in found.judgements]) == (1, [1.0])


def test_the_loop_ends_and_says_that_nothing_was_accepted(make_image: Any, make_bench: Any) -> None:
    with ThinkingServer(thinking(lambda shown: False)) as server:
        found = refined(server, make_bench(), make_image(3), max_rounds=2)
    assert (found.explanation, [j.score for j in found.judgements]) == ("Revision 2.", [0.0, 0.0, 0.0])
    assert [is_critic(asked) for asked in server.asked] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("bad", "defect"),
    [
        ({"problems": [], "is_acceptable": False}, "says_nothing"),
        ({"problems": [], "is_acceptable": "yes"}, "wrong_type"),
        ({"problems": [PROBLEM], "is_acceptable": True}, "wrong_type"),
        ({"problems": "none", "is_acceptable": True}, "wrong_type"),
        ("Looks fine to me.", "not_json"),
    ],
)
def test_a_critic_that_says_nothing_is_asked_again(make_image: Any, make_bench: Any, bad: Any, defect: str) -> None:
    good = {"problems": [], "is_acceptable": True}
    with ThinkingServer(lambda asked: bad if asked.number_of_turns == 2 else good) as server:
        found = refined(server, make_bench(), make_image(4))
    assert [attempt.defects[:1] for attempt in found.attempts] == [(defect,), ()]


def test_a_failure_in_a_later_round_tells_what_was_paid_before(make_image: Any, make_bench: Any) -> None:
    def think(asked: Asked) -> Any:
        return {"problems": [PROBLEM], "is_acceptable": False} if is_critic(asked) else "no JSON"

    with ThinkingServer(think) as server, pytest.raises(AnswerError) as caught:
        refined(server, make_bench(), make_image(5), max_attempts=1)
    assert [attempt.status for attempt in caught.value.__dict__["history"]] == ["ok", "parse_error"]
