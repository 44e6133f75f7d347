from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter import brush

from annotators.labelstudio.label_config import label_config
from annotators.labelstudio.predictions import region_key
from annotators.labelstudio.reviewed import pseudonym, reviewed
from schemas.candidate import Answer, Attribute
from schemas.errors import VerdictError
from schemas.geometry import Box, TimeSpan, mask_to_array
from schemas.task import AskedAttribute, Criterion, Task
from schemas.verification import RegionChange, Verification, Vote

from .conftest import IMAGE, TAXONOMY, Work, asset, region, sample_of, work

Result = list[dict[str, Any]]

sdk: Any = brush


def judged(work: Work, result: Any, **annotation: Any) -> Verification:
    """The result as it comes from a server: through JSON."""
    raw = json.loads(json.dumps({"id": 7, "task": 3, "lead_time": 4.5, "result": result, **annotation}))
    return reviewed(raw, work.data, work.sample, work.candidate, work.config, reviewer="person-1")


def changes(verification: Verification) -> list[tuple[str, str]]:
    return [(change.region_id, change.change) for change in verification.changes]


def entry(work: Work, result: Result, region_id: str, control: str) -> dict[str, Any]:
    key = region_key(work.candidate, region_id)
    (found,) = (each for each in result if each["id"] == key and each["from_name"] == control)
    return found


@pytest.mark.parametrize("layout", ["picture", "pages", "clip", "pair"])
def test_what_nobody_touched_is_kept_to_the_last_digit(layout: str, request: pytest.FixtureRequest) -> None:
    work = request.getfixturevalue(layout)
    verification = judged(work, [{**each, "origin": "prediction"} for each in work.predicted()])
    assert verification.verdict == "accepted"
    assert verification.regions == work.candidate.regions
    assert verification.explanation == work.candidate.explanation
    assert verification.answers == work.candidate.answers
    assert verification.origin_verdict == work.candidate.verdict
    assert {change.change for change in verification.changes} == {"kept"}
    assert (verification.reviewer, verification.lead_time_s, verification.annotation) == ("person-1", 4.5, "7")


@pytest.mark.parametrize("layout", ["picture", "pages", "clip", "pair"])
def test_numbers_that_a_page_rounds_are_no_move(layout: str, request: pytest.FixtureRequest) -> None:
    work = request.getfixturevalue(layout)
    result = json.loads(json.dumps(work.predicted()), parse_float=lambda text: round(float(text), 3))
    assert judged(work, result).verdict == "accepted"


def test_a_moved_box(picture: Work) -> None:
    result = picture.predicted()
    for each in result:
        if each["id"] == region_key(picture.candidate, "box"):
            each["value"]["x"] += 10
    verification = judged(picture, result)
    assert verification.verdict == "fixed_and_accepted"
    assert changes(verification) == [("box", "moved"), ("outline", "kept"), ("mask", "kept")]
    moved = verification.regions[0]
    assert moved.box is not None
    assert moved.box.x1 == pytest.approx(64 + 64)
    assert moved.box.x2 == pytest.approx(128.5 + 64)
    assert (moved.region_id, moved.source, moved.score, moved.explanation) == ("box", "human", None, "Why box.")


def test_a_new_category(picture: Work) -> None:
    result = picture.predicted()
    entry(picture, result, "mask", "brush")["value"]["brushlabels"] = ["shape"]
    verification = judged(picture, result)
    assert changes(verification) == [("box", "kept"), ("outline", "kept"), ("mask", "relabeled")]
    assert verification.regions[2] == picture.candidate.regions[2].evolve(category="shape", score=None)


def test_an_edited_explanation_is_seen_although_its_origin_stays(picture: Work) -> None:
    result = [{**each, "origin": "prediction"} for each in picture.predicted()]
    entry(picture, result, "outline", "region_explanation")["value"]["text"] = ["The edge melts.\n"]
    verification = judged(picture, result)
    assert changes(verification) == [("box", "kept"), ("outline", "reworded"), ("mask", "kept")]
    assert verification.regions[1] == picture.candidate.regions[1].evolve(explanation="The edge melts.")
    assert verification.verdict == "fixed_and_accepted"


def test_a_trailing_line_end_is_no_edit(picture: Work) -> None:
    result = picture.predicted()
    for each in result:
        if each["type"] == "textarea":
            each["value"]["text"] = [text + "\n" for text in each["value"]["text"]]
    assert judged(picture, result).verdict == "accepted"


