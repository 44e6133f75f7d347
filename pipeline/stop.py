"""A stop that every process of a graph can see: a note in the run folder, with the reason."""

from __future__ import annotations

from .filesystems import exists, open_uri, remove, write_atomically
from .storage import RunFolder

__all__ = ["forget_stop", "leave_stop", "stop_reason"]

NAME = ".stop"


def leave_stop(run: RunFolder, reason: str) -> None:
    """Ask all processes of the graph to commit nothing; the launcher reads why."""
    write_atomically(run.path(NAME), reason.encode("utf-8", "backslashreplace"))


def stop_reason(run: RunFolder) -> str:
    """Why a process asked for the end of the graph; empty where none did."""
    if not exists(run.path(NAME)):
        return ""
    with open_uri(run.path(NAME)) as file:
        return file.read().decode()


def forget_stop(run: RunFolder) -> None:
    """Before a new graph."""
    remove(run.path(NAME))
