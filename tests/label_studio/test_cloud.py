"""Media in a bucket: the server signs their addresses, and the browser gets the very bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from annotators.labelstudio_server.local import Login
from pipeline.submit import submit
from pipeline.tables import read_rows
from schemas.candidate import Candidate
from schemas.ledger import SubmittedTask
from schemas.sample import Sample

BUCKET = "media"


class Bucket(ThreadingHTTPServer):
    """As much of S3 as a bucket needs that is asked whether it exists and is read from with signed addresses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Object)
        self.objects: dict[str, bytes] = {}


class _Object(BaseHTTPRequestHandler):
    server: Bucket

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        is_bucket = address.path.strip("/") == BUCKET
        data = b"<ListBucketResult/>" if is_bucket else self.server.objects.get(address.path)
        is_signed = "X-Amz-Signature" in parse_qs(address.query) or "Authorization" in self.headers
        self.send_response(403 if not is_signed else 404 if data is None else 200)
        body = data if is_signed and data else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_an_object_is_shown_by_a_signed_address(
    bucket: Bucket,
    start_server: Callable[..., AbstractContextManager[Login]],
    open_client: Callable[[Login], httpx.Client],
    reach: Callable[[Login], None],
    make_sample: Callable[..., Sample],
    make_run: Callable[..., Any],
    propose: Callable[..., Candidate],
    tmp_path: Path,
) -> None:
    sample = make_sample("a.png")
    uri = f"s3://{BUCKET}/photos/a b.png"
    bucket.objects[f"/{BUCKET}/photos/a%20b.png"] = content = Path(sample.primary.uri).read_bytes()
    stored = sample.evolve(assets=(sample.primary.evolve(uri=uri),))
    run, manifest = make_run([stored], [propose(stored)], "people.0.media=cloud")
    credentials = {"AWS_ACCESS_KEY_ID": "for-tests", "AWS_SECRET_ACCESS_KEY": "for-tests"}
    place = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket.server_address[1]}", "AWS_DEFAULT_REGION": "us-east-1"}
    with start_server(tmp_path / "server", extra={**credentials, **place}) as login, open_client(login) as client:
        reach(login)
        assert submit(run, manifest, write=lambda _: None).new == 1
        assert submit(run, manifest, write=lambda _: None).new == 0

        (row,) = read_rows(run, "tasks", SubmittedTask)
        (storage,) = client.get("/api/storages/s3", params={"project": row.project_id}).json()
        assert (storage["bucket"], storage["presign"]) == (BUCKET, True)
        signed = client.get(client.get(f"/api/tasks/{row.task_id}/").json()["data"]["image"])
        assert signed.status_code == 303
        address = signed.headers["Location"]
        assert "X-Amz-Signature" in address
        assert httpx.get(address).content == content
        assert httpx.get(address.partition("?")[0]).status_code == 403
