from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.uris import absolute, is_local, join, local_path, local_uri, name_of, parent_of, printable


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("a/b.png", True),
        ("/a/b.png", True),
        ("file:///a/b.png", True),
        ("file+bytes:///a/%ff.png", True),
        ("gs://bucket/a.png", False),
        ("a:b.png", True),
    ],
)
def test_what_is_local(uri: str, expected: bool) -> None:
    assert is_local(uri) is expected


def test_percent_signs_are_literal_except_in_byte_names() -> None:
    assert local_path("/a/%2e%2e%2fescaped.png") == "/a/%2e%2e%2fescaped.png"
    assert local_path("file:///a/%41.png") == "/a/%41.png"
    assert local_path("file+bytes:///a/%ff%41.png") == "/a/\udcffA.png"


def test_only_names_that_are_no_text_become_byte_uris() -> None:
    assert local_uri("/a/é%.png") == "/a/é%.png"
    assert local_uri("/a/\udcff%.png") == "file+bytes:///a/%FF%25.png"


@given(st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name))
def test_every_local_path_survives_its_uri_and_the_uri_is_text(name: bytes) -> None:
    path = "/" + os.fsdecode(name)
    uri = local_uri(path)
    assert local_path(uri) == path
    uri.encode("utf-8")


def test_join_never_leaves_the_base_by_an_absolute_part() -> None:
    assert join("/a", "b", "c.png") == "/a/b/c.png"
    assert join("/a", "/etc/passwd") == "/a/etc/passwd"
    assert join("gs://bucket/a/", "b", "/c.png") == "gs://bucket/a/b/c.png"
    assert join("file+bytes:///%ff", "x") == "file+bytes:///%FF/x"


def test_names_and_parents() -> None:
    assert name_of("gs://bucket/a/b.png") == "b.png"
    assert name_of("/a/folder/") == "folder"
    assert name_of("file+bytes:///a/%ff.png") == r"\xff.png"
    assert parent_of("gs://bucket/a/b.png") == "gs://bucket/a"
    assert parent_of("/a/b.png") == "/a"


def test_printable_text_says_what_was_not_text() -> None:
    assert printable("caf\udce9 \ud800 é") == r"caf\xe9 \ud800 é"


def test_absolute_uris_do_not_depend_on_the_working_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("a/../b.png") == f"{tmp_path}/b.png"
    assert absolute("gs://bucket/a/../b.png") == "gs://bucket/a/../b.png"
