"""One version of a run's dataset on the Hub: whole or not at all.

The large files go up first, unseen; then one commit makes them the new ``main``, and a tag names it. A publication
that was killed anywhere goes on with the same command: what is there is compared, not remembered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from schemas.errors import ConfigError, RunError

from .filesystems import is_local, list_files, local_path
from .hub.changelog import HEADING, section, summary, with_section
from .hub.remote import RemoteFile, Repository, State
from .hub.rows import MARKS, RowChanges, marks_of, row_changes, rows_from_bytes, rows_to_bytes
from .storage import FileFact, Manifest, RunFolder, sha256_of

__all__ = ["Publication", "lines", "publish"]

CHANGELOG = "CHANGELOG.md"
ROWS = "versions/rows.parquet"
"""Marks of the version's rows, from which the next version's changelog is computed."""
REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
TAG = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")

Write = Callable[[str], None]


class Publication(NamedTuple):
    """What a publication does, or did."""

    repo: str
    tag: str
    sent: dict[str, FileFact]
    """Files that are new or changed, by path in the repository."""
    unchanged: int
    """Files that are there already."""
    deleted: tuple[str, ...]
    """Files of an earlier version that the dataset no longer has."""
    changes: tuple[RowChanges, ...]
    sha: str | None
    """The commit; None in a dry run."""


def publish(
    run: RunFolder,
    manifest: Manifest,
    repo: str,
    *,
    is_public: bool = False,
    tag: str | None = None,
    note: str = "",
    is_dry: bool = False,
    write: Write,
    repository: Repository | None = None,
) -> Publication:
    """Publish the run's dataset as the next version of a dataset repository, or only say what that would do.

    ``tag`` names the version; v1, v2, ... where it is None. Raises ConfigError and RunError before anything is sent
    where the run is not whole, ServiceError where the Hub does not answer.
    """
    _check_names(repo, tag)
    files = _whole_dataset(run, manifest)
    remote = repository or Repository(repo)
    if not is_dry:
        remote.create(is_private=not is_public)
    state = remote.state() or State("", {}, {})
    sent = {path: fact for path, fact in files.items() if not _is_there(_path(run, path), fact, state.files.get(path))}
    deleted = tuple(sorted(path for path in state.files if path.startswith("data/") and path not in files))
    marks = marks_of(run.path("dataset"))
    if not sent and not deleted:
        return _nothing_new(remote, state, repo, tag, len(files), marks, is_dry)
    name = tag or _next_tag(state.tags)
    if name in state.tags:
        raise ConfigError(f"{repo} has a version {name!r} already", remedy="name another --tag, or none")
    changes = row_changes(_earlier_marks(remote, state), marks)
    plan = Publication(repo, name, sent, len(files) - len(sent), deleted, changes, None)
    if is_dry:
        return plan
    beside = {
        ROWS: rows_to_bytes(marks),
        CHANGELOG: with_section(_earlier_changelog(remote, state), section(name, changes, note)).encode(),
    }
    write(f"uploading {len(sent):,} files, {sum(fact.bytes for fact in sent.values()):,} bytes")
    sha = _send(remote, run, state, plan, beside)
    remote.tag(name, sha)
    _check_published(remote, sha, run, files)
    return plan._replace(sha=sha)


def lines(publication: Publication) -> Iterator[str]:
    """What a person reads of it."""
    for path, fact in sorted(publication.sent.items()):
        yield f"+ {path}  {fact.bytes:,} bytes  sha256 {fact.sha256[:12]}…"
    for path in publication.deleted:
        yield f"- {path}"
    yield f"= {publication.unchanged:,} files unchanged"
    yield f"{publication.repo} {publication.tag}: {summary(publication.changes)}"
    yield f"commit {publication.sha}" if publication.sha else "nothing was sent (--dry-run)"


def _check_names(repo: str, tag: str | None) -> None:
    if not REPO.fullmatch(repo):
        raise ConfigError(f"{repo!r} names no dataset repository", remedy="say --repo ORG/NAME")
    if tag is not None and not TAG.fullmatch(tag):
        raise ConfigError(f"{tag!r} cannot be a tag", remedy="letters, digits, '.', '_' and '-', e.g. v2")


def _whole_dataset(run: RunFolder, manifest: Manifest) -> dict[str, FileFact]:
    """Every file of the dataset by its path there, each with the bytes that the manifest knows. Raises RunError."""
    if not is_local(run.uri):
        raise ConfigError(f"{run.uri} is not on this machine", remedy="publish from a local or mounted run folder")
    if "finalize" not in manifest.stages:
        raise RunError(f"{run.uri}: the run is not finalized", remedy="witnessmark finalize, or run, goes on with it")
    broken = [name for name, counts in manifest.stages.items() if not counts.adds_up]
    if broken:
        raise RunError(f"{run.uri}: the counts of {broken[0]} do not add up", remedy="witnessmark verify says more")
    known = {path.removeprefix("dataset/"): fact for path, fact in manifest.files.items() if _is_dataset(path)}
    prefix = f"{run.path('dataset')}/"
    found = {uri.removeprefix(prefix) for uri, _ in list_files(run.path("dataset"))}
    wrong = sorted(found ^ known.keys()) or [p for p, fact in known.items() if sha256_of(_path(run, p)) != fact]
    if wrong:
        raise RunError(
            f"{run.uri}: dataset/{wrong[0]} is not as the manifest says ({len(wrong):,} such files)",
            remedy="witnessmark verify says more; finalize writes the dataset anew",
        )
    return known


def _is_dataset(path: str) -> bool:
    return path.startswith("dataset/")


def _path(run: RunFolder, path: str) -> str:
    return local_path(run.path("dataset", *path.split("/")))


def _is_there(local: str, fact: FileFact, remote: RemoteFile | None) -> bool:
    """Whether the repository holds these very bytes under this name."""
    if remote is None or remote.size != fact.bytes:
        return False
    return remote.sha256 == fact.sha256 if remote.sha256 else remote.blob_id == _blob_id(Path(local).read_bytes())


def _blob_id(data: bytes) -> str:
    """Git's object id of a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _next_tag(tags: Mapping[str, str]) -> str:
    numbers = [int(match[1]) for match in (re.fullmatch(r"v(\d{1,9})", tag) for tag in tags) if match]
    return f"v{max(numbers, default=0) + 1}"


