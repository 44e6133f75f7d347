from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pipeline.filesystems import FoundFile, glob_pattern, list_files, open_uri, scan
from schemas.errors import MediaError

HOSTILE = [
    b"-rf.png",
    b".hidden.png",
    b"%2e%2e%2fescaped.png",
    b"[a]*?.png",
    b"caf\xe9.png",
    b"line\nbreak.png",
    b'quote\'s "double".png',
    "日本語😀.png".encode(),
]


def content(uri: str) -> bytes:
    with open_uri(uri) as file:
        return file.read()


def write(folder: Path, name: bytes, data: bytes = b"x") -> None:
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_every_name_is_found_and_opens(tmp_path: Path) -> None:
    for name in HOSTILE:
        write(tmp_path, name, name)
    found = list(scan(str(tmp_path)))
    assert [content(file.uri) for file in found] == sorted(HOSTILE)
    assert [file.size for file in found] == [len(name) for name in sorted(HOSTILE)]
    assert all(file.uri.encode("utf-8") and file.relative.encode("utf-8") for file in found)


def test_order_is_that_of_whole_paths(tmp_path: Path) -> None:
    for name in (b"a/z.png", b"a.png", b"a-b.png", b"b/c/d.png", b"b/a.png"):
        write(tmp_path, name)
    relative = [file.relative for file in scan(str(tmp_path))]
    assert relative == ["a-b.png", "a.png", "a/z.png", "b/a.png", "b/c/d.png"] == sorted(relative)


def test_without_recursion_only_the_folder_itself(tmp_path: Path) -> None:
    write(tmp_path, b"a.png")
    write(tmp_path, b"sub/b.png")
    assert [uri for uri, _ in list_files(str(tmp_path), recursive=False)] == [f"{tmp_path}/a.png"]


def test_links_are_followed_inside_and_refused_outside(tmp_path: Path) -> None:
    inside = tmp_path / "input"
    write(inside, b"real/a.png", b"12345")
    write(tmp_path, b"outside/secret.txt")
    (inside / "again.png").symlink_to("real/a.png")
    (inside / "broken.png").symlink_to("nowhere.png")
    (inside / "loop").symlink_to("loop")
    (inside / "out.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (inside / "out").symlink_to(tmp_path / "outside")
    (inside / "round").symlink_to(inside)
    assert list(scan(str(inside))) == [
        FoundFile(f"{inside}/again.png", "again.png", 5),
        FoundFile(f"{inside}/broken.png", "broken.png", 0, "no such file or directory"),
        FoundFile(f"{inside}/loop", "loop", 0, "too many levels of symbolic links"),
        FoundFile(f"{inside}/out", "out", 0, "a link to outside of the input"),
        FoundFile(f"{inside}/out.txt", "out.txt", 0, "a link to outside of the input"),
        FoundFile(f"{inside}/real/a.png", "real/a.png", 5),
    ]


def test_pipes_and_sockets_are_named_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may only have some 100 bytes
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        assert [(file.relative, file.problem) for file in scan(str(tmp_path))] == [
            ("pipe.png", "a named pipe"),
            ("socket.png", "a socket"),
        ]
    assert list(list_files(str(tmp_path))) == []
    with pytest.raises(MediaError, match="it is a named pipe"):
        open_uri(f"{tmp_path}/pipe.png")


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(20):  # deeper than a path may be long
        Path("d" * 250).mkdir()
        monkeypatch.chdir("d" * 250)
    (found,) = scan(str(tmp_path))
    assert found.problem == "a folder that cannot be listed: file name too long"


def test_a_literal_name_wins_over_a_glob(tmp_path: Path) -> None:
    write(tmp_path, b"[ab].png", b"literal")
    write(tmp_path, b"a.png")
    assert [content(file.uri) for file in scan(f"{tmp_path}/[ab].png")] == [b"literal"]
    assert [file.relative for file in scan(f"{tmp_path}/?.png")] == ["a.png"]


def test_globs_cross_folders_only_with_two_stars(tmp_path: Path) -> None:
    for name in (b"a.png", b"x/b.png", b"x/y/c.png", b"x/y/d.jpg"):
        write(tmp_path, name)
    assert [file.relative for file in scan(f"{tmp_path}/*.png")] == ["a.png"]
    assert [file.relative for file in scan(f"{tmp_path}/*/*.png")] == ["x/b.png"]
    assert [file.relative for file in scan(f"{tmp_path}/**/*.png")] == ["a.png", "x/b.png", "x/y/c.png"]
    assert [file.relative for file in scan(f"{tmp_path}/x/**")] == ["b.png", "y/c.png", "y/d.jpg"]


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("[!a].png", "b.png", True),
        ("[!a].png", "a.png", False),
        ("[]].png", "].png", True),
        ("[", "[", True),
        ("a.png", "aXpng", False),
        ("[a-c]", "b", True),
        ("?", "/", False),
        ("[!x]", "/", False),
        ("**", "a/b/c", True),
        ("*\n", "a\n", True),
    ],
)
def test_glob_characters(glob: str, path: str, expected: bool) -> None:
    assert bool(glob_pattern(glob).fullmatch(path)) is expected


def test_nothing_of_that_name_is_an_error_for_a_source_and_nothing_for_a_listing(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"there is no .*missing"):
        scan(f"{tmp_path}/missing")
    with pytest.raises(MediaError, match="there is no"):
        scan(f"{tmp_path}/nul\0.png")
    assert list(list_files(f"{tmp_path}/missing")) == []
