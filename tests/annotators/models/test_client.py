"""The wire, against real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from annotators.models.client import MAX_REPLY_BYTES, Client, Reply, is_local
from benchmarks.model_server import ModelServer
from schemas.errors import ServiceError

T = TypeVar("T")
BODY = (b'{"model": "m", "messages": [{"role": "user", "content": "', b"x" * 10, b'"}]}')


def with_client(base_url: str, use: Callable[[Client], Awaitable[T]], *, api_key: str = "", timeout_s: float = 5) -> T:
    async def run() -> T:
        client = Client(base_url, api_key=api_key, connections=4, timeout_s=timeout_s)
        try:
            return await use(client)
        finally:
            await client.close()

    return asyncio.run(run())


def posted(base_url: str, pieces: tuple[bytes, ...] = BODY, **options: object) -> Reply:
    return with_client(base_url, lambda client: client.post(pieces), **options)  # type: ignore[arg-type]


def answering(head: str, body: bytes, count: int = 1) -> Callable[[Callable[[str], T]], T]:
    """Calls with the address of a server that gives just these bytes."""

    def run(use: Callable[[str], T]) -> T:
        async def serve() -> T:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(head.encode())
                try:
                    for _ in range(count):
                        writer.write(body)
                        await writer.drain()
                except ConnectionError:
                    return
                finally:
                    writer.close()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            async with server:
                return await asyncio.to_thread(use, f"http://127.0.0.1:{port}/v1")

        return asyncio.run(serve())

    return run


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_pieces_arrive_as_one_body(serve: Callable[..., ModelServer], size: int) -> None:
    server = serve(keeps_requests=True)

    reply = posted(server.base_url, (BODY[0], b"x" * size, BODY[2]))

    assert reply.status == 200
    assert server.stats()["requests"][0]["messages"][0]["content"] == "x" * size


def test_any_status_is_a_reply_with_its_headers(serve: Callable[..., ModelServer]) -> None:
    reply = posted(serve(rates={"429": 1.0}, retry_after="3").base_url)

    assert (reply.status, reply.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize(
    ("fault", "status", "words"), [("hang", "timeout", "within 0.1 s"), ("reset", "connection_reset", "dropped")]
)
def test_no_reply_is_a_service_error(serve: Callable[..., ModelServer], fault: str, status: str, words: str) -> None:
    server = serve(rates={fault: 1.0})

    with pytest.raises(ServiceError, match=words) as raised:
        posted(server.base_url, timeout_s=0.1 if fault == "hang" else 5)

    assert raised.value.__dict__["status"] == status
    assert f"127.0.0.1:{server.port}" in str(raised.value)


def test_a_body_that_is_cut_off_is_a_dropped_connection() -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"

    with pytest.raises(ServiceError, match="dropped"):
        answering(head, b'{"choices"')(posted)


def test_a_reply_without_end_is_not_read_to_its_end() -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {2**40}\r\n\r\n"

    with pytest.raises(ServiceError, match=f"more than {MAX_REPLY_BYTES} bytes"):
        answering(head, b"x" * 2**20, 64)(posted)


def test_a_redirect_is_not_followed_with_the_key() -> None:
    head = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n"

    assert answering(head, b"")(posted).status == 302


def test_what_is_not_utf8_is_replaced() -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

    assert answering(head, b"\xffx")(posted).text == "\ufffdx"


def test_the_key_is_sent_and_nowhere_else_to_be_seen(serve: Callable[..., ModelServer]) -> None:
    async def use(client: Client) -> tuple[Reply, str]:
        return await client.post(BODY), repr(client)

    reply, said = with_client(serve(api_key="sk-secret-0123456789").base_url, use, api_key="sk-secret-0123456789")
    refused = posted(serve(api_key="sk-other-0123456789").base_url, api_key="sk-secret-0123456789")

    assert (reply.status, refused.status) == (200, 401)
    assert "sk-secret-0123456789" not in said + refused.text
    assert "Incorrect API key provided: Bearer [key]" in refused.text


def test_a_placeholder_for_a_key_is_an_ordinary_word() -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

    assert answering(head, b"EMPTY")(lambda url: posted(url, api_key="EMPTY")).text == "EMPTY"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]:80/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://localhost.example.com/v1", False),
        ("nonsense", False),
    ],
)
def test_a_server_of_this_machine_is_told_by_its_name(url: str, expected: bool) -> None:
    assert is_local(url) is expected
