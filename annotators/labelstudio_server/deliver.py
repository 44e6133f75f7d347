"""Tasks into a project, each exactly once, whatever is killed, times out or is sent again.

The server knows no key of ours: the same data sent twice are two tasks. So every task carries ``sample_key``; what
is there is asked before anything is sent, no request is repeated blindly, and after one that got no answer the
server is watched until it has settled. That needs one writer per project, which the run folder's lock gives.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from schemas.errors import ServiceError

from .connection import Connection, UncertainError, as_json

__all__ = ["Parcel", "Placed", "deliver", "placed", "remove_copies", "settled"]

BATCH_TASKS = 200
BATCH_BYTES = 20_000_000
"""The server's limits lie far above, but beyond its body limit it answers 500; and a batch is what a timeout costs."""
SETTLE_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Pauses between two looks at a project that may still be taking in a request."""
NEW_FIELDS = "id,data,meta,predictions"
FIELDS = f"{NEW_FIELDS},total_annotations,cancelled_annotations,drafts"
"""Counting what people did makes the server's list twice as slow: nobody has touched what has just arrived."""
ROUNDS = 3
"""How often a batch whose answer was lost is looked for and completed."""


class Parcel(NamedTuple):
    """One task on its way."""

    key: str
    """Its ``sample_key``."""
    body: Mapping[str, Any]
    """``{"data": ..., "predictions": [...]}``; its data hold the key."""


class Placed(NamedTuple):
    """One task as it lies in the project."""

    key: str
    task_id: int
    prediction_id: int | None
    candidate_id: str | None
    """The candidate that it shows, as its ``meta`` says."""
    is_touched: bool
    """Whether a person has worked on it: an annotation, also a skip, or a draft."""
    question: str = ""
    """What it asks, as its ``data`` say."""


def placed(
    connection: Connection, project_id: int, keys: Collection[str] | None = None, *, fields: str = FIELDS
) -> dict[str, list[Placed]]:
    """Tasks by key, those that people worked on first, then the oldest; only some keys (at most 500), or all.

    Foreign tasks are left out.
    """
    only = []
    if keys is not None:
        value = {"operator": "in_list", "value": sorted(keys), "type": "List"}
        only = [{"filter": "filter:tasks:data.sample_key", **value}]
    found: dict[str, list[Placed]] = {}
    for task in connection.tasks(project_id, include=fields, filters=only):
        key = (task.get("data") or {}).get("sample_key")
        if isinstance(key, str):
            found.setdefault(key, []).append(_placed(key, task))
    return {key: sorted(copies, key=lambda t: (not t.is_touched, t.task_id)) for key, copies in found.items()}


def deliver(connection: Connection, project_id: int, parcels: Iterable[Parcel]) -> Iterator[Placed]:
    """Send what is not there yet (the caller has looked) and yield what lies there, in the order of the parcels.

    While one batch is on its way the next one is built; never are two on their way. Raises ServiceError; what was
    sent by then is found by the next run.
    """
    with ThreadPoolExecutor(1, "deliver") as way:
        under_way: Future[list[Placed]] | None = None
        for batch, content in _batches(parcels):
            if under_way:
                yield from under_way.result()
            under_way = way.submit(_send, connection, project_id, batch, content)
        if under_way:
            yield from under_way.result()


def settled(connection: Connection, project_id: int) -> int:
    """Number of tasks, once it no longer moves: a client that was killed may have left a request at work."""
    count = _count(connection, project_id)
    for pause in SETTLE_S:
        time.sleep(pause)
        earlier, count = count, _count(connection, project_id)
        if count == earlier:
            return count
    raise ServiceError(
        f"project {project_id} keeps growing: somebody else writes into it",
        remedy="let one process submit at a time, then run the same command again",
    )


def remove_copies(connection: Connection, project_id: int, found: Mapping[str, Sequence[Placed]]) -> int:
    """Delete, in one request, further tasks of a key that nobody has touched; returns how many."""
    surplus = [copy.task_id for copies in found.values() for copy in copies[1:] if not copy.is_touched]
    if surplus:
        selected = {"selectedItems": {"all": False, "included": surplus}}
        connection.send("POST", "/api/dm/actions", selected, id="delete_tasks", project=project_id)
    return len(surplus)


def _send(connection: Connection, project_id: int, batch: list[Parcel], content: list[bytes]) -> list[Placed]:
    missing = dict(zip((parcel.key for parcel in batch), content, strict=True))
    arrived: dict[str, list[Placed]] = {}
    for _ in range(ROUNDS):
        try:
            body = b"[" + b",".join(missing.values()) + b"]"
            connection.send("POST", f"/api/projects/{project_id}/import", body)
        except UncertainError:
            settled(connection, project_id)
        arrived = placed(connection, project_id, [parcel.key for parcel in batch], fields=NEW_FIELDS)
        missing = {key: text for key, text in missing.items() if key not in arrived}
        if not missing:
            arrived = _without_copies(connection, project_id, arrived)
            return [arrived[parcel.key][0] for parcel in batch]
    raise ServiceError(
        f"{len(missing)} of {len(batch)} tasks do not arrive in project {project_id}",
        remedy="see the server's log, then run the same command again: it goes on",
    )


def _without_copies(
    connection: Connection, project_id: int, arrived: dict[str, list[Placed]]
) -> dict[str, list[Placed]]:
    """What lies there with what stays first, once copies are gone that a request brought which was thought lost."""
    if any(len(copies) > 1 for copies in arrived.values()):
        arrived = placed(connection, project_id, arrived.keys())
        remove_copies(connection, project_id, arrived)
    return arrived


def _batches(parcels: Iterable[Parcel]) -> Iterator[tuple[list[Parcel], list[bytes]]]:
    batch: list[Parcel] = []
    content: list[bytes] = []
    size = 0
    for parcel in parcels:
        text = as_json(parcel.body)
        if batch and (len(batch) == BATCH_TASKS or size + len(text) > BATCH_BYTES):
            yield batch, content
            batch, content, size = [], [], 0
        batch.append(parcel)
        content.append(text)
        size += len(text)
    if batch:
        yield batch, content


def _count(connection: Connection, project_id: int) -> int:
    return int(connection.get(f"/api/projects/{project_id}/")["task_number"])


def _placed(key: str, task: Mapping[str, Any]) -> Placed:
    predictions = task.get("predictions") or ()
    is_touched = bool(task.get("total_annotations") or task.get("cancelled_annotations") or task.get("drafts"))
    shown = (task.get("meta") or {}).get("candidate_id")
    number = int(predictions[-1]["id"]) if predictions else None
    question = str((task.get("data") or {}).get("question") or "")
    return Placed(key, int(task["id"]), number, str(shown) if shown else None, is_touched, question)
