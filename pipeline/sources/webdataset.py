"""Source ``webdataset``: tar files whose members share a name up to the first dot, one sample after the other.

Format: https://github.com/webdataset/webdataset#the-webdataset-format. Every medium is an item; ``KEY.json`` says
of the media beside it what a manifest's row would say. Tar files are read as streams, compressed or not; bytes go to
the spool, named by their sha256, and a member's name reaches no path.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal, NamedTuple

from schemas.errors import SampleError
from schemas.sample import Finding, Item

from ..filesystems import name_of, open_uri, printable
from ..strict_json import decode_text, json_type, parse_json
from ._columns import RowConfig, item_of_row, normalized, our_names
from .base import Container, Source, SourcePlace, identified_items, refused, spool

__all__ = ["Config", "WebDataset"]

REST = "\0rest"
"""Key of what is left of a file that breaks off; no member can be called so."""
ENDINGS = (".tar", ".tar.gz", ".tgz")
BESIDE = ("txt", "cls", "cls2", "index", "inx", "id", "text", "transcript", "ten", "pyd", "npy", "npz", "pth", "pkl")
"""Endings that the format gives to what is no medium; such members are named in a finding."""
JSON_BYTES = 16 << 20
"""Most bytes of a JSON member: masks stand there as run lengths."""
REMEDY = "write the tar file again"


class Config(RowConfig):
    """Options of the webdataset source."""

    kind: Literal["webdataset"] = "webdataset"


class WebDataset(Source):
    """Media members as items, ``file.tar#KEY.EXT``; takes ``.tar``, ``.tar.gz`` and ``.tgz``."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._names = our_names(config)

    def accepts(self, uri: str) -> bool:
        """By the ending of the name."""
        return uri.lower().endswith(ENDINGS)

    def items(self, place: SourcePlace) -> Iterator[Item]:
        """In the order of the members. Where a tar file breaks off, one item with an error stands for its rest."""
        return identified_items(place, lambda container: self._items(container, place))

    def _items(self, container: Container, place: SourcePlace) -> Iterator[Item]:
        if container.problem:
            yield refused(container.name, container.uri, f"{container.name}: {container.problem}", REMEDY)
            return
        for key, members in groupby(_members(container, place), key=lambda member: member.key):
            yield from self._sample(key, list(members), container, place)

    def _sample(self, key: str, members: list[_Member], container: Container, place: SourcePlace) -> Iterator[Item]:
        """The media of one key; what cannot be used is an item with an error."""
        if key == REST:
            message = f"{container.name}: no whole tar file: {members[0].content}"
            yield refused(f"{container.name}#rest", container.uri, message, REMEDY)
            return
        media = [member for member in members if member.is_medium]
        row: dict[str, Any] | SampleError
        try:
            row = self._row(members)
        except SampleError as error:
            row = error
        for member in media:
            yield self._item(member, row, members, container, place)
        if not media:
            name = f"{container.name}#{key}"
            yield refused(name, container.uri, f"{name}: no medium beside {members[0].name!r:.200}", REMEDY)

    def _row(self, members: list[_Member]) -> dict[str, Any]:
        texts = [member for member in members if member.ending == "json"]
        if not texts:
            return {}
        if isinstance(texts[0].content, SampleError):
            raise texts[0].content
        value = parse_json(texts[0].content)
        if not isinstance(value, dict):
            raise SampleError(f"{texts[0].name!r:.200} holds {json_type(value)}, not an object", remedy=REMEDY)
        return {name: said for name, said in normalized(value, self._names).items() if name != "path"}

    def _item(
        self,
        member: _Member,
        row: dict[str, Any] | SampleError,
        members: list[_Member],
        container: Container,
        place: SourcePlace,
    ) -> Item:
        item_id = f"{container.name}#{member.name}"
        try:
            for problem in (member.content, row):
                if isinstance(problem, SampleError):
                    raise problem
            item = item_of_row(
                self,
                row,  # type: ignore[arg-type]  # an error was raised above
                place.limits.max_text_bytes,
                item_id=item_id,
                uri=str(member.content),
                file_name=name_of(member.name),
            )
        except SampleError as error:
            return refused(item_id, container.uri, f"{item_id}: {error.message}", error.remedy or REMEDY)
        ignored = [other.name for other in members if not other.is_medium and other.ending != "json"]
        found = (Finding(code="member_ignored", message=f"members that are no media: {ignored!r:.300}"),)
        return item.evolve(findings=(*item.findings, *found)) if ignored else item


class _Member(NamedTuple):
    """One member: a medium's URI in the spool, a JSON text, or why it cannot be used."""

    key: str
    name: str
    ending: str
    content: str | SampleError

    @property
    def is_medium(self) -> bool:
        return self.ending != "json" and self.ending not in BESIDE


def _members(container: Container, place: SourcePlace) -> Iterator[_Member]:
    """Every member, and one under the key REST with the reason where the file breaks off."""
    try:
        with open_uri(container.uri) as file, tarfile.open(fileobj=file, mode="r|*") as tar:
            yield from _whole_members(tar, place)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
        yield _Member(REST, "", "", SampleError(printable(str(error))[:300]))


def _whole_members(tar: tarfile.TarFile, place: SourcePlace) -> Iterator[_Member]:
    while (info := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]  # else every member's header stays in memory
        if info.isdir():
            continue
        folder, _, base = info.name.rpartition("/")
        stem, _, ending = base.partition(".")
        member = _Member(printable(f"{folder}/{stem}".lstrip("/")), printable(info.name), ending.lower(), "")
        yield member._replace(content=_content(tar, info, member, place))


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo, member: _Member, place: SourcePlace) -> str | SampleError:
    file = tar.extractfile(info) if info.isfile() else None
    if file is None:
        return SampleError("it is a link or a device, not a file", remedy="store the file itself")
    limit = (
        JSON_BYTES if member.ending == "json" else min(place.limits.max_file_bytes, place.limits.max_in_memory_bytes)
    )
    if info.size > limit:
        return SampleError(f"{info.size} bytes, more than the limit of {limit}", remedy="raise the limit of the recipe")
    if member.ending == "json":
        return decode_text(file.read())
    return spool(place, file.read()) if member.is_medium else ""
