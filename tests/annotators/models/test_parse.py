"""A model's words as a proposal, or everything that is wrong with them by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotators.models.asked import Asked, Reading
from annotators.models.forms import Question
from annotators.models.parse import parse
from annotators.models.reading import Completion
from annotators.models.views import whole_view
from schemas.checks import check_region
from schemas.geometry import Box
from schemas.media.types import Image
from schemas.sample import Sample
from schemas.task import Task
from schemas.taxonomy import Taxonomy

Read = Callable[..., Reading]

REGION = {"category": "blur", "box": [100, 250, 500, 1000], "explanation": "the edge is soft"}
ANSWER = {"verdict": "generated", "explanation": "It is all too smooth.", "regions": [REGION]}
EVIDENCE = {"category": "noise", "box": [0, 0, 1000, 500], "quote": "Total: 42", "explanation": ""}


@pytest.fixture
def read(make_image: Callable[..., Sample], taxonomy: Taxonomy) -> Read:
    asset = make_image(size=(200, 100)).primary

    def reading(words: Any, question: Question = "artifacts", **completion: Any) -> Reading:
        asked = Asked(
            question=question,
            question_text="How much?" if question == "question" else "",
            asset=asset,
            view=lambda number: whole_view(asset, number - 1),
            taxonomy=taxonomy,
            task=Task(),
            max_regions=3,
            prefix="vlm",
        )
        return parse(Completion(words=words if isinstance(words, str) else json.dumps(words), **completion), asked)

    return reading


def test_a_whole_answer_is_a_proposal_in_pixels(read: Read) -> None:
    reading = read(ANSWER)

    assert reading.status == "ok"
    assert reading.proposal is not None
    assert (reading.proposal.verdict, reading.proposal.explanation) == (
        "generated",
        "It is all too smooth.\nthe edge is soft",
    )
    (region,) = reading.proposal.regions
    assert (region.region_id, region.category, region.explanation) == ("vlm-1", "blur", "the edge is soft")
    assert region.box == Box(x1=20, y1=25, x2=100, y2=100)
    assert reading.repairs == ()


def test_nothing_found_is_an_answer_too(read: Read) -> None:
    reading = read({"verdict": "real", "explanation": "Nothing is amiss.", "regions": []})

    assert reading.proposal is not None
    assert reading.proposal.regions == ()


def test_an_alias_and_another_case_mean_the_category_and_the_verdict(read: Read) -> None:
    reading = read({**ANSWER, "verdict": " Generated", "regions": [{**REGION, "category": "SOFT "}]})

    assert reading.proposal is not None
    assert (reading.proposal.verdict, reading.proposal.regions[0].category) == ("generated", "blur")
    told = """region 1: category "SOFT " was taken for blur; 'verdict' " Generated" was taken for generated"""
    assert (reading.status, reading.message) == ("repaired", told)


def test_an_answer_to_a_question_cites_its_evidence(read: Read) -> None:
    reading = read({"answer": " 42 ", "regions": [EVIDENCE]}, "question")

    assert reading.proposal is not None
    (answer,) = reading.proposal.answers
    assert (answer.question, answer.answer, answer.region_ids) == ("How much?", "42", ("vlm-1",))
    assert reading.proposal.regions[0].explanation == "Total: 42"
    assert reading.proposal.verdict is None


def test_words_like_a_placeholder_may_stand_on_a_page(read: Read) -> None:
    reading = read(
        {
            "answer": "none",
            "regions": [
                {**EVIDENCE, "quote": "N/A"},
                {**EVIDENCE, "quote": "", "explanation": "a stamp", "box": [0, 600, 500, 900]},
                {"category": "noise", "box": [600, 600, 900, 900]},
            ],
        },
        "question",
    )

    assert reading.proposal is not None
    assert [region.explanation for region in reading.proposal.regions] == ["Reads: N/A", "a stamp", ""]


@pytest.mark.parametrize(
    ("change", "defect"),
    [
        ({"verdict": "fake"}, "'verdict' is \"fake\", not one of real, generated, edited, unclear"),
        ({"verdict": None}, "'verdict' is null"),
        ({"explanation": "N/A"}, "'explanation' is \"N/A\", which explains nothing"),
        ({"explanation": 7}, "'explanation' is 7"),
        ({"regions": {}}, "'regions' is {}, not a list"),
        ({"regions": [REGION] * 4}, "there are 4 regions: give the 3 that matter most"),
        ({"regions": ["x"]}, 'region 1 is "x", not an object'),
        ({"regions": [REGION, {**REGION, "category": "dust"}]}, 'region 2: category "dust" is not one of blur, noise'),
        ({"regions": [{**REGION, "category": "garbled"}]}, 'region 1: category "garbled" is not one of'),
        ({"regions": [{**REGION, "category": None}]}, "region 1: category null"),
        ({"regions": [{**REGION, "explanation": " "}]}, "region 1: 'explanation' is"),
    ],
)
def test_what_is_wrong_is_named(read: Read, change: dict[str, Any], defect: str) -> None:
    reading = read({**ANSWER, **change})

    assert (reading.status, reading.proposal) == ("parse_error", None)
    assert defect in reading.message


@pytest.mark.parametrize(
    ("box", "defect"),
    [
        ("[1, 2, 3]", "is not a list of four numbers"),
        ("[1, 2, 3, 4, 5]", "is not a list of four numbers"),
        ('"1,2,3,4"', "is not a list of four numbers"),
        ("null", "is not a list of four numbers"),
        ('[1, 2, 3, "4"]', "holds something that is not a number"),
        ("[1, 2, 3, true]", "holds something that is not a number"),
        ("[1, 2, 3, NaN]", "holds something that is not a number"),
        ("[1, 2, Infinity, 4]", "holds something that is not a number"),
        ("[1, 2, 1e999, 4]", "holds something that is not a number"),
        ("[-1, 2, 3, 4]", "lies outside of the picture"),
        ("[1, 2, 3, 1001]", "lies outside of the picture"),
        (f"[1, 2, 3, {10**400}]", "lies outside of the picture"),
        ("[0.1, 0.2, 0.3, 0.4]", "is in fractions"),
        ("[30, 2, 3, 4]", "has its corners swapped"),
        ("[1, 40, 3, 4]", "has its corners swapped"),
        ("[3, 2, 3, 4]", "has no area"),
        ("[1, 2, 3, 2]", "has no area"),
        ("[1.00000000001, 2, 1.00000000002, 4]", "has no area"),
    ],
)
def test_a_box_says_which_of_its_rules_is_broken(read: Read, box: str, defect: str) -> None:
    words = json.dumps(ANSWER).replace(json.dumps(REGION["box"]), box)

    (said,) = read(words).defects

    assert defect in said.message
    assert said.message.startswith("region 1: box ")
    assert len(said.message) < 250


def test_all_defects_are_told_at_once_and_not_without_end(read: Read) -> None:
    bad = {"category": "dust", "box": [0, 0, 0, 0], "explanation": ""}

    reading = read({"verdict": "?", "explanation": "", "regions": [bad] * 3})

    assert len(reading.defects) == 10
    assert [d.code for d in reading.defects].count("no_area") == 3


@pytest.mark.parametrize(
    ("words", "completion", "status", "defect"),
    [
        ("", {}, "empty", "it is empty"),
        ("  \n", {}, "empty", "it is empty"),
        ("", {"refusal": "No."}, "refusal", "it is a refusal: No."),
        ("I would rather not.", {}, "parse_error", "not a whole JSON object"),
        ('{"verdict": "re', {"finish_reason": "length", "output_tokens": 9}, "truncated", "cut off after 9 tokens"),
        ('{"verdict": "re', {"finish_reason": "length"}, "truncated", "it was cut off: be shorter"),
        ('{"verdict": "re', {"finish_reason": "stop"}, "parse_error", "not a whole JSON object"),
        ("", {"problem": "the response is not JSON"}, "api_error", "the response is not JSON"),
    ],
)
def test_what_is_no_answer_is_told_apart(
    read: Read, words: str, completion: dict[str, Any], status: str, defect: str
) -> None:
    reading = read(words, **completion)

    assert reading.status == status
    assert defect in reading.defects[0].message


def test_a_whole_answer_counts_even_where_the_server_says_it_was_cut(read: Read) -> None:
    assert read(ANSWER, finish_reason="length").status == "ok"


def test_text_that_no_file_can_hold_is_made_whole(read: Read) -> None:
    reading = read(json.dumps({**ANSWER, "explanation": "half a pair: X"}).replace("X", "\\ud83d\\u0000"))

    assert reading.proposal is not None
    assert reading.proposal.explanation == "half a pair: \ufffd\nthe edge is soft"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    verdict=st.sampled_from(["real", "edited"]) | JSON,
    explanation=st.just("It is soft.") | JSON,
    boxes=st.lists(st.lists(st.integers(-10, 1010) | st.floats(), min_size=3, max_size=5) | JSON, max_size=4),
    category=st.sampled_from(["blur", "Soft", "garbled"]) | JSON,
    question=st.sampled_from(["artifacts", "question"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_model_says_is_a_valid_proposal_or_a_named_defect(
    read: Read, taxonomy: Taxonomy, **said: Any
) -> None:
    regions = [
        {"box": box, "category": said["category"], "explanation": "as seen", "quote": said["explanation"]}
        for box in said["boxes"]
    ]
    answer = {**said, "answer": said["explanation"], "regions": regions}

    reading = read(answer, said["question"])

    assert bool(reading.proposal) != bool(reading.defects)
    media = Image(format="JPEG", mode="RGB", width=200, height=100, stored_width=200, stored_height=100)
    for region in reading.proposal.regions if reading.proposal else ():
        assert check_region(region, media, taxonomy) == ()
