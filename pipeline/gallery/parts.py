"""One part of a gallery, usually the rows of one shard: a folder with facts in scripts and pictures in files.

::

    columns.js         words to filter by, a few bytes per row; read when the page opens
    rows-00000.js      what 64 rows show; read when one of them comes into view
    text-00000.js      what a search looks through, of 1,024 rows; read when somebody searches
    sheet-KEY.webp     tiles of 64 rows, and sheet-KEY.json: their sizes, or why there is none
    view-KEY.webp      one larger picture; read when a row is opened

Pictures are named by what they show, so those that are there are not made again. The scripts hand over JSON to one
function and do nothing else: a page from a folder may load scripts, but not read files.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from annotators.sandbox import shared_sandbox
from schemas.errors import MediaError
from schemas.media.limits import Limits
from schemas.media.types import Document

from ..dataset import config_of, read_rows
from ..filesystems import join, list_files, open_uri, remove, write_atomically
from ..row_groups import MEDIA_COLUMN
from ..untrusted import visible
from .pictures import PER_SHEET, TILE, Drawn, Source, draw, sheet
from .rows import Row

__all__ = ["PER_TEXT", "Medium", "Options", "call", "media_in", "write_part"]

VERSION = 2
"""Raised when the same rows give other files."""
PER_TEXT = 16 * PER_SHEET
MAX_TEXT = 4_000
"""Characters of a row that a search looks through."""
MOST_WAITING, MOST_BYTES = 8, 64 << 20
"""Media that wait for a decoder at once, and their bytes."""

T = TypeVar("T")
Medium = tuple[str, Source | None]
"""Of a sample, by its id; None where only a link to it is published."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How pictures are made."""

    side: int
    """Pixels of a view's longer side; 0 makes none but the tiles."""
    limits: Limits
    """Bounds on hostile files."""
    password_of: Callable[[str], str | None] = lambda _: None
    """Password of an encrypted document, by sample id."""


def write_part(folder: str, name: str, rows: Iterable[Row], media: Iterator[Medium], options: Options) -> int:
    """Write the part's files, remove what an earlier one left, and return how many rows it has.

    ``media`` are those of the rows in the same order, further ones between them; only as far as pictures are missing
    they are decoded. Memory holds 64 rows with their tiles, and some bytes for each row of the part.
    """
    part = _Part(folder, name, media, options)
    for number, some in enumerate(_batched(rows, PER_SHEET)):
        part.add(number, some)
    part.finish()
    return part.num_rows


class _Part:
    def __init__(self, folder: str, name: str, media: Iterator[Medium], options: Options) -> None:
        self.folder, self.name, self.media, self.options = folder, name, media, options
        self.there = {uri.rpartition("/")[2] for uri, _ in list_files(folder, recursive=False)}
        self.kept: set[str] = set()
        self.facets: dict[str, _Facet] = {}
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.num_rows = 0

    def add(self, number: int, rows: Sequence[Row]) -> None:
        """The next 64 rows."""
        tiles = self._sheet(rows)
        facts = [self._facts(row, tile) for row, tile in zip(rows, tiles, strict=True)]
        self._write(f"rows-{number:05d}.js", call("rows", self.name, number, _sheet_name(rows), facts))
        for row in rows:
            self._index(row)
        if len(self.texts) >= PER_TEXT:
            self._write_texts()

    def finish(self) -> None:
        if self.texts:
            self._write_texts()
        facets = [facet.table(name) for name, facet in self.facets.items()]
        self._write("columns.js", call("columns", self.name, "".join(self.ids), facets))
        for stale in self.there - self.kept:
            remove(f"{self.folder}/{stale}")

    def _sheet(self, rows: Sequence[Row]) -> list[Any]:
        """Size of every tile, or the reason why there is none; makes what is missing of sheet and views."""
        name = _sheet_name(rows)
        known = self._sizes(name)
        wanted = [i for i, row in enumerate(rows) if self._is_wanted(row, known and known[i])]
        sizes: list[Any] = list(known or [""] * len(rows))
        tiles: list[Any] = [None] * len(rows)
        for i, drawn in zip(wanted, self._drawn([rows[i] for i in wanted], with_tile=known is None), strict=True):
            if isinstance(drawn, str):
                sizes[i] = drawn
                continue
            for view, data in zip(_view_names(rows[i], self.options.side), drawn.views, strict=True):
                self._write(view, data)
            if drawn.tile is not None:
                tiles[i], sizes[i] = drawn.tile, [drawn.tile.shape[1], drawn.tile.shape[0]]
        if known is None:
            self._write(f"{name}.webp", sheet(tiles))
        self._write(f"{name}.json", json.dumps(sizes).encode())
        self.kept |= {f"{name}.webp", *(view for row in rows for view in _view_names(row, self.options.side))}
        return sizes

    def _sizes(self, name: str) -> list[Any] | None:
        """What is known of a sheet that is there."""
        if not {f"{name}.webp", f"{name}.json"} <= self.there:
            return None
        with open_uri(f"{self.folder}/{name}.json") as file:
            sizes: list[Any] = json.load(file)
        return sizes

    def _is_wanted(self, row: Row, size: Any) -> bool:
        """Whether the medium must be opened; one that could not be drawn is not tried again."""
        has_views = all(view in self.there for view in _view_names(row, self.options.side))
        return size is None or (not has_views and not isinstance(size, str))

    def _drawn(self, rows: Sequence[Row], *, with_tile: bool) -> Iterator[Drawn | str]:
        """Pictures of the rows in order, or why there are none; a bounded number of media at once."""
        waiting: deque[tuple[int, Future[Drawn]]] = deque()
        ahead = 0
        for row in rows:
            source = next(source for sample_id, source in self.media if sample_id == row.sample_id)
            size = _held(source)
            while waiting and (len(waiting) >= MOST_WAITING or ahead + size > MOST_BYTES):
                ahead -= waiting[0][0]
                yield _settled(waiting.popleft()[1])
            waiting.append((size, self._submit(row, source, with_tile)))
            ahead += size
        for _, future in waiting:
            yield _settled(future)

    def _submit(self, row: Row, source: Source | None, with_tile: bool) -> Future[Drawn]:
        if source is None:
            absent: Future[Drawn] = Future()
            absent.set_exception(MediaError("only a link to it is published"))
            return absent
        options, cover = self.options, row.cover if with_tile else None
        is_locked = isinstance(row.media, Document) and row.media.is_encrypted  # else the sources would be read
        password = options.password_of(row.sample_id) if is_locked else None
        return shared_sandbox(options.limits).submit(
            draw, source, row.media, row.views, cover, options.side, password, options.limits
        )

    def _facts(self, row: Row, tile: Any) -> dict[str, Any]:
        if isinstance(tile, str):
            return {**row.facts, "problem": visible(tile)}
        for view, file in zip(row.facts["views"], _view_names(row, self.options.side), strict=False):
            view["file"] = file
        return {**row.facts, "tile": tile, "cover": row.cover}

    def _index(self, row: Row) -> None:
        self.ids.append(row.sample_id[:12])
        self.texts.append(row.text[:MAX_TEXT])
        for name, words in row.facets.items():
            self.facets.setdefault(name, _Facet()).add(words)
        self.num_rows += 1

    def _write_texts(self) -> None:
        number = (self.num_rows - 1) // PER_TEXT
        self._write(f"text-{number:05d}.js", call("text", self.name, number, self.texts))
        self.texts = []

    def _write(self, name: str, data: bytes) -> None:
        write_atomically(f"{self.folder}/{name}", data)
        self.kept.add(name)


