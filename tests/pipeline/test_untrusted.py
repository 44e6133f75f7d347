"""Foreign text is shown, never obeyed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.untrusted import as_code, as_markdown, visible, web_address

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
NASTY = st.text("\\`*_[]()<>|~$!#{}&-+=.0123 \n\tab:/@;'\"", max_size=40)


def rendered(markdown: str) -> str:
    """The text that a reader of the Markdown sees, by CommonMark with tables and without raw HTML knowledge."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inline for child in token.children or ()}
    assert kinds <= {"text", "text_special", "code_inline"}, kinds
    return "".join(child.content for token in inline for child in token.children or ())


@given(ANY_TEXT)
def test_visible_text_can_always_be_written(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert visible(shown) == shown
    assert not re.search("[\x00-\x08\x0e-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


def test_ordinary_text_of_any_script_is_left_alone() -> None:
    for text in ("naïve café", "日本語", "שלום", "مرحبا", "👩‍👩‍👧", "a\tb\nc"):
        assert visible(text) == text


@given(NASTY | ANY_TEXT)
def test_markdown_shows_exactly_the_text(text: str) -> None:
    assert rendered(as_markdown(text)) == " ".join(visible(text).split())


@given(NASTY)
def test_a_cell_of_a_table_stays_one_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {as_markdown(text)} | {as_code(text)} |"
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    assert [token.type for token in tokens].count("td_open") == 2


@given(NASTY | ANY_TEXT)
def test_code_shows_the_text_and_never_ends_early(text: str) -> None:
    assert rendered(as_code(text)).split() == visible(text).split()


@pytest.mark.parametrize(
    "url", ["https://example.org/a?b=c#d", "http://localhost:8080/x", "https://xn--bcher-kva.example/"]
)
def test_web_addresses_may_be_followed(url: str) -> None:
    assert web_address(url) == url


@pytest.mark.parametrize(
    "url",
    [None, "", "javascript:alert(1)", "java\nscript:alert(1)", "vbscript:x", "data:text/html,x", "ftp://a/b",
     "https://", "https://a@b.org", "https://[::1",
     "//a.org", "a.org", "https://a.org/\u202e", "https://a.org/\ud800", "https://a b"],
)  # fmt: skip
def test_anything_else_is_only_shown(url: str | None) -> None:
    assert web_address(url) is None
