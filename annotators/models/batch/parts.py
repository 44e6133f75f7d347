"""What lies in the run folder while batches are on their way.

::

    RUN/batches/
      spool/NAME.jsonl, NAME.index   parts that are being collected; thrown away when a pass is interrupted
      NAME.jsonl, NAME.index         a whole part: the file that is sent, and one line per request about it
      NAME.json                      how far it is: written before and after every step
      replies/ab/KEY.json            what came back for a request
      failures.jsonl                 requests that came back without an answer

A part that is not in ``spool`` may have been paid for: it stays until all its requests have a reply or a failure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pydantic import NonNegativeFloat, NonNegativeInt, ValidationError

from schemas.base import Frozen

from ..prices import TokenPrice

__all__ = ["Account", "Failure", "Part", "PartWriter", "Reply", "Request", "Room"]


FAILURES = "failures.jsonl"


class Account(Frozen):
    """Where a part is sent and how it is priced; holds the name of the key's variable, never the key."""

    machine: str
    """Name of the machine."""
    model: str
    """Model; a batch can hold one only."""
    endpoint: str = "chat/completions"
    """What is asked for, below the address."""
    base_url: str
    """Address of the API."""
    api_key_env: str
    """Environment variable that holds the key."""
    price: TokenPrice | None = None
    """Own price per million tokens."""
    price_factor: float = 0.5
    """Share of the price that a batch costs."""
    max_enqueued_tokens: int | None = None
    """Most input tokens in unfinished batches of the model."""
    poll_s: float = 30.0
    """Seconds between two looks."""
    max_tokens: int = 2048
    """Most tokens of an answer."""


class Part(Frozen):
    """One file of requests and how far it is."""

    name: str
    """Name of its files, and the mark that its batch bears on the server."""
    account: Account
    """Where it is sent."""
    requests: NonNegativeInt
    """How many it holds."""
    tokens: NonNegativeInt
    """Input tokens, about."""
    file_id: str = ""
    """The uploaded file."""
    batch_id: str = ""
    """The batch; noted as soon as the server has named it."""
    sending: NonNegativeInt = 0
    """How often it was begun to be sent: 0 is never, so nothing of it can lie on the server."""
    status: str = "new"
    """The batch's status, as the server last said."""


class Request(Frozen):
    """One line of a part's index."""

    key: str
    """The answer's key, and the request's custom_id."""
    sample_id: str
    """The sample that it is about."""
    tokens: NonNegativeInt
    """Input tokens, about."""
    form: str
    """Digest of the request's start: what it says besides the pictures."""


class Reply(Frozen):
    """What came back for a request, whatever its status."""

    status: int
    """HTTP status of the request inside of its batch."""
    body: str
    """The response body as JSON."""
    latency_s: NonNegativeFloat
    """Seconds from the batch's creation to its end."""
    form: str
    """Digest of the request that it replies to."""
    batch_id: str
    """The batch."""


class Failure(Frozen):
    """A request that came back without an answer."""

    key: str
    """The answer's key."""
    machine: str
    """The machine that asked."""
    status: str
    """``batch_expired``, ``batch_failed``, ``batch_cancelled``, or an HTTP status."""
    message: str = ""
    """What the server said."""
    batch_id: str = ""
    """The batch that brought it: read twice after a kill, it is one failure."""


