from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.strict_json import decode_text, json_type, parse_json
from schemas.errors import SampleError


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("[NaN]", "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "a number has thousands of digits"),
        ('{"a":', "Expecting value at column 6"),
        ('{"a":\n', "Expecting value at line 2, column 1"),
        ("", "Expecting value"),
    ],
)
def test_what_the_standard_reader_lets_pass_is_an_error(text: str, reason: str) -> None:
    with pytest.raises(SampleError, match=reason):
        parse_json(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_by_its_byte_order_mark(encoding: str) -> None:
    assert decode_text("é日".encode(encoding)) == "é日"


def test_bytes_that_are_no_text() -> None:
    assert decode_text(b"caf\xe9") == "caf\udce9"
    with pytest.raises(SampleError, match="broken UTF-16 text at byte"):
        decode_text(b"\xff\xfea")


@given(st.binary(max_size=50))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(SampleError):
        value = parse_json(decode_text(data))
        assert json_type(value)


def test_json_names() -> None:
    assert [json_type(v) for v in (None, True, 1, 1.5, "", [], {})] == [
        "null",
        "a boolean",
        "a number",
        "a number",
        "text",
        "a list",
        "an object",
    ]
