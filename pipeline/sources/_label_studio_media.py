"""Where the medium of an exported task lies: looked for by its name below one folder, and never fetched.

A task's value is an address of a server that is not ours: ``/data/upload/1/ab12cd34-name.jpg`` (Label Studio puts eight
hex digits and a dash before what was uploaded), ``/data/local-files/?d=folder/name.jpg``, a URL, a key of a bucket, or
a path. Only the names in it count, so nothing in it can lead out of the folder.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from schemas.errors import SampleError

from ..filesystems import FoundFile, printable, scan

__all__ = ["MediaFolder", "Stated", "media_keys", "stated_medium"]

_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}")
_MOST_CHARACTERS = 4096
_MEDIA = ("image/", "video/", "application/pdf")
_OTHERS = ("audio/", "text/", "application/json")


class Stated(NamedTuple):
    """A value that names a medium, taken apart."""

    value: str
    """As the task has it."""
    paths: tuple[tuple[str, ...], ...]
    """The folders and the name that it may mean: as they stand, and without percent signs."""
    is_path: bool
    """Whether it is a path of somebody's folder, so that a file of exactly this path is meant."""

    @property
    def names(self) -> tuple[str, ...]:
        """The last parts."""
        return tuple(path[-1] for path in self.paths)

    @property
    def url(self) -> str | None:
        """Its place on the web: without a query, which may hold a signature; None where a password stands in it."""
        plain = re.split(r"[?#]", self.value, maxsplit=1)[0]
        is_web = plain.startswith(("http://", "https://")) and "@" not in plain.split("/")[2]
        return printable(plain)[:2000] if is_web else None


def stated_medium(value: Any) -> Stated:
    """What a task says of its medium. Raises SampleError where it names no file."""
    if not isinstance(value, str):
        raise SampleError(f"the medium is {type(value).__name__}, not the name of a file")
    if value.startswith("data:"):
        raise SampleError("the medium stands in the task itself (data: URI)", remedy="put it into a file beside")
    local = value.startswith("/data/local-files/")
    raw = parse_qs(urlsplit(value).query).get("d", [""])[0] if local else _path_of(value)
    if value.startswith("/data/upload/"):
        raw = raw.rpartition("/")[2]
    paths = tuple(dict.fromkeys(_parts(text) for text in ((raw,) if local else (raw, unquote(raw)))))
    if not all(path and path[-1] not in (".", "..") for path in paths):
        raise SampleError(f"the medium {printable(value)!r:.300} names no file")
    return Stated(value, paths, local or not _SCHEME.match(value))


def media_keys(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a task's data that name media: by the ending of the name, or else whatever looks like a path."""
    by_ending = [key for key, value in data.items() if _kind_of(value) == "medium"]
    return tuple(by_ending or (key for key, value in data.items() if _kind_of(value) == "path"))


class MediaFolder:
    """The files below a folder by their names."""

    def __init__(self, uri: str, stated: Iterable[Stated]) -> None:
        """``stated`` are the media of all tasks of one file. Raises MediaError where there is no such folder."""
        self.uri = uri
        self._by_name: dict[str, list[FoundFile]] = {}
        self._by_plain_name: dict[str, list[FoundFile]] = {}
        for found in scan(uri):
            if not found.problem:
                name = _name_of(found)
                self._by_name.setdefault(name, []).append(found)
                self._by_plain_name.setdefault(_plain(name), []).append(found)
        names = {name for one in stated for name in one.names}
        self._uploads = Counter(_plain(name) for name in {unquote(name) for name in names})

    def find(self, stated: Stated) -> FoundFile:
        """The file of that name, with or without Label Studio's prefix. Raises SampleError for none and several."""
        exact = _unique(found for name in stated.names for found in self._by_name.get(name, ()))
        if exact:
            return self._one(stated, exact)
        near = _unique(
            found
            for name in stated.names
            for found in self._by_plain_name.get(_plain(name), ())
            if not (_PREFIX.match(name) and _PREFIX.match(_name_of(found)))
        )
        if not near:
            raise SampleError(
                f"there is no {_wanted(stated, 'nor')} in {printable(self.uri)}",
                remedy="put the media there, or name their folder: sources.N.media",
            )
        if self._uploads[_plain(stated.names[-1])] > 1:
            raise SampleError(
                f"several tasks may mean the file {near[0].relative!r:.200}: their media differ only in the prefix",
                remedy="give the files under the names that the export has, prefix included",
            )
        return self._one(stated, near)

    def _one(self, stated: Stated, files: Sequence[FoundFile]) -> FoundFile:
        """The one whose folders agree the most with those that the task states."""
        scores = [max(_agreement(path, found, stated.is_path) for path in stated.paths) for found in files]
        best = [found for found, score in zip(files, scores, strict=True) if score == max(scores)]
        if len(best) == 1:
            return best[0]
        shown = ", ".join(repr(found.relative)[:100] for found in best[:5])
        raise SampleError(
            f"{len(best)} files in {printable(self.uri)} may be {_wanted(stated, 'or')}: {shown}",
            remedy="leave one of them in the folder, or name a narrower one: sources.N.media",
        )


def _wanted(stated: Stated, joined: str) -> str:
    name = printable(stated.names[-1])
    plain = _PREFIX.sub("", name, count=1)
    return f"{name!r:.200}" + (f" {joined} {plain!r:.200}" if plain != name else "")


def _unique(files: Iterator[FoundFile]) -> list[FoundFile]:
    return list({found.uri: found for found in files}.values())


def _agreement(path: tuple[str, ...], found: FoundFile, is_path: bool) -> int:
    """How many folders before the name are the same; one more for the very path."""
    theirs, ours = path[-2::-1], tuple(found.relative.split("/"))[-2::-1]
    same = next((n for n, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), min(len(theirs), len(ours)))
    return same + (is_path and theirs == ours)


def _path_of(value: str) -> str:
    """The path of a URL, without its host, bucket, query and fragment; other values as they stand."""
    if not _SCHEME.match(value):
        return value
    rest = value.partition("://")[2]
    return re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")[2]


def _parts(path: str) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", part) for part in re.split(r"[/\\]", path) if part)


def _name_of(found: FoundFile) -> str:
    """Of a folder's file; ``scan`` of a single file gives no folders."""
    return unicodedata.normalize("NFC", found.relative.rpartition("/")[2])


def _plain(name: str) -> str:
    """A name as before the upload: without the prefix, and as Django's ``get_valid_filename`` would clean it."""
    name = _PREFIX.sub("", name, count=1)
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


def _kind_of(value: Any) -> str:
    """``medium``, ``path`` (may be one) or nothing."""
    if isinstance(value, list) and value:
        return _kind_of(value[0]) if not isinstance(value[0], list) else ""
    if not isinstance(value, str) or not value or len(value) > _MOST_CHARACTERS or "\n" in value:
        return ""
    if value.startswith("data:"):
        return "medium" if value[5:].startswith(_MEDIA) else ""
    try:
        name = stated_medium(value).names[-1]
    except SampleError:
        return ""
    mime = mimetypes.guess_type(name, strict=False)[0] or ""
    if mime.startswith(_OTHERS):
        return ""
    is_path = bool(_SCHEME.match(value)) or value.startswith("/") or ("/" in value and " " not in value)
    return "medium" if mime.startswith(_MEDIA) else "path" if is_path or _ENDING.fullmatch(name[-5:]) else ""
