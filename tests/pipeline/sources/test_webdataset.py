"""Tar files as other tools write them, torn and hostile ones included."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from pipeline.sources.base import SourcePlace
from pipeline.sources.webdataset import Config, WebDataset
from schemas.media.limits import Limits
from schemas.sample import Item


def tar(path: Path, *members: tuple[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def items(path: Path, **limits: int) -> list[Item]:
    place = SourcePlace(inputs=(str(path),), spool_uri=str(path.parent / "spool"), limits=Limits(**limits))
    return list(WebDataset(Config()).items(place))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_media_are_items_and_the_json_beside_says_what_they_are(tmp_path: Path, mode: str) -> None:
    said = b'{"origin": "generated", "generator": {"name": "G", "seed": 7}, "pair_id": "p"}'
    path = tar(tmp_path / "a.tar", ("d/1.png", b"one"), ("d/1.json", said), ("d/2.jpg", b"two"), mode=mode)
    first, second = items(path)
    assert (first.item_id, first.file_name, first.origin, first.pair_id) == (
        "a.tar#d/1.png",
        "1.png",
        "generated",
        "p",
    )
    assert first.generator is not None
    assert (first.generator.name, first.generator.seed) == ("G", 7)
    assert Path(first.uri).read_bytes() == b"one"
    assert (second.item_id, second.origin, second.error) == ("a.tar#d/2.jpg", None, None)


def test_several_media_of_one_key_share_its_words_and_other_members_are_named(tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a.tar", ("1.left.png", b"l"), ("1.right.png", b"r"), ("1.json", b'{"url": "u"}'), ("1.cls", b"3")
    )
    left, right = items(path)
    assert (left.source.url, right.source.url) == ("u", "u")
    assert [f.code for f in left.findings] == ["member_ignored"]
    assert "'1.cls'" in left.findings[0].message


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ([("1.json", b"{}")], "no medium beside '1.json'"),
        ([("1.png", b"x"), ("1.json", b"[1]")], "holds a list, not an object"),
        ([("1.png", b"x"), ("1.json", b'{"a": 1, "a": 2}')], "JSON"),
        ([("1.png", b"x"), ("1.json", b'{"seed": "many"}')], "no number"),
    ],
)
def test_what_cannot_be_used_is_one_item_with_its_reason(tmp_path: Path, members: list, error: str) -> None:
    (item,) = items(tar(tmp_path / "a.tar", *members))
    assert error in (item.error or "")
    assert item.remedy


def test_a_torn_file_keeps_what_came_before(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("1.png", b"x" * 600), ("2.png", b"y" * 5000))
    path.write_bytes(path.read_bytes()[:3000])
    first, rest = items(path)
    assert (first.item_id, first.error) == ("a.tar#1.png", None)
    assert rest.item_id == "a.tar#rest"
    assert "no whole tar file" in (rest.error or "")


@pytest.mark.parametrize(
    "data", [b"", b"no tar at all" * 99, gzip.compress(b"neither", mtime=0)], ids=["empty", "text", "gzip"]
)
def test_what_is_no_tar_file_is_one_item_with_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    found = items(tmp_path / "a.tar")
    assert [bool(item.error) for item in found] == [True]


def test_links_and_large_members_are_refused_and_names_reach_no_path(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("../../evil.png", b"x"), ("big.png", b"y" * 2000))
    with tarfile.open(path, "a") as file:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    evil, big, linked = items(path, max_file_bytes=1000)
    assert (evil.file_name, evil.error) == ("evil.png", None)
    assert Path(evil.uri).parent.parent == tmp_path / "spool"
    assert "2000 bytes, more than the limit of 1000" in (big.error or "")
    assert "a link or a device" in (linked.error or "")
