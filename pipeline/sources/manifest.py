"""Source ``manifest``: a JSONL or CSV file whose rows name media and say what they are.

Every row is an item: a torn line, a value of the wrong type or a path that leaves the manifest's folder is an item
with an error that names the line. Rows are read as a stream; only the ids given out are kept in memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Literal, cast

from schemas.errors import SampleError
from schemas.sample import Item, StatedReference

from ..filesystems import name_of
from ..strict_json import encoding_of, json_type, parse_json
from ._columns import REFERENCE, ComparedRowConfig, item_of_row, normalized, our_names
from ._paths import resolved
from .base import Container, Source, SourcePlace, identified_items, refused

__all__ = ["Config", "Manifest"]

Row = Mapping[str, Any] | SampleError
MAX_LINE_CHARACTERS = 2**20
_JSON, _CSV = (".jsonl", ".ndjson"), (".csv", ".tsv")
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}


class Config(ComparedRowConfig):
    """Options of the manifest source."""

    kind: Literal["manifest"] = "manifest"
    delimiter: Literal["auto", "comma", "semicolon", "tab"] = "auto"
    """What stands between the values of a CSV; auto: the one that is most frequent in the first line."""
    allow_outside: bool = False
    """Whether rows may name files outside of the manifest's folder, absolute paths and other storage."""


class Manifest(Source):
    """Rows as items; takes ``.jsonl``, ``.ndjson``, ``.csv`` and ``.tsv``."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._names = our_names(config)

    def accepts(self, uri: str) -> bool:
        """By the ending of the name."""
        return uri.lower().endswith(_JSON + _CSV)

    def items(self, place: SourcePlace) -> Iterator[Item]:
        """One item per row, in the order of the rows; blank lines are none.

        An item's id is its path as stated; a path's second row is ``path#2``, a row without a usable path
        ``manifest.csv#line=7``.
        """
        return identified_items(place, lambda container: self._items(container, place.limits.max_text_bytes))

    def _items(self, container: Container, max_text_bytes: int) -> Iterator[Item]:
        for number, row in self._rows(container):
            yield self._item(row, number, container, max_text_bytes)

    def _rows(self, container: Container) -> Iterator[tuple[int, Row]]:
        """``(line number, row)``, with the error in place of a row that cannot be read."""
        try:
            opened = container.open()
        except SampleError as error:
            yield 0, error
            return
        with opened as file:
            lines = _Lines(file)
            if container.uri.lower().endswith(_CSV):
                yield from _csv_rows(lines, self.config.delimiter)
            else:
                yield from _json_rows(lines)

    def _item(
        self, row: Mapping[str, Any] | SampleError, number: int, container: Container, max_text_bytes: int
    ) -> Item:
        name = name_of(container.uri)
        line_id = f"{container.prefix.removesuffix('/') or name}#line={number}"
        try:
            if isinstance(row, SampleError):
                raise row
            return self._described(row, container, max_text_bytes)
        except SampleError as error:
            remedy = error.remedy or "mend this line"
            return refused(line_id, container.uri, f"{name}, line {number}: {error.message}", remedy)

    def _described(self, row: Mapping[str, Any], container: Container, max_text_bytes: int) -> Item:
        known = normalized(row, self._names)
        wanted = self.config.reference
        if wanted and wanted.strip().lower() not in (key.strip().lower() for key in row):
            raise SampleError(
                f"the row has no column {wanted!r}, which 'reference' names",
                remedy="correct 'reference'; leave the value empty where there is no second image",
            )
        stated, second = known.pop("path", None), known.pop(REFERENCE, None)
        if not isinstance(stated, str):
            raise SampleError(
                "the row names no file" if stated is None else f"the path is {json_type(stated)}, not text",
                remedy="name the column path, file, uri or file_name, or map it under 'columns'",
            )
        uri = self._uri(stated, container)
        reference = None if second is None else self._reference(second, container)
        place = {"item_id": container.prefix + stated, "uri": uri, "file_name": name_of(uri)}
        return item_of_row(self, known, max_text_bytes, reference, **place)

    def _reference(self, stated: Any, container: Container) -> StatedReference:
        if not isinstance(stated, str):
            raise SampleError(
                f"the column {self.config.reference!r} holds {json_type(stated)}, not a path",
                remedy="name the column of the second image under 'reference'",
            )
        uri = self._uri(stated, container)
        return StatedReference(uri=uri, file_name=name_of(uri), role=self.config.reference_role)

    def _uri(self, stated: str, container: Container) -> str:
        return resolved(stated, container.folder, allow_outside=self.config.allow_outside)


class _Lines:
    """Lines of a text file with their number; one that is too long is an error, and the next one still comes."""

    def __init__(self, file: BinaryIO) -> None:
        encoding = encoding_of(file.read(4))
        file.seek(0)
        # Surrogates keep the bytes of a name that is not UTF-8; UTF-16 has no such names.
        errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
        self._text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE_CHARACTERS)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE_CHARACTERS and not line.endswith(("\n", "\r")):
            self._skip()
            raise SampleError(f"the line is longer than {MAX_LINE_CHARACTERS} characters", remedy="split or drop it")
        return line

    def _skip(self) -> None:
        while (rest := self._text.readline(MAX_LINE_CHARACTERS)) and not rest.endswith(("\n", "\r")):
            pass


def _json_rows(lines: _Lines) -> Iterator[tuple[int, Row]]:
    while True:
        try:
            line = next(lines)
            if line.strip():
                yield lines.number, _object(parse_json(line.strip().removeprefix("\ufeff")))
        except SampleError as error:
            yield lines.number, error
        except StopIteration:
            return


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SampleError(f"the line holds {json_type(value)}, not an object", remedy='write {"path": ...}')
    return value


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[tuple[int, Row]]:
    """Rows under the names of the first line. ``strict``: a broken quote is an error, never a guess."""
    try:
        first = next(lines, "")
        header = _header(first, delimiter)
    except (SampleError, csv.Error) as error:
        yield 1, SampleError(f"the first line names no columns: {error}", remedy="begin with a line of column names")
        return
    reader = csv.reader(cast(Iterator[str], lines), delimiter=_delimiter(first, delimiter), strict=True)
    while True:
        number = lines.number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            until = f" (up to line {lines.number})" if lines.number > number else ""
            yield number, SampleError(f"no valid CSV: {error}{until}", remedy="mend the quotes of this row")
        except SampleError as error:
            yield number, error
        else:
            if values:  # an empty line has no values, and is none; a row of empty values is one
                yield number, _named(header, values)


def _header(line: str, delimiter: str) -> list[str]:
    header = next(csv.reader([line], delimiter=_delimiter(line, delimiter), strict=True), [])
    names = [name.strip().lower() for name in header]
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise SampleError(f"the column {twice[0]!r:.80} stands twice")
    if not any(names):
        raise SampleError("it is empty")
    return header


def _delimiter(line: str, delimiter: str) -> str:
    if delimiter != "auto":
        return _DELIMITERS[delimiter]
    return max(_DELIMITERS.values(), key=line.count)


def _named(header: list[str], values: list[str]) -> Row:
    if len(values) != len(header):
        message = f"{len(values)} values for {len(header)} columns"
        return SampleError(message, remedy="quote values that hold the delimiter")
    return dict(zip(header, values, strict=True))
