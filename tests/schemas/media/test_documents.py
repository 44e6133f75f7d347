import hashlib
import io
import threading

import numpy as np
import pytest
from PIL import Image

from schemas.errors import MediaError
from schemas.media.documents import PDFIUM_LOCK, page_text, page_words, render_page
from schemas.media.limits import Limits
from schemas.media.papers import measure_paper
from schemas.media.types import Document, Page

LIMITS = Limits()
SECRET = "open sesame"  # noqa: S105 - of a file made here
HELLO = {"box": "0 0 200 100", "text": "Hello  wide world"}


def dark_box(pixels):
    """``(x1, y1, x2, y2)`` around everything that is darker than white."""
    rows, columns = np.nonzero(pixels.min(axis=2) < 200)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def bits(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def letter(text, at="72 700"):
    return {"box": "0 0 612 792", "text": text, "at": at}


def test_a_document_of_few_words_is_known_by_what_is_printed(pdf):
    (memo,) = measure_paper(pdf(letter("Dear all, the meeting moves to Monday")), LIMITS, None).hashes
    (moved,) = measure_paper(pdf(letter("Dear all, the meeting moves to Monday", "80 500")), LIMITS, None).hashes
    (other,) = measure_paper(pdf(letter("Invoice 4711: lamps, cables, one ladder")), LIMITS, None).hashes
    assert bits(memo, moved) <= 31 < 60 < bits(memo, other)


def test_a_document_of_nothing_has_no_hash(pdf):
    assert measure_paper(pdf(letter("")), LIMITS, None).hashes == ()


def test_pages_of_few_words_beside_a_full_one_do_not_count(pdf):
    """Numbered blank pages stand in many documents."""
    full = {"box": "0 0 200 100", "text": "Hello  wide world"}
    both = measure_paper(pdf(full, letter("1", "300 30")), LIMITS, None).hashes
    assert both == measure_paper(pdf(full), LIMITS, None).hashes
    assert len(both) == 1


WORDS = "The keepers of the tower counted every ship that passed the cape by night, and wrote names, flags and hours "
LONG = (WORDS + "into a book of their own. ") * 2
"""Of more than 200 letters."""


def test_a_document_is_known_by_its_words_however_its_pages_are_cut(pdf):
    page = letter(LONG, "40 700")
    cut = page | {"box": "0 0 900 1200", "extra": "/CropBox[31 40 581 752]"}
    whole, cropped, other = (
        set(measure_paper(pdf(one), LIMITS, None).hashes) for one in (page, cut, letter(LONG + "4", "40 700"))
    )
    said = hashlib.sha256("".join(filter(str.isalnum, LONG.lower())).encode()).hexdigest()
    assert whole & cropped == {said}
    assert said not in other


def test_words_that_are_few_are_no_mark_of_a_document(pdf):
    few, enough = ("".join(filter(str.isalnum, LONG))[:count] for count in (199, 200))
    hashes = [set(measure_paper(pdf(letter(words)), LIMITS, None).hashes) for words in (few, enough)]
    spelled = [hashlib.sha256(words.lower().encode()).hexdigest() for words in (few, enough)]
    assert [said in found for said, found in zip(spelled, hashes, strict=True)] == [False, True]


def test_pages_are_measured_upright_in_points(pdf):
    data = pdf(
        HELLO,
        {"box": "0 0 200.5 100", "extra": "/Rotate 90"},
        {"box": "0 0 300 300", "extra": "/CropBox[50 60 250 260]"},
    )
    facts = measure_paper(data, LIMITS, None)
    assert facts.media == Document(
        format="PDF",
        num_pages=3,
        pages=(
            Page(page_index=0, width=200, height=100),
            Page(page_index=1, width=100, height=200.5, rotation_deg=90),
            Page(page_index=2, width=200, height=200),
        ),
        has_text_layer=True,
    )


def test_a_pdf_without_text_says_so(pdf):
    assert not measure_paper(pdf({"box": "0 0 50 50"}), LIMITS, None).media.has_text_layer


def test_an_encrypted_pdf_opens_with_its_password_only(pdf):
    data = pdf(HELLO, password=SECRET)
    media = measure_paper(data, LIMITS, SECRET).media
    assert (media.is_encrypted, media.has_text_layer) == (True, True)
    assert page_text(data, 0, password=SECRET) == "Hello wide world"
    for password, message in ((None, "it needs a password"), ("wrong", "the password given does not open it")):
        with pytest.raises(MediaError, match=rf"the PDF is encrypted and {message}") as caught:
            measure_paper(data, LIMITS, password)
        assert caught.value.remedy == "give it as `password` in a manifest, or decrypt the file"


@pytest.mark.parametrize(
    ("pages", "limits", "message"),
    [
        ([HELLO, HELLO], {"max_pages": 1}, "2 pages, more than limits.max_pages = 1"),
        ([{"box": "0 0 9000000 9000000"}], {}, "page 1 is 9000000 x 9000000 points, more than limits.max_side"),
        ([], {}, "the PDF cannot be read: it is broken, or has no page"),
    ],
)
def test_impossible_documents_are_refused(pages, limits, message, pdf):
    with pytest.raises(MediaError, match=message):
        measure_paper(pdf(*pages), Limits(**limits), None)


def test_a_broken_pdf_is_refused():
    with pytest.raises(MediaError, match=r"the PDF cannot be read"):
        measure_paper(b"%PDF-1.7\nnothing", LIMITS, None)


def test_content_that_acts_is_a_finding(pdf):
    data = pdf({"box": "0 0 9 9", "extra": "/AA<</O<</S/JavaScript/JS(app.alert\\(1\\))>>>>"})
    assert [f.message for f in measure_paper(data, LIMITS, None).findings] == [
        "the PDF carries JavaScript, which is never run here"
    ]


@pytest.mark.parametrize("extra", ["", "/Rotate 90", "/Rotate 180", "/Rotate 270", "/CropBox[10 20 190 90]"])
def test_words_lie_where_their_ink_is(extra, pdf):
    data = pdf({**HELLO, "text": "Hxg", "extra": extra})
    (word,) = page_words(data, 0)
    assert word.text == "Hxg"
    found = (word.box.x1, word.box.y1, word.box.x2, word.box.y2)
    assert found == pytest.approx([edge / 4 for edge in dark_box(render_page(data, 0, dpi=288))], abs=0.6)


def test_words_are_split_at_white_space_and_those_outside_the_page_are_left_out(pdf):
    data = pdf(HELLO)
    assert [word.text for word in page_words(data, 0)] == ["Hello", "wide", "world"]
    outside = pdf({**HELLO, "at": "20 500"})
    assert page_words(outside, 0) == ()


def test_a_page_is_rendered_at_a_resolution_or_to_a_size(pdf):
    data = pdf({"box": "0 0 200 100"})
    assert render_page(data, 0).shape == (100, 200, 3)
    assert render_page(data, 0, dpi=144).shape == (200, 400, 3)
    assert render_page(data, 0, max_side=50).shape == (25, 50, 3)
    assert render_page(data, 0, dpi=144, max_side=300).shape == (150, 300, 3)
    assert render_page(data, 0, dpi=72, max_side=300).shape == (100, 200, 3)
    assert int(render_page(data, 0).min()) == 255


def test_a_resolution_beyond_the_limit_is_refused(pdf):
    with pytest.raises(MediaError, match=r"page 1 is 20000 x 10000 pixels at this resolution"):
        render_page(pdf({"box": "0 0 200 100"}), 0, dpi=7200)


def test_a_page_that_is_not_there_is_the_callers_error(pdf):
    with pytest.raises(IndexError, match=r"page 1 of a document of 1 pages"):
        render_page(pdf(HELLO), 1)


def test_the_pages_of_a_tiff_are_pictures_without_words():
    file = io.BytesIO()
    pages = [Image.new("RGB", (30, 20), color) for color in ("red", "lime")]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    data = file.getvalue()
    assert render_page(data, 1)[0, 0].tolist() == [0, 255, 0]
    assert render_page(data, 0, max_side=15).shape == (10, 15, 3)
    assert page_words(data, 0) == ()
    assert page_text(data, 0) == ""


def test_threads_take_turns_in_pdfium(pdf):
    data, texts = pdf(HELLO), []
    threads = [threading.Thread(target=lambda: texts.append(page_text(data, 0))) for _ in range(4)]
    with PDFIUM_LOCK:
        for thread in threads:
            thread.start()
        assert texts == []
    for thread in threads:
        thread.join()
    assert texts == ["Hello wide world"] * 4
