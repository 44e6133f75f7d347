"""A JSON list that is written entry by entry and appears whole."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, BinaryIO

from ..filesystems import writing
from ._coco_format import to_json

__all__ = ["JsonList"]


class JsonList:
    """``[``, an entry per line, ``]``; the file gets its name when the stack closes well."""

    def __init__(self, stack: ExitStack, uri: str) -> None:
        self.uri = uri
        self._file: BinaryIO = stack.enter_context(writing(uri))
        self._before = b"[\n"
        stack.callback(lambda: self._file.write(b"\n]\n"))

    def add(self, entry: dict[str, Any]) -> None:
        """The next entry; a list is opened for its first one, so it never stays empty."""
        self._file.write(self._before + to_json(entry))
        self._before = b",\n"
