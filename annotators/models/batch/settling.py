"""Every part to its end: sent once, watched, fetched; after a kill at any moment too.

A part's note says before each step that it is taken. Where a note says that sending began but names no batch, the
server is asked for a batch that bears the part's name before another is made. Results may come in any order, twice, or
not at all; what did not come is a failure, and is collected again by the next pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

from schemas.errors import ServiceError
from schemas.payment import Payment

from ..prices import usage_of
from ..purse import BudgetReached, Purse
from ..reading import error_text, read_answer, whole_text
from ..retries import Backoff
from .api import BatchApi
from .collecting import REFUSED, expected_usd
from .parts import Account, Failure, Part, Reply, Request, Room

__all__ = ["settle"]

MARK, TRY = "witnessmark_part", "witnessmark_try"
ENDED = ("completed", "failed", "expired", "cancelled")
MAX_SENDINGS = 100
"""How often a part may be turned away for the account's limit of enqueued tokens."""
ENQUEUED = "token_limit_exceeded"


async def settle(room: Room, purse: Purse, *, write: Callable[[str], None], backoff: Backoff | None = None) -> None:
    """Returns when no part is left. Raises ServiceError (BudgetReached where the next part may cost too much)."""
    async with AsyncExitStack() as stack:
        settling = _Settling(room, purse, write, backoff or Backoff(), stack)
        await settling.run()


class _Settling:
    def __init__(
        self, room: Room, purse: Purse, write: Callable[[str], None], backoff: Backoff, stack: AsyncExitStack
    ) -> None:
        self._room, self._purse, self._write, self._backoff, self._stack = room, purse, write, backoff, stack
        self._parts = {part.name: part for part in room.parts()}
        self._apis: dict[tuple[str, str], BatchApi] = {}
        self._reserved: dict[str, float] = {}
        self._paid = {payment.payment_id for payment in purse if payment.mode == "batch"}
        self._said = ""

    async def run(self) -> None:
        for part in list(self._parts.values()):
            if part.sending and not part.batch_id and part.status != ENQUEUED:
                await self._find(part)
            if self._parts[part.name].batch_id:
                self._reserve_again(part)
        while self._parts:
            await self._send_what_fits()
            before = dict(self._parts)
            for part in [part for part in self._parts.values() if part.batch_id]:
                await self._look(part)
            self._say()
            if self._parts and self._parts == before:
                await self._backoff.sleep(min(part.account.poll_s for part in self._parts.values()))

    def _reserve_again(self, part: Part) -> None:
        """For what an earlier start sent: it is on its way, whatever the budget is now."""
        usd = expected_usd(part.account, part.requests, part.tokens)
        try:
            is_covered = self._purse.budget is not None and self._purse.set_aside(usd)
        except BudgetReached:
            is_covered = False
        self._reserved[part.name] = usd if is_covered else 0.0

    async def _send_what_fits(self) -> None:
        """Sends parts while limits and budget allow. Raises BudgetReached where nothing is on its way any more."""
        for part in [part for part in self._parts.values() if not part.batch_id]:
            if not self._has_room(part):
                continue
            usd = expected_usd(part.account, part.requests, part.tokens)
            if not self._purse.set_aside(usd):
                if any(other.batch_id for other in self._parts.values()):
                    continue
                raise self._purse.reached()
            self._reserved[part.name] = usd if self._purse.budget is not None else 0.0
            await self._send(part)

    def _has_room(self, part: Part) -> bool:
        """Whether the part fits beside the batches that are on their way; alone it always does."""
        account = part.account
        theirs = [p for p in self._parts.values() if p.batch_id and p.account.model == account.model]
        if part.status == ENQUEUED and theirs:
            return False
        most = account.max_enqueued_tokens
        return most is None or not theirs or sum(p.tokens for p in theirs) + part.tokens <= most

    async def _send(self, part: Part) -> None:
        api = await self._api(part.account)
        if not part.file_id:
            part = self._note(part.evolve(file_id=await api.upload(self._room.file(part))))
        part = self._note(part.evolve(sending=part.sending + 1, status="sent"))
        failures = 0
        while not part.batch_id:
            try:
                batch = await api.create(part.file_id, part.account.endpoint, _marks(part))
            except ServiceError as error:
                failures += 1
                found = await self._found(part)  # no answer does not mean that no batch was made
                if found is None and (failures >= 6 or not _may_pass(error)):
                    raise
                if found is None:
                    await self._backoff.sleep(self._backoff.wait_s(failures, None))
                    continue
                batch = found
            part = self._note(part.evolve(batch_id=str(batch["id"]), status=str(batch.get("status", ""))))

    async def _find(self, part: Part) -> None:
        """The batch of a part whose sending a kill interrupted."""
        batch = await self._found(part)
        if batch is not None:
            self._note(part.evolve(batch_id=str(batch["id"]), status=str(batch.get("status", ""))))

    async def _found(self, part: Part) -> dict[str, Any] | None:
        api = await self._api(part.account)
        async for batch in api.batches():
            if _marks(part).items() <= (batch.get("metadata") or {}).items():
                return batch
        return None

    async def _look(self, part: Part) -> None:
        api = await self._api(part.account)
        batch = await api.retrieve(part.batch_id)
        status = str(batch.get("status", ""))
        if status not in ENDED:
            self._note(part.evolve(status=f"{status} {_done(batch)}".strip()))
            return
        if status == "failed" and _codes(batch) == {ENQUEUED} and part.sending < MAX_SENDINGS:
            self._purse.release(self._reserved.pop(part.name, 0.0))
            self._note(part.evolve(batch_id="", status=ENQUEUED))
            if len(self._parts) == 1:
                await self._backoff.sleep(part.account.poll_s)
            return
        await self._merge(part, batch, status)

    async def _merge(self, part: Part, batch: dict[str, Any], status: str) -> None:
        """Keeps every reply, notes every failure, forgets the part: in this order, each may be repeated."""
        open_requests = {request.key: request for request in self._room.index(part)}
        failures: dict[str, Failure] = {}
        latency_s = max(0.0, float((_ended_at(batch) or 0) - (batch.get("created_at") or 0)))
        api = await self._api(part.account)
        for file_id in (batch.get("output_file_id"), batch.get("error_file_id")):
            if not file_id:
                continue
            async for line in api.lines(str(file_id)):
                request = open_requests.get(str(line.get("custom_id")))
                if request is None:
                    continue  # somebody else's, or one that has its answer
                failure = self._keep(part, request, line, latency_s)
                if failure is None:
                    del open_requests[request.key]
                    failures.pop(request.key, None)
                else:
                    failures[request.key] = failure
        for key in open_requests:
            reason = "; ".join(_messages(batch)) or f"the batch is {status} and has no answer to it"
            failures.setdefault(key, _failure(part, key, f"batch_{status}", reason))
        self._room.fail(tuple(failures.values()))
        self._room.remove(part)
        del self._parts[part.name]
        self._purse.release(self._reserved.pop(part.name, 0.0))
        kept = part.requests - len(failures)
        self._write(f"batch {part.batch_id}: {status}, {kept:,} of {part.requests:,} requests answered")

    def _keep(self, part: Part, request: Request, line: dict[str, Any], latency_s: float) -> Failure | None:
        """Pays for and keeps a reply; what is no reply is a failure."""
        response = _mapping(line.get("response"))
        status, body = int(response.get("status_code") or 0), response.get("body")
        text = body if isinstance(body, str) else _json(body)
        if status == 200:
            self._pay(part, request, text)
        if status == 200 or status in REFUSED:
            self._room.keep(
                request.key,
                Reply(status=status, body=text, latency_s=latency_s, form=request.form, batch_id=part.batch_id),
            )
        if status in REFUSED:
            # Both: the conversation reads the reply, the next pass's dialect starts from what was refused.
            return _failure(part, request.key, str(status), error_text(text)[1])
        if status == 200:
            return None
        error = _mapping(line.get("error"))
        code = str(error.get("code") or status or "no_response")
        return _failure(part, request.key, code, str(error.get("message") or error_text(text)[1]))

    def _pay(self, part: Part, request: Request, body: str) -> None:
        """Once, also where a kill made us read the results again."""
        payment_id = f"{part.batch_id}:{request.key}"
        if payment_id in self._paid:
            return
        self._paid.add(payment_id)
        account = part.account
        usage = usage_of(read_answer(200, body), account.model, account.price, account.price_factor)
        self._purse.pay(
            Payment(
                payment_id=payment_id,
                answer_key=request.key,
                machine=account.machine,
                model=account.model,
                sample_id=request.sample_id,
                mode="batch",
                usage=usage,
                expected_usd=expected_usd(account, 1, request.tokens) if usage.usd is None else None,
            )
        )

    async def _api(self, account: Account) -> BatchApi:
        place = (account.base_url, account.api_key_env)
        if place not in self._apis:
            api = BatchApi(account.base_url, api_key_env=account.api_key_env, backoff=self._backoff)
            self._apis[place] = await self._stack.enter_async_context(api)
        return self._apis[place]

    def _note(self, part: Part) -> Part:
        self._parts[part.name] = part
        return self._room.note(part)

    def _say(self) -> None:
        text = ", ".join(_lines(self._parts.values()))
        if text and text != self._said:
            self._write(f"batches: {text}")
        self._said = text


