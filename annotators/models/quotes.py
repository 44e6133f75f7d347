"""Where quoted words stand in a text, whatever line breaks, blanks and ligatures lie between them."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["find_quote"]

_LINE_END = re.compile(r"[-\u2010\u00ad\ufffe](?=[ \t]*\r?\n)")
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-"})
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ad": "", "\ufffe": "-"})


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """First and after-last character of the quote in the text, or None.

    Exact but for what a page's layout and a font add: runs of blanks and line breaks are one blank, a hyphen at a
    line's end may go, ligatures and typographic dashes and quotation marks are what they stand for. Case counts.
    """
    start = text.find(quote)
    if quote.strip() and start >= 0:
        return start, start + len(quote)
    for joins_lines in (True, False):
        letters, places = _letters(text, joins_lines)
        wanted, _ = _letters(quote, joins_lines)
        start = letters.find(wanted) if wanted else -1
        if start >= 0:
            return places[start], places[start + len(wanted) - 1] + 1
    return None


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
