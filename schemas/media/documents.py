"""Pages of a document: as pixels, as words with their places, as text. PDF by PDFium, TIFF by Pillow.

PDFium is not thread-safe, so every call into it holds PDFIUM_LOCK. Page coordinates are those of
``Page``: points (1/72 inch) of the upright page for a PDF, pixels for a TIFF, origin top-left.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import MediaError
from ..geometry import Box
from .hashes import Pixels
from .images import read_image
from .limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

__all__ = [
    "DAMAGED",
    "MOST_CHARACTERS",
    "PDFIUM_LOCK",
    "Word",
    "is_pdf",
    "opened_page",
    "opened_pdf",
    "page_text",
    "page_words",
    "render_page",
    "rendered",
    "text_layer",
]

PDFIUM_LOCK = threading.RLock()
"""Held by whoever is inside PDFium; one per process, because PDFium's state is."""
POINTS_PER_INCH = 72.0
UNITS_PER_POINT = 1000
"""PDFium maps page to device coordinates in whole units: thousandths of a point lose nothing."""
MOST_CHARACTERS = 200_000
"""Most characters that are read of one page."""
SOFT_HYPHEN = 0x0002
NO_CHARACTER = (0x0000, 0xFFFE, 0xFFFF)
WRONG_PASSWORD = 4  # FPDF_ERR_PASSWORD
UNKNOWN_SECURITY = 5  # FPDF_ERR_SECURITY
DAMAGED = "the file is damaged: fetch it again, repair it (qpdf does), or leave it out"


class Word(NamedTuple):
    """One run of characters without white space, as the text layer has it."""

    text: str
    """The characters."""
    box: Box
    """Where they stand, in page pixels of the upright page."""


def is_pdf(data: bytes) -> bool:
    """Whether it is a PDF; a document is a TIFF otherwise."""
    return b"%PDF-" in data[:1029]


@contextmanager
def opened_pdf(data: bytes, password: str | None = None) -> Iterator[PdfDocument]:
    """The document, with the lock held. Raises MediaError when it is broken, or locked by another password."""
    import pypdfium2

    with PDFIUM_LOCK:
        try:
            pdf = pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            raise _unreadable(error, data, password) from error
        try:
            yield pdf
        finally:
            pdf.close()


def _unreadable(error: Exception, data: bytes, password: str | None) -> MediaError:
    """PDFium's last error may be an earlier file's (it forgets to set "no page"), so the file is asked, too."""
    code = getattr(error, "err_code", None) if b"/Encrypt" in data else None
    if code == WRONG_PASSWORD:
        what = "the password given does not open it" if password else "it needs a password"
        return MediaError(
            f"the PDF is encrypted and {what}", remedy="give it as `password` in a manifest, or decrypt the file"
        )
    if code == UNKNOWN_SECURITY:
        return MediaError("the PDF is encrypted in a way that PDFium does not know", remedy="decrypt the file")
    return MediaError("the PDF cannot be read: it is broken, or has no page", remedy=DAMAGED)


@contextmanager
def opened_page(pdf: PdfDocument, page_index: int) -> Iterator[PdfPage]:
    """One page. Raises MediaError when it cannot be loaded, IndexError when there is none."""
    import pypdfium2

    if not 0 <= page_index < len(pdf):
        raise IndexError(f"page {page_index} of a document of {len(pdf)} pages")
    try:
        page = pdf[page_index]
    except pypdfium2.PdfiumError as error:
        raise MediaError(f"page {page_index + 1} of {len(pdf)} cannot be read: {error}", remedy=DAMAGED) from error
    try:
        yield page
    finally:
        page.close()


