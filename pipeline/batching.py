"""Batches around graph 1: a pass that collects, batches that are waited for, a pass that finds every answer.

The graph stays what it is. In batch mode a machine that lacks an answer writes its request down and raises Deferred;
the pass then commits no table. Between two passes the collected requests are sent and what comes back is kept in the
run folder. The next pass asks again for what came back unusable; the last one lacks nothing and commits.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from annotators.models.batch.collecting import Deferred
from annotators.models.batch.parts import Room
from annotators.models.batch.settling import settle
from annotators.models.purse import Purse
from schemas.errors import RunError

from .drain import GO_ON, Interrupted
from .filesystems import is_local, local_path
from .stop import leave_stop, stop_reason
from .storage import RunFolder

__all__ = ["Batches", "defer", "spool_of"]

DEFERRED = "requests wait for a batch"
DEFECT = "this is a defect of Witnessmark; the run folder is kept as it is"


def spool_of(run: RunFolder) -> Path | None:
    """Where requests are collected: in a run folder that batches can be read from and appended to."""
    return Path(local_path(run.uri)) / "batches" if is_local(run.uri) else None


def defer(run: RunFolder, _: Deferred) -> None:
    """Let no process commit this pass; a stop for another reason stands."""
    if not stop_reason(run):
        leave_stop(run, DEFERRED)


class Batches:
    """The batches of one run, on the launcher. Does nothing where nothing lies in its folder."""

    def __init__(self, run: RunFolder, purse: Purse, write: Callable[[str], None]) -> None:
        folder = spool_of(run)
        self._room = Room(folder) if folder else None
        self._run, self._purse, self._write = run, purse, write

    def settle(self) -> None:
        """Bring whatever was sent, or is ready to be sent, to its end, also from an earlier start."""
        if self._room is None or not self._room.folder.exists():
            return
        self._room.begin_pass()
        if not self._room.parts():
            return
        try:
            asyncio.run(settle(self._room, self._purse, write=self._write))
        except KeyboardInterrupt:
            raise Interrupted("propose: interrupted; batches go on at the server", remedy=GO_ON) from None

    def were_collected(self) -> bool:
        """After a pass: whether it only collected; what it collected is then ready to be sent."""
        if stop_reason(self._run) != DEFERRED or self._room is None:
            return False
        parts = self._room.end_pass()
        if not parts:
            raise RunError("requests wait for a batch, but none was collected", remedy=DEFECT)
        count = sum(part.requests for part in parts)
        self._write(f"batches: {count:,} requests collected in {len(parts):,} files")
        return True

    def forget(self) -> None:
        """When the pass has committed: every reply is now an answer."""
        if self._room is not None and self._room.folder.exists():
            shutil.rmtree(self._room.folder)
