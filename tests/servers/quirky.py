"""A model server in the process whose replies a test writes byte by byte: for what real servers do otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

__all__ = ["Call", "QuirkyServer", "Said", "completion"]


class Call(NamedTuple):
    """One request."""

    number: int
    """From 1, in the order of arrival."""
    path: str
    body: dict[str, Any]

    @property
    def system(self) -> str:
        """The system message, of either API."""
        return str(self.body.get("instructions") or self.body["messages"][0]["content"])

    @property
    def is_again(self) -> bool:
        """Whether the model is told what was wrong."""
        return len(self.body.get("messages", self.body.get("input", ()))) > (1 if "input" in self.body else 2)


class Said(NamedTuple):
    """What is sent back."""

    body: Any
    """An object for JSON, or the words themselves."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def completion(content: Any, **changes: Any) -> Said:
    """A chat completion with these words, or with an object as JSON."""
    words = content if isinstance(content, str) else json.dumps(content)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return Said({"object": "chat.completion", "model": "m", "choices": [choice], "usage": usage, **changes})


class QuirkyServer:
    """``with QuirkyServer(reply) as server``: every call goes to ``reply``; ``server.calls`` keeps them."""

    def __init__(self, reply: Callable[[Call], Said]) -> None:
        self.calls: list[Call] = []
        server, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    call = Call(len(server.calls) + 1, self.path, body)
                    server.calls.append(call)
                said = reply(call)
                data = (said.body if isinstance(said.body, str) else json.dumps(said.body)).encode()
                self.send_response(said.status)
                for name, value in (*said.headers, ("Content-Length", str(len(data)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def base_url(self) -> str:
        """What a client takes as its base_url."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
