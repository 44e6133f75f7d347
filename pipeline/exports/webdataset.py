"""Export ``webdataset``: tar files of media and their records, read in order by any loader.

Format: https://github.com/webdataset/webdataset#the-webdataset-format: members of one sample share the name up to the
first dot. ``KEY.json`` is the whole Record, so nothing is refused; the medium keeps its original bytes, and so does the
second image of a pair, ``KEY.reference.png`` and the like.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, Literal
from urllib.parse import quote

from pydantic import Field

from schemas.candidate import Region
from schemas.record import Record

from ..filesystems import join, list_files, open_uri, writing
from ._media import media_name, reference_name, with_both_media
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["Config", "WebDataset"]


class Config(ExportConfig):
    """Options of the webdataset export."""

    kind: Literal["webdataset"] = "webdataset"
    shard_bytes: int = Field(500_000_000, ge=1)
    """Bytes of media after which a new tar file begins."""


class WebDataset(Export):
    """``SPLIT-000000.tar``, ``SPLIT-000001.tar``, ... with ``SAMPLE_ID.EXT`` and ``SAMPLE_ID.json``."""

    config: Config

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """Without a dataset to take media from, the tar files hold the records alone."""
        with ExitStack() as stack:
            splits: dict[str, _Tars] = {}
            for record, data, second in with_both_media(records, place):
                if record.split not in splits:
                    splits[record.split] = _Tars(stack, place.out_uri, record.split, self.config.shard_bytes)
                splits[record.split].add(record, data, second)
        return tuple(sorted(uri for tars in splits.values() for uri in tars.uris))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """The regions of every record."""
        return ((record.sample_id, record.regions) for record in self.records(out_uri))

    def records(self, out_uri: str) -> Iterator[Record]:
        """The Records as they were written."""
        for uri, _ in list_files(out_uri, recursive=False):
            if uri.endswith(".tar"):
                with open_uri(uri) as file, tarfile.open(fileobj=file, mode="r|") as tar:
                    yield from _records(tar)


class _Tars:
    """The tar files of one split; each appears whole, all when the stack closes well."""

    def __init__(self, stack: ExitStack, out_uri: str, split: str, shard_bytes: int) -> None:
        self._stack, self._out_uri, self._split, self._shard_bytes = stack, out_uri, split, shard_bytes
        self._left = 0
        self.uris: list[str] = []

    def add(self, record: Record, data: bytes | None, second: bytes | None) -> None:
        """The members of one sample, side by side."""
        if self._left <= 0:
            self._begin()
        if data is not None:
            _add(self._tar, f"{record.sample_id}.{media_name(record).rpartition('.')[2]}", data)
            self._left -= len(data)
        if record.reference and second is not None:
            ending = reference_name(record.reference).rpartition(".")[2]
            _add(self._tar, f"{record.sample_id}.{record.reference.role}.{ending}", second)
            self._left -= len(second)
        _add(self._tar, f"{record.sample_id}.json", canonical_line(record))

    def _begin(self) -> None:
        uri = join(self._out_uri, f"{quote(self._split, safe='')}-{len(self.uris):06d}.tar")
        file: BinaryIO = self._stack.enter_context(writing(uri))
        tar = tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - the stack closes it
        self._tar = self._stack.enter_context(tar)
        self._left = self._shard_bytes
        self.uris.append(uri)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """A member without clock, owner or mode of this machine: equal records give equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _records(tar: tarfile.TarFile) -> Iterator[Record]:
    for member in tar:
        file = tar.extractfile(member) if member.name.endswith(".json") else None
        if file is not None:
            yield Record.model_validate(json.load(file))
