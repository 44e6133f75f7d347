"""The one door to files: local paths by plain ``open``, everything with a scheme by Beam's filesystems.

See pipeline.uris for what a URI is. Nothing is ever decompressed because of its name. Beam is imported for
remote URIs only: ``open_uri`` is pickled into decoder processes that must start fast.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import Any, BinaryIO, TypeVar, cast

from schemas.errors import MediaError, RunError, ServiceError

from .listing import FoundFile, glob_pattern, has_glob, kind_of, reason_of, scan_local, split_glob
from .uris import absolute, is_local, join, local_path, local_uri, name_of, parent_of, printable

__all__ = [
    "TEMPORARY",
    "FoundFile",
    "absolute",
    "exists",
    "glob_pattern",
    "has_glob",
    "is_local",
    "is_unfinished",
    "join",
    "list_files",
    "local_path",
    "local_uri",
    "name_of",
    "open_uri",
    "parent_of",
    "printable",
    "remove",
    "rename",
    "scan",
    "write_atomically",
    "writing",
]

T = TypeVar("T")

TEMPORARY = ".tmp-"
"""Stands in the name of every file of ours until it is whole."""

_FOREIGN_ERRORS = (
    ("google.api_core.exceptions", "GoogleAPIError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("apache_beam.io.aws.clients.s3.messages", "S3ClientError"),
    ("hdfs.util", "HdfsError"),
)
"""What storage clients raise beside OSError; looked up only where the client is loaded."""


def open_uri(uri: str) -> BinaryIO:
    """Original bytes as a seekable binary file, never decompressed. Picklable; opens no pipe, socket or device.

    Raises MediaError where the file is missing, forbidden or no file, ServiceError where the storage fails.
    """
    return _open_local(uri) if is_local(uri) else _open_remote(uri)


def exists(uri: str) -> bool:
    """Whether there is a file (or, locally, a folder) of that name."""
    if is_local(uri):
        return "\0" not in uri and os.path.lexists(local_path(uri))
    return _remote("look for", uri, lambda beam: bool(beam.exists(uri)))


def list_files(uri: str, recursive: bool = True) -> Iterator[tuple[str, int]]:
    """``(uri, size in bytes)`` of every readable file of a file, folder or glob, sorted; none where there is none."""
    if is_local(uri) and not has_glob(uri) and not exists(uri):
        return iter(())
    return ((found.uri, found.size) for found in scan(uri, recursive, may_be_empty=True) if not found.problem)


def scan(uri: str, recursive: bool = True, *, may_be_empty: bool = False) -> Iterator[FoundFile]:
    """Every file of a file, folder or glob, hidden and unreadable ones too, in the byte order of their paths.

    A name that exists is taken literally, whatever characters it holds; else ``*``, ``?``, ``[...]`` and ``**``
    (any folders) are a glob over files. Links are followed inside of the listed folder only; a link to a folder
    inside of it is left out, since its files are listed where they are. Raises MediaError where there is
    nothing of that name, ServiceError where remote storage fails.
    """
    return scan_local(uri, recursive) if is_local(uri) else _scan_remote(uri, recursive, may_be_empty)


def remove(uri: str) -> None:
    """Delete one file; a missing one is as good."""
    if is_local(uri):
        Path(local_path(uri)).unlink(missing_ok=True)
    elif exists(uri):
        _remote("delete", uri, lambda beam: beam.delete([uri]))


def rename(source: str, target: str) -> None:
    """Move one file over another; atomic on a local disk, where both are on one."""
    if is_local(source) and is_local(target):
        with _clear_errors(target):
            Path(local_path(source)).replace(local_path(target))
    else:
        _remote("rename", source, lambda beam: beam.rename([source], [target]))


def write_atomically(uri: str, data: bytes) -> None:
    """Write a whole file or none. Raises RunError on a full or read-only disk, ServiceError for remote storage."""
    with writing(uri) as file:
        file.write(data)


@contextmanager
def writing(uri: str) -> Iterator[BinaryIO]:
    """A new file that appears under its name, whole, when the block ends well, and never when it raises.

    Local: a temporary neighbor and a rename, folders made as needed. Remote: a local temporary file and one PUT.
    """
    if is_local(uri):
        with _clear_errors(uri), _writing_local(Path(local_path(uri))) as file:
            yield file
    else:
        with tempfile.TemporaryFile() as spooled:
            yield cast(BinaryIO, spooled)
            spooled.seek(0)
            _remote("write", uri, lambda beam: _put(beam, uri, cast(BinaryIO, spooled)))


@contextmanager
def _writing_local(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(temporary).chmod(0o666 & ~_UMASK)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def is_unfinished(uri: str) -> bool:
    """Whether a file has the temporary name that one of ours bears until it is whole."""
    return bool(_UNFINISHED.fullmatch(name_of(uri)))


_UNFINISHED = re.compile(rf"{re.escape(TEMPORARY)}\w{{8}}|.+{re.escape(TEMPORARY)}[0-9a-f]{{32}}", re.DOTALL)
"""What mkstemp makes here, and what WholeFile does: a name that a person gave is neither."""


def _read_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


_UMASK = _read_umask()
"""Mode bits that new files do not get: mkstemp gives 0600, a dataset is meant to be shared. Read once, at
import: the call sets it, too, and would race with other threads later."""


@contextmanager
def _clear_errors(uri: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot write {printable(uri)}: {reason_of(error)}",
            remedy="make room or permission and run the same command again; what is on disk stays good",
        ) from error


def _open_local(uri: str) -> BinaryIO:
    # O_NONBLOCK: a named pipe without a writer would hang the open itself.
    try:
        descriptor = os.open(local_path(uri), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise _unreadable(uri, error) from error
    kind = kind_of(os.fstat(descriptor).st_mode)
    if kind:
        os.close(descriptor)
        raise MediaError(f"cannot read {printable(uri)}: it is {kind}", remedy="give a regular file")
    return os.fdopen(descriptor, "rb")


def _unreadable(uri: str, error: OSError | ValueError) -> MediaError | ServiceError:
    """Missing, forbidden and impossible names are the item's fate; a system in want may recover."""
    message = f"cannot read {printable(uri)}: {reason_of(error)}"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM):
        return ServiceError(message, remedy="the system failed, not the file; run the same command again")
    return MediaError(message, remedy="check the name and the permissions")


