"""Stopping without losing anything: no new work starts, what is in flight ends, the graph closes."""

from __future__ import annotations

import threading

from schemas.errors import RunError

__all__ = ["DRAIN", "GO_ON", "Drain", "Interrupted"]

GO_ON = "answers are on disk; run the same command again to go on"
"""What to do after a run that drained."""


class Interrupted(RunError):  # noqa: N818 - not a failure: a person asked for it
    """A person asked for the end; what was paid is on disk."""


class Drain:
    """A process-wide flag that every source and window looks at before it starts something new."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""

    def start(self, reason: str) -> None:
        """Ask for the end; the first reason stands."""
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def reset(self) -> None:
        """Before a new graph."""
        self._event.clear()
        self.reason = ""

    @property
    def is_on(self) -> bool:
        """Whether work should end."""
        return self._event.is_set()


DRAIN = Drain()
