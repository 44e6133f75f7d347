"""HTTP with a Label Studio server: its two kinds of keys, and its errors cut by fate.

The SDK's client is not used for transport: it sends a POST that failed again (an import may then be
stored twice), knows no upload of media, and reads every task into models that follow one server version.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from schemas.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    import httpx

__all__ = ["Connection", "UncertainError", "Upload", "as_json"]

TIMEOUT_S = 300.0
"""An import of 200 tasks takes a second; a busy SQLite server may take a hundred times that."""
CONNECT_S = 10.0
PAUSES_S = (0.25, 1.0, 3.0)
"""Before the second and later tries of a request that changes nothing."""
PASSING = (429, 500, 502, 503, 504)
"""Answers that may pass: SQLite says 500 for a moment when its database is locked."""
ACCESS_S = 240.0
"""An access token lives 300 s."""
PAGE_SIZE = 500
ADDRESS = re.compile(r"https?://[^\s/@?#]+(/[^\s?#@]*)?")


class UncertainError(ServiceError):
    """A request that changes something got no answer: it may have been done, or be done yet."""


class Upload(NamedTuple):
    """One file for the server."""

    name: str
    data: bytes
    media_type: str


class Connection:
    """One server and one key; use as a context manager. Neither the key nor what it buys appears in any message.

    Threads may share it. Of requests that change something there is one at a time: a second writer on SQLite waits
    five seconds for the first and then fails.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S) -> None:
        import httpx

        if not ADDRESS.fullmatch(url):
            raise ConfigError("LABEL_STUDIO_URL is no address of a server", remedy="for example http://127.0.0.1:8080")
        if not key.strip() or not key.strip().isascii():
            raise ConfigError("LABEL_STUDIO_API_KEY is empty or no key", remedy="copy it from Account & Settings")
        self.url = url.rstrip("/")
        self._key = key.strip()
        self._access: tuple[str, float] | None = None
        self._writing, self._buying = threading.Lock(), threading.Lock()
        timeout = httpx.Timeout(timeout_s, connect=CONNECT_S)
        self._client = httpx.Client(base_url=self.url, timeout=timeout, headers={"Accept": "application/json"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the sockets back."""
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """The JSON of a path. Raises ConfigError for a refused key or a missing thing, ServiceError for the rest."""
        found = self.find(path, **params)
        if found is None:
            raise ConfigError(f"{self.url} has no {path}", remedy="check LABEL_STUDIO_URL; the thing may be deleted")
        return found

    def find(self, path: str, **params: Any) -> Any | None:
        """The JSON of a path, or None where there is nothing (404). Tried again when the failure may pass."""
        response = self._patiently("GET", path, params=params)
        return None if response.status_code == 404 else self._json(response)

    def send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """A change, sent exactly once; ``body`` is JSON to be, or its bytes.

        Raises UncertainError where no answer came, ServiceError where it was refused.
        """
        content = body if body is None or isinstance(body, bytes) else as_json(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        return self._json(self._once(method, path, params=params, content=content, headers=headers))

    def upload(self, path: str, files: Sequence[Upload], **params: Any) -> Any:
        """Files in one multipart request, sent exactly once; as ``send``."""
        parts = [(f"file{i}", (file.name, file.data, file.media_type)) for i, file in enumerate(files)]
        return self._json(self._once("POST", path, params=params, files=parts))

    def tasks(self, project_id: int, *, include: str = "", filters: Sequence[Mapping[str, Any]] = ()) -> Iterator[Any]:
        """Tasks of a project by ascending number. ``include`` names the only fields wanted; empty: everything.

        Each page asks for what comes after the last one's end: tasks that are made or deleted meanwhile move
        nobody across a page's edge. The address has a limit of about 64 KB: at most 500 keys in a filter.
        """
        wanted = {"fields": "all", "include": include} if include else {"fields": "all"}
        size, last = PAGE_SIZE if include else PAGE_SIZE // 5, 0
        while True:
            after = {"filter": "filter:tasks:id", "operator": "greater", "value": last, "type": "Number"}
            items = [after, *filters]
            query = {"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]}
            found = self.find(
                "/api/tasks/", project=project_id, page_size=size, query=as_json(query).decode(), **wanted
            )
            tasks = (found or {}).get("tasks", [])
            yield from tasks
            if len(tasks) < size:
                return
            last = tasks[-1]["id"]

    def _patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        for pause in (*PAUSES_S, None):
            try:
                response = self._once(method, path, **options)
            except ServiceError:
                if pause is None:
                    raise
            else:
                if response.status_code not in PASSING or pause is None:
                    return response
            time.sleep(pause or 0)
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; an expired access token is renewed once. Raises ServiceError or UncertainError."""
        authorization = self._authorization()
        response = self._request(method, path, authorization, **options)
        if response.status_code == 401 and authorization.startswith("Bearer "):
            response = self._request(method, path, self._authorization(refused=authorization), **options)
        return response

    def _request(self, method: str, path: str, authorization: str, **options: Any) -> httpx.Response:
        import httpx

        headers = {**options.pop("headers", {}), "Authorization": authorization}
        try:
            with contextlib.nullcontext() if method == "GET" else self._writing:
                return self._client.request(method, path, headers=headers, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._unreachable(error) from error
        except httpx.TransportError as error:
            if method == "GET":
                raise self._unreachable(error) from error
            raise UncertainError(
                f"{self.url} gave no answer to {method} {path}: {_reason(error)}",
                remedy="run the same command again: it looks first at what has arrived",
            ) from error

    def _unreachable(self, error: Exception) -> ServiceError:
        return ServiceError(
            f"Label Studio at {self.url} cannot be reached: {_reason(error)}",
            remedy="start it or check LABEL_STUDIO_URL, then run the same command again: it goes on",
        )

    def _authorization(self, refused: str = "") -> str:
        """Legacy tokens go as they are; a personal access token (a JWT) buys access for five minutes.

        One thread buys for all: whose access was ``refused`` takes what another has bought meanwhile.
        """
        if self._key.count(".") != 2:
            return f"Token {self._key}"
        with self._buying:
            bearer, bought_s = self._access or ("", 0.0)
            if bearer in ("", refused) or time.monotonic() - bought_s > ACCESS_S:
                bearer = f"Bearer {self._buy()}"
                self._access = (bearer, time.monotonic())
            return bearer

    def _buy(self) -> str:
        import httpx

        try:
            response = self._client.post("/api/token/refresh/", json={"refresh": self._key})
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if response.status_code in (400, 401, 403):
            raise self._refused(response.status_code)
        access = self._json(response).get("access")
        if not isinstance(access, str):
            raise ServiceError(f"{self.url} gave no access token", remedy="is it a Label Studio of version 1.20 or up?")
        return access

    def _refused(self, status: int) -> ConfigError:
        return ConfigError(
            f"Label Studio at {self.url} refuses the key ({status})",
            remedy="the token may be revoked or of another server: set LABEL_STUDIO_API_KEY anew, then run again",
        )

    def _json(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status in (401, 403):
            raise self._refused(status)
        if status >= 500:
            kind = ServiceError if response.request.method == "GET" else UncertainError
            raise kind(
                f"Label Studio at {self.url} failed ({status}): {_words(response)}",
                remedy="see its log; on SQLite many writers at once are too much. Then run the same command again",
            )
        if status >= 400:
            where = f"{response.request.method} {response.request.url.path}"
            raise ServiceError(
                f"Label Studio at {self.url} refused {where} ({status}): {_words(response)}",
                remedy="is it of version 1.23? what was sent before stays",
            )
        if status >= 300:
            raise ConfigError(
                f"{self.url} answers with a redirection ({status})",
                remedy="set LABEL_STUDIO_URL to the very address of the server, https and path included",
            )
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise ConfigError(f"{self.url} does not answer as Label Studio does", remedy="check the address") from error


def as_json(value: Any) -> bytes:
    """JSON in one line, as UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _words(response: httpx.Response) -> str:
    """What the server says is wrong, in at most 300 characters."""
    try:
        body = response.json()
    except ValueError:
        return "no reason given"
    details = body.get("validation_errors") or body.get("detail") if isinstance(body, dict) else body
    text = details if isinstance(details, str) else json.dumps(details, ensure_ascii=False)
    return " ".join(text.split())[:300]
