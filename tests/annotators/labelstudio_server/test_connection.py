"""Keys and what they buy, against a server in this process that lets access run out when it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from annotators.labelstudio_server.connection import Connection
from schemas.errors import ConfigError

PERSONAL = "head.body.signature"


class TokenServer:
    """Sells access for a personal token and takes only what it sold last; knows how often each was asked.

    ``together``: so many requests with access that has run out are answered only once all of them are there.
    """

    def __init__(self, together: int = 1) -> None:
        self.bought, self.answered, self.turned_away, self.is_revoked = 0, 0, 0, False
        self.refused = threading.Barrier(together)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.valid = ""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sell(self) -> tuple[int, dict[str, str]]:
        if self.is_revoked:
            return 401, {"detail": "Token is blacklisted"}
        with self._lock:
            self.bought += 1
            self.valid = f"access-{self.bought}"
            return 200, {"access": self.valid}

    def answer(self, authorization: str) -> tuple[int, dict[str, str]]:
        if authorization != f"Bearer {self.valid}":
            self.refused.wait(timeout=30)
            with self._lock:
                self.turned_away += 1
            return 401, {"detail": "Token is expired"}
        with self._lock:
            self.answered += 1
        return 200, {"email": "alice@example.com"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(*served.sell())

            def do_GET(self) -> None:
                self.reply(*served.answer(self.headers["Authorization"]))

            def reply(self, status: int, words: dict[str, str]) -> None:
                body = json.dumps(words).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Silent."""

        return Handler


@pytest.fixture
def serve() -> Iterator[type[TokenServer]]:
    """Servers that end with the test."""
    made: list[TokenServer] = []

    class Kept(TokenServer):
        def __init__(self, together: int = 1) -> None:
            super().__init__(together)
            made.append(self)

    yield Kept
    for server in made:
        server.close()


def test_threads_whose_access_runs_out_at_once_buy_it_anew_once(serve: type[TokenServer]) -> None:
    server = serve(together=8)
    with Connection(server.url, PERSONAL) as connection, ThreadPoolExecutor(8) as threads:
        connection.get("/api/current-user/whoami")
        server.valid = "another"
        found = list(threads.map(lambda _: connection.get("/api/current-user/whoami"), range(8)))
    assert found == [{"email": "alice@example.com"}] * 8
    assert (server.bought, server.answered) == (2, 9)


def test_threads_that_have_no_access_yet_buy_it_once(serve: type[TokenServer]) -> None:
    server = serve()
    with Connection(server.url, PERSONAL) as connection, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: connection.get("/api/current-user/whoami"), range(8)))
    assert (server.bought, server.answered) == (1, 8)


def test_a_revoked_token_is_asked_for_access_once_and_named_as_refused(serve: type[TokenServer]) -> None:
    server = serve()
    with Connection(server.url, PERSONAL) as connection:
        connection.get("/api/current-user/whoami")
        server.valid, server.is_revoked = "another", True
        with pytest.raises(ConfigError, match=r"refuses the key \(401\)"):
            connection.get("/api/current-user/whoami")
    assert server.bought == 1


def test_a_legacy_token_that_is_refused_is_not_sent_again(serve: type[TokenServer]) -> None:
    server = serve()
    with (
        Connection(server.url, "0123456789abcdef") as connection,
        pytest.raises(ConfigError, match=r"refuses the key \(401\)"),
    ):
        connection.get("/api/current-user/whoami")
    assert (server.turned_away, server.bought) == (1, 0)
