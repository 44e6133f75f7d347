"""What an earlier pass left beside the shards and this one does not make leaves; what a person put there stays.

A finished pass has named its files in the manifest. One that was killed has named none: so every pass, before it
writes anything, notes the unnamed files that lie there already, and the note goes when the manifest stands.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator

from .filesystems import exists, list_files, open_uri, remove, write_atomically
from .reviews import REVIEWS
from .storage import RunFolder

__all__ = ["forget_theirs", "note_theirs", "remove_unnamed"]

NOTE = ".theirs"
"""File in the run folder: the paths of those that no pass has made, as a JSON list."""
BESIDE = ("dataset/README.md", "dataset/croissant.json", "dataset/CITATION.cff", f"dataset/{REVIEWS}")
"""What may be written beside the shards."""


def note_theirs(run: RunFolder, named: Container[str]) -> None:
    """Before a pass writes: files that are not ``named`` are theirs. A note that a killed pass left holds."""
    if not exists(run.path(NOTE)):
        theirs = [path for path in _lying(run) if path not in named]
        write_atomically(run.path(NOTE), json.dumps(theirs).encode())


def forget_theirs(run: RunFolder) -> None:
    """After the manifest names what the pass has made."""
    remove(run.path(NOTE))


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
