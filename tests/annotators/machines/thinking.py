"""A chat completions server in the process whose answers a test writes as a function of the question."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Asked", "ThinkingServer"]


class Asked:
    """One request: the system message, all words of the user message, and its form."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.messages = body["messages"]
        self.system = str(self.messages[0]["content"])
        self.words = "\n".join(part["text"] for part in self.messages[1]["content"] if part["type"] == "text")
        urls = [part["image_url"]["url"] for part in self.messages[1]["content"] if part["type"] == "image_url"]
        self.pictures = [base64.b64decode(url.partition(",")[2]) for url in urls]
        self.number_of_turns = len(self.messages)
        self.last_words = str(self.messages[-1]["content"])
        self.seed = body.get("seed")

    def proposals(self, name: str = "Proposal") -> list[dict[str, Any]]:
        """What stands behind ``Proposal 1:``, ``Proposal 2:``, ... in order."""
        lines = [line for line in self.words.splitlines() if line.startswith(f"{name} ")]
        return [json.loads(line.partition(": ")[2]) for line in lines]


class ThinkingServer:
    """Answers each request with what ``think`` gives: an object, words, or an HTTP status."""

    def __init__(self, think: Callable[[Asked], Any]) -> None:
        self.asked: list[Asked] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = Asked(body)
                server.asked.append(asked)
                answer = think(asked)
                status = answer if isinstance(answer, int) else 200
                content = answer if isinstance(answer, str) else json.dumps(answer)
                message = {"role": "assistant", "content": content}
                reply = {
                    "model": body["model"],
                    "choices": [{"message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 10},
                }
                data = json.dumps(reply if status == 200 else {"error": {"message": "no", "code": "x"}}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
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
