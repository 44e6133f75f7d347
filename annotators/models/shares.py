"""What several worker processes share: places in flight, and requests and tokens per minute.

Files in one folder, held by kernel locks: a process that dies gives back what it held at that moment. They hold for all
processes that see the folder and whose file system has POSIX locks: those of one machine, or of a cluster with a
common mount. No package serves: those that limit over processes want Redis, or hold nothing when a process is killed.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

__all__ = ["Bucket", "Places", "SharedBucket", "SharedPlaces", "locked", "opened"]

BURST_S = 1.0
"""A bucket holds what flows in so many seconds: a pause is not made up for by a flood."""
_files: dict[str, int] = {}
"""File descriptors by path: POSIX locks are lost when a process closes any descriptor of the file."""


class Places:
    """At most ``size`` in flight in this process."""

    def __init__(self, size: int) -> None:
        self._free = list(range(size))

    def take(self) -> int | None:
        """A place, or None where all are taken."""
        return self._free.pop() if self._free else None

    def give(self, place: int) -> None:
        """Give a place back."""
        self._free.append(place)


class SharedPlaces(Places):
    """At most ``size`` in flight in all processes that name the same file: place n is a lock on its byte n.

    Within one process, two objects on one file do not see each other: make one.
    """

    def __init__(self, path: Path, size: int) -> None:
        super().__init__(size)
        self._file = opened(path)
        random.shuffle(self._free)  # so that processes do not try the same places first

    def take(self) -> int | None:
        """A place that no other process holds, or None."""
        for at in reversed(range(len(self._free))):
            if _lock(self._file, self._free[at]):
                return self._free.pop(at)
        return None

    def give(self, place: int) -> None:
        """Give a place back, to any process; last in the queue, so that others find it."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
        self._free.insert(0, place)


class Bucket:
    """A token bucket: ``per_minute`` flows in, what is taken flows out; starts full."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._per_s = per_minute / 60
        self._most = max(1.0, self._per_s * BURST_S)
        self._level, self._at = self._most, clock()

    def wait_s(self, amount: float) -> float:
        """Takes ``amount`` and returns 0, or takes nothing and returns the seconds after which to ask again.

        More than the bucket can hold is granted when it is full, and owed: the level falls below zero.
        """
        self._flow()
        lacking = min(amount, self._most) - self._level
        if lacking > 1e-9:
            return lacking / self._per_s
        self._level -= amount
        return 0.0

    def correct(self, amount: float) -> None:
        """Takes more than was thought, or gives back (negative)."""
        self._level = min(self._most, self._level - amount)

    def _flow(self) -> None:
        now = self._clock()
        self._level = min(self._most, self._level + max(0.0, now - self._at) * self._per_s)
        self._at = now


class SharedBucket(Bucket):
    """A bucket in a file, for all processes that name it; read and written under its lock, by the machine's clock."""

    def __init__(self, path: Path, per_minute: float) -> None:
        super().__init__(per_minute)
        self._file = opened(path)

    def wait_s(self, amount: float) -> float:
        with self._shared():
            return super().wait_s(amount)

    def correct(self, amount: float) -> None:
        with self._shared():
            super().correct(amount)

    @contextmanager
    def _shared(self) -> Iterator[None]:
        with locked(self._file):
            text = os.pread(self._file, 100, 0).split()
            if len(text) == 2:
                self._level, self._at = float(text[0]), float(text[1])
            yield
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{self._level!r} {self._at!r}".encode(), 0)


@contextmanager
def locked(file: int) -> Iterator[None]:
    """Hold a file's first byte; waits for other processes, for microseconds."""
    fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, 0)


def _lock(file: int, byte: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except OSError:
        return False
    return True


def opened(path: Path, flags: int = 0) -> int:
    """The process's one descriptor of the file, made where there is none; kept open until the process ends."""
    name = _real(os.path.abspath(path))  # noqa: PTH100 - a hundredth of the time of Path.resolve, for each call
    if name in _files and not _is_at(_files[name], name):
        del _files[name]  # the folder was removed and made anew; its old file is nobody's
    if name not in _files:
        path.parent.mkdir(parents=True, exist_ok=True)
        _files[name] = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o644)
    return _files[name]


@cache
def _real(path: str) -> str:
    """Without links: one file has one name here, however it is called."""
    return str(Path(path).resolve())


def _is_at(file: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(name))  # noqa: PTH116 - likewise
    except FileNotFoundError:
        return False
