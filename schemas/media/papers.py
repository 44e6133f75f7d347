"""Measures a PDF: every page's size, whether it has text, and up to eight pages hashed by their looks and words."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from ..errors import MediaError
from ..sample import Finding
from .c2pa import c2pa_store
from .documents import DAMAGED, MOST_CHARACTERS, opened_page, opened_pdf, rendered, text_layer
from .evidence import SOFTWARE_TAG, Words, provenance
from .facts import Facts, spread
from .hashes import HASH_SIDE, Pixels, pdq
from .limits import Limits
from .types import Document, Page

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

__all__ = ["measure_paper"]

TEXT_PAGES = 100
"""Most pages that are searched for text."""
FEWEST_LETTERS = 200
"""Letters and digits that a page must have to be known by its words: a title or a notice stands in many documents."""
INK = 32
"""By how much of 255 a pixel differs from the page's ground where something is printed."""
_XMP = re.compile(rb"<x:xmpmeta.{0,262144}?</x:xmpmeta>", re.DOTALL)
_ACTIVE = ((rb"/JavaScript|/JS[\s(<]", "JavaScript"), (rb"/Launch\b", "a launch action"))


def measure_paper(data: bytes, limits: Limits, password: str | None) -> Facts:
    """Measures the PDF. Raises MediaError when it is locked or broken, or has an unreadable or impossible page."""
    with opened_pdf(data, password) as pdf:
        pages = _pages(pdf, limits)
        hashes = tuple(dict.fromkeys((*_looks(pdf), *_wordings(pdf))))
        media = Document(
            format="PDF",
            num_pages=len(pages),
            pages=pages,
            is_encrypted=_is_encrypted(pdf),
            has_text_layer=_has_text(pdf),
        )
        words = Words(
            texts=pdf.get_metadata_dict(),
            exif={SOFTWARE_TAG: _producer(pdf)},
            xmp=_xmp(data),
            c2pa=c2pa_store("PDF", data),
        )
    return Facts(media, hashes, provenance(words, max_text_bytes=limits.max_text_bytes), _findings(data))


def _pages(pdf: PdfDocument, limits: Limits) -> tuple[Page, ...]:
    if not len(pdf):
        raise MediaError("the PDF has no page", remedy=DAMAGED)
    if len(pdf) > limits.max_pages:
        raise MediaError(f"{len(pdf)} pages, more than limits.max_pages = {limits.max_pages}", remedy=_RAISE)
    return tuple(_page(pdf, index, limits) for index in range(len(pdf)))


_RAISE = "raise the limit if such a file is expected, or leave it out"


def _page(pdf: PdfDocument, index: int, limits: Limits) -> Page:
    with opened_page(pdf, index) as page:
        (width, height), turned = page.get_size(), page.get_rotation()
    if width <= 0 or height <= 0:
        raise MediaError(f"page {index + 1} has no area: {width:g} x {height:g} points", remedy=DAMAGED)
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise MediaError(
            f"page {index + 1} is {width:.0f} x {height:.0f} points, more than limits.max_side = {limits.max_side} "
            f"or limits.max_pixels = {limits.max_pixels} at 72 dpi",
            remedy=_RAISE,
        )
    return Page(page_index=index, width=width, height=height, rotation_deg=_quarter(turned))


def _quarter(degrees: int) -> Literal[0, 90, 180, 270]:
    turned: Literal[0, 90, 180, 270] = round(degrees / 90) % 4 * 90  # type: ignore[assignment]
    return turned


def _looks(pdf: PdfDocument) -> tuple[str, ...]:
    """Of up to eight pages, each really rendered, small; a page that cannot be is an error of the file.

    Where no page has detail enough for a hash, as with a few lines of text, those of what is printed on the pages.
    """
    for look in (_square, _printed):
        found = []
        for index in spread(len(pdf)):
            with opened_page(pdf, index) as page:
                found.append(pdq(look(page)))
        if any(found):
            return tuple(hash for hash in found if hash)
    return ()


def _wordings(pdf: PdfDocument) -> tuple[str, ...]:
    """SHA-256 of the letters and digits of the same pages, where a page has enough of them.

    They stay the same where a document is printed anew or its pages are cropped, and its lines become other pictures.
    As PDQ's they have 256 bits, of which two that are not equal share about half.
    """
    found = []
    for index in spread(len(pdf)):
        with opened_page(pdf, index) as page, text_layer(page) as text:
            said = text.get_text_range(0, min(text.count_chars(), MOST_CHARACTERS))
        letters = "".join(filter(str.isalnum, said.casefold()))
        if len(letters) >= FEWEST_LETTERS:
            found.append(hashlib.sha256(letters.encode()).hexdigest())
    return tuple(found)


def _square(page: PdfPage) -> Pixels:
    """The upright page as RGB uint8 ``(HASH_SIDE, HASH_SIDE, 3)``, from twice that size."""
    picture = Image.fromarray(rendered(page, 2 * HASH_SIDE / max(page.get_size())))
    return np.asarray(picture.resize((HASH_SIDE, HASH_SIDE), Image.Resampling.BOX))


def _printed(page: PdfPage) -> Pixels:
    """The part of the upright page that is not its ground, as ``_square`` gives the whole; a page of ground alone
    stays whole."""
    pixels = rendered(page, 8 * HASH_SIDE / max(page.get_size()))
    ground = np.median(pixels.reshape(-1, 3), axis=0)
    is_printed = (np.abs(pixels - ground) > INK).any(axis=2)
    rows, columns = (np.flatnonzero(is_printed.any(axis=axis)) for axis in (1, 0))
    if len(rows):
        pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(pixels).resize((HASH_SIDE, HASH_SIDE), Image.Resampling.BOX))


def _is_encrypted(pdf: PdfDocument) -> bool:
    from pypdfium2.raw import FPDF_GetSecurityHandlerRevision

    return bool(FPDF_GetSecurityHandlerRevision(pdf) >= 0)


def _has_text(pdf: PdfDocument) -> bool:
    """Whether any of the first TEXT_PAGES pages holds a character."""
    for index in range(min(len(pdf), TEXT_PAGES)):
        with opened_page(pdf, index) as page, text_layer(page) as text:
            if text.count_chars() > 0:
                return True
    return False


def _producer(pdf: PdfDocument) -> str:
    """Creator (the program the text was written with), else Producer (the one that made the PDF)."""
    stated = pdf.get_metadata_dict(skip_empty=True)
    return stated.get("Creator") or stated.get("Producer") or ""


def _xmp(data: bytes) -> bytes:
    found = _XMP.search(data)
    return found.group() if found else b""


def _findings(data: bytes) -> tuple[Finding, ...]:
    """Content that acts when a viewer opens it; nothing here runs it."""
    return tuple(
        Finding(code="active_content", message=f"the PDF carries {what}, which is never run here")
        for pattern, what in _ACTIVE
        if re.search(pattern, data)
    )
