from __future__ import annotations

import json
from typing import Any

import pytest

from annotators.labelstudio.label_config import label_config
from annotators.labelstudio.tasks import Shown, layout_of, pictures, shown_sizes, task_data
from schemas.candidate import Answer, Candidate
from schemas.errors import VerdictError
from schemas.task import Task

from .conftest import IMAGE, TAXONOMY, Work, asset, sample_of, shown_of


def test_layouts(picture: Work, pages: Work, clip: Work, pair: Work) -> None:
    assert [layout_of(work.sample) for work in (picture, pages, clip, pair)] == ["image", "document", "video", "pair"]
    context = sample_of(asset("a", IMAGE), asset("b", IMAGE, "context"))
    assert layout_of(context) == "image"


def test_an_image_s_data(picture: Work) -> None:
    assert picture.data == {
        "sample_key": "key",
        "sample_id": picture.sample.sample_id,
        "item": "item",
        "asset_sha256": [picture.sample.primary.asset_id],
        "sizes": [[640, 480]],
        "config_version": picture.config.version,
        "question": "",
        "prompt": "",
        "image": "/photo.jpg",
    }


def test_a_question_that_a_machine_wrote_is_shown_where_the_sample_has_none(picture: Work, pages: Work) -> None:
    answers = (Answer(question="How many?", answer="3"), Answer(question="Who?", answer="Ann"))
    wrote = Candidate(candidate_id="c", sample_id="s", machine="m", kind="vlm", answers=answers)

    def question_of(work: Work, candidate: Candidate | None) -> str:
        data = task_data(work.sample, shown_of(work.sample, 1.0), work.config, sample_key="k", candidate=candidate)
        return str(data["question"])

    assert question_of(picture, wrote) == "How many?"
    assert question_of(picture, wrote.evolve(answers=())) == question_of(picture, None) == ""


def test_pages_are_a_list_and_text_has_its_starts(pages: Work) -> None:
    assert pages.data["pages"] == ["/page/0.png", "/page/1.png", "/page/2.png"]
    assert pages.data["sizes"] == [[1224, 1584]] * 3
    assert pages.data["question"] == "How much?"
    starts = [pages.data["text"].index(f"Page {word}") for word in ("one", "two", "three")]
    assert pages.data["text_starts"] == starts


def test_a_clip_states_its_rate_and_a_pair_both_images(clip: Work, pair: Work) -> None:
    assert clip.data["fps"] == pytest.approx(1 / 0.037)
    assert (pair.data["image"], pair.data["image_2"]) == ("/real.jpg", ["/fake.jpg"])
    assert pair.data["sizes"] == [[640, 480], [320, 240]]


def test_data_are_plain_json(pages: Work) -> None:
    assert json.loads(json.dumps(pages.data)) == pages.data


def test_pictures_know_their_pixels(pages: Work, pair: Work) -> None:
    rows = [(p.to_name, p.item_index, p.space.width, p.space.shown_width) for p in pictures_of(pages)]
    assert rows == [("pages", 0, 612, 1224), ("pages", 1, 612, 1224), ("pages", 2, 612, 1224)]
    assert [(p.to_name, p.item_index, p.asset.file_name) for p in pictures_of(pair)] == [
        ("image", None, "real.jpg"),
        ("image_2", None, "fake.jpg"),
    ]


def pictures_of(work: Work) -> Any:
    return pictures(work.sample, work.data, layout_of(work.sample))


def test_what_is_shown_must_be_the_sample(pages: Work) -> None:
    config = label_config(TAXONOMY, Task(), "document")
    shown = shown_of(pages.sample, 1.0)
    for wrong in (shown[:2], shown[::-1], [Shown(url="/x", width=1, height=1, asset_id="x")]):
        with pytest.raises(ValueError, match="that are not its 3, in order"):
            task_data(pages.sample, wrong, config, sample_key="k")


@pytest.mark.parametrize(
    "sizes", [None, [], "640x480", [[640]], [[640, -1]], [[640, "480"]], [[True, 1]], [[2**40, 1]]]
)
def test_sizes_that_are_none_are_refused(sizes: object) -> None:
    with pytest.raises(VerdictError, match="does not say which sizes"):
        shown_sizes({"sizes": sizes})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sizes": [[1224, 1584]]}, "the task shows 1 pages of 3"),
        ({"asset_sha256": []}, "the task shows another medium"),
    ],
)
def test_data_of_another_medium_are_refused(pages: Work, change: dict[str, Any], why: str) -> None:
    with pytest.raises(VerdictError, match=why):
        pictures(pages.sample, {**pages.data, **change}, "document")
