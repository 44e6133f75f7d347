"""Which files there are below a local folder or glob, whatever their names and kinds."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

from schemas.errors import MediaError

from .uris import absolute, local_path, local_uri, name_of, printable

__all__ = ["FoundFile", "glob_pattern", "has_glob", "kind_of", "reason_of", "scan_local", "split_glob"]

_MAGIC = re.compile(r"[*?\[]")
_TOKEN = re.compile(
    r"(?P<folders>\*\*/)|(?P<all>\*\*)|(?P<star>\*)|(?P<one>\?)|\[(?P<set>!?\]?[^\]/]*)\]|(?P<char>.)", re.S
)


class FoundFile(NamedTuple):
    """One entry that a listing came upon; ``problem`` says why it cannot be read, empty where it can."""

    uri: str
    """Where it is."""
    relative: str
    """Its path below the listed folder (below the fixed part of a glob), ``/`` between parts, printable."""
    size: int
    """Size in bytes; 0 with a problem."""
    problem: str = ""
    """E.g. ``a link to outside of the input``, ``a named pipe``, ``permission denied``."""


def scan_local(uri: str, recursive: bool) -> Iterator[FoundFile]:
    """See pipeline.filesystems.scan. Raises MediaError where there is nothing of that name."""
    path = local_path(absolute(uri))
    if "\0" not in path and os.path.isdir(path):  # noqa: PTH112 - surrogates and lengths that Path refuses later
        return _below(path, None if recursive else 1)
    if "\0" not in path and os.path.lexists(path):
        return iter([_measured(path, name_of(path))])
    if not has_glob(path):
        raise MediaError(f"there is no {printable(path)}", remedy="check the name of the input")
    folder, glob = split_glob(path)
    depth = None if "**" in glob else glob.count("/") + 1
    return (found for found in _below(folder, depth) if glob_pattern(glob).fullmatch(found.relative))


def has_glob(path: str) -> bool:
    """Whether a path holds ``*``, ``?`` or ``[``."""
    return bool(_MAGIC.search(path))


def split_glob(path: str) -> tuple[str, str]:
    """The fixed folder before the first part with a glob character, and the rest."""
    magic = _MAGIC.search(path)
    cut = path.rfind("/", 0, magic.start() if magic else len(path)) + 1
    return path[:cut].rstrip("/") or "/", path[cut:]


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob over relative paths, for ``fullmatch``: ``**/`` any folders or none, ``*`` within one name.

    Written here because the standard library translates ``**`` only from Python 3.13 on.
    """
    return re.compile("".join(_translated(token) for token in _TOKEN.finditer(glob)), re.S)


def _translated(token: re.Match[str]) -> str:
    fixed = {"folders": "(?:.*/)?", "all": ".*", "star": "[^/]*", "one": "[^/]"}
    kind = str(token.lastgroup)
    if kind != "set":
        return fixed.get(kind, re.escape(token[0]))
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", token["set"].removeprefix("!"))
    return f"(?!/)[{'^' if token['set'].startswith('!') else ''}{inside}]"


def _below(root: str, depth: int | None) -> Iterator[FoundFile]:
    """Depth first, by a stack of our own: a hostile depth must not end Python's."""
    inside = os.path.realpath(root)
    stack = [_entries(root, "", inside)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif isinstance(entry, FoundFile):
            yield entry
        elif depth is None or len(stack) < depth:
            stack.append(_entries(*entry, inside))


def _entries(folder: str, prefix: str, inside: str) -> Iterator[FoundFile | tuple[str, str]]:
    """Files of one folder as FoundFile and sub-folders as ``(path, prefix)``, in the byte order of whole paths."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted((os.fsencode(e.name) + b"/" * e.is_dir(follow_symlinks=False), e.path) for e in listing)
    except OSError as error:
        yield FoundFile(
            local_uri(folder), printable(prefix) or "./", 0, f"a folder that cannot be listed: {reason_of(error)}"
        )
        return
    for name, path in entries:
        relative = prefix + os.fsdecode(name)
        if name.endswith(b"/"):
            yield path, relative
        elif not _is_inner_folder(path, inside):
            yield _measured(path, printable(relative), inside)


def _is_inner_folder(path: str, inside: str) -> bool:
    """A link to a folder inside of the input: its files are listed where they are."""
    return os.path.islink(path) and os.path.isdir(path) and _is_within(path, inside)  # noqa: PTH112, PTH114


def _is_within(path: str, inside: str) -> bool:
    return (os.path.realpath(path) + "/").startswith(inside.rstrip("/") + "/")


def _measured(path: str, relative: str, inside: str | None = None) -> FoundFile:
    """One entry with its size, or with what is wrong with it; ``inside`` is what links may not leave."""
    try:
        if inside is not None and os.path.islink(path) and not _is_within(path, inside):  # noqa: PTH114
            return FoundFile(local_uri(path), relative, 0, "a link to outside of the input")
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return FoundFile(local_uri(path), relative, 0, reason_of(error))
    kind = kind_of(found.st_mode)
    return FoundFile(local_uri(path), relative, 0 if kind else found.st_size, kind)


def kind_of(mode: int) -> str:
    """What an inode is when it is no regular file, e.g. ``a named pipe``; empty for a regular file."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "")


def reason_of(error: OSError | ValueError) -> str:
    """Why the system refused, in lower case; a ValueError is a NUL character in the name."""
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "the name holds a NUL character"
