"""The paid answers on disk: written before they are parsed, so that a crash never costs a second call.

One small JSON file per answer, under the hash of everything that was asked. A file appears whole or
not at all (temporary name, then rename), so the store survives SIGKILL at any moment; it is not
fsynced, so after a power cut an answer may be missing and is then asked for again. No database
serves: many processes write at once, runs are merged by copying files, and people read them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

from pydantic import NonNegativeFloat, ValidationError

from schemas.base import Frozen
from schemas.candidate import Attempt
from schemas.errors import ConfigError, RunError

__all__ = ["AnswerStore", "StoredAnswer"]

KEY = re.compile(r"[0-9a-f]{64}")


class StoredAnswer(Frozen):
    """One answer as it came, and what it took to get it. Never holds a header or a key."""

    model: str
    """Model as asked for."""
    parameters: str = "{}"
    """Parameters as they were sent, canonical JSON: a server may have refused some."""
    status: int
    """HTTP status of the response."""
    body: str
    """The response body, verbatim."""
    latency_s: NonNegativeFloat
    """Seconds from the request that was answered to its last byte."""
    failed_tries: tuple[Attempt, ...] = ()
    """What the service did before it answered: rate limits, server errors, timeouts, resets, in order."""
    paid_by: str = ""
    """The run that paid for it."""
    price_factor: NonNegativeFloat = 1.0
    """Share of the list price that was paid: batches cost half."""


class AnswerStore:
    """Answers in ``root/ab/<key>.json``, ``ab`` being the key's first two digits.

    ``root`` is a folder, made with the first answer; ``payer`` is the run that pays for what is
    asked now (``paid_by`` of new answers). Keys are sha256 in lower-case hex. Any number of processes may share a root.
    """

    def __init__(self, root: str, *, payer: str) -> None:
        if "://" in root:
            raise ConfigError(
                f"answers cannot be kept at {root}: it is not a folder of this machine",
                remedy="name a local or mounted folder",
            )
        self.root = Path(root)
        self.payer = payer
        self._asked: dict[str, asyncio.Task[StoredAnswer]] = {}
        self._number = count()

    def get(self, key: str) -> StoredAnswer | None:
        """The answer, or None where there is none (or where a power cut left half of one)."""
        try:
            return StoredAnswer.model_validate_json(self._path(key).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            return None

    def put(self, key: str, answer: StoredAnswer) -> None:
        """Writes the answer whole or not at all. Raises RunError when the disk refuses."""
        path = self._path(key)
        part = Path(f"{self.root}/{key[:2]}/.{key}.{os.getpid()}.{next(self._number)}.part")
        text = json.dumps(answer.model_dump(), ensure_ascii=False, separators=(",", ":"))
        try:
            self._write(part, text.encode("utf-8", "surrogatepass"))
            part.replace(path)
        except OSError as error:
            raise RunError(
                f"the answer {key[:12]} cannot be written to {self.root}: {error.strerror}",
                remedy="make room or give --answers another folder; a rerun goes on from what is on disk",
            ) from error

    async def once(self, key: str, ask: Callable[[], Awaitable[StoredAnswer]]) -> tuple[StoredAnswer, bool]:
        """The stored answer, or what ``ask`` gives, stored; and whether nothing was paid now.

        Concurrent callers with one key share one call. A call goes on when its caller is cancelled:
        what it brings is paid for, so it is written all the same. What ``ask`` raises, every caller gets.
        """
        task = self._asked.get(key)
        if task is None and (stored := self.get(key)):
            return stored, True
        is_mine = task is None
        if task is None:
            task = asyncio.ensure_future(self._ask(key, ask))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task), not is_mine

    def __iter__(self) -> Iterator[str]:
        """Every key in the store, in order."""
        for path in sorted(self.root.glob("??/*.json")):
            if KEY.fullmatch(path.stem):
                yield path.stem

    def is_paid_here(self, answer: StoredAnswer) -> bool:
        """Whether this run paid for it, now or in an earlier start of the same run."""
        return answer.paid_by == self.payer

    async def _ask(self, key: str, ask: Callable[[], Awaitable[StoredAnswer]]) -> StoredAnswer:
        answer = await ask()
        self.put(key, answer)
        return answer

    def remove(self, key: str) -> None:
        """Take the answer away for good; nothing where there is none."""
        self._path(key).unlink(missing_ok=True)

    def _forget(self, key: str, done: asyncio.Task[StoredAnswer]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # looked at, so that asyncio does not complain when every caller has gone

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a sha256 in lower-case hex")
        return Path(f"{self.root}/{key[:2]}/{key}.json")

    def _write(self, part: Path, content: bytes) -> None:
        try:
            part.write_bytes(content)
        except FileNotFoundError:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
