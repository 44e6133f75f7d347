"""The wire to an OpenAI-compatible server: bytes out, status and text back, nothing else.

Plain aiohttp, not the openai package: for a body with a 200 KB picture it costs 0.8 ms of CPU where
the package's client costs 6.3 ms, most of the time there is per sample (docs/decisions/0003-http-client.md).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from schemas.errors import ServiceError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Client", "Reply", "is_local", "service_error"]

MIN_SECRET_CHARS = 16
"""Keys of real services are longer (20 to 160 characters); local servers take any word."""
MAX_REPLY_BYTES = 16 * 2**20
"""A longer reply is no chat completion: reading it on would only cost memory."""
MAX_JOINED_BYTES = 2**20
"""A longer request is sent piece by piece: pages of megabytes are not copied into one more body."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - compared with, not bound


class Reply(NamedTuple):
    """What a server sent back."""

    status: int
    """HTTP status."""
    headers: Mapping[str, str]
    """Response headers; names match without regard to case."""
    text: str
    """The body, decoded as UTF-8; what is not UTF-8 is replaced."""


def service_error(message: str, *, status: str, remedy: str = "", is_fatal: bool = False) -> ServiceError:
    """A ServiceError that says its ``status`` (``429``, ``timeout``, ...) and whether asking on is pointless."""
    error = ServiceError(message, remedy=remedy)
    error.__dict__.update(status=status, is_fatal=is_fatal)
    return error


def is_local(base_url: str) -> bool:
    """Whether the server is on this machine: such servers need no key and no proxy."""
    return (urlsplit(base_url).hostname or "") in LOCAL_HOSTS


class Client:
    """Posts to ``BASE_URL/PATH`` over at most ``connections`` kept-alive connections.

    Must be made and used in one event loop. The key is in the connection's headers only: never in
    a repr, a message or a reply's text, even if the server echoes it.
    """

    def __init__(
        self, base_url: str, *, api_key: str, connections: int, timeout_s: float, path: str = "chat/completions"
    ) -> None:
        import aiohttp

        self.url = f"{base_url.rstrip('/')}/{path}"
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=not is_local(base_url),
        )

    def __repr__(self) -> str:
        return f"Client({self.where!r})"

    @property
    def where(self) -> str:
        """Scheme, host and port: the server's name in messages, without credentials or query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    async def post(self, pieces: tuple[bytes, ...]) -> Reply:
        """Sends the joined pieces. Any HTTP status is a Reply.

        Raises ServiceError where none came, with ``status`` ``timeout``, ``connection_refused`` or
        ``connection_reset``.
        """
        import aiohttp

        try:
            return await self._post(pieces)
        except TimeoutError as error:
            raise service_error(
                f"{self.where} did not answer within {self._timeout_s:g} s",
                status="timeout",
                remedy="raise timeout_s, or lower max_tokens or concurrency",
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise service_error(
                f"{self.where} cannot be reached: {error.os_error.strerror or type(error.os_error).__name__}",
                status="connection_refused",
                remedy="check base_url and that the server runs",
            ) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise service_error(
                f"{self.where} dropped the connection: {self._without_key(str(error)) or type(error).__name__}",
                status="connection_reset",
            ) from error

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()

    async def _post(self, pieces: tuple[bytes, ...]) -> Reply:
        size = sum(map(len, pieces))
        body = b"".join(pieces) if size < MAX_JOINED_BYTES else _each(pieces)
        headers = {"Content-Type": "application/json", "Content-Length": str(size)}
        async with self._session.post(self.url, data=body, headers=headers, allow_redirects=False) as response:
            text = (await self._read(response)).decode("utf-8", "replace")
            return Reply(response.status, response.headers, self._without_key(text))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise service_error(f"{self.where} sent more than {MAX_REPLY_BYTES} bytes", status="too_long")
        return b"".join(chunks)

    def _without_key(self, text: str) -> str:
        """Text without the key, should a server echo it; a short placeholder (``EMPTY``, ``x``) is an ordinary word."""
        return text.replace(self._api_key, "[key]") if len(self._api_key or "") >= MIN_SECRET_CHARS else text


async def _each(pieces: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