def test_a_deleted_region(picture: Work) -> None:
    result = [each for each in picture.predicted() if each["id"] != region_key(picture.candidate, "outline")]
    verification = judged(picture, result)
    assert changes(verification) == [("box", "kept"), ("outline", "removed"), ("mask", "kept")]
    assert [each.region_id for each in verification.regions] == ["box", "mask"]


def test_a_region_that_a_person_drew(picture: Work) -> None:
    place = {"x": 50, "y": 50, "width": 25, "height": 10, "rotation": 0}
    base = {"id": "NewOne_-99", "to_name": "image", "original_width": 640, "original_height": 480, "origin": "manual"}
    drawn = {**base, "from_name": "box", "type": "rectanglelabels", "value": {**place, "rectanglelabels": ["shape"]}}
    said = {**base, "from_name": "region_explanation", "type": "textarea", "value": {**place, "text": ["Bent.\n"]}}
    verification = judged(picture, [*picture.predicted(), drawn, said])
    assert changes(verification)[-1] == ("person-NewOne_-99", "added")
    assert verification.regions[-1] == region(
        "person-NewOne_-99",
        asset_id=picture.sample.primary.asset_id,
        box=Box(x1=320, y1=240, x2=480, y2=288),
        category="shape",
        explanation="Bent.",
        source="human",
    )


def test_a_repainted_mask_is_cut_at_half_alpha(picture: Work) -> None:
    alpha = np.zeros((480, 640), np.uint8)
    alpha[100:200, 300:400], alpha[99, 300:400] = 255, 100
    result = picture.predicted()
    for each in result:
        if each["id"] == region_key(picture.candidate, "mask"):
            each["value"]["rle"] = sdk.mask2rle(alpha)
    verification = judged(picture, result)
    assert changes(verification)[-1] == ("mask", "moved")
    mask = verification.regions[2].mask
    assert mask is not None
    assert mask.rasterizer == "painted"
    assert np.array_equal(mask_to_array(mask), alpha == 255)
    assert verification.regions[2].box == Box(x1=300, y1=100, x2=400, y2=200)


def test_a_mask_encoded_anew_by_the_browser_is_untouched(picture: Work) -> None:
    """RGBA with the label's color in it is another stream of the same alpha."""
    mask = picture.candidate.regions[2].mask
    assert mask is not None
    result = picture.predicted()
    for each in result:
        if each["id"] == region_key(picture.candidate, "mask"):
            each["value"]["rle"] = sdk.mask2rle(mask_to_array(mask).astype(np.uint8) * 200)
    assert judged(picture, result).verdict == "accepted"


def test_a_turned_box_is_a_polygon(picture: Work) -> None:
    result = picture.predicted()
    for each in result:
        if each["id"] == region_key(picture.candidate, "box"):
            each["value"]["rotation"] = 90
    turned = judged(picture, result).regions[0]
    (polygon,) = turned.polygons
    flat = [value for point in polygon.exterior for value in point]
    assert sorted(flat) == pytest.approx(sorted([64, 48, 64, 112.5, 14.75, 112.5, 14.75, 48]))


def test_a_skip_ignores_the_result_that_it_carries(picture: Work) -> None:
    verification = judged(picture, picture.predicted(), was_cancelled=True)
    assert (verification.verdict, verification.regions, verification.changes) == ("skipped", (), ())
    assert judged(picture, "nonsense", was_cancelled=True, lead_time=10**400).lead_time_s is None


def test_a_sample_that_a_person_rejects(picture: Work) -> None:
    out = {
        "id": "x",
        "from_name": "decision",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["leave_out"]},
    }
    assert judged(picture, [*picture.predicted(), out]).verdict == "rejected"


def test_another_verdict_alone_is_a_fix(picture: Work) -> None:
    result = picture.predicted()
    (said,) = (each for each in result if each["from_name"] == "verdict")
    said["value"]["choices"] = ["edited"]
    verification = judged(picture, result)
    assert (verification.verdict, verification.origin_verdict) == ("fixed_and_accepted", "edited")


def test_choices_by_the_words_that_are_shown_mean_what_is_stored(picture: Work) -> None:
    result = picture.predicted()
    (said,) = (each for each in result if each["from_name"] == "verdict")
    said["value"]["choices"] = ["Real"]
    out = {"id": "x", "from_name": "decision", "to_name": "image", "type": "choices"}
    result.append({**out, "value": {"choices": ["Leave it out of the dataset"]}})
    verification = judged(picture, result)
    assert (verification.verdict, verification.origin_verdict) == ("rejected", "real")
    for near in ("REAL", "Real ", "Rea"):
        said["value"]["choices"] = [near]
        with pytest.raises(VerdictError, match=f"control 'verdict' has no choice '{near}'"):
            judged(picture, result)


