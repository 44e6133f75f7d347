"""What changed in a project since the last look, and what is gone from it.

The list is asked for tasks whose ``updated_at`` is later than the last look's latest, less an overlap: an
annotation that is made, changed or deleted moves it, a long transaction may end late. A task that was deleted
leaves no trace in any list, so the numbers of all tasks are compared with the ledger's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.errors import ServiceError

from .connection import Connection

__all__ = ["changed", "identities", "latest", "numbers"]

OVERLAP = timedelta(minutes=10)
FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""The only spelling of a time that the server's filters take; any other gives 500."""


def changed(connection: Connection, project_id: int, since: str) -> Iterator[dict[str, Any]]:
    """Whole tasks, with annotations and cancelled ones, changed after ``since`` (empty: all), by number."""
    filters = []
    if since:
        start = (_time(since) - OVERLAP).strftime(FORMAT)
        filters = [
            {"filter": "filter:tasks:updated_at", "operator": "greater", "value": start, "type": "Datetime"},
        ]
    yield from connection.tasks(project_id, filters=filters)


def numbers(connection: Connection, project_id: int) -> frozenset[int]:
    """The numbers of all tasks of a project."""
    return frozenset(int(task["id"]) for task in connection.tasks(project_id, include="id"))


def latest(since: str, task: dict[str, Any]) -> str:
    """The later of two times as the server writes them."""
    return max(since, str(task.get("updated_at") or ""), key=lambda text: _time(text) if text else _EARLIEST)


def identities(connection: Connection) -> dict[int, str]:
    """Whom the server's numbers of people stand for: their email address, in lower case."""
    users = connection.get("/api/users/")
    if isinstance(users, dict):
        users = users.get("results", [])
    return {int(user["id"]): str(user.get("email") or "").strip().lower() for user in users}


_EARLIEST = datetime.min.replace(tzinfo=UTC)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ServiceError(
            f"the server's time {text[:40]!r} cannot be read", remedy="is it Label Studio 1.23?"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
