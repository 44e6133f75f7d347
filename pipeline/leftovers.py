"""What an earlier pass left and this one does not make leaves; what a person put beside the shards stays.

A finished pass has named its files in the manifest. One that was killed has named none: so every pass, before it
writes anything, notes the unnamed files that lie there already, and the note goes when the manifest stands.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator

from .filesystems import exists, is_unfinished, list_files, open_uri, remove, write_atomically
from .reviews import REVIEWS
from .storage import RunFolder

__all__ = ["forget_theirs", "note_theirs", "remove_stale_shards", "remove_unfinished", "remove_unnamed"]

NOTE = ".theirs"
"""File in the run folder: the paths of those that no pass has made, as a JSON list."""
BESIDE = ("dataset/README.md", "dataset/croissant.json", "dataset/CITATION.cff", f"dataset/{REVIEWS}")
"""What may be written beside the shards."""
WRITTEN = ("dataset", "exports", "media", "people")
"""Folders whose files a killed process may leave half written; tables do so under hidden names of their own."""


def note_theirs(run: RunFolder, named: Container[str]) -> None:
    """Before a pass writes: files that are not ``named`` are theirs. A note that a killed pass left holds."""
    if not exists(run.path(NOTE)):
        theirs = [path for path in _lying(run) if path not in named]
        write_atomically(run.path(NOTE), json.dumps(theirs).encode())


def forget_theirs(run: RunFolder) -> None:
    """After the manifest names what the pass has made."""
    remove(run.path(NOTE))


def remove_stale_shards(run: RunFolder, files: Container[str]) -> None:
    """Delete shards, and videos beside them, that are not among ``files``."""
    folder = run.path("dataset", "data")
    for uri, _ in list_files(folder):
        if uri.removeprefix(f"{run.uri}/") not in files:
            remove(uri)


def remove_unfinished(run: RunFolder) -> None:
    """What a killed process left of files that it was writing: nobody else knows their names, and nobody writes now."""
    found = [*list_files(run.uri, recursive=False), *(file for name in WRITTEN for file in list_files(run.path(name)))]
    for uri, _ in found:
        if is_unfinished(uri):
            remove(uri)


def remove_unnamed(run: RunFolder, old: Iterable[str], new: Container[str]) -> None:
    """Delete what earlier passes made and this one did not, in ``dataset`` and ``exports``: an export, a citation.

    The ``old`` paths are a manifest's, which may come from elsewhere: nothing outside of the two folders is touched.
    """
    with open_uri(run.path(NOTE)) as file:
        theirs = set(json.load(file))
    for path in {*old, *(path for path in _lying(run) if path not in theirs)}:
        folder, *below = path.split("/")
        if path not in new and folder in ("dataset", "exports") and not {"", ".", ".."} & set(below):
            remove(run.path(folder, *below))


def _lying(run: RunFolder) -> Iterator[str]:
    """Paths of what lies beside the shards, without hidden files."""
    yield from (path for path in BESIDE if exists(run.path(*path.split("/"))))
    for uri, _ in list_files(run.path("exports")):
        if "/." not in (path := uri.removeprefix(f"{run.uri}/")):
            yield path