def test_labels_and_votes_by_the_words_that_are_shown(picture: Work) -> None:
    categories = tuple(c.evolve(name="texture_of_skin") if c.name == "texture" else c for c in TAXONOMY.categories)
    config = label_config(TAXONOMY.evolve(categories=categories), Task(), "image", has_votes=True)
    drawn = entry(picture, picture.predicted(), "box", "box")
    drawn["value"]["rectanglelabels"] = ["texture of skin"]
    vote = {**drawn, "from_name": "vote", "type": "choices", "value": {"choices": ["Perhaps"]}}
    raw = {"id": 1, "result": [drawn, vote]}
    verification = reviewed(raw, picture.data, picture.sample, None, config, reviewer="person-1")
    assert [each.category for each in verification.regions] == ["texture_of_skin"]
    assert [each.confidence for each in verification.votes] == [0.5]


def test_a_verdict_where_the_machine_gave_none_corrects_nobody(picture: Work) -> None:
    result = picture.predicted()
    silent = picture._replace(candidate=picture.candidate.evolve(verdict=None, verdict_score=None))
    verification = judged(silent, result)
    assert (verification.verdict, verification.origin_verdict) == ("accepted", "generated")
    (said,) = (each for each in result if each["from_name"] == "verdict")
    result.remove(said)
    assert judged(picture, result).verdict == "fixed_and_accepted"


def test_people_who_start_from_nothing(picture: Work) -> None:
    raw = {"id": 1, "result": [each for each in picture.predicted() if each["from_name"] in ("box", "verdict")]}
    verification = reviewed(raw, picture.data, picture.sample, None, picture.config, reviewer="person-1")
    key = region_key(picture.candidate, "box")
    assert verification.candidate_id is None
    assert verification.changes == (RegionChange(region_id=f"person-{key}", change="added"),)
    assert verification.verdict == "fixed_and_accepted"
    assert verification.regions[0].source == "human"


def test_evidence_of_an_answer(pages: Work) -> None:
    result = pages.predicted()
    (said,) = (each for each in result if each["from_name"] == "answer")
    said["value"]["text"] = ["13 EUR\n"]
    place = {name: entry(pages, result, "whole", "box")["value"][name] for name in ("x", "y", "width", "height")}
    result.append({**entry(pages, result, "whole", "box"), "from_name": "evidence", "type": "choices"})
    result[-1]["value"] = {**place, "choices": ["supports"]}
    verification = judged(pages, result)
    answer = Answer(question="How much?", answer="13 EUR", region_ids=("total", "whole"))
    assert (verification.answers, verification.verdict) == ((answer,), "fixed_and_accepted")


def test_evidence_of_a_question_that_is_not_shown_is_not_taken_for_the_first_one_s(pages: Work) -> None:
    more = Answer(question="What is on page 3?", answer="A picture", region_ids=("whole",))
    two = pages._replace(candidate=pages.candidate.evolve(answers=(*pages.candidate.answers, more)))
    verification = judged(two, two.predicted())
    assert (verification.verdict, verification.answers) == ("accepted", two.candidate.answers)


def test_pages_are_measured_in_their_own_pixels_whatever_was_rendered(pages: Work) -> None:
    result = pages.predicted()
    drawn = entry(pages, result, "total", "box")
    assert (drawn["item_index"], drawn["original_width"], drawn["original_height"]) == (1, 1224, 1584)
    drawn["value"]["y"] += 10
    box = judged(pages, result).regions[0].box
    assert box is not None
    assert [box.x1, box.y1] == pytest.approx([100, 200 + 79.2])


def test_a_stretch_of_text_lies_on_its_page(pages: Work) -> None:
    start = pages.data["text"].index("Page three") + 5
    value = {"start": start, "end": start + 5, "text": "three", "labels": ["shape"]}
    marked = {"id": "span1", "from_name": "text_span", "to_name": "text", "type": "labels", "value": value}
    verification = judged(pages, [*pages.predicted(), marked])
    added = verification.regions[-1]
    assert (added.page_index, added.explanation, added.category, added.box) == (2, "three", "shape", None)


