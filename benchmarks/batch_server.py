"""OpenAI's Files and Batch APIs on this machine, for tests: whole lives of batches, with everything that can go wrong.

``with BatchServer() as server: ...`` gives ``server.base_url`` and ``server.stats()``. A batch goes on by one step each
time somebody looks at it (validating, in_progress, finalizing, completed), so that tests need no clock. Results come
in another order than the requests. It follows platform.openai.com/docs/api-reference/files and .../batch, and the
official client is run against it by a test.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .loopback import LoopbackServer
from .model_answers import read_request
from .model_faults import Settings, completion

__all__ = ["BatchServer"]

Json = dict[str, Any]
ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass
class BatchServer(LoopbackServer):
    """A running server; a context manager."""

    script: tuple[str, ...] = ()
    """What the first, second, ... request with the same pictures meets: a status (``400``, ``500``) or a fault of the
    model server (``garbage``, ``cut``, ...); ``ok`` after that."""
    faulty: float = 1.0
    """Share of the pictures that meet the script, by the seed."""
    refuses: str = ""
    """A field of the body that every request with it gets a 400 for."""
    expires_after: int | None = None
    """The first batch expires when so many requests are done."""
    fails: tuple[str, ...] = ()
    """Code with which the first, second, ... batch fails in validation; empty for none."""
    max_requests: int = 50_000
    max_bytes: int = 200_000_000
    max_enqueued_tokens: int = 0
    """Tokens (characters / 4) in unfinished batches, beyond which a batch fails; 0 is unbounded."""
    per_look: int = 1_000_000
    """Requests that are done between two looks."""
    drops: tuple[str, ...] = ()
    """Calls, as ``POST /v1/batches``, whose work is done but whose first response never arrives."""
    api_key: str = ""
    seed: int = 0
    files: dict[str, tuple[Json, bytes]] = field(default_factory=dict)
    batches: dict[str, Json] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    """Requests by custom_id."""
    shown: Counter[str] = field(default_factory=Counter)
    """Requests by their pictures."""
    usage: Counter[str] = field(default_factory=Counter)
    _dropped: set[str] = field(default_factory=set)

    def stats(self) -> Json:
        """Calls by address, requests by custom_id, and the tokens of all answers that were made."""
        return {
            "calls": dict(self.calls),
            "attempts": dict(self.attempts),
            "usage": dict(self.usage),
            "batches": [batch["status"] for batch in self.batches.values()],
        }

    def application(self) -> web.Application:
        """The routes of both APIs."""
        app = web.Application(client_max_size=2**30, middlewares=[self._middleware])
        app.add_routes(
            [
                web.post("/v1/files", self._upload),
                web.get("/v1/files/{id}", self._file),
                web.get("/v1/files/{id}/content", self._content),
                web.post("/v1/batches", self._create),
                web.get("/v1/batches", self._list),
                web.get("/v1/batches/{id}", self._retrieve),
                web.post("/v1/batches/{id}/cancel", self._cancel),
            ]
        )
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        pattern = request.match_info.route.resource.canonical if request.match_info.route.resource else request.path
        name = f"{request.method} {pattern}"
        self.calls[name] += 1
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return _refusal(401, "Incorrect API key provided", "invalid_api_key")
        response = await handler(request)
        if name in self.drops and name not in self._dropped:
            self._dropped.add(name)
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        content, purpose, name = b"", "", ""
        async for part in await request.multipart():
            if part.name == "purpose":
                purpose = await part.text()
            elif part.name == "file":
                name, content = part.filename or "", bytes(await part.read())
        if purpose != "batch" or not name.endswith(".jsonl"):
            return _refusal(400, "purpose must be 'batch' and the file a .jsonl", "invalid_request_error")
        if len(content) > self.max_bytes:
            return _refusal(413, "the file is too large", "file_too_large")
        return web.json_response(self._keep(content, name, purpose))

    def _keep(self, content: bytes, name: str, purpose: str) -> Json:
        file = {
            "id": f"file-{len(self.files) + 1:06d}",
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        self.files[file["id"]] = (file, content)
        return file

    async def _file(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["id"])
        return web.json_response(found[0]) if found else _refusal(404, "no such file", "not_found")

    async def _content(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["id"])
        return web.Response(body=found[1]) if found else _refusal(404, "no such file", "not_found")

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("input_file_id") not in self.files or asked.get("completion_window") != "24h":
            return _refusal(400, "no such input file, or window", "invalid_request_error")
        number = len(self.batches)
        batch: Json = {
            "id": f"batch_{number + 1:06d}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "errors": None,
            "input_file_id": asked["input_file_id"],
            "completion_window": "24h",
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(time.time()),
            "in_progress_at": None,
            "expires_at": int(time.time()) + 86400,
            "finalizing_at": None,
            "completed_at": None,
            "failed_at": None,
            "expired_at": None,
            "cancelling_at": None,
            "cancelled_at": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": asked.get("metadata"),
        }
        self.batches[batch["id"]] = batch | {"_number": number}
        return web.json_response(_shown(batch))

    async def _list(self, request: web.Request) -> web.Response:
        limit, after = int(request.query.get("limit", "20")), request.query.get("after", "")
        names = list(reversed(self.batches))
        start = names.index(after) + 1 if after in names else 0
        page = [_shown(self.batches[name]) for name in names[start : start + limit]]
        return web.json_response(
            {
                "object": "list",
                "data": page,
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
                "has_more": start + limit < len(names),
            }
        )

    async def _retrieve(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _refusal(404, "no such batch", "not_found")
        self._go_on(batch)
        return web.json_response(_shown(batch))

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None or batch["status"] in ENDED:
            return _refusal(400, "cannot be cancelled", "invalid_request_error")
        self._step(batch, "cancelling")
        return web.json_response(_shown(batch))

    def _go_on(self, batch: Json) -> None:
        status = batch["status"]
        if status == "validating":
            self._validate(batch)
        elif status == "in_progress":
            self._work(batch)
        elif status == "finalizing":
            self._end(batch, "completed")
        elif status == "cancelling":
            self._end(batch, "cancelled")

    def _validate(self, batch: Json) -> None:
        lines = self.files[batch["input_file_id"]][1].splitlines()
        errors = list(self._problems(batch, lines))
        if errors:
            batch["errors"] = {"object": "list", "data": errors}
            self._step(batch, "failed")
            return
        batch["_todo"] = [json.loads(line)["custom_id"] for line in lines]
        batch["_lines"] = dict(zip(batch["_todo"], lines, strict=True))
        batch["_out"], batch["_err"] = [], []
        batch["_tokens"] = sum(map(len, lines)) // 4
        random.Random(self.seed + batch["_number"]).shuffle(batch["_todo"])
        batch["request_counts"]["total"] = len(lines)
        self._step(batch, "in_progress")

    def _problems(self, batch: Json, lines: list[bytes]) -> Any:
        if batch["_number"] < len(self.fails) and self.fails[batch["_number"]]:
            yield _problem(self.fails[batch["_number"]], "failed for the test's sake")
        if not 0 < len(lines) <= self.max_requests:
            yield _problem("invalid_request_count", f"{len(lines)} requests, at most {self.max_requests}")
        running = sum(b["_tokens"] for b in self.batches.values() if b["status"] in ("in_progress", "finalizing"))
        if self.max_enqueued_tokens and running + sum(map(len, lines)) // 4 > self.max_enqueued_tokens:
            yield _problem("token_limit_exceeded", "Enqueued token limit reached")
        seen: set[str] = set()
        models: set[str] = set()
        for number, line in enumerate(lines, 1):
            try:
                asked = json.loads(line)
                good = asked["method"] == "POST" and asked["url"] == batch["endpoint"]
                models.add(asked["body"]["model"])
            except (ValueError, KeyError, TypeError):
                yield _problem("invalid_json_line", "This line is not parseable as valid JSON.", number)
                continue
            if not good:
                yield _problem("mismatched_endpoint", "method or url differs from the batch's", number)
            if asked["custom_id"] in seen:
                yield _problem("duplicate_custom_id", "The custom_id for this request is a duplicate.", number)
            seen.add(asked["custom_id"])
        if len(models) > 1:
            yield _problem("mismatched_model", "A batch may ask one model only.")

    def _work(self, batch: Json) -> None:
        count = self.per_look
        if self.expires_after is not None and batch["_number"] == 0:
            count = min(count, self.expires_after)
        now, batch["_todo"] = batch["_todo"][:count], batch["_todo"][count:]
        for custom_id in now:
            self._ask(batch, custom_id)
        if not batch["_todo"]:
            self._step(batch, "finalizing")
        elif self.expires_after is not None and batch["_number"] == 0:
            self._end(batch, "expired")

    def _ask(self, batch: Json, custom_id: str) -> None:
        line = batch["_lines"][custom_id]
        asked = json.loads(line)
        request = read_request(json.dumps(asked["body"], separators=(",", ":")).encode())
        attempt = self.shown[request.picture_hash]
        self.attempts[custom_id] += 1
        self.shown[request.picture_hash] += 1
        is_faulty = random.Random(f"{self.seed} {request.picture_hash}").random() < self.faulty
        fault = self.script[attempt] if is_faulty and attempt < len(self.script) else "ok"
        if self.refuses and self.refuses in asked["body"]:
            fault = "400"
        counts = batch["request_counts"]
        if fault.isdigit():
            message = f"Unsupported parameter: '{self.refuses}'" if fault == "400" else "The server had an error"
            body: Json = {"error": {"message": message, "type": "error", "param": None, "code": None}}
            batch["_err"].append(_result(custom_id, int(fault), body))
            counts["failed"] += 1
            return
        answer = completion(request, fault, Settings())
        body = answer if isinstance(answer, dict) else {"choices": [], "note": "no completion"}
        for name in ("prompt_tokens", "completion_tokens"):
            self.usage[name] += body.get("usage", {}).get(name, 0)
        batch["_out"].append(_result(custom_id, 200, body))
        counts["completed"] += 1

    def _end(self, batch: Json, status: str) -> None:
        for custom_id in batch.get("_todo", []):
            message = "This request could not be executed before the completion window expired."
            error = {"code": f"batch_{status}", "message": message}
            line = {"id": f"batch_req_{custom_id[:12]}", "custom_id": custom_id, "response": None, "error": error}
            batch["_err"].append(line)
        for name, lines in (("output_file_id", batch.get("_out")), ("error_file_id", batch.get("_err"))):
            if lines:
                content = "".join(json.dumps(line) + "\n" for line in lines).encode()
                batch[name] = self._keep(content, f"{batch['id']}_{name}.jsonl", "batch_output")["id"]
        self._step(batch, status)

    def _step(self, batch: Json, status: str) -> None:
        batch["status"] = status
        batch[f"{status}_at"] = int(time.time())


def _result(custom_id: str, status: int, body: Json) -> Json:
    response = {"status_code": status, "request_id": f"req_{custom_id[:12]}", "body": body}
    return {"id": f"batch_req_{custom_id[:12]}", "custom_id": custom_id, "response": response, "error": None}


def _shown(batch: Json) -> Json:
    return {key: value for key, value in batch.items() if not key.startswith("_")}


def _problem(code: str, message: str, line: int | None = None) -> Json:
    return {"code": code, "message": message, "param": None, "line": line}


def _refusal(status: int, message: str, code: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status)