def render_page(
    data: bytes,
    page_index: int,
    *,
    dpi: float | None = None,
    max_side: int | None = None,
    password: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Pixels:
    """A page as upright RGB uint8 ``(H, W, 3)`` on white, at ``dpi`` (72 where none is given).

    ``max_side`` then bounds the longer side in pixels. With ``max_side`` and no ``dpi`` a PDF is
    rendered to just that size, larger or smaller. A TIFF page keeps its own pixels, reduced to
    ``max_side``. Raises MediaError.
    """
    if not is_pdf(data):
        return read_image(data, max_side=max_side, frame_index=page_index, limits=limits)
    with opened_pdf(data, password) as pdf, opened_page(pdf, page_index) as page:
        width, height = page.get_size()
        scale = (dpi or POINTS_PER_INCH) / POINTS_PER_INCH
        if max_side:
            fitting = max_side / max(width, height)
            scale = min(scale, fitting) if dpi else fitting
        if math.ceil(width * scale) * math.ceil(height * scale) > limits.max_pixels:
            raise MediaError(
                f"page {page_index + 1} is {width * scale:.0f} x {height * scale:.0f} pixels at this resolution, "
                f"more than limits.max_pixels = {limits.max_pixels}",
                remedy="render at fewer dpi, or raise the limit",
            )
        return rendered(page, scale)


def rendered(page: PdfPage, scale: float) -> Pixels:
    """The page as RGB uint8 ``(H, W, 3)``, ``scale`` pixels per point, sizes rounded up."""
    bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
    return np.ascontiguousarray(bitmap.to_numpy()[:, :, :3])


def page_text(data: bytes, page_index: int, *, password: str | None = None) -> str:
    """The text layer of a page in PDFium's reading order; empty for a TIFF and for a scan without recognized text."""
    if not is_pdf(data):
        return ""
    with opened_pdf(data, password) as pdf, opened_page(pdf, page_index) as page, text_layer(page) as text:
        return "".join(_characters(text)).replace("\r\n", "\n")


def page_words(data: bytes, page_index: int, *, password: str | None = None) -> tuple[Word, ...]:
    """The words of a page in reading order, cut to the visible page; none for a TIFF."""
    if not is_pdf(data):
        return ()
    with opened_pdf(data, password) as pdf, opened_page(pdf, page_index) as page, text_layer(page) as text:
        return tuple(_words(page, text))


@contextmanager
def text_layer(page: PdfPage) -> Iterator[PdfTextPage]:
    import pypdfium2

    try:
        text = page.get_textpage()
    except pypdfium2.PdfiumError as error:
        raise MediaError(f"the page's text cannot be read: {error}", remedy=DAMAGED) from error
    try:
        yield text
    finally:
        text.close()


def _characters(text: PdfTextPage) -> Iterator[str]:
    """One string per character of the page's array, so that indices stay PDFium's own.

    PDFium writes U+0002 for a hyphen at a line's end, and UTF-16 halves as they come.
    """
    from pypdfium2.raw import FPDFText_GetUnicode

    for index in range(min(text.count_chars(), MOST_CHARACTERS)):
        code = FPDFText_GetUnicode(text, index)
        yield "-" if code == SOFT_HYPHEN else "" if 0xD800 <= code <= 0xDFFF or code in NO_CHARACTER else chr(code)


def _words(page: PdfPage, text: PdfTextPage) -> Iterator[Word]:
    """Runs of characters between white space, each with the union of its characters' boxes."""
    letters, boxes = list[str](), list[tuple[float, float, float, float]]()
    for index, letter in enumerate((*_characters(text), " ")):
        if letter and not letter.isspace():
            letters.append(letter)
            boxes.append(_box_of_character(text, index))
        elif letter and letters:
            if box := _upright_box(page, boxes):
                yield Word("".join(letters), box)
            letters, boxes = [], []


def _box_of_character(text: PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """``(left, bottom, right, top)`` of the ink; of the font's cell where there is no ink."""
    left, bottom, right, top = text.get_charbox(index)
    return (left, bottom, right, top) if right > left and top > bottom else text.get_charbox(index, loose=True)


def _upright_box(page: PdfPage, boxes: list[tuple[float, float, float, float]]) -> Box | None:
    """Union of boxes in PDF user space as a box of the upright page; None where nothing of it is on the page."""
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    width, height = page.get_size()
    xa, ya = _device(page, width, height, min(lefts), max(tops))
    xb, yb = _device(page, width, height, max(rights), min(bottoms))
    x1, x2 = (min(max(x, 0.0), width) for x in sorted((xa, xb)))
    y1, y2 = (min(max(y, 0.0), height) for y in sorted((ya, yb)))
    return Box(x1=x1, y1=y1, x2=x2, y2=y2) if x2 > x1 and y2 > y1 else None


def _device(page: PdfPage, width: float, height: float, x: float, y: float) -> tuple[float, float]:
    """User space (rotation, crop and y axis as the page has them) to upright page pixels, by PDFium's own mapping."""
    from pypdfium2.raw import FPDF_PageToDevice

    across, down = c_int(), c_int()
    size = round(width * UNITS_PER_POINT), round(height * UNITS_PER_POINT)
    FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, across, down)
    return across.value / UNITS_PER_POINT, down.value / UNITS_PER_POINT
