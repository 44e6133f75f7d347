"""Answers against the text layer of real pages: in the evidence, beside it, nowhere, or not to be compared."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from annotators.base import Workbench
from annotators.machines.support import Config, Support
from annotators.models.supporting import support_of
from annotators.sandbox import Sandbox
from schemas.candidate import Answer, Candidate, Region
from schemas.errors import AnswerError
from schemas.geometry import Box
from schemas.media.documents import Word
from schemas.media.types import Document, Page
from schemas.sample import Sample

UPPER, LOWER = Box(x1=0, y1=0, x2=600, y2=100), Box(x1=0, y1=100, x2=600, y2=800)


def words(*said: str, y: float = 50) -> tuple[Word, ...]:
    """Words in a row, each ten points wide."""
    return tuple(Word(text, Box(x1=10 * n, y1=y, x2=10 * n + 9, y2=y + 10)) for n, text in enumerate(said))


def evidence(box: Box = UPPER, name: str = "r1", page: int = 0) -> Region:
    return Region(region_id=name, page_index=page, box=box, category="blur", source="machine")


def level(answer: str, box: Box, *said: str) -> str:
    one = Answer(question="?", answer=answer, region_ids=("r1",))
    return support_of(one, {"r1": evidence(box)}, {0: words(*said)})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("42", ("Total:", "42", "EUR")),
        ("$4.2 million", ("about", "4.2", "Million,")),
        ("Ann Lee", ("by", "Ann", "Lee.")),
        ("wellknown", ("a", "well-", "known", "one")),
        ("final", ("the", "ﬁnal", "word")),
    ],
)
def test_words_in_a_row_are_found_whatever_their_case_and_punctuation(answer: str, said: tuple[str, ...]) -> None:
    assert level(answer, UPPER, *said) == "evidence"
    assert level(answer, LOWER, *said) == "page"


@pytest.mark.parametrize(
    ("answer", "said"), [("42", ("1428",)), ("Ann Lee", ("Ann", "B.", "Lee")), ("", ("42",)), ("–", ("x",))]
)
def test_parts_of_words_gaps_and_nothing_are_no_support(answer: str, said: tuple[str, ...]) -> None:
    assert level(answer, UPPER, *said) == "nowhere"


def test_pages_without_text_or_evidence_cannot_be_compared() -> None:
    one = Answer(question="?", answer="42", region_ids=("r1",))
    assert support_of(one, {"r1": evidence()}, {0: ()}) == "no_text_layer"
    assert support_of(one.evolve(region_ids=()), {}, {}) == "nowhere"


@pytest.fixture
def memo(make_image: Callable[..., Sample], tmp_path: Path) -> Sample:
    """A page with two lines of text: ``Total 42`` at the top, ``Signed Ann`` in the middle."""
    lines = b"BT /F1 12 Tf 20 280 Td (Total 42) Tj 0 -130 Td (Signed Ann) Tj ET"
    data = pdf(lines)
    (tmp_path / "memo.pdf").write_bytes(data)
    with pypdfium2.PdfDocument(data) as opened:
        assert len(opened) == 1
    media = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=200, height=300),), has_text_layer=True)
    fields = {"asset_id": hashlib.sha256(data).hexdigest(), "uri": str(tmp_path / "memo.pdf"), "byte_size": len(data)}
    sample = make_image()
    return sample.evolve(assets=(sample.primary.evolve(media=media, file_name="memo.pdf", **fields),))


def pdf(content: bytes) -> bytes:
    """One page of 200 x 300 points with that content and Helvetica as F1."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start)


@pytest.fixture
def check(make_bench: Callable[..., Workbench], sandbox: Sandbox) -> Callable[..., Candidate]:
    def run(sample: Sample, candidate: Candidate, **options: Any) -> Candidate:
        async def propose() -> Candidate:
            machine = Support(Config(after=("m",), **options))
            await machine.connect(make_bench(sandbox=sandbox))
            (found,) = await machine.propose_after(sample, (candidate,))
            return found

        return asyncio.run(propose())

    return run


def answered(sample: Sample, *answers: tuple[str, str]) -> Candidate:
    """Answers, each with its region: ``top`` or ``middle`` of the page."""
    boxes = {"top": Box(x1=0, y1=0, x2=200, y2=40), "middle": Box(x1=0, y1=120, x2=200, y2=180)}
    return Candidate(
        candidate_id="c1",
        sample_id=sample.sample_id,
        machine="m",
        kind="vlm",
        regions=tuple(evidence(box, name) for name, box in boxes.items()),
        answers=tuple(Answer(question=f"{n}?", answer=text, region_ids=(at,)) for n, (text, at) in enumerate(answers)),
    )


def test_each_answer_says_what_it_rests_on(memo: Sample, check: Callable[..., Candidate]) -> None:
    before = answered(memo, ("42", "top"), ("Ann", "top"), ("Bob", "middle"))
    found = check(memo, before)
    assert [(a.name, a.value) for a in found.attributes] == [
        ("answer_support.1", "evidence"),
        ("answer_support.2", "page"),
        ("answer_support.3", "nowhere"),
    ]
    assert found.attributes[2].reason == "'Bob' stands on no page of the evidence."
    assert (found.answers, found.regions, found.measurements) == (before.answers, before.regions, ())
    assert (found.model, found.parent_ids) == ("support-1", ("c1",))


def test_what_has_too_little_support_goes_with_the_evidence_that_was_its_alone(
    memo: Sample, check: Callable[..., Candidate]
) -> None:
    found = check(memo, answered(memo, ("42", "top"), ("Bob", "middle")), least="page")
    assert [answer.answer for answer in found.answers] == ["42"]
    assert [region.region_id for region in found.regions] == ["top"]
    assert [(a.name, a.value) for a in found.attributes] == [("answer_support", "evidence")]
    assert [(m.finding, m.name, m.text) for m in found.measurements] == [
        ("left_out", "answer_support", "1? 'Bob' stands on no page of the evidence.")
    ]


def test_pictures_have_no_text_layer_and_lose_no_answer(
    make_image: Callable[..., Sample], check: Callable[..., Candidate]
) -> None:
    sample = make_image()
    found = check(sample, answered(sample, ("42", "top")), least="evidence")
    assert [(a.name, a.value) for a in found.attributes] == [("answer_support", "no_text_layer")]
    with pytest.raises(AnswerError, match="was given no candidates"):
        asyncio.run(Support(Config()).propose(sample))