def _nothing_new(
    remote: Repository, state: State, repo: str, tag: str | None, num_files: int, marks: pa.Table, is_dry: bool
) -> Publication:
    """The dataset is there; a kill between commit and tag may have left it without its name."""
    names = [name for name, sha in state.tags.items() if sha == state.sha]
    name = tag or (names[0] if names else _next_tag(state.tags))
    if state.tags.get(name, state.sha) != state.sha:
        raise ConfigError(f"{repo}: the tag {name!r} names another version", remedy="name another --tag, or none")
    if name not in names and not is_dry:
        remote.tag(name, state.sha)
    return Publication(repo, name, {}, num_files, (), row_changes(marks, marks), state.sha)


def _earlier_marks(remote: Repository, state: State) -> pa.Table:
    if ROWS not in state.files:
        return MARKS.empty_table()
    try:
        return rows_from_bytes(remote.read(ROWS, state.sha))
    except pa.ArrowException as error:
        raise RunError(
            f"{remote.name}: {ROWS} cannot be read, so no changelog can be made: {error}",
            remedy="delete that file from the repository: all rows then count as added",
        ) from error


def _earlier_changelog(remote: Repository, state: State) -> str:
    return remote.read(CHANGELOG, state.sha).decode("utf-8", "replace") if CHANGELOG in state.files else HEADING


def _send(remote: Repository, run: RunFolder, state: State, plan: Publication, beside: Mapping[str, bytes]) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    additions = [CommitOperationAdd(path, _path(run, path)) for path in sorted(plan.sent)]
    additions += [CommitOperationAdd(path, data) for path, data in sorted(beside.items())]
    remote.upload(additions)
    for addition in additions:
        fact = plan.sent.get(addition.path_in_repo)
        if fact and addition.upload_info.sha256.hex() != fact.sha256:
            raise RunError(f"dataset/{addition.path_in_repo} changed while it was uploaded", remedy="finalize again")

    def is_done(now: State) -> bool:
        return all(_is_there(_path(run, p), fact, now.files.get(p)) for p, fact in plan.sent.items()) and not (
            set(plan.deleted) & now.files.keys()
        )

    deletions = [CommitOperationDelete(path) for path in plan.deleted]
    title = f"{plan.tag}: {summary(plan.changes)}"
    return remote.commit([*additions, *deletions], title=title, parent=state.sha, is_done=is_done)


def _check_published(remote: Repository, sha: str, run: RunFolder, files: Mapping[str, FileFact]) -> None:
    """Believe the repository's own listing, not the answers on the way."""
    state = remote.state()
    if state is None or state.sha != sha:
        return  # somebody published after us: our commit stands under its tag
    missing = [path for path, fact in files.items() if not _is_there(_path(run, path), fact, state.files.get(path))]
    if missing:
        raise RunError(f"{remote.name}: {missing[0]} is not what was sent", remedy="run the same command again")
