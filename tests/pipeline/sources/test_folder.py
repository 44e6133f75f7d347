from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.errors import MediaError


def tree(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_every_file_is_an_item_whatever_it_is(tmp_path: Path, read) -> None:
    tree(tmp_path / "in", "b/c.pdf", ".hidden", "a.png", "manifest.csv", "no_extension", "b/.DS_Store")
    os.mkfifo(tmp_path / "in" / "pipe.png")
    found = read("folder", tmp_path / "in")
    assert [(item.item_id, item.error) for item in found] == [
        (".hidden", None),
        ("a.png", None),
        ("b/.DS_Store", None),
        ("b/c.pdf", None),
        ("manifest.csv", None),
        ("no_extension", None),
        ("pipe.png", "cannot read 'pipe.png': a named pipe"),
    ]
    assert found[3].uri == f"{tmp_path}/in/b/c.pdf"
    assert found[3].file_name == "c.pdf"
    assert found[6].remedy == "give a regular, readable file or exclude it"


def test_names_that_are_no_text_are_items_with_a_readable_id(tmp_path: Path, read) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / os.fsdecode(b"caf\xe9.png")).touch()
    (tmp_path / "in" / r"caf\xe9.png").touch()
    found = read("folder", tmp_path / "in")
    assert [item.item_id for item in found] == [r"caf\xe9.png", r"caf\xe9.png#2"]
    assert [item.uri for item in found] == [rf"{tmp_path}/in/caf\xe9.png", f"file+bytes://{tmp_path}/in/caf%E9.png"]


def test_a_single_file_is_one_item(tmp_path: Path, read) -> None:
    tree(tmp_path, "a.png", "b.png")
    assert [item.item_id for item in read("folder", tmp_path / "a.png")] == ["a.png"]


def test_several_inputs_are_told_apart_by_their_last_folders(tmp_path: Path, read) -> None:
    tree(tmp_path, "one/photos/a.png", "two/photos/a.png", "scans/a.png")
    found = read("folder", tmp_path / "one/photos", tmp_path / "two/photos")
    assert [item.item_id for item in found] == ["one/photos/a.png", "two/photos/a.png"]
    found = read("folder", tmp_path / "one/photos", tmp_path / "scans")
    assert [item.item_id for item in found] == ["photos/a.png", "scans/a.png"]


def test_include_and_exclude(tmp_path: Path, read) -> None:
    tree(tmp_path / "in", "a.png", "b.jpg", "sub/c.png", "sub/thumbs/d.png")
    found = read("folder", tmp_path / "in", include=["**/*.png"], exclude=["**/thumbs/**"])
    assert [item.item_id for item in found] == ["a.png", "sub/c.png"]
    assert [item.item_id for item in read("folder", tmp_path / "in", recursive=False)] == ["a.png", "b.jpg"]


def test_the_innermost_named_folder_states_the_origin(tmp_path: Path, read) -> None:
    tree(tmp_path / "real", "a.png", "fake/b.png", "fake/retouched/c.png", "fake/other/d.png")
    words = {"real": "real", "fake": "generated", "retouched": "edited"}
    found = read("folder", tmp_path / "real", origin_by_folder=words)
    assert {item.item_id: item.origin for item in found} == {
        "a.png": "real",
        "fake/b.png": "generated",
        "fake/other/d.png": "generated",
        "fake/retouched/c.png": "edited",
    }
    assert [item.origin for item in read("folder", tmp_path / "real", include=["a.png"])] == [None]


def test_options_that_hold_for_all_items(tmp_path: Path, read) -> None:
    tree(tmp_path, "in/a.png")
    (item,) = read("folder", tmp_path / "in", name="Set", licence="CC0-1.0", url="https://example.org", origin="real")
    assert item.origin == "real"
    assert item.source.model_dump() == {
        "name": "Set",
        "url": "https://example.org",
        "licence": "CC0-1.0",
        "retrieved": None,
    }


def test_a_missing_input_is_an_error(tmp_path: Path, read) -> None:
    with pytest.raises(MediaError, match="there is no"):
        read("folder", tmp_path / "missing")