def test_a_region_in_the_second_image_of_a_pair(pair: Work) -> None:
    result = pair.predicted()
    right = entry(pair, result, "right", "box_2")
    assert (right["to_name"], right["original_width"]) == ("image_2", 320)
    right["value"]["x"] = 50.0
    moved = judged(pair, result).regions[1]
    assert moved.asset_id == pair.sample.assets[1].asset_id
    assert moved.box == Box(x1=160, y1=24, x2=176, y2=48)


def test_a_track_keeps_exact_times(clip: Work) -> None:
    result = clip.predicted()
    track = entry(clip, result, "track", "track")
    assert [each["enabled"] for each in track["value"]["sequence"]] == [True, True, False]
    for each in result:
        if each["id"] == region_key(clip.candidate, "track"):
            for keyframe in each["value"]["sequence"]:
                keyframe["x"] += 5
    box = Box(x1=10, y1=20, x2=110, y2=120)
    verification = judged(clip, result)
    assert changes(verification)[0] == ("track", "moved")
    assert [(k.frame_index, k.pts_s, k.is_visible) for k in verification.regions[0].track] == [
        (1, 0.04, True),
        (3, 0.18, True),
        (4, 0.5, True),
        (5, 0.54, False),
    ]
    assert verification.regions[0].track[0].box.x1 == pytest.approx(box.x1 + 16)


def test_a_moved_stretch_of_time(clip: Work) -> None:
    result = clip.predicted()
    ranges = entry(clip, result, "span", "timeline")["value"]["ranges"]
    for each in result:
        if each["id"] == region_key(clip.candidate, "span"):
            each["value"]["ranges"] = [{"start": ranges[0]["start"], "end": 1000}]
    with pytest.raises(VerdictError, match="timeline region: frame 1000 of a clip with"):
        judged(clip, result)
    for each in result:
        if each["id"] == region_key(clip.candidate, "span"):
            each["value"]["ranges"] = [{"start": 1, "end": ranges[0]["start"]}]
    assert judged(clip, result).regions[1].span == TimeSpan(start_s=0.0, end_s=0.18)


def test_grades_and_votes() -> None:
    task = Task(
        kind="attributes",
        attributes=(
            AskedAttribute(name="look", definition="Looks?", values=("good", "bad"), scale_min=1, scale_max=5),
            AskedAttribute(name="depth", definition="Depth?", scale_min=0, scale_max=10),
        ),
    )
    grades = (Attribute(name="look", value="good", score=4, reason="Sharp."), Attribute(name="depth", score=2.5))
    made = work(
        sample_of(asset("a.png", IMAGE)),
        (region("box", box=Box(x1=0, y1=0, x2=9, y2=9)),),
        task=task,
        candidate={"attributes": grades, "verdict": None},
        has_votes=True,
    )
    assert judged(made, made.predicted()).attributes == grades
    assert judged(made, made.predicted()).verdict == "accepted"
    result = made.predicted()
    (stars,) = (each for each in result if each["from_name"] == "score.look")
    stars["value"]["rating"] = 2
    place = entry(made, result, "box", "box")
    result.append({**place, "from_name": "vote", "type": "choices", "value": {"choices": ["perhaps"]}})
    verification = judged(made, result)
    assert verification.attributes == (grades[0].evolve(score=2.0), grades[1])
    assert verification.votes == (Vote(region_id="box", confidence=0.5),)
    assert verification.verdict == "fixed_and_accepted"


def test_a_rubric_and_a_choice() -> None:
    task = Task(kind="rubric", criteria=(Criterion(name="hands", definition="Five fingers."),), options=("A & B", "$C"))
    answers = (Answer(question="Which?", answer="$C"),)
    candidate = {"attributes": (Attribute(name="hands", value="holds"),), "answers": answers, "verdict": None}
    made = work(sample_of(asset("a.png", IMAGE)), (), task=task, candidate=candidate)
    verification = judged(made, made.predicted())
    assert (verification.attributes, verification.answers) == (made.candidate.attributes, answers)
    result = made.predicted()
    (choice,) = (each for each in result if each["from_name"] == "choice")
    choice["value"]["choices"] = ["A & B"]
    assert judged(made, result).answers == (Answer(question="Which?", answer="A & B"),)


def _value(name: str, value: Any) -> Callable[[Result], None]:
    def spoil(result: Result) -> None:
        result[0]["value"][name] = value

    return spoil