def _open_remote(uri: str) -> BinaryIO:
    from apache_beam.io.filesystem import CompressionTypes

    plain = CompressionTypes.UNCOMPRESSED
    opened: BinaryIO = _remote("read", uri, lambda beam: beam.open(uri, compression_type=plain))
    return opened


def _put(beam: Any, uri: str, data: BinaryIO) -> None:
    from apache_beam.io.filesystem import CompressionTypes

    with beam.create(uri, compression_type=CompressionTypes.UNCOMPRESSED) as target:
        copyfileobj(data, target)


def _scan_remote(uri: str, recursive: bool, may_be_empty: bool) -> Iterator[FoundFile]:
    """A prefix's objects, or one object. Beam's globs have no quoting: a prefix with glob characters is asked
    for with ``?`` in their place, and what does not start with it is dropped."""
    found = _match(uri)
    prefix = split_glob(uri)[0].rstrip("/") + "/"
    if not found:
        prefix = uri.rstrip("/") + "/"
        found = [f for f in _match(_unmagic(prefix) + ("**" if recursive else "*")) if f[0].startswith(prefix)]
    if not found and not may_be_empty:
        raise MediaError(f"there is nothing at {uri}", remedy="check the name of the input and the credentials")
    return (FoundFile(uri, uri.removeprefix(prefix), size) for uri, size in found)


def _unmagic(prefix: str) -> str:
    return "".join("?" if character in "*[" else character for character in prefix)


def _match(pattern: str) -> list[tuple[str, int]]:
    """``(uri, size)`` of the objects that match, sorted; the empty objects that stand for folders left out."""
    (match,) = _remote("list", pattern, lambda beam: beam.match([pattern]))
    return sorted((f.path, f.size_in_bytes) for f in match.metadata_list if not f.path.endswith("/"))


def _remote(verb: str, uri: str, action: Callable[[Any], T]) -> T:
    """Run one action on Beam's FileSystems. Raises MediaError for a missing file, ServiceError for the rest."""
    from apache_beam.io.filesystems import FileSystems

    try:
        return action(FileSystems)
    except _storage_errors() as error:
        if isinstance(error, FileNotFoundError) or getattr(error, "code", None) == 404:
            raise MediaError(f"cannot {verb} {uri}: there is no such file", remedy="check the name") from error
        raise ServiceError(
            f"cannot {verb} {uri}: {error}",
            remedy="check the name and the credentials; a scheme may need its extra, e.g. apache-beam[gcp] for gs://",
        ) from error


def _storage_errors() -> tuple[type[Exception], ...]:
    # ValueError: Beam has no filesystem for the scheme.
    loaded = ((sys.modules.get(module), name) for module, name in _FOREIGN_ERRORS)
    return (OSError, ValueError, *(getattr(module, name) for module, name in loaded if hasattr(module, name)))
