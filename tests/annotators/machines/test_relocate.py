"""A second pass that looks for places by words alone, and again with the places covered."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from annotators.base import Workbench
from annotators.machines.relocate import Config, Relocate
from annotators.models.retries import Backoff
from annotators.sandbox import Sandbox
from schemas.candidate import Candidate, Claim, Region
from schemas.errors import AnswerError, ServiceError
from schemas.geometry import Box
from schemas.sample import Sample

sys.path.insert(0, str(Path(__file__).parent))
from thinking import Asked, ThinkingServer

TEXT = "The hand melts. The sky is torn. All in all it is drawn."
HAND, SKY = Box(x1=10, y1=10, x2=30, y2=30), Box(x1=50, y1=5, x2=75.4, y2=20)


def region(name: str, box: Box, words: str = "") -> Region:
    return Region(region_id=name, box=box, category="blur", explanation=words, source="machine")


def said(sample: Sample, name: str = "a", **fields: Any) -> Candidate:
    values: dict[str, Any] = {
        "explanation": TEXT,
        "regions": (region("r1", HAND), region("r2", SKY)),
        "claims": (
            Claim(start=0, end=15, region_ids=("r1",)),
            Claim(start=16, end=32, region_ids=("r2", "r1")),
            Claim(start=33, end=56, is_global=True),
        ),
    }
    return Candidate(
        candidate_id=name * 8, sample_id=sample.sample_id, machine=name, kind="vlm", verdict="edited",
        **{**values, **fields},
    )  # fmt: skip


def is_locating(asked: Asked) -> bool:
    return "Find for each statement" in asked.system


def thinking(places: list[Any], visible: dict[int, bool]) -> Callable[[Asked], Any]:
    def think(asked: Asked) -> Any:
        if is_locating(asked):
            return {"places": [{"statement": number, "box": box} for number, box in places]}
        return {"statements": [{"statement": number, "is_visible": seen} for number, seen in visible.items()]}

    return think


@pytest.fixture
def tried(make_bench: Callable[..., Workbench], sandbox: Sandbox) -> Callable[..., Candidate]:
    def run(server: ThinkingServer, sample: Sample, *earlier: Candidate, **options: Any) -> Candidate:
        config = Config(
            base_url=server.base_url, model="gpt-4o-mini", name="again", after=("a",), convention="view_pixels_xyxy",
            max_tries=1, **options,
        )  # fmt: skip
        machine = Relocate(config, backoff=Backoff(first_s=0.0))

        async def once() -> Candidate:
            await machine.connect(make_bench(sandbox=sandbox))
            try:
                (candidate,) = await machine.propose_after(sample, earlier)
                return candidate
            finally:
                await machine.close()

        return asyncio.run(once())

    return run


def test_places_are_found_from_words_and_fall_with_their_places(
    make_image: Any, tried: Callable[..., Candidate]
) -> None:
    sample = make_image(1, size=(80, 40))
    first = said(sample)
    places = [(1, [12, 10, 30, 30]), (2, [40, 25, 60, 39]), (2, [50, 5, 75, 20])]
    with ThinkingServer(thinking(places, {2: True, 1: False})) as server:
        found = tried(server, sample, first)
        again = tried(server, sample, first)

    assert [(j.name, j.position, j.region_id, j.score, j.reason) for j in found.judgements] == [
        ("relocated", 1, "r1", 1.0, "IoU 0.90"),
        ("relocated", 2, None, 0.5, "IoU 0.98, 0.00"),
        ("hidden", 1, None, 1.0, "not seen with its places covered"),
        ("hidden", 2, None, 0.0, "still seen with its places covered"),
    ]
    assert {(j.candidate_id, j.scale_min, j.scale_max) for j in found.judgements} == {(first.candidate_id, 0, 1)}
    assert (found.regions, found.claims, found.verdict) == (first.regions, first.claims, "edited")
    assert (found.chosen_id, found.parent_ids) == (first.candidate_id, (first.candidate_id,))
    assert (found.usage.input_tokens, len(found.attempts), found.is_cached) == (200, 2, False)
    assert again == found.evolve(is_cached=True)
    assert len(server.asked) == 2


def test_boxes_are_kept_from_the_model_and_covered_to_the_pixel(
    make_image: Any, tried: Callable[..., Candidate]
) -> None:
    sample = make_image(2, size=(80, 40), format="PNG")
    with ThinkingServer(thinking([], {1: True, 2: True})) as server:
        found = tried(server, sample, said(sample))

    where, what = sorted(server.asked, key=is_locating, reverse=True)
    for asked in (where, what):
        told = [json.loads(line.partition(": ")[2]) for line in asked.words.splitlines() if "Statement" in line]
        assert told == ["The hand melts.", "The sky is torn."]
        assert not [word for word in ("75", "[10") if word in asked.words]
    opened, covered = (np.asarray(Picture.open(io.BytesIO(asked.pictures[0]))) for asked in (where, what))
    hidden = np.zeros((40, 80), bool)
    hidden[10:30, 10:30] = hidden[5:20, 50:76] = True
    assert (covered[hidden] == 127).all()
    assert (covered[~hidden] == opened[~hidden]).all()
    assert (opened[hidden] != 127).any()
    assert [(j.name, j.score, j.reason) for j in found.judgements][:2] == [
        ("relocated", 0.0, "no place was found"), ("relocated", 0.0, "no place was found")
    ]  # fmt: skip


def test_without_claims_on_places_each_region_speaks_for_itself(
    make_image: Any, tried: Callable[..., Candidate]
) -> None:
    sample = make_image(3, size=(80, 40))
    regions = (region("r1", HAND, "A melted hand."), region("r2", SKY))
    first = said(sample, claims=(), explanation="", regions=regions)
    with ThinkingServer(thinking([(1, [10, 10, 30, 30])], {})) as server:
        found = tried(server, sample, first, covers=False)

    assert 'Statement 1: "A melted hand."' in server.asked[0].words
    assert [(j.name, j.region_id, j.score) for j in found.judgements] == [("relocated", "r1", 1.0)]


def test_several_candidates_are_tried_and_one_without_places_costs_nothing(
    make_image: Any, tried: Callable[..., Candidate]
) -> None:
    sample = make_image(4, size=(80, 40))
    one, none, other = said(sample), said(sample, "b", regions=(), claims=()), said(sample, "c")
    with ThinkingServer(thinking([(1, [10, 10, 30, 30])], {1: False, 2: False})) as server:
        found = tried(server, sample, one, none, other)
        nothing = tried(server, sample, none)

    assert [j.candidate_id for j in found.judgements] == [one.candidate_id] * 4 + [other.candidate_id] * 4
    assert found.parent_ids == (one.candidate_id, none.candidate_id, other.candidate_id)
    assert len(server.asked) == 2  # the same words and places: the same questions
    assert (nothing.judgements, nothing.usage.input_tokens, nothing.chosen_id) == ((), 0, none.candidate_id)


@pytest.mark.parametrize(
    ("answer", "defect"),
    [
        ({"places": [{"statement": 3, "box": [0, 0, 5, 5]}]}, "not_a_choice"),
        ({"places": [{"statement": 1, "box": [0, 0, 500, 5]}]}, "box_outside"),
        ({"places": [{"statement": 1, "box": [9, 9, 5, 5]}]}, "axes_swapped"),
        ({"places": "none"}, "wrong_type"),
        ({"statements": [{"statement": 1, "is_visible": "no"}]}, "wrong_type"),
        ({"statements": [{"statement": 1, "is_visible": True}]}, "missing_grade"),
        ({"statements": [{"statement": n, "is_visible": True} for n in (1, 2, 2)]}, "grade_twice"),
        ("I see a hand.", "not_json"),
    ],
)
def test_what_is_wrong_is_named_and_asked_again(
    answer: Any, defect: str, make_image: Any, tried: Callable[..., Candidate]
) -> None:
    sample = make_image(5, size=(80, 40))
    right = thinking([(1, [10, 10, 30, 30])], {1: False, 2: False})

    def think(asked: Asked) -> Any:
        is_meant = isinstance(answer, str) or ("places" in answer) == is_locating(asked)
        return answer if asked.number_of_turns == 2 and is_meant else right(asked)

    with ThinkingServer(think) as server:
        found = tried(server, sample, said(sample))

    assert defect in {name for attempt in found.attempts for name in attempt.defects}
    assert [j.score for j in found.judgements] == [1.0, 0.0, 1.0, 1.0]


def test_more_statements_than_an_answer_has_room_for_are_asked_about_in_several_questions(
    make_image: Any, tried: Callable[..., Candidate]
) -> None:
    """The server stands for a model that is cut off after ``max_tokens``, at 25 tokens a place and 15 a statement."""
    sample = make_image(7, size=(400, 40))
    boxes = [Box(x1=4 * n, y1=0, x2=4 * n + 4, y2=40) for n in range(90)]
    first = said(sample, claims=(), regions=tuple(region(f"r{n}", box, f"Spot {n}.") for n, box in enumerate(boxes)))

    def think(asked: Asked) -> Any:
        told = [line.partition('"Spot ')[2] for line in asked.words.splitlines() if "Statement" in line]
        spots = dict(enumerate((int(words.partition(".")[0]) for words in told), 1))
        if len(spots) * (25 if is_locating(asked) else 15) > 1000:
            return '{"places": [{"statement"'
        if is_locating(asked):
            boxed = [(n, boxes[spot]) for n, spot in spots.items() if spot != 70]
            return {"places": [{"statement": n, "box": [b.x1, b.y1, b.x2, b.y2]} for n, b in boxed]}
        return {"statements": [{"statement": n, "is_visible": spot == 71} for n, spot in spots.items()]}

    with ThinkingServer(think) as server:
        found = tried(server, sample, first, max_tokens=1000)
    assert [(j.name, j.position, j.score) for j in found.judgements] == [
        *(("relocated", n + 1, float(n != 70)) for n in range(90)),
        *(("hidden", n + 1, float(n != 71)) for n in range(90)),
    ]
    assert [j.region_id for j in found.judgements[:90]] == [f"r{n}" for n in range(90)]
    assert (len(server.asked), len(found.attempts)) == (7, 7)
    hidden = [asked for asked in server.asked if not is_locating(asked)]
    assert {(np.asarray(Picture.open(io.BytesIO(a.pictures[0])))[:, :360] == 127).all() for a in hidden} == {True}


def test_a_failure_tells_what_the_other_question_cost(make_image: Any, tried: Callable[..., Candidate]) -> None:
    sample, right = make_image(6, size=(80, 40)), thinking([], {1: True, 2: True})
    with (
        ThinkingServer(lambda asked: right(asked) if is_locating(asked) else 500) as server,
        pytest.raises(ServiceError) as caught,
    ):
        tried(server, sample, said(sample))
    assert [attempt.status for attempt in caught.value.__dict__["history"]] == ["ok", "500"]


@pytest.mark.parametrize(("max_tokens", "rounds"), [(2048, (0, 1, 1)), (1000, (0, 1, 2))])
def test_how_often_it_asks_is_known_before_there_are_statements(max_tokens: int, rounds: tuple[int, int, int]) -> None:
    assert Relocate(Config(after=("a",), max_tokens=max_tokens)).rounds == rounds  # 50 regions of 40 tokens each


def test_nothing_to_try_is_said(make_image: Any) -> None:
    with pytest.raises(AnswerError, match="was given no candidates"):
        asyncio.run(Relocate(Config(after=("a",))).propose(make_image()))