class _Facet:
    """One facet of all rows: every set of words that occurs once, and a number per row."""

    def __init__(self) -> None:
        self._sets: dict[tuple[str, ...], int] = {}
        self._codes: list[int] = []

    def add(self, words: tuple[str, ...]) -> None:
        self._codes.append(self._sets.setdefault(words, len(self._sets)))

    def table(self, name: str) -> dict[str, Any]:
        return {"name": name, "sets": list(self._sets), "codes": self._codes}


def media_in(shard_uri: str, dataset_uri: str) -> Iterator[Medium]:
    """The medium of every row of a shard, a few at once."""
    column = MEDIA_COLUMN[config_of(shard_uri)]
    beside = {"video": ["video_file"], "image": ["reference_image"]}.get(column, [])
    for row in read_rows(shard_uri, ["sample_id", column, *beside], at_once=8 if column == "image" else 1):
        if row[column] is not None:
            second = row.get("reference_image")
            data = row[column]["bytes"]
            yield row["sample_id"], (data, second["bytes"]) if second else data
        elif not row.get("video_file"):
            yield row["sample_id"], None
        else:
            yield row["sample_id"], join(dataset_uri, *row["video_file"].split("/"))


def call(function: str, *arguments: Any) -> bytes:
    """A script that only hands over JSON, in ASCII; no text in it can end a script element."""
    said = ",".join(json.dumps(argument, separators=(",", ":"), ensure_ascii=True) for argument in arguments)
    harmless = said.replace("</", "<\\/")
    return f"gallery.{function}({harmless});\n".encode("ascii")


def _sheet_name(rows: Sequence[Row]) -> str:
    return "sheet-" + _key([TILE, *([row.asset_id, row.views[row.cover]] for row in rows)])


def _held(source: Source | None) -> int:
    """Bytes of memory that a medium takes while it waits."""
    if isinstance(source, tuple):
        return sum(map(len, source))
    return len(source) if isinstance(source, bytes) else 0


def _view_names(row: Row, side: int) -> list[str]:
    shown = ((row.second_id if view.is_second else row.asset_id, view) for view in row.views)
    return [f"view-{_key([side, asset_id, view])}.webp" for asset_id, view in shown] if side else []


def _key(said: Any) -> str:
    return hashlib.sha256(json.dumps([VERSION, said]).encode()).hexdigest()[:20]


def _settled(future: Future[Drawn]) -> Drawn | str:
    try:
        return future.result()
    except MediaError as error:
        return error.message


def _batched(rows: Iterable[T], count: int) -> Iterator[list[T]]:
    """``itertools.batched``, which Python 3.11 does not have."""
    left = iter(rows)
    while some := list(islice(left, count)):
        yield some
