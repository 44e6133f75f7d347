"""Just enough HTTP/1.1 for the model server: requests with Content-Length, one after the other on a connection.

Web frameworks cost 0.7 ms per call, which a benchmark would measure as ours.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from .model_answers import Request, read_request
from .model_faults import ServerState, Settings, completion, error_body

__all__ = ["listen"]

MAX_BODY_BYTES = 2**30


async def listen(settings: Settings, port: int) -> asyncio.Server:
    """Listens on 127.0.0.1; port 0 takes a free one."""
    state = ServerState(settings)
    return await asyncio.get_running_loop().create_server(lambda: _Connection(state), "127.0.0.1", port, backlog=1024)


class _Connection(asyncio.Protocol):
    """One client's connection: requests with Content-Length, one after the other."""

    def __init__(self, server: ServerState) -> None:
        self._server = server
        self._received = bytearray()
        self._needed = 0
        self._head = b""
        self._waiting: asyncio.TimerHandle | None = None
        self._is_in_call = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting:
            self._waiting.cancel()
        if self._is_in_call:
            self._is_in_call = False
            self._server.end("gone")

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._received[:end])
            del self._received[: end + 4]
            self._needed = 1 + self._length()
        if len(self._received) >= self._needed - 1:
            body, self._received = self._received[: self._needed - 1], self._received[self._needed - 1 :]
            self._needed = 0
            self._serve(body)

    def _length(self) -> int:
        value = self._header(b"content-length") or b"0"
        return min(int(value), MAX_BODY_BYTES) if value.isdigit() else 0

    def _header(self, name: bytes) -> bytes:
        for line in self._head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name:
                return value.strip()
        return b""

    def _serve(self, body: bytearray) -> None:
        method, _, rest = self._head.partition(b" ")
        path = rest.split(b" ")[0].partition(b"?")[0]
        if (method, path) == (b"POST", b"/v1/chat/completions"):
            self._complete(body)
        elif (method, path) == (b"GET", b"/v1/models"):
            self._send(
                200,
                {"object": "list", "data": [{"id": "test-model", "object": "model", "created": 0, "owned_by": "us"}]},
            )
        elif (method, path) == (b"GET", b"/stats"):
            self._send(200, self._server.stats())
        elif (method, path) == (b"POST", b"/reset"):
            self._server.reset()
            self._send(200, {})
        else:
            self._send(404, error_body("there is no such address", "not_found"))

    def _complete(self, body: bytearray) -> None:
        settings = self._server.settings
        if settings.api_key and self._header(b"authorization") != b"Bearer " + settings.api_key.encode():
            key = self._header(b"authorization").decode("latin-1")
            self._server.turn_away(401)
            self._send(401, error_body(f"Incorrect API key provided: {key}", "invalid_api_key"))
            return
        try:
            request = read_request(body)
        except ValueError as error:
            self._server.turn_away(400)
            self._send(400, error_body(f"the body is not valid: {error}", "invalid_request_error"))
            return
        attempt, fault = self._server.begin(request)
        self._is_in_call = True
        if fault == "hang":
            return
        wait_s = self._server.latency_s(request, attempt) if fault not in ("429", "reset") else 0.0
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_later(wait_s, self._answer, request, fault)

    def _answer(self, request: Request, fault: str) -> None:
        self._is_in_call = False
        if fault == "reset":
            self._server.end("reset")
            self._transport.abort()
        elif fault in ("429", "500", "400"):
            self._refuse(int(fault), fault)
        elif fault == "filter":
            self._refuse(400, "content_policy_violation")
        elif refused := self._refused_field(request):
            self._refuse(400, refused)
        else:
            self._server.end("200", request)
            self._send(200, completion(request, fault, self._server.settings))

    def _refused_field(self, request: Request) -> str:
        text = json.dumps({key: value for key, value in request.content.items() if key != "messages"})
        return next((name for name in self._server.settings.refuses if f'"{name}"' in text), "")

    def _refuse(self, status: int, about: str) -> None:
        self._server.end(str(status))
        wait = self._server.settings.retry_after
        headers = f"Retry-After: {wait}\r\n" if status == 429 and wait else ""
        hint = ", use max_completion_tokens" if about == "max_tokens" else ""
        self._send(status, error_body(f"refused for the test's sake: {about}{hint}", about), headers)

    def _send(self, status: int, content: Any, headers: str = "") -> None:
        body = json.dumps(content).encode() if not isinstance(content, bytes) else content
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._transport.write(head.encode() + body)
