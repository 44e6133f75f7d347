"""The wire to OpenAI's Batch API: files up and down, batches made, looked at, listed, cancelled.

platform.openai.com/docs/api-reference/batch and .../files; checked against the official client by its own test.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from schemas.errors import ServiceError

from ..client import is_local, service_error
from ..reading import error_text
from ..retries import FATAL_REMEDIES, Backoff

if TYPE_CHECKING:
    import aiohttp

__all__ = ["BatchApi"]

TIMEOUT_S = 600.0
"""Files of 200 MB take their time."""
MAX_LINE_BYTES = 64 * 2**20
PAGE = 100
"""Batches per page of the list: the most that the API gives."""


class BatchApi:
    """One account's files and batches; an asynchronous context manager. Raises ServiceError after its tries."""

    def __init__(self, base_url: str, *, api_key_env: str, max_tries: int = 6, backoff: Backoff | None = None) -> None:
        self._base = base_url.rstrip("/")
        self._key = os.environ.get(api_key_env, "").strip()
        self._max_tries, self._backoff = max_tries, backoff or Backoff()

    async def __aenter__(self) -> Self:
        import aiohttp

        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=not is_local(self._base),
            read_bufsize=2**20,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def upload(self, path: Path) -> str:
        """Sends a file of requests, streamed from the disk; its id. A repeat makes another file, at no cost."""
        import aiohttp

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData()
            data.add_field("purpose", "batch")
            data.add_field("file", path.open("rb"), filename=path.name, content_type="application/jsonl")
            return data

        return str((await self._json("POST", "/files", make_form=form))["id"])

    async def create(self, file_id: str, endpoint: str, metadata: dict[str, str]) -> dict[str, Any]:
        """Makes a batch, once: where no answer comes, the caller looks whether it was made. Raises ServiceError."""
        body = {
            "input_file_id": file_id,
            "endpoint": f"/v1/{endpoint}",
            "completion_window": "24h",
            "metadata": metadata,
        }
        return await self._json("POST", "/batches", body=body, max_tries=1)

    async def retrieve(self, batch_id: str) -> dict[str, Any]:
        """A batch as it is now."""
        return await self._json("GET", f"/batches/{batch_id}")

    async def batches(self) -> AsyncIterator[dict[str, Any]]:
        """All batches of the account, the latest first."""
        after = ""
        while True:
            page = await self._json("GET", f"/batches?limit={PAGE}" + (f"&after={after}" if after else ""))
            for batch in page["data"]:
                yield batch
            if not page.get("has_more") or not page["data"]:
                return
            after = page["data"][-1]["id"]

    async def cancel(self, batch_id: str) -> dict[str, Any]:
        """Asks the server to stop; what is done is kept and paid."""
        return await self._json("POST", f"/batches/{batch_id}/cancel")

    async def lines(self, file_id: str) -> AsyncIterator[dict[str, Any]]:
        """The lines of a result file, read as they come; a line that is no object is left out, its request is asked
        again."""
        async with self._session.get(f"{self._base}/files/{file_id}/content") as response:
            if response.status != 200:
                raise _error(response.status, await response.text())
            rest = b""
            async for chunk in response.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    if (value := _object(line)) is not None:
                        yield value
                if len(rest) > MAX_LINE_BYTES:
                    raise service_error("a line of the results is too long", status="too_long")
            if (value := _object(rest)) is not None:
                yield value

    async def _json(
        self, method: str, path: str, *, body: Any = None, make_form: Any = None, max_tries: int | None = None
    ) -> dict[str, Any]:
        """One call, again where the service fails and that can do no harm."""
        failures = 0
        while True:
            status, text = await self._call(method, path, body, make_form)
            if status == 200:
                return dict(json.loads(text))
            failures += 1
            error = _error(status, text)
            if failures >= (max_tries or self._max_tries) or not (status in (0, 408, 409, 429) or status >= 500):
                raise error
            await self._backoff.sleep(self._backoff.wait_s(failures, None))

    async def _call(self, method: str, path: str, body: Any, make_form: Any) -> tuple[int, str]:
        """Status and text; 0 where no response came."""
        import aiohttp

        data = {"data": make_form()} if make_form else {"json": body} if body is not None else {}
        try:
            async with self._session.request(method, self._base + path, allow_redirects=False, **data) as response:
                return response.status, (await response.read()).decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            return 0, f"no response: {type(error).__name__}"


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _error(status: int, text: str) -> ServiceError:
    message = error_text(text)[1]
    return service_error(
        f"the batch API answered {status or 'nothing'}" + (f": {message}" if message else ""),
        status=str(status or "connection_reset"),
        remedy=FATAL_REMEDIES.get(status, "run again later: batches go on at the server and are found again"),
        is_fatal=status in FATAL_REMEDIES,
    )