def _field(name: str, value: Any) -> Callable[[Result], None]:
    def spoil(result: Result) -> None:
        result[0][name] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_field("from_name", "boxes"), "the config has no control 'boxes'"),
        (_field("to_name", "video"), "control 'box' does not mark 'video'"),
        (_field("type", "polygonlabels"), "control 'box' gives no 'polygonlabels'"),
        (_field("original_width", 641), "was drawn on 641 x 480 px, the medium was shown with 640 x 480"),
        (_field("original_width", "640"), "was drawn on '640' x 480 px"),
        (_field("image_rotation", 90), "drawn on a turned picture"),
        (_field("item_index", -1), "lies on page -1"),
        (_field("id", "../../etc"), "has no usable id"),
        (_field("value", None), "has no type or no value"),
        (_field("type", "relation"), "relations between regions are not read"),
        (_value("rectanglelabels", ["blur"]), "'blur' is no category of the config"),
        (_value("rectanglelabels", []), "has 0 categories"),
        (_value("rectanglelabels", ["shape", "texture"]), "has 2 categories"),
        (_value("rectanglelabels", "shape"), "its labels are no list of words"),
        (_value("x", 150), "rectangle: box .* reaches .* px outside"),
        (_value("x", "12"), "x is '12', not a number"),
        (_value("x", 1e400), "x is 'inf', not a number"),
        (_value("x", float("nan")), "x is 'nan', not a number"),
        (_value("x", 10**400), "x is '1000.*', not a number"),
        (_value("rotation", 10**400), "rotation is '1000.*', not a number"),
        (_value("width", 0), "rectangle: .* has no area"),
        (_value("rotation", None), "rotation is 'None', not a number"),
        (lambda result: result.append(copy.deepcopy(result[0])), "control 'box' answers twice"),
        (lambda result: result.append("box"), "is a str, not a mapping"),
        (lambda result: result.__delitem__(0), "is drawn 0 times"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(picture: Work, spoil: Callable[[Result], None], why: str) -> None:
    result = picture.predicted()
    spoil(result)
    with pytest.raises(VerdictError, match=rf"annotation 7: .*{why}"):
        judged(picture, result)


@pytest.mark.parametrize("result", [None, "[]", {"0": 1}, 5])
def test_a_result_that_is_no_list_is_refused(picture: Work, result: object) -> None:
    with pytest.raises(VerdictError, match=r"the result is a .*, not a list"):
        judged(picture, result)


def test_a_cut_mask_is_refused(picture: Work) -> None:
    result = picture.predicted()
    entry(picture, result, "mask", "brush")["value"]["rle"] = [1, 2, 3]
    with pytest.raises(VerdictError, match="annotation 7: brush mask cannot be read: its header is cut off"):
        judged(picture, result)


def test_another_medium_is_refused(picture: Work) -> None:
    data = {**picture.data, "asset_sha256": ["0" * 64]}
    with pytest.raises(VerdictError, match="the task shows another medium than the sample has"):
        reviewed({"id": 1, "result": []}, data, picture.sample, None, picture.config, reviewer="p")
    data = {**picture.data, "sample_id": "0" * 64}
    with pytest.raises(VerdictError, match="the task is of another sample"):
        reviewed({"id": 1, "result": []}, data, picture.sample, None, picture.config, reviewer="p")


def test_a_line_that_crosses_itself_keeps_its_area(picture: Work) -> None:
    bow = [[0, 0], [10, 10], [10, 0], [0, 10]]
    result = picture.predicted()
    for each in result:
        if each["id"] == region_key(picture.candidate, "outline"):
            each["value"]["points"] = bow
    polygons = judged(picture, result).regions[1].polygons
    assert sorted(len(polygon.exterior) for polygon in polygons) == [3, 3]


def test_decisions_of_one_annotation_have_one_identity(picture: Work) -> None:
    one = judged(picture, picture.predicted(), unique_id="a", updated_at="2026-01-01")
    two = judged(picture, [], unique_id="a", updated_at="2026-01-02")
    other = judged(picture, [], unique_id="b")
    assert one.verification_id == two.verification_id != other.verification_id
    assert (two.updated_at, two.task_key) == ("2026-01-02", "key")


def test_pseudonyms_depend_on_the_key() -> None:
    assert pseudonym("a@example.com", b"k") == "person-a05c70e82e83"
    assert len({pseudonym(who, key) for who in ("a", "b") for key in (b"k", b"l")}) == 4
