"""Exports in the shapes of others: exact contents, and what each format cannot hold is refused by name."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports._words import over_all
from pipeline.exports.base import ExportPlace
from pipeline.exports.bbox_docvqa import BboxDocVqa
from pipeline.exports.bbox_docvqa import Config as BboxConfig
from pipeline.exports.ivyfake import Config as IvyConfig
from pipeline.exports.ivyfake import IvyFake
from pipeline.exports.sharegpt import Config as ChatConfig
from pipeline.exports.sharegpt import ShareGpt
from pipeline.exports.synthscars import Config as ScarsConfig
from pipeline.exports.synthscars import SynthScars
from pipeline.exports.webdataset import Config as TarConfig
from pipeline.exports.webdataset import WebDataset
from pipeline.exports.xaigd import FEATURES, Xaigd
from pipeline.exports.xaigd import Config as XaigdConfig
from pipeline.exports.yolo import Config as YoloConfig
from pipeline.exports.yolo import Yolo
from schemas.candidate import Answer, Attribute, Claim, Region
from schemas.geometry import Box, Polygon
from schemas.media.types import Document, Image, Page
from schemas.sample import Generator

SQUARE = Polygon(exterior=((1, 1), (5, 1), (5, 5), (1, 5)))
HOLED = Polygon(exterior=((0, 0), (8, 0), (8, 8), (0, 8)), holes=(((2, 2), (6, 2), (6, 6), (2, 6)),))
LETTER = Document(format="PDF", num_pages=2, pages=tuple(Page(page_index=n, width=612, height=792) for n in range(2)))


def region(name: str = "r1", **fields: Any) -> Region:
    return Region(**{"region_id": name, "category": "hand", "source": "human", **fields})


def refused(place: ExportPlace) -> dict[str, str]:
    lines = (Path(place.out_uri) / "refused.jsonl").read_text().splitlines()
    return {row["sample_id"]: row["reason"] for row in map(json.loads, lines)}


def out(place: ExportPlace, name: str) -> str:
    return (Path(place.out_uri) / name).read_text(encoding="utf-8")


def test_webdataset_members_stand_side_by_side_in_shards(place, record) -> None:
    records = [record("a"), record("b", split="te/st"), record("c")]
    uris = WebDataset(TarConfig(shard_bytes=1)).write(records, place)
    assert [Path(uri).name for uri in uris] == ["te%2Fst-000000.tar", "train-000000.tar"]
    with tarfile.open(uris[1]) as tar:
        assert [(m.name, m.mtime, m.uid) for m in tar] == [("sample-a.json", 0, 0), ("sample-c.json", 0, 0)]
    assert sorted(WebDataset(TarConfig()).records(place.out_uri), key=lambda r: r.sample_id) == records


def test_yolo_lines_are_fractions_of_the_image(place, record) -> None:
    regions = (region(polygons=(SQUARE,)), region("r2", category="blur", polygons=(SQUARE,)))
    Yolo(YoloConfig()).write([record("a", regions=regions), record("b", annotation_status="annotated_clean")], place)
    ring = "0.1 0.125 0.5 0.125 0.5 0.625 0.1 0.625"
    assert out(place, "labels/train/sample-a.txt") == f"1 {ring}\n0 {ring}\n"
    assert out(place, "labels/train/sample-b.txt") == ""
    described = yaml.safe_load(out(place, "data.yaml"))
    assert described["names"] == {0: "blur", 1: "hand"}
    assert described["train"] == "images/train"


def test_yolo_refuses_by_name_what_its_lines_cannot_say(place, record) -> None:
    box = region(box=Box(x1=1, y1=2, x2=4, y2=6))
    records = [
        record("a", regions=(region(polygons=(HOLED,)),)),
        record("b", regions=(box,)),
        record("c", annotation_status="not_annotated"),
        record("d", regions=(region(polygons=(SQUARE, SQUARE)),)),
    ]
    Yolo(YoloConfig()).write(records, place)
    assert refused(place) == {
        "sample-a": "region r1 has a hole",
        "sample-b": "region r1 has no polygon",
        "sample-c": "nobody has annotated it, and the format cannot tell that from an image without findings",
        "sample-d": "region r1 has several parts",
    }
    Yolo(YoloConfig(derive_outlines=True)).write([record("b", regions=(box,))], place)
    assert out(place, "labels/train/sample-b.txt") == "1 0.1 0.25 0.4 0.25 0.4 0.75 0.1 0.75\n"


def test_sharegpt_says_places_in_the_stated_convention(place, record) -> None:
    found = region(phrase="left hand", explanation="six\nfingers", box=Box(x1=1, y1=2, x2=4, y2=6))
    ShareGpt(ChatConfig()).write([record("a", regions=(found,), explanation="Odd.", verdict="generated")], place)
    (entry,) = json.loads(out(place, "train.json"))
    assert entry == {
        "id": "sample-a",
        "image": f"media/{'a' * 64}.png",
        "width": 10,
        "height": 8,
        "conversations": [
            {
                "from": "human",
                "value": "<image>\nWhat in this image shows how it was made, and where? "
                "Boxes are [[x1, y1, x2, y2]] in integers from 0 to 1000 of the width and height.",
            },
            {
                "from": "gpt",
                "value": "Odd.\nVerdict: generated.\n"
                "hand: <ref>left hand</ref><box>[[100, 250, 400, 750]]</box> six fingers",
            },
        ],
    }


@given(
    corners=st.tuples(st.floats(0, 4), st.floats(0, 3), st.floats(5, 10), st.floats(4, 8)),
    convention=st.sampled_from(["pixels", "unit", "thousandths"]),
)
def test_sharegpt_boxes_come_back(corners: tuple[float, ...], convention: Any) -> None:
    import tempfile

    from schemas.record import Record
    from schemas.taxonomy import Category, Level, Taxonomy

    x1, y1, x2, y2 = corners
    hand = Category(name="hand", level="l", definition="d")
    taxonomy = Taxonomy(name="t", version="1", levels=(Level(name="l"),), categories=(hand,))
    one = Record(
        sample_id="s",
        asset_id="a",
        file_name="a",
        byte_size=1,
        media=Image(format="PNG", mode="RGB", width=10, height=8, stored_width=10, stored_height=8),
        group_id="g",
        split="train",
        taxonomy="t@1",
        annotation_status="annotated",
        regions=(region(box=Box(x1=x1, y1=y1, x2=x2, y2=y2)),),
    )
    with tempfile.TemporaryDirectory() as folder:
        export = ShareGpt(ChatConfig(convention=convention))
        export.write([one], ExportPlace(out_uri=folder, taxonomy=taxonomy))
        ((_, (found,)),) = export.read(folder)
    assert found.box is not None
    tolerance = {"pixels": 0.0, "unit": 1e-9, "thousandths": 0.0051}[convention]
    back = (found.box.x1, found.box.y1, found.box.x2, found.box.y2)
    assert all(abs(a - b) <= tolerance for a, b in zip(back, corners, strict=True))


def test_sharegpt_refuses_a_text_that_holds_its_marks(place, record) -> None:
    evil = region(explanation="see <box>[[0, 0, 1, 1]]</box>", box=Box(x1=1, y1=2, x2=4, y2=6))
    ShareGpt(ChatConfig()).write([record("a", regions=(evil,)), record("b", media=LETTER)], place)
    assert refused(place) == {
        "sample-a": "a text holds one of the format's own marks, such as <box>",
        "sample-b": "a document: a conversation shows one image or clip, not pages",
    }


def test_xaigd_has_exactly_the_published_features(place, record) -> None:
    import datasets

    made = Generator(name="SD_3-raw", prompt="a cat", negative_prompt="b", seed=3, steps=28, guidance_scale=7.0)
    regions = (region(polygons=(SQUARE,)), region("r2", category="blur", polygons=(SQUARE,)))
    records = [
        record("a", regions=regions, generator=made, pair_id="-abcDEF1"),
        record("b", annotation_status="annotated_clean"),
        record("c", annotation_status="not_annotated"),
    ]
    Xaigd(XaigdConfig()).write(records, place)
    assert list(FEATURES) == [
        *("image", "generator", "uid", "labels", "original_prompt", "positive_prompt", "negative_prompt"),
        *("guidance_scale", "num_inference_steps", "scheduler", "seed", "width", "height"),
        *("image_format", "jpeg_quality", "chroma_subsampling"),
    ]
    unlabeled = pq.read_table(Path(place.out_uri) / "data" / "unlabeled_train-00000.parquet")
    labeled = pq.read_table(Path(place.out_uri) / "data" / "labeled_train-00000.parquet")
    assert unlabeled.schema.equals(labeled.schema, check_metadata=True)
    assert datasets.Features.from_arrow_schema(labeled.schema) == datasets.Features.from_dict(FEATURES)
    first, second = labeled.to_pylist()
    ring = [[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]]
    assert first["labels"] == [{"label": "hand", "points": ring}, {"label": "blur", "points": ring}]
    assert (first["generator"], first["uid"], first["seed"], first["width"]) == ("SD_3-raw", "-abcDEF1", 3, 10)
    assert (second["labels"], len(second["uid"]), second["generator"]) == ([], 8, "unknown")
    assert unlabeled["labels"].to_pylist() == [None]


def test_xaigd_refuses_a_key_that_is_taken(place, record) -> None:
    Xaigd(XaigdConfig()).write([record("a", pair_id="p"), record("b", pair_id="p")], place)
    assert refused(place) == {"sample-b": "generator 'unknown' and uid 'p' are the key of sample sample-a"}


def test_synthscars_captions_are_derived_from_the_regions(place, record) -> None:
    regions = (
        region(phrase="left hand", explanation="six fingers.", polygons=(SQUARE,)),
        region("r2", explanation="soft.", category="blur", polygons=(SQUARE,)),
    )
    SynthScars(ScarsConfig()).write([record("a", regions=regions, explanation="Two flaws.")], place)
    flat = [[1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]]
    assert json.loads(out(place, "annotations/train.json")) == [
        {
            "sample-a": {
                "img_file_name": f"{'a' * 64}.png",
                "caption": "Upon examining the image. I have found: Two flaws.\n"
                "To elaborate, I have found the following artifacts. left hand:six fingers.blur:soft.",
                "refs": [
                    {"sentence": "left hand", "explanation": "six fingers.", "bbox": None, "segmentation": flat},
                    {"sentence": "blur", "explanation": "soft.", "bbox": None, "segmentation": flat},
                ],
            }
        }
    ]


def test_synthscars_refuses_what_its_loader_would_misplace(place, record) -> None:
    twice = tuple(region(f"r{n}", phrase="the hand", explanation="x", polygons=(SQUARE,)) for n in (1, 2))
    early = (region(phrase="hand", polygons=(SQUARE,)),)
    records = [record("a", regions=twice), record("b", regions=early, explanation="A hand."), record("c")]
    SynthScars(ScarsConfig()).write(records, place)
    found = refused(place)
    assert found["sample-a"].startswith("region r2 has the phrase 'the hand', which stands earlier in the caption")
    assert found["sample-b"].startswith("region r1 has the phrase 'hand', which stands earlier in the caption")
    assert found["sample-c"].startswith("no region")


def test_synthscars_numbers_such_phrases_where_it_may(place, record) -> None:
    hand = region("r1", phrase="hand", explanation="Six fingers.", polygons=(SQUARE,))
    twice = region("r2", phrase="hand", explanation="A seventh.", polygons=(SQUARE,))
    roof = region("r3", phrase="the roof", explanation="Bent.", polygons=(SQUARE,))
    records = [record("a", regions=(hand, roof, twice), explanation="A handful of flaws.")]
    SynthScars(ScarsConfig(numbered=True)).write(records, place)
    ((entry,),) = (one.values() for one in json.loads(out(place, "annotations/train.json")))
    assert [ref["sentence"] for ref in entry["refs"]] == ["hand (1)", "the roof", "hand (3)"]
    found = [entry["caption"].find(ref["sentence"] + ":" + ref["explanation"]) for ref in entry["refs"]]
    assert found == [entry["caption"].find(ref["sentence"]) for ref in entry["refs"]]
    assert refused(place) == {}


def told(explanation: str, *claims: tuple[str, tuple[str, ...]]) -> dict[str, Any]:
    """An explanation with claims on its stretches; those on no region are about the whole."""
    at = [(explanation.index(words), words, ids) for words, ids in claims]
    made = [Claim(start=n, end=n + len(words), region_ids=ids, is_global=not ids) for n, words, ids in at]
    return {"explanation": explanation, "claims": tuple(made)}


def test_what_regions_say_is_not_said_twice(place, record) -> None:
    hand = region("r1", explanation="Six fingers.", phrase="the hand", polygons=(SQUARE,))
    appended = told("Odd hands.\nSix fingers.", ("Odd hands.", ()), ("Six fingers.", ("r1",)))
    within = told("Six fingers. All else fits.", ("Six fingers. All else fits.", ()), ("Six fingers.", ("r1",)))
    cited = told("The hand is odd. It glows.", ("The hand is odd.", ("r1",)))
    fields = {"regions": (hand,), "verdict": "generated"}
    assert over_all(record("a", **fields, **appended)) == "Odd hands."
    assert over_all(record("a", **fields, **within)) == "Six fingers. All else fits."
    assert over_all(record("a", **fields, **cited)) == "The hand is odd. It glows."
    SynthScars(ScarsConfig()).write([record("a", **fields, **appended)], place)
    assert out(place, "annotations/train.json").count("Six fingers.") == 2  # in the caption, and as the explanation
    IvyFake(IvyConfig()).write([record("a", **fields, **appended)], place)
    assert json.loads(out(place, "train.jsonl"))["explanation"].startswith(
        "<think>Odd hands.\nhand: Six fingers.</think>"
    )


def test_ivyfake_reasons_dimension_by_dimension(place, record) -> None:
    hand = region(explanation="Six fingers.", box=Box(x1=1, y1=2, x2=4, y2=6))
    graded = (
        Attribute(name="light", value="not_visible", reason="It is a cave."),
        Attribute(name="hand", value="unnatural", reason="Too many parts."),
        Attribute(name="scale", score=3.0),
    )
    IvyFake(IvyConfig()).write([record("a", verdict="generated", attributes=graded, regions=(hand,))], place)
    (line,) = map(json.loads, out(place, "train.jsonl").splitlines())
    assert line["explanation"] == (
        "<think>hand: unnatural. Too many parts. Six fingers.\nlight: not visible. It is a cave.</think>"
        "<conclusion>fake</conclusion>"
    )


def test_ivyfake_refuses_a_verdict_against_the_known_origin_where_it_must(place, record) -> None:
    fields: dict[str, Any] = {"verdict": "real", "explanation": "Fine."}
    records = [record("a", origin="generated", **fields), record("b", origin="unknown", **fields)]
    IvyFake(IvyConfig(known_origin="must_agree")).write([*records, record("c", origin="real", **fields)], place)
    assert refused(place) == {"sample-a": "its verdict is real, and its origin is known to be generated"}
    IvyFake(IvyConfig()).write(records, place)
    assert refused(place) == {}


def test_ivyfake_lines_think_and_conclude(place, record) -> None:
    found = region(explanation="six fingers", box=Box(x1=1, y1=2, x2=4, y2=6))
    records = [
        record("a", verdict="edited", explanation="Odd.", regions=(found,)),
        record("b", verdict="real", explanation="Fine."),
        record("c", verdict="unclear", explanation="?"),
        record("d", verdict="real", explanation="</think>"),
        record("e", verdict="real"),
    ]
    export = IvyFake(IvyConfig())
    export.write(records, place)
    assert json.loads(out(place, "train.jsonl").splitlines()[0]) == {
        "id": "sample-a",
        "file_type": "image",
        "label": "fake",
        "file_path": f"media/{'a' * 64}.png",
        "explanation": "<think>Odd.\nhand: six fingers</think><conclusion>fake</conclusion>",
    }
    assert [(e["id"], e["label"], e["conclusion"]) for e in export.entries(place.out_uri)] == [
        ("sample-a", "fake", "fake"),
        ("sample-b", "real", "real"),
    ]
    assert sorted(refused(place)) == ["sample-c", "sample-d", "sample-e"]


@pytest.mark.parametrize(("version", "types"), [(1, "subimg_tpye"), (2, "subimg_type")])
def test_bbox_docvqa_has_the_published_keys(place, record, version: Any, types: str) -> None:
    boxes = [(0, (72, 72, 144, 216)), (0, (306, 396, 612, 792)), (1, (0, 0, 61.2, 79.2))]
    regions = tuple(
        region(f"r{n}", page_index=page, category="table", box=Box(x1=b[0], y1=b[1], x2=b[2], y2=b[3]))
        for n, (page, b) in enumerate(boxes)
    )
    answers = (
        Answer(question="How many?", answer="3", region_ids=("r2", "r0", "r1")),
        Answer(question="Who?", answer="Ann", region_ids=("r0",)),
    )
    one = record("a", media=LETTER, file_name="2301.00001.pdf", regions=regions, answers=answers, split="test")
    export = BboxDocVqa(BboxConfig(version=version, field="cs"))
    export.write([one], place)
    first = json.loads(out(place, "test.jsonl").splitlines()[0])
    shares = [
        [[117.647059, 90.909091, 235.294118, 272.727273], [500.0, 500.0, 1000.0, 1000.0]],
        [[0.0, 0.0, 100.0, 100.0]],
    ]
    relative = {"rel_bbox": shares} if version == 2 else {}
    assert first == {
        "query": "How many?",
        "answer": "3",
        "doc_name": "2301.00001",
        "evidence_page": [1, 2],
        "bbox": [[[300, 300, 600, 900], [1275, 1650, 2550, 3300]], [[0, 0, 255, 330]]],
        types: [["table", "table"], ["table"]],
        "category": "cs",
        **relative,
    }
    keys = [json.loads(line)["task_type"] for line in out(place, "keys.jsonl").splitlines()]
    assert keys == ["MPMBB", "SPSBB"]
    read = list(export.read(place.out_uri))
    assert [sample for sample, _ in read] == ["sample-a", "sample-a"]
    assert [r.page_index for r in read[0][1]] == [0, 0, 1]
    assert read[1][1][0].box == Box(x1=300, y1=300, x2=600, y2=900)


@pytest.mark.parametrize(
    ("box", "published"),
    [
        ((281, 2228, 1890, 2941), [110.196078, 675.151515, 741.176471, 891.212121]),
        ((305, 1512, 1520, 2005), [119.607843, 458.181818, 596.078431, 607.575758]),
    ],
)
def test_bbox_docvqa_has_shares_of_the_page_as_the_published_bench_has_them(
    place, record, box: tuple[int, ...], published: list[float]
) -> None:
    x1, y1, x2, y2 = (n * 72 / 300 for n in box)
    found = region(page_index=0, box=Box(x1=x1, y1=y1, x2=x2, y2=y2))
    answers = (Answer(question="q", answer="a", region_ids=("r1",)),)
    BboxDocVqa(BboxConfig()).write([record("a", media=LETTER, regions=(found,), answers=answers, split="x")], place)
    line = out(place, "x.jsonl").splitlines()[0]
    assert (json.loads(line)["bbox"], json.loads(line)["rel_bbox"]) == ([[list(box)]], [[published]])
    assert all(isinstance(number, float) for number in json.loads(line)["rel_bbox"][0][0])


def test_bbox_docvqa_lines_and_keys_agree_over_splits(place, record) -> None:
    def one(name: str, split: str) -> Any:
        found = region(page_index=0, box=Box(x1=1, y1=1, x2=9, y2=9))
        answers = (Answer(question=name, answer=name, region_ids=("r1",)),)
        return record(name, media=LETTER, regions=(found,), answers=answers, split=split)

    export = BboxDocVqa(BboxConfig())
    export.write([one("a", "x"), one("b", "y"), one("c", "x")], place)
    assert [sample for sample, _ in export.read(place.out_uri)] == ["sample-a", "sample-c", "sample-b"]


def test_bbox_docvqa_refuses_answers_without_a_box(place, record) -> None:
    whole = region(page_index=0)
    records = [
        record("a", media=LETTER, answers=(Answer(question="q", answer="x"),)),
        record("b", media=LETTER, regions=(whole,), answers=(Answer(question="q", answer="x", region_ids=("r1",)),)),
        record("c", media=LETTER),
        record("d"),
    ]
    BboxDocVqa(BboxConfig()).write(records, place)
    assert refused(place) == {
        "sample-a": "the answer 'x' rests on no region",
        "sample-b": "evidence r1 is no box on a page",
        "sample-c": "it answers no question",
        "sample-d": "a image: the format holds documents",
    }
