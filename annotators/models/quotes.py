"""Where quoted words stand in a text, whatever line breaks, blanks and ligatures lie between them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["find_quote"]

_LINE_END = re.compile(r"[-\u2010\u00ad\ufffe](?=[ \t]*\r?\n)")
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-"})
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ad": "", "\ufffe": "-"})


SHORT = 3
"""Characters below which a stretch within a word says nothing: text layers lack blanks, so longer ones may."""


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """First and after-last character of the quote in the text, or None.

    Exact but for what a page's layout and a font add: runs of blanks and line breaks are one blank, a hyphen at a
    line's end may go, ligatures and typographic dashes and quotation marks are what they stand for. Case counts.
    A part of a number is no quote of it, nor is a letter or two of a longer word.
    """
    if not quote.strip():
        return None
    for start in _finds(text, quote):
        if not _is_cut(text, start, start + len(quote)):
            return start, start + len(quote)
    for joins_lines in (True, False):
        letters, places = _letters(text, joins_lines)
        wanted, _ = _letters(quote, joins_lines)
        for first in _finds(letters, wanted) if wanted else ():
            start, end = places[first], places[first + len(wanted) - 1] + 1
            if not _is_cut(text, start, end):
                return start, end
    return None


def _finds(text: str, words: str) -> Iterator[int]:
    """Where the words begin in the text, one place after the other."""
    start = text.find(words)
    while start >= 0:
        yield start
        start = text.find(words, start + 1)


def _is_cut(text: str, start: int, end: int) -> bool:
    """Whether a stretch begins or ends within a number, or is a letter or two within a word."""
    is_short = end - start < SHORT
    return any(
        (text[at - 1].isdecimal() and text[at].isdecimal())
        or (is_short and all(letter.isascii() and letter.isalnum() for letter in text[at - 1 : at + 1]))
        for at in (start, end)
        if 0 < at < len(text)
    )


def _letters(text: str, joins_lines: bool) -> tuple[str, list[int]]:
    """The text without blanks and, joined, without hyphens at line ends; and where each character comes from.

    Blanks do not count at all: text layers have them inside words and lack them between words.
    """
    letters: list[str] = []
    places: list[int] = []
    ends = {match.start() for match in _LINE_END.finditer(text)} if joins_lines else set()
    for place, character in enumerate(text):
        if character.isspace() or place in ends:
            continue
        for letter in unicodedata.normalize("NFKC", character.translate(_QUOTES)).translate(_DASHES):
            if not letter.isspace():
                letters.append(letter)
                places.append(place)
    return "".join(letters), places
