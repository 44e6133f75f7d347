"""The run folder: where everything is, who holds it, and what its manifest says.

Files appear whole or not at all: a temporary name and a rename on a local disk, one PUT on an
object store. One writer at a time, by a lock that names its holder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import socket
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, cast, get_args

from pydantic import Field, NonNegativeFloat, NonNegativeInt, ValidationError

from schemas.base import Frozen
from schemas.errors import ConfigError, RunError
from schemas.plugins import readable

from .filesystems import TEMPORARY, exists, is_local, join, local_path, open_uri, remove, rename, write_atomically

__all__ = [
    "STAGES",
    "FileFact",
    "Manifest",
    "RunFolder",
    "Spend",
    "Stage",
    "StageCounts",
    "WholeFile",
    "clear_disk_errors",
    "sha256_of",
]

FORMAT_VERSION = 1
CHUNK_BYTES = 1 << 20
Stage = Literal["ingest", "propose", "finalize"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class StageCounts(Frozen):
    """What went into a stage and what became of it: ``found = kept + duplicate + rejected + excluded``."""

    found: NonNegativeInt = 0
    """Items (ingest) or samples (propose, finalize) that came in."""
    kept: NonNegativeInt = 0
    """That went on."""
    duplicate: NonNegativeInt = 0
    """Items whose medium and task were already there (ingest only)."""
    rejected: NonNegativeInt = 0
    """That could not go on; each is a row of ``rejections/``."""
    excluded: NonNegativeInt = 0
    """That the recipe or a person keeps out of the dataset (finalize only)."""
    candidates: NonNegativeInt = 0
    """Candidates made (propose only)."""

    @property
    def adds_up(self) -> bool:
        """Whether nothing vanished."""
        return self.found == self.kept + self.duplicate + self.rejected + self.excluded


class Spend(Frozen):
    """What the run has paid over its whole life; a rerun adds only what it paid itself."""

    calls: NonNegativeInt = 0
    """Answers paid for by this run."""
    cached: NonNegativeInt = 0
    """Answers that the last pass took from disk instead of paying again."""
    input_tokens: NonNegativeInt = 0
    """Tokens in."""
    output_tokens: NonNegativeInt = 0
    """Tokens out."""
    usd: NonNegativeFloat = 0.0
    """US dollars, as far as prices are known."""
    unpriced_calls: NonNegativeInt = 0
    """Paid answers of models without a known price."""


class FileFact(Frozen):
    """One file of the run."""

    sha256: str
    """Hash of its bytes."""
    bytes: NonNegativeInt
    """Its size."""


class Manifest(Frozen):
    """What the run is and holds; rewritten whole after every stage."""

    format_version: int = FORMAT_VERSION
    """Version of this layout."""
    run_id: str
    """Identifies the run where answers are shared."""
    recipe: dict[str, Any]
    """The resolved recipe: taxonomy and prompts included, secrets never."""
    inputs: tuple[str, ...] = ()
    """What was read."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Versions of Witnessmark, Python and the packages that shape the result."""
    stages: dict[Stage, StageCounts] = Field(default_factory=dict)
    """Counts of each finished stage."""
    spend: Spend = Spend()
    """What was paid."""
    shards: dict[str, NonNegativeInt] = Field(default_factory=dict)
    """Number of shards of each ``CONFIG/SPLIT``; a power of two that stays until they are twice their target size."""
    files: dict[str, FileFact] = Field(default_factory=dict)
    """sha256 and size of every published file, table and report, by path in the run folder."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run; makes nothing by itself."""

    uri: str

    def path(self, *parts: str) -> str:
        """URI of something inside the run folder."""
        return join(self.uri, *parts)

    @property
    def media_uri(self) -> str:
        """Where sources that make or extract media put the bytes, by content."""
        return self.path("media")

    def read_manifest(self) -> Manifest | None:
        """The manifest, or None in a new folder. Raises RunError where it cannot be read."""
        path = self.path("manifest.json")
        if not exists(path):
            return None
        with open_uri(path) as file:
            text = file.read()
        try:
            return Manifest.model_validate_json(text)
        except ValidationError as error:
            wrong = f"{path} is no manifest of this version: {readable(error, Manifest)}"
            raise RunError(wrong, remedy="name another --run folder") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest at once."""
        text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
        write_atomically(self.path("manifest.json"), (text + "\n").encode("utf-8", "surrogatepass"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for writing; makes the folder.

        Raises RunError naming the holder (a killed one holds nothing), ConfigError where no folder can have that name.
        """
        if not is_local(self.uri):
            yield
            return
        import fcntl

        folder = Path(local_path(self.uri))
        _make_folder(folder)
        with (folder / ".lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise RunError(
                    f"{self.uri} is being written by {file.read().strip()}",
                    remedy="wait for it, or name another --run folder",
                ) from error
            file.truncate(0)
            file.write(
                f"process {os.getpid()} on {socket.gethostname()}: {Path(sys.argv[0]).name} {' '.join(sys.argv[1:2])}"
            )
            file.flush()
            yield


class WholeFile:
    """A file that appears under its name only when it is closed without an error.

    Writable binary file for pyarrow; hashes what passes, so that nothing is read again. Raises RunError where the
    disk takes no more: inside of a graph only an error of ours is known again under what Beam wraps around it.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.sha256 = hashlib.sha256()
        self.num_bytes = 0
        self._temporary = f"{uri}{TEMPORARY}{uuid.uuid4().hex}" if is_local(uri) else uri
        with clear_disk_errors(uri):
            self._file = _create(self._temporary)
        self.closed = False

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        with clear_disk_errors(self.uri):
            self._file.write(data)
        size = memoryview(data).nbytes
        self.num_bytes += size
        return size

    def flush(self) -> None:
        with clear_disk_errors(self.uri):
            self._file.flush()

    def close(self) -> None:
        """Give the file its name."""
        if self.closed:
            return
        self.closed = True
        self._end(keep=True)
        if self._temporary != self.uri:
            rename(self._temporary, self.uri)

    def discard(self) -> None:
        """Leave nothing behind."""
        if not self.closed:
            self.closed = True
            self._end(keep=False)

    def _end(self, *, keep: bool) -> None:
        """Closing writes what is buffered: where the disk is full it fails, and a half file would stay."""
        try:
            with clear_disk_errors(self.uri):
                self._file.close()
        except (OSError, RunError):
            keep = self._temporary == self.uri  # an object store that took nothing still has the old one
            raise
        finally:
            if not keep:
                remove(self._temporary)

    @property
    def fact(self) -> FileFact:
        """Hash and size of what was written."""
        return FileFact(sha256=self.sha256.hexdigest(), bytes=self.num_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


def sha256_of(uri: str) -> FileFact:
    """Hash and size of a file, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with open_uri(uri) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return FileFact(sha256=digest.hexdigest(), bytes=size)


_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOLCK)
"""No room, no permission, or a disk that cannot lock: what a person mends outside of us."""


@contextlib.contextmanager
def clear_disk_errors(uri: str) -> Iterator[None]:
    """A full or forbidden disk as one clear RunError; what is on disk stays good."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise RunError(
            f"cannot write to {uri}: {os.strerror(error.errno)}",
            remedy="make room or permission and run the same command again; nothing is lost",
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise
        raise ConfigError(
            f"the run folder {folder} cannot be made: {os.strerror(error.errno or 0).lower()}",
            remedy="name another --run folder",
        ) from error


def _create(uri: str) -> BinaryIO:
    if is_local(uri):
        path = Path(local_path(uri))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    return cast(BinaryIO, FileSystems.create(uri, compression_type=CompressionTypes.UNCOMPRESSED))
