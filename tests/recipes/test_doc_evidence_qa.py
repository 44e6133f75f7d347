"""BBox-DocVQA's shape: from a server's answers, and the same bytes again from the answers on disk with no server."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from thinking import Asked, ThinkingServer

from pipeline.metrics.doc_evidence import iou_v1, iou_v2, share_above
from schemas.geometry import Box

from .conftest import Command, Run, verified, write_lines

pytestmark = pytest.mark.slow

SMALL = ("splits={train: 1}", *(f"machines.{number}.page_view_side=800" for number in (4, 5, 6)))
"""Pages need not be large to be asked about here."""
TOP = (
    "The survey counted 4182 lighthouses in",
    "thirty countries, of which most stand",
    "on rocky coasts of the north.",
)
LOW = ("Keepers left the last of them in 1998,", "when a lamp of forty watts replaced", "the great lens of the tower.")
NEXT = ("A later count found 3977 of these", "lighthouses still lit at night, as", "the second report explains here.")


def pdf(*pages: tuple[tuple[str, ...], ...]) -> bytes:
    """Letter pages of paragraphs in 24 point Helvetica, far apart; the first begins at the top."""
    contents = []
    for paragraphs in pages:
        lines = [
            f"BT /F1 24 Tf 60 {700 - 260 * place - 30 * row} Td ({line}) Tj ET"
            for place, paragraph in enumerate(paragraphs)
            for row, line in enumerate(paragraph)
        ]
        contents.append("\n".join(lines).encode())
    count = len(pages)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, content in enumerate(contents):
        resources = b"/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(b"<</Type/Page/Parent 2 0 R/Contents %d 0 R%s>>" % (5 + 2 * number, resources))
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size + b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, start))


def think(asked: Asked) -> dict[str, Any]:
    """A judge who keeps all but what is on the second page's foot; an author of questions on the proposed regions."""
    if "strict, fair judge" in asked.system:
        factors = [line[2:].partition(":")[0] for line in asked.system.splitlines() if line.startswith("- ")]
        return {
            "scores": [
                {"proposal": n, "factor": factor, "reason": "Seen.", "score": 1 if is_foot(proposal) else 5}
                for n, proposal in enumerate(asked.proposals(), 1)
                for factor in factors
            ]
        }
    (candidate,) = asked.proposals("Candidate")
    said = {"quote": "", "explanation": "A paragraph."}
    regions = [{key: r[key] for key in ("category", "page", "box")} | said for r in candidate["regions"]]
    first = [r for r in regions if r["page"] == 1]
    if "exactly ONE" in asked.system:
        return {"question": "How many lighthouses were counted?", "answer": "4182", "regions": first[:1]}
    if "ONE page" in asked.system:
        return {"question": "What was counted, and when was it left?", "answer": "1998", "regions": first[:2]}
    if len({r["page"] for r in regions}) < 2:
        return {"question": "", "answer": "", "regions": []}
    later = next(r for r in regions if r["page"] == 2)
    return {"question": "By how many did they fall?", "answer": "205", "regions": [first[0], later]}


def is_foot(region: dict[str, Any]) -> bool:
    return region["page"] == 2 and region["box"][1] > 400


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper of two pages and one of one page."""
    folder = tmp_path_factory.mktemp("papers") / "in"
    folder.mkdir()
    (folder / "2501.00001.pdf").write_bytes(pdf((TOP, LOW), (NEXT, LOW)))
    (folder / "2501.00002.pdf").write_bytes(pdf((LOW, TOP)))
    return folder


@pytest.fixture(scope="module")
def lived(papers: Path, witnessmark: Command) -> Run:
    """With a live server."""
    root = papers.parent
    with ThinkingServer(think) as server:
        return witnessmark(
            "doc-evidence-qa",
            papers,
            root / "lived",
            *SMALL,
            answers=root / "answers",
            OPENAI_BASE_URL=server.base_url,
        )


@pytest.fixture(scope="module")
def lines(lived: Run) -> list[dict[str, Any]]:
    """The export's lines, each with its task type."""
    folder = lived.export("bbox_docvqa")
    found = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    keys = [json.loads(line) for line in (folder / "keys.jsonl").read_text().splitlines()]
    return [{**line, "task_type": key["task_type"]} for line, key in zip(found, keys, strict=True)]


def test_the_export_has_the_published_keys_and_types(lived: Run, lines: list[dict[str, Any]]) -> None:
    assert len(lines) == 5
    for line in lines:
        published = {"query", "answer", "doc_name", "evidence_page", "bbox", "subimg_type", "category", "rel_bbox"}
        assert set(line) - {"task_type"} == published
        assert all(isinstance(line[key], str) for key in ("query", "answer", "doc_name", "category"))
        pages = len(line["evidence_page"])
        assert len(line["bbox"]) == len(line["rel_bbox"]) == len(line["subimg_type"]) == pages
        for boxes, relative, types in zip(line["bbox"], line["rel_bbox"], line["subimg_type"], strict=True):
            assert len(boxes) == len(relative) == len(types)
            assert set(types) <= {"text", "table", "image"}
            assert all(isinstance(n, int) and 0 <= n <= 3300 for box in boxes for n in box)
            sides = (2550, 3300, 2550, 3300)  # a letter page
            shares = [[round(1000 * n / side, 6) for n, side in zip(box, sides, strict=True)] for box in boxes]
            assert relative == shares
            assert all(isinstance(n, float) for box in relative for n in box)
    assert (lived.refused("bbox_docvqa"), verified(lived)) == ({}, [])