class Room:
    """The folder of a run's batches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"

    def parts(self) -> tuple[Part, ...]:
        """The whole parts, by name."""
        return tuple(
            Part.model_validate_json(path.read_bytes()) for path in sorted(self.folder.glob("*.json")) if path.stem
        )

    def note(self, part: Part) -> Part:
        """Writes down how far a part is, whole or not at all, and for good."""
        write_whole(self.folder / f"{part.name}.json", part.model_dump_json(indent=1).encode())
        return part

    def file(self, part: Part) -> Path:
        """The requests."""
        return self.folder / f"{part.name}.jsonl"

    def index(self, part: Part) -> Iterator[Request]:
        """What is known about each request."""
        return _requests(self.folder / f"{part.name}.index")

    def begin_pass(self) -> None:
        """Throws away what an interrupted pass had collected: nothing of it was sent."""
        whole = {part.name for part in self.parts()}
        for path in (*self.folder.glob("spool/*"), *self.folder.glob("*.jsonl"), *self.folder.glob("*.index")):
            if path.stem not in whole and path.name != FAILURES:
                path.unlink()

    def end_pass(self) -> tuple[Part, ...]:
        """What a whole pass has collected becomes parts; a request that two workers collected is sent once."""
        seen: set[str] = set()
        return tuple(self._commit(path, seen) for path in sorted(self.spool.glob("*.index")))

    def _commit(self, index: Path, seen: set[str]) -> Part:
        with index.open("rb") as lines:
            account = Account.model_validate_json(lines.readline())
        requests = list(_requests(index))
        mine = [request for request in requests if request.key not in seen and not seen.add(request.key)]  # type: ignore[func-returns-value]
        if len(mine) < len(requests):
            _drop_repeated(index, account, mine)
        for suffix in ("jsonl", "index"):
            index.with_suffix(f".{suffix}").replace(self.folder / f"{index.stem}.{suffix}")
        tokens = sum(request.tokens for request in mine)
        return self.note(Part(name=index.stem, account=account, requests=len(mine), tokens=tokens))

    def reply(self, key: str) -> Reply | None:
        """What came back for a request, or None."""
        try:
            return Reply.model_validate_json(self._reply_path(key).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def keep(self, key: str, reply: Reply) -> None:
        """Writes down what came back."""
        write_whole(self._reply_path(key), reply.model_dump_json().encode("utf-8", "surrogatepass"))

    def failures(self, machine: str) -> Iterator[Failure]:
        """Requests of a machine that came back without an answer, in order."""
        path = self.folder / FAILURES
        lines = path.read_bytes().splitlines() if path.exists() else []
        failures = {(f.key, f.batch_id): f for f in map(Failure.model_validate_json, lines)}
        yield from (failure for failure in failures.values() if failure.machine == machine)

    def fail(self, failures: tuple[Failure, ...]) -> None:
        """Adds failures, all of a part at once."""
        if failures:
            with (self.folder / FAILURES).open("ab") as lines:
                lines.write(b"".join(failure.model_dump_json().encode() + b"\n" for failure in failures))

    def remove(self, part: Part) -> None:
        """Forgets a part that is at its end; its note goes last."""
        for suffix in ("jsonl", "index", "json"):
            (self.folder / f"{part.name}.{suffix}").unlink(missing_ok=True)

    def _reply_path(self, key: str) -> Path:
        return self.folder / "replies" / key[:2] / f"{key}.json"


class PartWriter:
    """A part in the spool, request by request; nothing but the current request is in memory, nothing waits in a buffer.

    The index begins with the account.
    """

    def __init__(self, spool: Path, name: str, account: Account) -> None:
        spool.mkdir(parents=True, exist_ok=True)
        self.account = account
        self.requests = self.tokens = self.num_bytes = 0
        self._lines: BinaryIO = (spool / f"{name}.jsonl").open("wb")
        self._index: BinaryIO = (spool / f"{name}.index").open("wb")
        self._note(account)

    def add(self, request: Request, pieces: tuple[bytes, ...]) -> None:
        """Adds a request: a line of JSON around the body's bytes."""
        start = {"custom_id": request.key, "method": "POST", "url": f"/v1/{self.account.endpoint}"}
        line = (json.dumps(start)[:-1].encode() + b', "body": ', *pieces, b"}\n")
        self._lines.writelines(line)
        self._lines.flush()
        self._note(request)
        self.requests += 1
        self.tokens += request.tokens
        self.num_bytes += sum(map(len, line))

    def close(self) -> None:
        """Nothing more comes."""
        self._lines.close()
        self._index.close()

    def _note(self, about: Frozen) -> None:
        self._index.write(about.model_dump_json().encode() + b"\n")
        self._index.flush()


def _requests(index: Path) -> Iterator[Request]:
    with index.open("rb") as lines:
        lines.readline()
        for line in lines:
            yield Request.model_validate_json(line)


def _drop_repeated(index: Path, account: Account, kept: list[Request]) -> None:
    """Writes a part of the spool anew with some of its requests only, each once."""
    wanted = {request.key: request for request in kept}
    requests, lines = list(_requests(index)), index.with_suffix(".jsonl")
    with lines.open("rb") as old, index.with_suffix(".new").open("wb") as new:
        for request, line in zip(requests, old, strict=True):
            if wanted.pop(request.key, None):
                new.write(line)
    index.with_suffix(".new").replace(lines)
    write_whole(index, b"".join(each.model_dump_json().encode() + b"\n" for each in (account, *kept)))


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
