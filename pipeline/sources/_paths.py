"""Paths that a manifest or an annotation file states: below its own folder, unless the recipe allows more."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import PurePosixPath

from schemas.errors import SampleError

from ..filesystems import absolute, is_local, join, local_path, local_uri, printable

__all__ = ["resolved"]


def resolved(stated: str, folder: str, *, allow_outside: bool = False) -> str:
    """The URI that a stated path means, relative to ``folder``. Percent signs and backslashes are literal.

    Raises SampleError for a path that leaves the folder, by ``..``, by being absolute, by a scheme or by a
    symbolic link, and for one that cannot be a name at all.
    """
    _check_name(local_path(stated) if is_local(stated) else stated)
    foreign = not is_local(stated) or not is_local(folder)
    uri, inside = _remote(stated, folder) if foreign else _local(stated, folder)
    if not inside and not allow_outside:
        raise SampleError(
            f"the path {printable(stated)!r:.300} leaves the folder of the file that states it",
            remedy="state paths relative to that file, or set allow_outside: true where you trust it",
        )
    return uri


def _check_name(stated: str) -> None:
    try:
        os.fsencode(stated)
    except UnicodeEncodeError as error:
        raise SampleError(f"the path {printable(stated)!r:.300} holds half of a character pair") from error
    if "\0" in stated:
        raise SampleError(f"the path {printable(stated)!r:.300} holds a NUL character")


def _local(stated: str, folder: str) -> tuple[str, bool]:
    """Joined and normalized; inside only if it is so by its words and by where its links lead."""
    base = local_path(absolute(folder))
    path = os.path.normpath(os.path.join(base, local_path(stated)))  # noqa: PTH118 - an absolute path replaces the base
    inside = _is_below(path, base) and _is_below(_real(os.path.dirname(path)), _real(base), or_equal=True)  # noqa: PTH120
    inside = inside and (not os.path.islink(path) or _is_below(os.path.realpath(path), _real(base)))  # noqa: PTH114
    return local_uri(path), inside


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    """Where a folder's links lead; remembered, because thousands of rows share a folder."""
    return os.path.realpath(folder)


def _is_below(path: str, folder: str, *, or_equal: bool = False) -> bool:
    return path.startswith(folder.rstrip("/") + "/") or (or_equal and path == folder)


def _remote(stated: str, folder: str) -> tuple[str, bool]:
    """Object stores have no links, and ``..`` is a name there that some clients resolve: it is refused."""
    if stated.startswith(folder.rstrip("/") + "/"):
        return stated, ".." not in PurePosixPath(stated).parts
    if is_local(stated) and not local_path(stated).startswith("/"):
        return join(folder, printable(stated)), ".." not in PurePosixPath(stated).parts
    return stated, False
