"""Where quoted words stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models.quotes import find_quote

TEXT = "Invoice no. 7\nTotal: 42 EUR, well-\nknown exam-\nple; the \ufb01nal \u201cword\u201d"


@pytest.mark.parametrize(
    ("quote", "stretch"),
    [
        ("Total: 42 EUR", "Total: 42 EUR"),
        ("no. 7 Total: 42", "no. 7\nTotal: 42"),
        ("Total:   42\tEUR", "Total: 42 EUR"),
        ("example", "exam-\nple"),
        ("well-known", "well-\nknown"),
        ('the final "word"', "the \ufb01nal \u201cword\u201d"),
    ],
)
def test_a_quote_is_found_across_layout(quote: str, stretch: str) -> None:
    place = find_quote(TEXT, quote)

    assert place is not None
    assert TEXT[place[0] : place[1]] == stretch


@pytest.mark.parametrize(
    "quote", ["Total: 43", "total: 42", "", "  ", "Total 42", "EUR 42", "4", "Total: 4", "2 EUR", "o", "ot"]
)
def test_other_words_are_not(quote: str) -> None:
    assert find_quote(TEXT, quote) is None


@pytest.mark.parametrize(
    ("text", "quote", "place"),
    [
        ("1974: 7", "7", (6, 7)),
        ("area a", "a", (5, 6)),
        ("Total42 EUR", "Total", (0, 5)),
        ("\u5408\u8a08\u984d", "\u8a08", (1, 2)),
    ],
)
def test_a_quote_is_whole_but_blanks_may_lack(text: str, quote: str, place: tuple[int, int]) -> None:
    assert find_quote(text, quote) == place


@given(before=st.text(), quote=st.text(min_size=1).filter(lambda text: bool(text.strip())), after=st.text())
def test_what_stands_there_is_found(before: str, quote: str, after: str) -> None:
    text = f"{before} {quote} {after}"

    place = find_quote(text, quote)

    assert place is not None
    assert text[place[0] : place[1]] == quote
