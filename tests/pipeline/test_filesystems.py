from __future__ import annotations

import gzip
import io
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem

from pipeline.filesystems import (
    exists,
    list_files,
    open_uri,
    remove,
    rename,
    scan,
    write_atomically,
    writing,
)
from schemas.errors import MediaError, RunError, ServiceError

STORE: dict[str, bytes] = {}


class MemoryFileSystem(FileSystem):
    """Object storage in this process: flat names, no folders, a put when the file is closed."""

    @classmethod
    def scheme(cls) -> str:
        return "memory"

    def join(self, basepath, *paths):
        return "/".join((basepath.rstrip("/"), *paths))

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def mkdirs(self, path):
        raise BeamIOError("object storage has no folders")

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        return (FileMetadata(name, len(data), 0.0) for name, data in STORE.items() if name.startswith(dir_or_prefix))

    def create(self, path, mime_type="", compression_type="auto"):
        class Upload(io.BytesIO):
            def close(self) -> None:
                if not self.closed:
                    STORE[path] = self.getvalue()
                super().close()

        return Upload()

    def open(self, path, mime_type="", compression_type="auto"):
        if path.endswith("forbidden"):
            raise BeamIOError("403 forbidden")
        if path not in STORE:
            raise FileNotFoundError(path)
        return io.BytesIO(STORE[path])

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            STORE[target] = STORE.pop(source)

    def exists(self, path):
        return path in STORE

    def size(self, path):
        return len(STORE[path])

    def last_updated(self, path):
        return 0.0

    def checksum(self, path):
        return ""

    def metadata(self, path):
        return FileMetadata(path, len(STORE[path]), 0.0)

    def delete(self, paths):
        for path in paths:
            del STORE[path]


def content(uri: str) -> bytes:
    with open_uri(uri) as file:
        return file.read()


@pytest.fixture
def store() -> dict[str, bytes]:
    STORE.clear()
    return STORE


def test_original_bytes_are_never_decompressed(tmp_path: Path, store: dict[str, bytes]) -> None:
    packed = gzip.compress(b"inside")
    (tmp_path / "a.gz").write_bytes(packed)
    store["memory://b/a.gz"] = packed
    assert content(f"{tmp_path}/a.gz") == packed
    assert content("memory://b/a.gz") == packed


def test_local_files_open_without_beam_and_the_opener_travels() -> None:
    code = "import pickle, sys; pickle.loads(sys.stdin.buffer.read()); print('apache_beam' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(open_uri), capture_output=True, check=True)
    assert done.stdout == b"False\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.png", "no such file or directory"),
        ("folder", "it is a folder"),
        ("nul\0.png", "the name holds a NUL character"),
        ("x" * 300, "file name too long"),
        ("file.png/below", "not a directory"),
    ],
)
def test_unreadable_names_are_the_items_fate(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.png").touch()
    with pytest.raises(MediaError, match=reason):
        open_uri(f"{tmp_path}/{name}")


def test_a_want_of_the_system_is_no_fault_of_the_file(tmp_path: Path) -> None:
    import resource

    (tmp_path / "a.png").touch()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(ServiceError, match="too many open files"):
            open_uri(f"{tmp_path}/a.png")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_written_file_is_whole_has_the_usual_mode_and_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "reference").touch()
    write_atomically(f"{tmp_path}/new/a.bin", b"data")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.bin"]
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"data"
    usual, ours = (stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "reference", tmp_path / "new" / "a.bin"))
    assert ours == usual


def write_half(uri: str) -> None:
    with writing(uri) as file:
        file.write(b"half")
        raise KeyError


def test_a_block_that_raises_leaves_the_old_file(tmp_path: Path, store: dict[str, bytes]) -> None:
    store["memory://b/a"] = b"old"
    write_atomically(f"{tmp_path}/a", b"old")
    for uri in (f"{tmp_path}/a", "memory://b/a"):
        with pytest.raises(KeyError):
            write_half(uri)
        assert content(uri) == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*file/a: (file exists|not a directory)"):
        write_atomically(f"{tmp_path}/file/a", b"")


def test_rename_and_remove(tmp_path: Path, store: dict[str, bytes]) -> None:
    for base in (str(tmp_path), "memory://b"):
        write_atomically(f"{base}/a", b"new")
        write_atomically(f"{base}/b", b"old")
        rename(f"{base}/a", f"{base}/b")
        assert not exists(f"{base}/a")
        assert content(f"{base}/b") == b"new"
        remove(f"{base}/b")
        remove(f"{base}/b")
        assert not exists(f"{base}/b")


def test_remote_folders_globs_and_single_objects(store: dict[str, bytes]) -> None:
    for name in ("in/b.png", "in/a.png", "in/sub/c.png", "in/", "in[1]/d.png", "inx1x/e.png", "other/f.png"):
        store[f"memory://b/{name}"] = b"12"
    assert [(f.relative, f.size) for f in scan("memory://b/in")] == [("a.png", 2), ("b.png", 2), ("sub/c.png", 2)]
    assert [f.relative for f in scan("memory://b/in", recursive=False)] == ["a.png", "b.png"]
    assert [f.uri for f in scan("memory://b/in[1]")] == ["memory://b/in[1]/d.png"]
    assert [f.relative for f in scan("memory://b/in/*.png")] == ["a.png", "b.png"]
    assert [f.relative for f in scan("memory://b/in/a.png")] == ["a.png"]
    assert list(list_files("memory://b/nothing")) == []
    with pytest.raises(MediaError, match="there is nothing at memory://b/nothing"):
        scan("memory://b/nothing")


def test_remote_errors_are_cut_by_fate(store: dict[str, bytes]) -> None:
    with pytest.raises(MediaError, match="there is no such file"):
        open_uri("memory://b/missing")
    with pytest.raises(ServiceError, match="403 forbidden"):
        open_uri("memory://b/forbidden")
    with pytest.raises(ServiceError, match="Unable to get filesystem"):
        open_uri("nobody://b/a")
