"""Recorded answers: found by sample, read like a model's, refused by line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotators.base import Workbench
from annotators.machines.replay import Config, Replay
from schemas.candidate import Candidate
from schemas.errors import AnswerError, ConfigError
from schemas.geometry import Box
from schemas.media.types import Document, Page, Video
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

MakeImage = Callable[..., Sample]
MakeBench = Callable[..., Workbench]
Run = Callable[..., tuple[Candidate, ...]]

REGION = {"category": "blur", "box": [0, 250, 500, 1000], "explanation": "the edge is soft"}
ANSWER = {"verdict": "edited", "explanation": "Look: the edge is soft.", "regions": [REGION]}


@pytest.fixture
def replay(tmp_path: Path, make_bench: MakeBench) -> Run:
    def run(lines: list[Any], sample: Sample, **options: Any) -> tuple[Candidate, ...]:
        path = tmp_path / "recorded.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        machine = Replay(Config(path=str(path), **options))
        bench = make_bench()
        machine.check(bench.taxonomy)
        asyncio.run(machine.connect(bench))
        return asyncio.run(machine.propose(sample))

    return run


def test_an_answer_becomes_a_candidate_in_pixels(replay: Run, make_image: MakeImage) -> None:
    sample = make_image(size=(64, 48))

    (candidate,) = replay([{"file_name": "0.jpeg", "model": "house", "answer": ANSWER}], sample, name="again")

    assert (candidate.machine, candidate.kind, candidate.model) == ("again", "replay", "house")
    assert (candidate.verdict, candidate.is_cached, candidate.answer_key) == ("edited", True, "")
    (region,) = candidate.regions
    assert region.box == Box(x1=0, y1=12, x2=32, y2=48)
    assert (region.region_id, region.asset_id) == ("again-1", sample.primary.asset_id)
    whole, quoted = candidate.claims
    assert (whole.start, whole.end, whole.is_global) == (0, 23, True)
    assert candidate.explanation[quoted.start : quoted.end] == "the edge is soft"
    assert quoted.region_ids == ("again-1",)


@pytest.mark.parametrize("by", ["sample_id", "asset_id", "item_id", "file_name"])
def test_a_line_is_found_by_any_name(replay: Run, make_image: MakeImage, by: str) -> None:
    sample = make_image()
    names = {
        "sample_id": sample.sample_id,
        "asset_id": sample.primary.asset_id,
        "item_id": sample.item_id,
        "file_name": sample.primary.file_name,
    }
    lines = [{by: "another", "answer": "?"}, {by: names[by], "answer": ANSWER}]

    (candidate,) = replay(lines, sample)

    assert candidate.verdict == "edited"


def test_the_models_own_words_may_stand_in_place_of_the_object(replay: Run, make_image: MakeImage) -> None:
    (candidate,) = replay([{"item_id": "0.jpeg", "answer": f"Well: {json.dumps(ANSWER)}"}], make_image())

    assert candidate.parse_status == "repaired"


def test_several_lines_are_several_candidates_with_ids_of_their_own(replay: Run, make_image: MakeImage) -> None:
    other = {**ANSWER, "verdict": "generated"}

    first, second = replay(
        [{"item_id": "0.jpeg", "answer": ANSWER}, {"item_id": "0.jpeg", "answer": other}], make_image()
    )

    assert first.candidate_id != second.candidate_id
    assert [first.regions[0].region_id, second.regions[0].region_id] == ["replay-1", "replay-2-1"]


def test_a_question_has_its_own_line(replay: Run, make_image: MakeImage) -> None:
    region = {"category": "blur", "box": [0, 0, 10, 10], "quote": "42"}
    lines = [
        {"file_name": "0.jpeg", "question": question, "answer": {"answer": answer, "regions": [region]}}
        for question, answer in (("How many?", "42"), ("Who?", "Ada"))
    ]

    (candidate,) = replay(lines, make_image(question="Who?"))

    assert [(answer.question, answer.answer, answer.region_ids) for answer in candidate.answers] == [
        ("Who?", "Ada", ("replay-1",))
    ]
    assert candidate.regions[0].explanation == "42"


def test_a_candidate_is_replayed_as_it_stands_but_for_its_cost(replay: Run, make_image: MakeImage) -> None:
    sample = make_image()
    (made,) = replay([{"item_id": "0.jpeg", "answer": ANSWER}], sample)
    paid = made.evolve(kind="vlm", machine="vlm", usage={"input_tokens": 9}, attempts=({"number": 1, "status": "ok"},))

    (again,) = replay([{"candidate": paid.model_dump(mode="json")}], sample)

    assert again == made


def test_pages_and_frames_count_from_one(replay: Run, make_image: MakeImage) -> None:
    image = make_image()
    pages = tuple(Page(page_index=index, width=612, height=792.5) for index in range(3))
    document = of(image, Document(format="PDF", num_pages=3, pages=pages))
    video = of(image, clip(frames=5))
    last_page = {**ANSWER, "regions": [{**REGION, "page": 3}]}
    last_frame = {**ANSWER, "regions": [{**REGION, "frame": 5}]}

    (on_page,) = replay([{"item_id": "0.jpeg", "answer": last_page}], document)
    (in_frame,) = replay([{"item_id": "0.jpeg", "answer": last_frame}], video)

    assert (on_page.regions[0].page_index, in_frame.regions[0].frame_index) == (2, 4)
    assert on_page.regions[0].box == Box(x1=0, y1=792.5 / 4, x2=306, y2=792.5)
    assert in_frame.regions[0].pts_s == 0.16


@pytest.mark.parametrize("place", [0, 6, "2", None, True])
def test_a_frame_that_is_none_is_refused(replay: Run, make_image: MakeImage, place: object) -> None:
    answer = {**ANSWER, "regions": [{**REGION, "frame": place}]}

    with pytest.raises(AnswerError, match="which is no number of a frame"):
        replay([{"item_id": "0.jpeg", "answer": answer}], of(make_image(), clip(frames=5)))


def test_a_sample_that_nobody_recorded_is_named(replay: Run, make_image: MakeImage) -> None:
    with pytest.raises(AnswerError, match=r"no answer is recorded about 0\.jpeg"):
        replay([{"item_id": "other", "answer": ANSWER}], make_image())


def test_an_answer_that_breaks_the_contract_is_refused(replay: Run, make_image: MakeImage) -> None:
    with pytest.raises(AnswerError, match='category "dust" is not one of blur, noise'):
        replay([{"item_id": "0.jpeg", "answer": {**ANSWER, "regions": [{**REGION, "category": "dust"}]}}], make_image())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"item_id": "a"}, "needs an 'answer'"),
        ({"answer": ANSWER}, "exactly one of sample_id, asset_id, item_id, file_name"),
        ({"item_id": "a", "file_name": "b", "answer": ANSWER}, "exactly one of"),
        ({"candidate": {}}, "has a 'sample_id'"),
        ({"file": "a", "answer": ANSWER}, "unknown field 'file', did you mean 'file_name'"),
    ],
)
def test_a_bad_line_is_refused_before_any_work(replay: Run, make_image: MakeImage, line: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match="line 2: ") as raised:
        replay([{"item_id": "0.jpeg", "answer": ANSWER}, line], make_image())

    assert problem in str(raised.value)


def test_a_missing_file_is_refused_before_any_work(tmp_path: Path, taxonomy: Taxonomy) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.jsonl cannot be read: No such file"):
        Replay(Config(path=str(tmp_path / "nowhere.jsonl"))).check(taxonomy)


def of(sample: Sample, media: Video | Document) -> Sample:
    """The sample, but of another medium."""
    return sample.evolve(assets=(sample.primary.evolve(media=media),))


def clip(frames: int) -> Video:
    return Video(
        format="mov,mp4",
        codec="h264",
        width=64,
        height=48,
        stored_width=64,
        stored_height=48,
        duration_s=frames / 25,
        fps=25,
        num_frames=frames,
        time_base_num=1,
        time_base_den=25,
        frame_pts=tuple(range(frames)),
    )