def test_task_types_are_computed_from_the_evidence(lines: list[dict[str, Any]]) -> None:
    found = sorted((line["doc_name"], line["task_type"], line["evidence_page"]) for line in lines)
    assert found == [
        ("2501.00001", "MPMBB", [1, 2]),
        ("2501.00001", "SPMBB", [1]),
        ("2501.00001", "SPSBB", [1]),
        ("2501.00002", "SPMBB", [1]),
        ("2501.00002", "SPSBB", [1]),
    ]


def test_answers_are_held_against_the_text_layer(lived: Run) -> None:
    row = lived.records("documents")["2501.00001.pdf"]
    support = {a["reason"].partition(" ")[0]: a["value"] for a in row["attributes"]}
    assert support == {"'4182'": "evidence", "'1998'": "evidence", "'205'": "nowhere"}  # the last one is computed
    other = lived.records("documents")["2501.00002.pdf"]
    assert {a["reason"].partition(" ")[0]: a["value"] for a in other["attributes"]}["'4182'"] == "page"


def test_segments_are_judged_and_what_was_left_out_stays_on_record(lived: Run) -> None:
    sample_id = lived.records("documents")["2501.00001.pdf"]["sample_id"]
    steps = {c["machine"]: c for c in lived.rows("candidates") if c["sample_id"] == sample_id}
    assert [len(steps[name]["regions"]) for name in ("layout", "blocks", "judge", "evidence")] == [4, 4, 3, 3]
    assert {j["score"] for j in steps["judge"]["judgements"]} == {1.0, 5.0}
    assert {view["height"] for view in steps["judge"]["views"]} == {3300}  # 300 dpi of a letter page
    pages = [r["page_index"] for r in steps["blocks"]["regions"]]
    assert pages == [0, 0, 1, 1]
    layout, block = steps["layout"]["regions"][0]["box"], steps["blocks"]["regions"][0]["box"]
    assert layout["x1"] - block["x1"] == pytest.approx(2.4)


def test_the_published_metrics_on_the_exports_own_boxes(lines: list[dict[str, Any]]) -> None:
    """The truth scores 1; one superfluous box a question costs nothing in version 1 and its share in version 2."""
    decoy = Box(x1=0, y1=0, x2=16, y2=16)
    for line in lines:
        truth = {page: boxes_of(boxes) for page, boxes in zip(line["evidence_page"], line["bbox"], strict=True)}
        more = {page: [*boxes, decoy] if page == 1 else boxes for page, boxes in truth.items()}
        count = sum(map(len, truth.values()))
        assert iou_v1(truth, truth) == pytest.approx(1) == iou_v2(truth, truth)
        assert iou_v1(truth, more) == pytest.approx(1)
        assert iou_v2(truth, more) == pytest.approx(count / (count + 1))
    assert share_above([1.0] * len(lines), 0.7) == 1.0


def test_the_answers_on_disk_give_the_same_dataset_with_no_key_and_no_server(
    lived: Run, papers: Path, here: Command
) -> None:
    root = papers.parent
    nobody = "http://127.0.0.1:9/v1"
    again = here("doc-evidence-qa", papers, root / "again", *SMALL, answers=root / "answers", OPENAI_BASE_URL=nobody)
    for folder in ("dataset/data", "exports"):
        before, after = (hashes(run.root / folder) for run in (lived, again))
        assert before == after
        assert before
    assert all(c["is_cached"] for c in again.rows("candidates") if c["kind"] in ("vlm", "judge"))


def test_recorded_answers_are_enough(papers: Path, here: Command, tmp_path: Path) -> None:
    """Judged regions and a question of each kind, written down by hand: no server, no key."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "paper.pdf").write_bytes((papers / "2501.00001.pdf").read_bytes())
    above, below, later = (
        {"page": page, "category": "text", "box": [90, top, 800, top + 130], "explanation": ""}
        for page, top in ((1, 90), (1, 420), (2, 90))
    )
    answers = {
        2: {"verdict": "unclear", "explanation": "", "regions": [above, below, later]},
        4: {"question": "How many?", "answer": "4182", "regions": [above | {"quote": "counted 4182"}]},
        5: {"question": "Until when?", "answer": "1998", "regions": [above, below | {"quote": "in 1998"}]},
        6: {"question": "And later?", "answer": "3977", "regions": [above, later | {"quote": "found 3977"}]},
    }
    replay = []
    for number, answer in answers.items():
        path = write_lines(tmp_path / f"{number}.jsonl", [{"file_name": "paper.pdf", "answer": answer}])
        replay += [f"machines.{number}.kind=replay", f"machines.{number}.path={path}"]
    run = here("doc-evidence-qa", tmp_path / "in", tmp_path / "run", "splits={train: 1}", *replay)
    folder = run.export("bbox_docvqa")
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    kinds = [json.loads(line)["task_type"] for line in (folder / "keys.jsonl").read_text().splitlines()]
    found = {
        kind: (line["answer"], line["evidence_page"], line["bbox"]) for kind, line in zip(kinds, lines, strict=True)
    }
    first, second = [230, 297, 2040, 726], [230, 1386, 2040, 1815]
    assert found == {
        "SPSBB": ("4182", [1], [[first]]),
        "SPMBB": ("1998", [1], [[first, second]]),
        "MPMBB": ("3977", [1, 2], [[first], [first]]),
    }
    assert (run.refused("bbox_docvqa"), verified(run)) == ({}, [])


def boxes_of(boxes: list[list[int]]) -> list[Box]:
    return [Box(x1=x1, y1=y1, x2=x2, y2=y2) for x1, y1, x2, y2 in boxes]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
