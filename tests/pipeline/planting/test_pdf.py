import ctypes

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from pipeline.planting.pdf import PAGE_HEIGHT, PAGE_WIDTH, Sheet, text_width, wrapped, write_pdf
from schemas.geometry import Box

ASCII = "".join(chr(code) for code in range(32, 127))


def test_widths_are_those_of_the_reader_s_helvetica() -> None:
    document = pypdfium2.PdfDocument.new()
    font = pdfium.FPDFText_LoadStandardFont(document.raw, b"Helvetica")
    for character in ASCII:
        width = ctypes.c_float()
        assert pdfium.FPDFFont_GetGlyphWidth(font, ord(character), 1000.0, width)
        assert text_width(character, 1000) == pytest.approx(width.value, abs=1)


def test_every_character_can_be_read_back_in_its_place() -> None:
    sheet = Sheet()
    box = sheet.text(30, 100, 7, ASCII)
    page = pypdfium2.PdfDocument(write_pdf([sheet]))[0]

    text = page.get_textpage()
    first, last = (text.get_charbox(i, loose=True) for i in (0, len(ASCII) - 1))
    assert text.get_text_range() == ASCII
    assert (first[0], last[2]) == (pytest.approx(box.x1, abs=0.1), pytest.approx(box.x2, abs=0.1))
    assert box == Box(x1=30, y1=94.97, x2=box.x2, y2=101.45)
    assert box.x2 == pytest.approx(30 + text_width(ASCII, 7), abs=0.01)


def test_pictures_lie_in_their_boxes_and_later_ones_on_top() -> None:
    sheet = Sheet()
    for color, box in (
        ((200, 0, 0), Box(x1=100, y1=50, x2=300, y2=250)),
        ((0, 0, 200), Box(x1=150, y1=60, x2=180, y2=80)),
    ):
        sheet.picture(np.full((16, 16, 3), color, np.uint8), box)
    sheet.line(0, 400, PAGE_WIDTH, 400)
    page = pypdfium2.PdfDocument(write_pdf([Sheet(), sheet]))[1].render(scale=1).to_numpy()[..., ::-1].astype(int)

    assert page.shape == (PAGE_HEIGHT, PAGE_WIDTH, 3)
    assert page[61:79, 151:179].reshape(-1, 3).mean(axis=0) == pytest.approx([0, 0, 200], abs=4)
    assert page[90:240, 110:290].reshape(-1, 3).mean(axis=0) == pytest.approx([200, 0, 0], abs=4)
    assert page[300:390].min() == 255
    assert page[398:402].min() < 200


def test_equal_sheets_give_equal_bytes() -> None:
    def document() -> bytes:
        sheet = Sheet()
        sheet.text(10, 20, 9, "a (b) \\ c")
        sheet.picture(np.full((8, 8, 3), 7, np.uint8), Box(x1=1, y1=2, x2=30, y2=40))
        return write_pdf([sheet, Sheet()])

    assert document() == document()
    assert document().startswith(b"%PDF-1.4\n")
    assert len(pypdfium2.PdfDocument(document())) == 2


def test_wrapped_breaks_at_blanks_and_lets_a_long_word_stand() -> None:
    words = "one two three incomprehensibilities four"
    lines = wrapped(words, 10, 70)

    assert lines == ["one two three", "incomprehensibilities", "four"]
    assert wrapped("", 10, 70) == [""]
    assert text_width(lines[0], 10) <= 70 < text_width("one two three in", 10)