def _lines(parts: Any) -> Iterator[str]:
    waiting = [part for part in parts if not part.batch_id]
    for part in parts:
        if part.batch_id:
            yield f"{part.batch_id} {part.status} ({part.requests:,} requests)"
    if waiting:
        yield f"{len(waiting)} more wait to be sent"


def _failure(part: Part, key: str, status: str, message: str) -> Failure:
    machine = part.account.machine
    return Failure(
        key=key,
        machine=machine,
        status=whole_text(status[:100]),
        message=whole_text(message[:500]),
        batch_id=part.batch_id,
    )


def _marks(part: Part) -> dict[str, str]:
    return {MARK: part.name, TRY: str(part.sending)}


def _may_pass(error: ServiceError) -> bool:
    status = str(error.__dict__.get("status", ""))
    return status in ("connection_reset", "408", "409", "429") or status.startswith("5")


def _done(batch: dict[str, Any]) -> str:
    counts = batch.get("request_counts") or {}
    return f"{counts.get('completed', 0) + counts.get('failed', 0)}/{counts.get('total', 0)}" if counts else ""


def _errors(batch: dict[str, Any]) -> list[dict[str, Any]]:
    return [error for error in ((batch.get("errors") or {}).get("data") or []) if isinstance(error, dict)]


def _codes(batch: dict[str, Any]) -> set[str]:
    return {str(error.get("code")) for error in _errors(batch)}


def _messages(batch: dict[str, Any]) -> list[str]:
    return [str(error.get("message")) for error in _errors(batch)][:3]


def _ended_at(batch: dict[str, Any]) -> int | None:
    names = ("completed_at", "expired_at", "cancelled_at", "failed_at")
    return next((int(batch[name]) for name in names if batch.get(name)), None)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(value: Any) -> str:
    return json.dumps(value)
