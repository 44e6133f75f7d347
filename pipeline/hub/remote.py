"""A dataset repository on the Hub, asked patiently: what passes is tried again, what does not says what to do.

``create_commit`` of the client does not repeat itself on 429 and 503, and a commit whose answer was lost may have
happened: so every repetition here is of a question, never of a commit.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from schemas.errors import ConfigError, RunError, ServiceError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

__all__ = ["RemoteFile", "Repository", "State"]

TRIES = 6
PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses after which the same question may be answered."""
LONGEST_WAIT_S = 60.0

T = TypeVar("T")
Wait = Callable[[float], None]


class RemoteFile(NamedTuple):
    """A file of the repository, by what identifies its bytes."""

    path: str
    size: int
    sha256: str | None
    """Hash of the bytes where they are an LFS object."""
    blob_id: str
    """Git's object id: of the bytes, or of the pointer to an LFS object."""


class State(NamedTuple):
    """One commit of ``main``."""

    sha: str
    files: dict[str, RemoteFile]
    tags: dict[str, str]
    """Commit of each tag of the repository."""


class Repository:
    """A dataset repository. The token comes from the environment variable HF_TOKEN and goes nowhere else."""

    def __init__(self, name: str, *, wait: Wait = time.sleep) -> None:
        self.name, self._wait = name, wait
        self._api = _api()

    def create(self, *, is_private: bool) -> None:
        """Make the repository where there is none; an existing one keeps its visibility."""
        self._ask(
            lambda: self._api.create_repo(self.name, repo_type="dataset", private=is_private, exist_ok=True),
            "make the repository",
        )

    def state(self) -> State | None:
        """What ``main`` holds now; None where there is no such repository."""
        from huggingface_hub.errors import RepositoryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        def read() -> State:
            sha = self._api.repo_info(self.name, repo_type="dataset", revision="main").sha or ""
            tree = self._api.list_repo_tree(self.name, repo_type="dataset", revision=sha, recursive=True)
            refs = self._api.list_repo_refs(self.name, repo_type="dataset")
            files = {entry.path: _remote_file(entry) for entry in tree if isinstance(entry, RepoFile)}
            return State(sha, files, {tag.name: tag.target_commit for tag in refs.tags})

        try:
            return self._ask(read, "list the repository")
        except RepositoryNotFoundError:
            return None

    def read(self, path: str, sha: str) -> bytes:
        """The bytes of a small file at a commit."""
        from pathlib import Path
        from tempfile import TemporaryDirectory

        def download() -> bytes:
            with TemporaryDirectory() as folder:
                found = self._api.hf_hub_download(self.name, path, repo_type="dataset", revision=sha, local_dir=folder)
                return Path(found).read_bytes()

        return self._ask(download, f"read {path}")

    def upload(self, additions: Sequence[CommitOperationAdd]) -> None:
        """Bring the large files' bytes; nothing of it is seen by readers. What is there is not sent again."""
        from httpx2 import HTTPError

        def send() -> None:
            try:
                self._api.preupload_lfs_files(self.name, additions, repo_type="dataset", free_memory=False)
            except RuntimeError as error:  # how the client's upload threads say that one of them failed
                if isinstance(error.__cause__, HTTPError):
                    raise error.__cause__ from error
                raise ServiceError(f"the upload failed: {error}", remedy="run the same command again") from error

        self._ask(send, "upload")

    def commit(self, operations: Sequence[Any], *, title: str, parent: str, is_done: Callable[[State], bool]) -> str:
        """One commit on ``main`` or none; returns its sha.

        Where the answer is lost, ``is_done`` says of the repository's new state whether the commit did happen.
        Raises RunError where somebody else has committed since ``parent``.
        """

        def send() -> str:
            now = self.state()
            if now and now.sha != parent:
                if is_done(now):
                    return now.sha
                raise RunError(
                    f"{self.name} was changed by somebody else while this was being published; nothing was committed",
                    remedy="look at what is there, then run the same command again",
                )
            return self._api.create_commit(
                self.name, operations, commit_message=title, repo_type="dataset", parent_commit=parent
            ).oid

        return self._ask(send, "commit", also=(409, 412))

    def tag(self, name: str, sha: str) -> None:
        """Name a commit; the same tag twice is one."""
        self._ask(
            lambda: self._api.create_tag(self.name, tag=name, revision=sha, repo_type="dataset", exist_ok=True),
            f"set the tag {name}",
        )

    def _ask(self, question: Callable[[], T], what: str, *, also: tuple[int, ...] = ()) -> T:
        from httpx2 import HTTPError
        from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

        for number in range(1, TRIES + 1):
            try:
                return question()
            except HfHubHTTPError as error:
                status = error.response.status_code
                is_refused = status in (401, 403)
                if isinstance(error, RepositoryNotFoundError) and not is_refused:
                    raise
                if status not in (*PASSING, *also):
                    raise _refused(status, what, self.name, error) from error
                problem, wait_s = f"HTTP {status}", _wait_s(error.response.headers.get("Retry-After"), number)
            except HTTPError as error:
                problem, wait_s = type(error).__name__, _wait_s(None, number)
            except OSError as error:
                if error.errno is not None:
                    raise  # of this machine's files
                raise _xet_failure(what, self.name, error) from error
            if number < TRIES:
                self._wait(wait_s)
        raise ServiceError(
            f"the Hub did not {what} for {self.name}: {problem}, {TRIES} times", remedy="run the same command again"
        )


def _api() -> HfApi:
    from huggingface_hub import HfApi

    token = os.environ.get("HF_TOKEN", "").strip()
    if not token:
        raise ConfigError(
            "the environment variable HF_TOKEN is empty", remedy="export a token of the Hub that may write datasets"
        )
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token, library_name="witnessmark")


def _remote_file(entry: Any) -> RemoteFile:
    return RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)


def _wait_s(retry_after: str | None, number: int) -> float:
    """What the server asks for, else 1, 2, 4, ... seconds."""
    stated = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else 2.0 ** (number - 1)
    return min(stated, LONGEST_WAIT_S)


def _xet_failure(what: str, name: str, error: OSError) -> Exception:
    """What the Xet client could not do: it tells by words alone, and has tried for a minute what may pass."""
    status = re.search(r"\b(401|403|404)\b (?:Unauthorized|Forbidden|Not Found)", str(error))
    if status and status[1] == "404":
        return ConfigError(
            f"{_host(error)} offers no Xet transfers to {what} for {name}",
            remedy="export HF_HUB_DISABLE_XET=1: files then go by LFS",
        )
    if status or isinstance(error, PermissionError):
        return _refused(int(status[1]) if status else 401, what, name, error)
    return ServiceError(
        f"the Hub did not {what} for {name}: {error}",
        remedy="run the same command again; HF_HUB_DISABLE_XET=1 in the environment avoids Xet transfers",
    )


def _host(error: OSError) -> str:
    found = re.search(r"https?://[^/\s)]+", str(error))
    return found[0] if found else "the Hub"


def _refused(status: int, what: str, name: str, error: Exception) -> Exception:
    if status in (401, 403):
        return ConfigError(
            f"the Hub does not let this token {what} for {name} (HTTP {status})",
            remedy="HF_TOKEN needs write access to that name",
        )
    return RunError(f"the Hub refused to {what} for {name} (HTTP {status}): {error}", remedy="mend it, then run again")
