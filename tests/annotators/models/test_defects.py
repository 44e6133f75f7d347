"""Every way for an answer to be wrong ends under its name; whatever was mended is said, and no number is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest

from annotators.models.asked import Asked, Reading
from annotators.models.conventions import CONVENTIONS
from annotators.models.defects import Flaw, shown
from annotators.models.parse import parse
from annotators.models.reading import Completion
from annotators.models.views import whole_view
from schemas.candidate import ParseStatus
from schemas.geometry import Box, Polygon, mask_from_box
from schemas.media.types import Document, Page, Video
from schemas.sample import Sample
from schemas.task import AskedAttribute, Criterion, Task
from schemas.taxonomy import Taxonomy

Read = Callable[..., Reading]

REGION = {"category": "blur", "box": [100, 250, 500, 1000], "explanation": "the edge is soft"}
OTHER = {"category": "noise", "box": [600, 100, 900, 300], "explanation": "grain in flat color"}
ANSWER = {"verdict": "generated", "explanation": "It is too smooth. The edge melts.", "regions": [REGION]}
EVIDENCE = {"page": 1, "category": "blur", "box": [0, 0, 500, 90], "quote": "Total: 42", "explanation": ""}
ANSWERED = {"answer": "42", "regions": [EVIDENCE]}
PLAIN = Task()
CITED = Task(claims="cited", max_explanation_chars=100)
GRADED = Task(
    kind="attributes",
    attributes=(AskedAttribute(name="clarity", definition="?", values=("low", "high"), scale_min=1, scale_max=5),),
)
PHRASED = Task(phrases=True)
LEFT, RIGHT = {**REGION, "phrase": "the left edge"}, {**OTHER, "phrase": "the sky"}
BESIDE = Task(attributes=GRADED.attributes)
WRITTEN = Task(kind="document_qa", questions="written")
PAIR = {"question": "What is the total?", "answer": "42", "regions": [EVIDENCE]}
GRADE = {"name": "clarity", "value": "low", "score": 2, "reason": "hair is smeared"}
RUBRIC = Task(kind="rubric", criteria=(Criterion(name="grounded", definition="?"),))
HELD = {"name": "grounded", "holds": True, "reason": "it names the place"}
CONTRAST = Task(kind="contrast", options=("photo", "render"))
REASONS = [{"option": "photo", "reason": "no grain"}, {"option": "render", "reason": "perfect gradients"}]
TEXT = "Invoice no. 7\nTotal: 42 EUR, well-\nknown exam-\nple; the ﬁnal word"
ON_PAGE: dict[str, Any] = {"question": "question", "modality": "document"}
MASK = mask_from_box(Box(x1=20, y1=25, x2=100, y2=100), 200, 100)
WHOLE = mask_from_box(Box(x1=0, y1=0, x2=200, y2=100), 200, 100)


@pytest.fixture
def read(make_image: Callable[..., Sample], taxonomy: Taxonomy) -> Read:
    image = make_image(size=(200, 100)).primary
    pages = (Page(page_index=0, width=200, height=100), Page(page_index=1, width=200, height=100))
    media = {
        "image": image.media,
        "document": Document(format="PDF", num_pages=2, pages=pages, has_text_layer=True),
        "video": Video(
            format="mov,mp4",
            codec="h264",
            width=200,
            height=100,
            stored_width=200,
            stored_height=100,
            duration_s=2.0,
            fps=2,
            num_frames=4,
            time_base_num=1,
            time_base_den=2,
            frame_pts=(0, 1, 2, 3),
        ),
    }
    names = {
        category.name: category.evolve(modalities=("image", "video", "document")) for category in taxonomy.categories
    }

    def reading(
        words: Any, question: Any = "artifacts", modality: str = "image", task: Task = PLAIN, **completion: Any
    ) -> Reading:
        asset = image.evolve(media=media[modality])
        asked = Asked(
            question=question,
            question_text="How much?",
            asset=asset,
            view=lambda number: whole_view(asset, number - 1),
            taxonomy=taxonomy.evolve(categories=tuple(names.values())),
            task=task,
            page_text={0: TEXT, 1: ""}.get,
            max_regions=3,
            prefix="vlm",
        )
        return parse(Completion(words=words if isinstance(words, str) else json.dumps(words), **completion), asked)

    return reading


def with_region(**changes: Any) -> dict[str, Any]:
    return {**ANSWER, "regions": [{**REGION, **changes}]}


def without_box(**drawn: Any) -> dict[str, Any]:
    return {**ANSWER, "regions": [{**{k: v for k, v in REGION.items() if k != "box"}, **drawn}]}


def with_claim(**changes: Any) -> dict[str, Any]:
    claim = {"text": "The edge melts.", "regions": [1], "is_global": False, **changes}
    return {**ANSWER, "claims": [claim]}


def box_of(*numbers: float) -> dict[str, Any]:
    return with_region(box=list(numbers))


BROKEN: list[tuple[Flaw, Any, dict[str, Any]]] = [
    (Flaw.NO_COMPLETION, "", {"problem": "the response is not JSON"}),
    (Flaw.EMPTY, " \n", {}),
    (Flaw.REFUSAL, "", {"refusal": "No."}),
    (Flaw.REFUSAL, "I'm sorry, but I can't help with that.", {}),
    (Flaw.REFUSAL, "I cannot help with that.", {}),
    (Flaw.REFUSAL, ANSWER, {"refusal": "No."}),
    (Flaw.CUT_OFF, f"<think>At first {json.dumps(ANSWER)} but then", {}),
    (Flaw.CUT_OFF, f"\u25c1think\u25b7At first {json.dumps(ANSWER)} but then", {"finish_reason": "length"}),
    (Flaw.NOT_JSON, json.dumps(ANSWER).replace("is soft", 'is: "[soft]'), {}),
    (Flaw.CUT_OFF, json.dumps(ANSWER)[:-40], {"finish_reason": "length", "output_tokens": 9}),
    (Flaw.CUT_OFF, json.dumps(ANSWER)[:-40], {}),
    (Flaw.CUT_OFF, "```json\n" + json.dumps(ANSWER)[:-60], {}),
    (Flaw.NOT_JSON, "The picture looks fine to me.", {}),
    (Flaw.NOT_JSON, '{"boxes": [[10, 20, 30, 40]], "category": "hand"}', {}),
    (Flaw.NOT_JSON, "[" * 40_000, {}),
    (Flaw.NOT_A_NUMBER, '{"regions": [{"box": [1O, 20, 30, 40]}]}', {}),
    (Flaw.KEY_TWICE, '{"verdict": "real", "regions": [{"box": [1, 2, 3, 4]}], "regions": []}', {}),
    (Flaw.WRONG_TYPE, {**ANSWER, "regions": "none"}, {}),
    (Flaw.WRONG_TYPE, {**ANSWER, "regions": ["hand"]}, {}),
    (Flaw.WRONG_TYPE, {"answer": 42, "regions": []}, {"question": "question"}),
    (Flaw.NOT_A_CHOICE, {**ANSWER, "verdict": "fake"}, {}),
    (Flaw.TOO_MANY_REGIONS, {**ANSWER, "regions": [REGION] * 4}, {}),
    (Flaw.UNKNOWN_CATEGORY, with_region(category="HANDS!!"), {}),
    (
        Flaw.NO_SUCH_PICTURE,
        {"answer": "x", "regions": [{**EVIDENCE, "page": 3}]},
        {"question": "question", "modality": "document"},
    ),
    (Flaw.NO_SUCH_PICTURE, with_region(frame=5), {"modality": "video"}),
    (Flaw.NO_SUCH_PICTURE, with_region(), {"modality": "video"}),
    (Flaw.TIME_OUTSIDE, with_region(frame=1, start_s=1.0, end_s=2.5), {"modality": "video"}),
    (Flaw.TIME_OUTSIDE, with_region(frame=1, start_s=1.5, end_s=0.5), {"modality": "video"}),
    (Flaw.TIME_OUTSIDE, with_region(start_s=0.1, end_s=0.5), {}),
    (Flaw.NO_BOX, with_region(box=[1, 2, 3]), {}),
    (Flaw.NO_BOX, with_region(box={"x": 1, "y": 2}), {}),
    (Flaw.NOT_A_NUMBER, box_of(1, 2, 3, float("nan")), {}),
    (Flaw.NOT_A_NUMBER, with_region(box=["1", "2", "3", "4"]), {}),
    (Flaw.BOX_OUTSIDE, box_of(-10, 0, 500, 500), {}),
    (Flaw.BOX_OUTSIDE, box_of(1e9, 0, 2e9, 1), {}),
    (Flaw.OTHER_UNIT, box_of(0.1, 0.2, 0.9, 0.8), {}),
    (Flaw.OTHER_UNIT, box_of(0.0, 0.0, 1.0, 1.0), {}),
    (Flaw.OTHER_UNIT, box_of(0, 0, 1, 1), {}),
    (Flaw.AXES_SWAPPED, box_of(30, 40, 10, 20), {}),
    (Flaw.NO_AREA, box_of(10, 10, 10, 90), {}),
    (Flaw.WHOLE_PICTURE, box_of(0, 0, 1000, 1000), {}),
    (Flaw.WHOLE_PICTURE, without_box(polygon=[[0, 0], [1000, 0], [1000, 1000], [0, 1000]]), {}),
    (Flaw.WHOLE_PICTURE, without_box(mask={"size": [100, 200], "counts": WHOLE.counts}), {}),
    (Flaw.SAME_REGION_TWICE, {**ANSWER, "regions": [REGION, {**REGION, "box": [101, 250, 500, 1000]}]}, {}),
    (Flaw.NO_RING, with_region(polygon=[[1, 1], [2, 2]]), {}),
    (Flaw.NO_RING, with_region(polygon=[[1, 1], [2, 2], [1, 1], [2, 2]]), {}),
    (Flaw.NO_RING, with_region(polygon="M 0 0 L 1 1"), {}),
    (Flaw.NO_RING, with_region(polygon=[1, 2, 3]), {}),
    (Flaw.RING_CROSSES, with_region(polygon=[[100, 100], [500, 500], [100, 500], [500, 100]]), {}),
    (Flaw.RING_OUTSIDE, with_region(polygon=[[100, 100], [1200, 500], [100, 500]]), {}),
    (Flaw.NO_MASK, with_region(mask={"size": [100, 200], "counts": "~~~not_rle"}), {}),
    (Flaw.NO_MASK, with_region(mask={"size": [200, 100], "counts": MASK.counts}), {}),
    (Flaw.NO_MASK, with_region(mask={"size": [2147483648, 2147483648], "counts": "0"}), {}),
    (Flaw.NO_MASK, with_region(mask="0" * 10), {}),
    (
        Flaw.MASK_OUTSIDE_BOX,
        with_region(box=[600, 0, 900, 200], mask={"size": [100, 200], "counts": MASK.counts}),
        {},
    ),
    (
        Flaw.MASK_OUTSIDE_BOX,
        without_box(polygon=[[0, 0], [90, 0], [90, 200]], mask={"size": [100, 200], "counts": MASK.counts}),
        {},
    ),
    (Flaw.RING_OUTSIDE_BOX, with_region(box=[600, 0, 900, 200], polygon=[[100, 100], [200, 100], [200, 400]]), {}),
    (Flaw.SAYS_NOTHING, {**ANSWER, "explanation": ""}, {}),
    (Flaw.SAYS_NOTHING, {**ANSWER, "explanation": "Missing explanation"}, {}),
    (Flaw.SAYS_NOTHING, with_region(explanation="N/A"), {}),
    (Flaw.TOO_LONG, {**ANSWER, "explanation": "soft edge " * 401}, {}),
    (Flaw.TOO_LONG, {**ANSWERED, "answer": "forty two " * 401}, ON_PAGE),
    (Flaw.SAYS_NOTHING, {**ANSWER, "explanation": "the the the the the"}, {}),
    (Flaw.SAYS_NOTHING, {**ANSWER, "explanation": "<your explanation here>"}, {}),
    (Flaw.SAYS_NOTHING, {**ANSWER, "explanation": "I'm sorry, but I can't help with that."}, {}),
    (Flaw.SAYS_NOTHING, {**ANSWERED, "answer": "Sorry, I am unable to assist with this request."}, ON_PAGE),
    (Flaw.SAYS_NOTHING, {**PAIR, "question": "..."}, {**ON_PAGE, "question": "written_question", "task": WRITTEN}),
    (Flaw.EVIDENCE_OF_NOTHING, {**ANSWERED, "answer": " "}, ON_PAGE),
    (Flaw.NO_EVIDENCE, {"answer": "42", "regions": []}, ON_PAGE),
    (Flaw.WRONG_TYPE, {"answer": "42", "regions": [{**EVIDENCE, "quote": 42}]}, ON_PAGE),
    (Flaw.QUOTE_NOT_IN_TEXT, {"answer": "4", "regions": [{**EVIDENCE, "quote": "Total: 4"}]}, ON_PAGE),
    (Flaw.SEVERAL_ANSWERS, json.dumps(ANSWER) + json.dumps({**ANSWER, "verdict": "real"}), {}),
    (
        Flaw.QUOTE_NOT_IN_TEXT,
        {"answer": "43", "regions": [{**EVIDENCE, "quote": "Total: 43"}]},
        {"question": "question", "modality": "document"},
    ),
    (Flaw.CLAIM_NOT_IN_TEXT, with_claim(text="The hand melts."), {"task": CITED}),
    (Flaw.CLAIM_NOT_IN_TEXT, with_claim(text=""), {"task": CITED}),
    (Flaw.CLAIM_NOT_IN_TEXT, with_claim(text="e"), {"task": CITED}),
    (Flaw.NO_CLAIM, {**ANSWER, "claims": [], "regions": []}, {"task": CITED}),
    (Flaw.WRONG_TYPE, with_claim(regions=[1, "2"]), {"task": CITED}),
    (Flaw.WRONG_TYPE, with_claim(regions=[1, 1.5]), {"task": CITED}),
    (Flaw.WRONG_TYPE, with_claim(is_global="no"), {"task": CITED}),
    (Flaw.WRONG_TYPE, {**with_claim(times=["0:01"]), "regions": []}, {"task": CITED, "modality": "video"}),
    (
        Flaw.WRONG_TYPE,
        {**with_claim(pages="1", is_global=True), "regions": []},
        {"task": CITED, "modality": "document"},
    ),
    (Flaw.WRONG_TYPE, {**with_claim(quotes=["Total: 42"]), "regions": []}, {"task": CITED, "modality": "document"}),
    (
        Flaw.NO_SUCH_PICTURE,
        {**with_claim(quotes=[{"page": True, "text": "Total: 42"}]), "regions": []},
        {"task": CITED, "modality": "document"},
    ),
    (Flaw.NO_SUCH_REGION, with_claim(regions=[1, 2]), {"task": CITED}),
    (Flaw.UNGROUNDED_CLAIM, with_claim(regions=[]), {"task": CITED}),
    (Flaw.UNCLAIMED_REGION, with_claim(regions=[], is_global=True), {"task": CITED}),
    (Flaw.WRONG_TYPE, ANSWER, {"task": CITED}),
    (
        Flaw.TIME_OUTSIDE,
        {**with_claim(times=[{"start_s": 0, "end_s": 9}]), "regions": []},
        {"task": CITED, "modality": "video"},
    ),
    (Flaw.NO_SUCH_PICTURE, {**with_claim(pages=[7]), "regions": []}, {"task": CITED, "modality": "document"}),
    (
        Flaw.QUOTE_NOT_IN_TEXT,
        {**with_claim(quotes=[{"page": 1, "text": "Total: 7"}]), "regions": []},
        {"task": CITED, "modality": "document"},
    ),
    (Flaw.MISSING_GRADE, {**ANSWER, "grades": []}, {"question": "attributes", "task": GRADED}),
    (Flaw.GRADE_TWICE, {**ANSWER, "grades": [GRADE, GRADE]}, {"question": "attributes", "task": GRADED}),
    (Flaw.OFF_SCALE, {**ANSWER, "grades": [{**GRADE, "score": 6}]}, {"question": "attributes", "task": GRADED}),
    (
        Flaw.NOT_A_CHOICE,
        {**ANSWER, "grades": [{**GRADE, "value": "so-so"}]},
        {"question": "attributes", "task": GRADED},
    ),
    (Flaw.WRONG_TYPE, {**ANSWER, "criteria": [{**HELD, "holds": "TRUE"}]}, {"question": "rubric", "task": RUBRIC}),
    (Flaw.SAYS_NOTHING, {**ANSWER, "criteria": [{**HELD, "reason": ""}]}, {"question": "rubric", "task": RUBRIC}),
    (Flaw.OFF_SCALE, {**ANSWER, "grades": [{**GRADE, "score": 6}]}, {"task": BESIDE}),
    (Flaw.NOT_A_CHOICE, {**ANSWER, "grades": {"beauty": GRADE}}, {"task": BESIDE}),
    (Flaw.WRONG_TYPE, {**ANSWER, "grades": {"clarity": "low"}}, {"task": BESIDE}),
    (Flaw.SAYS_NOTHING, ANSWER, {"task": PHRASED}),
    (Flaw.TOO_LONG, {**ANSWER, "regions": [{**LEFT, "phrase": "the edge " * 30}]}, {"task": PHRASED}),
    (
        Flaw.PHRASE_TWICE,
        {**ANSWER, "regions": [LEFT, {**OTHER, "phrase": "The left  edge"}]},
        {"task": PHRASED},
    ),
    (Flaw.HALF_A_PAIR, {**PAIR, "question": ""}, {"question": "written_question", "task": WRITTEN}),
    (Flaw.HALF_A_PAIR, {**PAIR, "answer": " "}, {"question": "written_question", "task": WRITTEN}),
    (Flaw.NO_EVIDENCE, {**PAIR, "regions": []}, {"question": "written_question", "task": WRITTEN}),
    (Flaw.WRONG_TYPE, {**PAIR, "answer": 42}, {"question": "written_question", "task": WRITTEN}),
    (
        Flaw.NOT_A_CHOICE,
        {**ANSWER, "answer": "painting", "reasons": REASONS},
        {"question": "contrast", "task": CONTRAST},
    ),
]

MENDED: list[tuple[Flaw, str]] = [
    (Flaw.FENCED, f"```json\n{json.dumps(ANSWER)}\n```"),
    (Flaw.PROSE_AROUND, f"Sure, here it is: {json.dumps(ANSWER)} I hope this helps!"),
    (Flaw.PROSE_AROUND, f"<think>{{}} or {json.dumps(box_of(0, 0, 9, 9))}?</think> {json.dumps(ANSWER)}"),
    (
        Flaw.PROSE_AROUND,
        f"\u25c1think\u25b7{json.dumps(box_of(0, 0, 9, 9))}\u25c1/think\u25b7{json.dumps(ANSWER)}",
    ),
    (Flaw.BROKEN_JSON, json.dumps(ANSWER).replace('"}]}', '",},],}')),
    (Flaw.BROKEN_JSON, repr(ANSWER)),
    (Flaw.BROKEN_JSON, json.dumps(ANSWER).replace(', "regions"', ' "regions"')),
    (Flaw.OTHER_KEY, json.dumps(ANSWER).replace('"box"', '"bbox_2d"')),
    (Flaw.OTHER_SPELLING, json.dumps(ANSWER).replace("blur", "Soft")),
    (Flaw.OTHER_SPELLING, json.dumps({**ANSWER, "verdict": " GENERATED"})),
    (Flaw.ROUNDED_OUTSIDE, json.dumps(ANSWER).replace("1000]", "1000.0000001]")),
]


@pytest.mark.parametrize(
    ("flaw", "words", "settings"), BROKEN, ids=lambda value: value.code if isinstance(value, Flaw) else ""
)
def test_a_broken_answer_ends_under_its_name(read: Read, flaw: Flaw, words: Any, settings: dict[str, Any]) -> None:
    reading = read(words, **settings)

    assert reading.proposal is None
    assert flaw.code in [defect.code for defect in reading.defects]
    assert reading.status in get_args(ParseStatus)
    assert reading.status not in ("ok", "repaired")
    assert all(0 < len(defect.message) < 400 for defect in reading.defects)


@pytest.mark.parametrize(("flaw", "words"), MENDED, ids=lambda value: value.code if isinstance(value, Flaw) else "")
def test_what_can_be_mended_without_guessing_is_and_says_so(read: Read, flaw: Flaw, words: str) -> None:
    reading = read(words)

    assert (reading.status, reading.names) == ("repaired", (flaw.code,))
    assert reading.proposal is not None
    assert reading.proposal.regions == read(ANSWER).proposal.regions  # type: ignore[union-attr]


def test_a_ring_that_repeats_its_first_point_is_opened(read: Read) -> None:
    reading = read(with_region(polygon=[[100, 250], [500, 250], [500, 1000], [100, 250]]))

    assert (reading.status, reading.names) == ("repaired", ("closed_ring",))
    assert reading.proposal is not None
    assert reading.proposal.regions[0].polygons == (Polygon(exterior=((20, 25), (100, 25), (100, 100))),)


def test_every_flaw_is_tried_here() -> None:
    tried = {flaw for flaw, *_ in (*BROKEN, *MENDED)} | {Flaw.CLOSED_RING}

    assert tried == set(Flaw)


@pytest.mark.parametrize(
    "words",
    [
        '{"verdict": "real", "explanation": "Nothing.", "regions": [{"category": "blur", "box": [10 20 30 4',
        "{'verdict': 'real', 'explanation': 'It is soft.', 'regions': [{'category': 'blur', 'box': [10, 20, 30, 40",
        '{"verdict": "real" "regions": [{"category": "blur", "box": [10, 20, 30, 4l0], "explanation": "soft"}]}',
        '{"verdict": "real" "regions": [{"category": "blur", "box": [10, 20, 30, 1.2.3], "explanation": "soft"}]}',
    ],
)
def test_a_number_is_never_guessed(read: Read, words: str) -> None:
    assert read(words).proposal is None


def test_all_of_a_regions_defects_are_told_at_once_each_with_its_part(read: Read) -> None:
    reading = read({**ANSWER, "regions": [REGION, {"category": "dust", "box": [5, 5, 1], "explanation": "TODO"}]})

    assert [defect.code for defect in reading.defects] == ["unknown_category", "no_box", "says_nothing"]
    assert all(defect.message.startswith("region 2: ") for defect in reading.defects)


def test_a_mask_or_an_outline_alone_says_where(read: Read) -> None:
    mask = {"category": "blur", "mask": {"size": [100, 200], "counts": MASK.counts}, "explanation": "soft"}
    outline = {"category": "noise", "polygon": [600, 0, 900, 0, 900, 500], "explanation": "grain"}

    proposal = read({**ANSWER, "regions": [mask, outline]}).proposal

    assert proposal is not None
    assert [region.box for region in proposal.regions] == [
        Box(x1=20, y1=25, x2=100, y2=100),
        Box(x1=120, y1=0, x2=180, y2=50),
    ]
    assert proposal.regions[0].mask == MASK


@pytest.mark.parametrize("quote", ["Total: 42", "Total:\n42 EUR", "well-known", "example", "the final word"])
def test_a_quote_may_differ_by_what_layout_adds(read: Read, quote: str) -> None:
    reading = read({"answer": "42", "regions": [{**EVIDENCE, "quote": quote}]}, "question", "document")

    assert reading.status == "ok"


def test_a_page_without_a_text_layer_and_a_task_that_does_not_ask_compare_no_quote(read: Read) -> None:
    on_scan = {"answer": "42", "regions": [{**EVIDENCE, "page": 2, "quote": "Summe: 1"}]}
    anywhere = {"answer": "42", "regions": [{**EVIDENCE, "quote": "Summe: 1"}]}

    assert read(on_scan, "question", "document").status == "ok"
    assert read(anywhere, "question", "document", Task(quotes="any")).status == "ok"


@pytest.mark.parametrize(
    "words", ["I can't help noticing a seam.", "I cannot see any seam.", "We can't tell hair from grass here."]
)
def test_who_cannot_see_explains_something(read: Read, words: str) -> None:
    assert read({**ANSWER, "explanation": words}).status == "ok"


def test_an_outline_may_leave_its_box_by_what_rounding_adds(read: Read) -> None:
    """A step of a thousandth is a fifth of a pixel here; a pixel comes on top, as for masks."""
    ring = [[100, 250], [500, 250], [505, 1000], [100, 1000]]
    assert read(with_region(polygon=ring)).status == "ok"
    assert read(with_region(polygon=[*ring[:2], [507, 1000], ring[3]])).names == ("ring_outside_box",)


def test_an_outline_across_the_picture_points_at_what_it_encloses(read: Read) -> None:
    """A thin diagonal from corner to corner: the box around it is the whole picture, the outline is not."""
    thin = without_box(polygon=[[0, 0], [30, 0], [1000, 970], [1000, 1000], [970, 1000], [0, 30]])
    assert read(thin).status == "ok"


def test_the_share_a_box_may_cover_is_the_tasks(read: Read) -> None:
    assert read(box_of(0, 0, 1000, 1000), task=Task(max_box_share=1)).status == "ok"
    assert read(box_of(0, 0, 1000, 600), task=Task(max_box_share=0.5)).names == ("whole_picture",)


@pytest.mark.parametrize("boxes", ["unit_xyxy", "view_pixels_yxyx", "thousandths_xywh"])
def test_a_defect_speaks_the_models_convention(boxes: Any) -> None:
    convention = CONVENTIONS[boxes]

    message = Flaw.NO_BOX.told("region 1", value="[]", names=f"[{', '.join(convention.names)}]").message

    assert message == f"region 1: box [] is not a list of four numbers [{', '.join(convention.names)}]"


def test_phrases_point_to_regions_and_are_kept_where_nobody_asked(read: Read) -> None:
    for task in (PHRASED, PLAIN):
        reading = read({**ANSWER, "regions": [LEFT, RIGHT]}, task=task)
        assert reading.proposal is not None
        assert [region.phrase for region in reading.proposal.regions] == ["the left edge", "the sky"]


def test_attributes_are_graded_beside_artifacts_where_they_can_occur(read: Read) -> None:
    by_name = {"clarity": {key: GRADE[key] for key in ("value", "score", "reason")}}
    graded = read({**ANSWER, "grades": by_name}, task=BESIDE).proposal
    assert read({**ANSWER, "grades": [GRADE]}, task=BESIDE).proposal == graded
    film_only = Task(attributes=(BESIDE.attributes[0].evolve(modalities=("video",)),))
    plain = read(ANSWER, task=film_only).proposal

    assert graded is not None
    assert plain is not None
    assert (graded.verdict, len(graded.regions)) == ("generated", 1)
    assert [(a.name, a.value, a.score, a.reason) for a in graded.attributes] == [
        ("clarity", "low", 2.0, "hair is smeared")
    ]
    assert plain.attributes == ()
    for nothing in (ANSWER, {**ANSWER, "grades": []}):
        assert read(nothing, task=BESIDE).status == "ok"  # beside artifacts, what is not named is not graded


def test_a_question_of_the_models_own_comes_with_its_evidence(read: Read) -> None:
    proposal = read(PAIR, "written_question", "document", WRITTEN).proposal

    assert proposal is not None
    (answer,) = proposal.answers
    assert (answer.question, answer.answer, answer.region_ids) == ("What is the total?", "42", ("vlm-1",))
    assert [(region.page_index, region.explanation) for region in proposal.regions] == [(0, "Total: 42")]
    assert (
        "quote_not_in_text"
        in read({**PAIR, "regions": [{**EVIDENCE, "quote": "Sum: 9"}]}, "written_question", "document", WRITTEN).names
    )


def test_nothing_to_ask_is_no_answer_and_no_region(read: Read) -> None:
    proposal = read({"question": "", "answer": "", "regions": [EVIDENCE]}, "written_question", "document").proposal

    assert proposal is not None
    assert (proposal.answers, proposal.regions) == ((), ())


def test_a_value_is_shown_short_and_in_one_line() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]

    assert shown("a\nb" * 100) == json.dumps("a\nb" * 100)[:77] + "..."
    assert shown(nested) == "something nested too deeply"
