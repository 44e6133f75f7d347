"""A Hub of datasets on 127.0.0.1, as far as ``huggingface_hub`` and ``datasets`` talk to one.

Git-like history, large files by LFS (single and in parts) or by Xet, tags, ranges; faults on demand. Endpoints and
bodies follow what the clients send and read; there are no quotas, no licence list and no viewer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from .xet import XetStore

__all__ = ["TOKEN", "Blob", "Commit", "Fault", "HubServer", "Repo"]

TOKEN = "hf_loopback"  # noqa: S105 - a token of this server only
WHEN = "2026-01-01T00:00:00.000Z"
LARGE = 1024
"""Bytes from which a file is kept as an LFS object; so are all of the suffixes that the Hub lists."""
LARGE_SUFFIXES = (".parquet", ".png", ".mp4", ".webm")


@dataclass(frozen=True)
class Blob:
    """The bytes of a file and how they are kept."""

    data: bytes
    is_lfs: bool

    @property
    def oid(self) -> str:
        """The object id of git."""
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()  # noqa: S324 - git's own

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Commit:
    """One state of a repository."""

    sha: str
    title: str
    files: dict[str, Blob]


@dataclass
class Repo:
    """A dataset repository with one branch."""

    name: str
    private: bool
    commits: list[Commit]
    tags: dict[str, str] = field(default_factory=dict)

    def at(self, revision: str) -> Commit | None:
        """The commit of a branch, tag or sha."""
        if revision in ("main", "refs/heads/main"):
            return self.commits[-1]
        sha = self.tags.get(revision, revision)
        return next((c for c in self.commits if c.sha == sha), None)


@dataclass
class Fault:
    """What goes wrong: the ``n``-th request (from 1) whose method and path match gets this instead of its answer."""

    matching: str
    status: int = 503
    times: int = 1
    after: int = 0
    """Matching requests that are served first."""
    headers: dict[str, str] = field(default_factory=dict)
    is_done_first: bool = False
    """Whether the request is carried out before the answer gets lost."""
    do: Callable[[], None] | None = None
    """Called when it strikes, e.g. to kill the client."""


class HubServer:
    """``with HubServer() as hub``: serves at ``hub.url`` until the block ends."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: Counter[str] = Counter()
        self.lock = threading.RLock()
        self.parts: dict[str, dict[int, bytes]] = {}
        self.part_bytes: int | None = None
        """Upload LFS objects in parts of so many bytes; whole where None."""
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.xet = XetStore(f"{self.url}/xet")
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request, counted down."""
        with self.lock:
            for fault in self.faults:
                if not re.search(fault.matching, f"{method} {path}") or not fault.times:
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def commit(self, repo: Repo, lines: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        """Apply the operations of one commit, all or none."""
        with self.lock:
            header = next(line["value"] for line in lines if line["key"] == "header")
            head = repo.commits[-1]
            if header.get("parentCommit") not in (None, head.sha):
                return 412, {"error": "A commit has happened since. Please refresh and try again."}
            files = dict(head.files)
            for line in lines:
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = Blob(base64.b64decode(value["content"]), is_lfs=False)
                elif line["key"] == "lfsFile":
                    data = self.object(value["oid"])
                    if data is None:
                        return 400, {"error": f"LFS object {value['oid']} was never uploaded"}
                    files[value["path"]] = Blob(data, is_lfs=True)
                elif line["key"] == "deletedFile":
                    files.pop(value["path"], None)
                elif line["key"] == "deletedFolder":
                    files = {p: b for p, b in files.items() if not p.startswith(value["path"].rstrip("/") + "/")}
            contents = sorted((path, blob.oid) for path, blob in files.items())
            sha = _sha(repo.name, len(repo.commits), header["summary"], contents)
            repo.commits.append(Commit(sha, header["summary"], files))
            url = f"{self.url}/datasets/{repo.name}/commit/{sha}"
            return 200, {"success": True, "commitUrl": url, "commitOid": sha, "hookOutput": ""}

    def object(self, sha256: str) -> bytes | None:
        """A large file that was brought by either way."""
        return self.objects.get(sha256) or self.xet.bytes_of(sha256)

    def create(self, name: str, *, private: bool = True) -> Repo:
        """A new repository with the first commit that the Hub makes."""
        attributes = Blob(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n", is_lfs=False)
        repo = Repo(name, private, [Commit(_sha(name), "initial commit", {".gitattributes": attributes})])
        self.repos[name] = repo
        return repo


def _sha(*parts: object) -> str:
    return hashlib.sha1(json.dumps(parts).encode()).hexdigest()  # noqa: S324 - shaped like git's


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_hub: HubServer

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._serve("GET")

    def do_HEAD(self) -> None:
        self._serve("HEAD")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        split = urlsplit(self.path)
        path, query = unquote(split.path), parse_qs(split.query)
        body = self._body()
        hub = self.server_hub
        hub.requests[f"{method} {path}"] += 1
        fault = hub.fault(method, path)
        if fault and not fault.is_done_first:
            return self._fail(fault)
        status, answer, headers = self._route(method, path, query, body)
        if fault:
            return self._fail(fault)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return self._send(status, data, headers, method)

    def _fail(self, fault: Fault) -> None:
        if fault.do:
            fault.do()
        if fault.status == 0:
            self.close_connection = True
            self.connection.close()
            return
        self._send(fault.status, b'{"error":"injected"}', fault.headers, "GET")

    def _send(self, status: int, data: bytes, headers: dict[str, str], method: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if method != "HEAD":
            self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Any:
        hub = self.server_hub
        if match := re.fullmatch(r"/lfs/(\w{64})(?:/(\d+))?", path):
            return self._store(method, match[1], match[2], body)
        if path.startswith("/xet/"):
            return hub.xet.serve(method, path.removeprefix("/xet"), self.headers, body)
        if match := re.fullmatch(r"/datasets/(.+?)/resolve/([^/]+)/(.+)", path):
            return self._resolve(match[1], match[2], match[3])
        is_private_name = re.search(r"/datasets/([^/]+/[^/.]+)", path)
        repo = hub.repos.get(is_private_name[1]) if is_private_name else None
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and (method != "GET" or (repo and repo.private)):
            return 401, {"error": "Invalid user token."}, {}
        if path == "/api/whoami-v2":
            return 200, {"type": "user", "name": "ann", "orgs": [], "auth": {"accessToken": {"role": "write"}}}, {}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}, {}
        if match := re.fullmatch(r"/datasets/(.+)\.git/info/lfs/objects/(batch|verify)", path):
            return self._batch(json.loads(body), query) if match[2] == "batch" else (200, {}, {})
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/(\w[\w-]*)(?:/([^/]+))?(?:/(.*))?)?", path):
            repo = hub.repos.get(match[1])
            if repo is None:
                return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
            return self._api(repo, match[2] or "revision", match[3] or "main", match[4], query, body)
        return 404, {"error": f"no such endpoint: {method} {path}"}, {}

    def _create(self, wanted: dict[str, Any]) -> Any:
        hub = self.server_hub
        name = f"{wanted.get('organization') or 'ann'}/{wanted['name']}"
        url = f"{hub.url}/datasets/{name}"
        if name in hub.repos:
            return 409, {"error": "You already created this dataset repo", "url": url}, {}
        is_private = bool(wanted.get("private")) or wanted.get("visibility") == "private"
        hub.create(name, private=is_private)
        return 200, {"url": url, "name": name}, {}

    def _api(
        self, repo: Repo, verb: str, revision: str, rest: str | None, query: dict[str, list[str]], body: bytes
    ) -> Any:
        hub = self.server_hub
        if verb == "refs":
            tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": sha} for n, sha in repo.tags.items()]
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.commits[-1].sha}
            return 200, {"branches": [main], "tags": tags, "converts": []}, {}
        commit = repo.at(revision)
        if commit is None:
            return 404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"}
        if verb == "revision":
            return 200, _info(repo, commit, query), {}
        if verb in ("xet-write-token", "xet-read-token"):
            return hub.xet.token()
        if verb == "preupload":
            return 200, {"files": [_mode(file, commit) for file in json.loads(body)["files"]]}, {}
        if verb == "commit":
            status, answer = hub.commit(repo, [json.loads(line) for line in body.splitlines() if line])
            return status, answer, {}
        if verb == "tag":
            name = json.loads(body)["tag"]
            if name in repo.tags:
                return 409, {"error": f"Tag {name} exists already"}, {}
            repo.tags[name] = commit.sha
            return 200, {}, {}
        if verb == "tree":
            return 200, _tree(commit, rest or "", is_deep="recursive" in query), {}
        if verb == "paths-info":
            wanted = parse_qs(body.decode()).get("paths", []) or json.loads(body or b"{}").get("paths", [])
            return 200, [_entry(p, commit.files[p]) for p in wanted if p in commit.files], {}
        if verb == "commits":
            fields = {"authors": [], "date": WHEN, "message": ""}
            return 200, [{"id": c.sha, "title": c.title, **fields} for c in reversed(repo.commits)], {}
        return 404, {"error": f"no such endpoint: {verb}"}, {}

    def _batch(self, wanted: dict[str, Any], _: dict[str, list[str]]) -> Any:
        hub = self.server_hub
        objects = []
        for item in wanted["objects"]:
            answer: dict[str, Any] = {"oid": item["oid"], "size": item["size"]}
            if hub.object(item["oid"]) is None:
                answer["actions"] = {"upload": _upload(hub, item)}
            objects.append(answer)
        return 200, {"transfer": "multipart" if hub.part_bytes else "basic", "objects": objects}, {}

    def _store(self, method: str, oid: str, part: str | None, body: bytes) -> Any:
        hub = self.server_hub
        with hub.lock:
            if part is not None:
                hub.parts.setdefault(oid, {})[int(part)] = body
                return 200, {}, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}  # noqa: S324 - as S3 does
            if method == "POST":
                body = b"".join(piece for _, piece in sorted(hub.parts.pop(oid).items()))
            if hashlib.sha256(body).hexdigest() != oid:
                return 400, {"error": "the bytes are not those of the object"}, {}
            hub.objects[oid] = body
        return 200, {}, {}

    def _resolve(self, name: str, revision: str, path: str) -> Any:
        repo = self.server_hub.repos.get(name)
        is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repo is None or (repo.private and not is_known):
            return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        commit = repo.at(revision)
        if commit is None:
            return 404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"}
        blob = commit.files.get(path)
        headers = {"X-Repo-Commit": commit.sha}
        if blob is None:
            return 404, {"error": "Entry not found"}, {**headers, "X-Error-Code": "EntryNotFound"}
        etag = blob.sha256 if blob.is_lfs else blob.oid
        headers |= {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if blob.is_lfs:
            headers |= {"X-Linked-Size": str(len(blob.data)), "X-Linked-Etag": f'"{etag}"'}
            if name_there := self.server_hub.xet.hash_of.get(blob.sha256):
                token_url = f"{self.server_hub.url}/api/datasets/{name}/xet-read-token/{commit.sha}"
                headers |= {"X-Xet-Hash": name_there, "Link": f'<{token_url}>; rel="xet-auth"'}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(match[1]), min(int(match[2] or len(blob.data) - 1), len(blob.data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(blob.data)}"
            return 206, blob.data[start : end + 1], headers
        return 200, blob.data, headers


def _info(repo: Repo, commit: Commit, query: dict[str, list[str]]) -> dict[str, Any]:
    siblings = []
    for path, blob in sorted(commit.files.items()):
        entry = _entry(path, blob)
        more = {"size": entry["size"], "blobId": entry["oid"]} if "blobs" in query else {}
        if "blobs" in query and blob.is_lfs:
            more["lfs"] = {"size": len(blob.data), "sha256": blob.sha256, "pointerSize": 130}
        siblings.append({"rfilename": path, **more})
    return {
        "_id": "0" * 24,
        "id": repo.name,
        "author": repo.name.partition("/")[0],
        "sha": commit.sha,
        "private": repo.private,
        "disabled": False,
        "gated": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "createdAt": WHEN,
        "lastModified": WHEN,
        "siblings": siblings,
    }


def _mode(file: dict[str, Any], commit: Commit) -> dict[str, Any]:
    is_large = file["size"] >= LARGE * 1024 or file["path"].endswith(LARGE_SUFFIXES)
    blob = commit.files.get(file["path"])
    oid = (blob.sha256 if blob.is_lfs else blob.oid) if blob else None
    mode = "lfs" if is_large else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}


def _tree(commit: Commit, folder: str, *, is_deep: bool) -> list[dict[str, Any]]:
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    entries, folders = [], set()
    for path, blob in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        rest = path.removeprefix(prefix).split("/")
        deepest = len(rest) if is_deep else min(2, len(rest))
        folders |= {prefix + "/".join(rest[:depth]) for depth in range(1, deepest)}
        if is_deep or len(rest) == 1:
            entries.append(_entry(path, blob))
    return [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in sorted(folders)] + entries


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": blob.oid, "size": len(blob.data), "path": path}
    if blob.is_lfs:
        entry["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 130}
    return entry


def _upload(hub: HubServer, item: dict[str, Any]) -> dict[str, Any]:
    href = f"{hub.url}/lfs/{item['oid']}"
    if not hub.part_bytes:
        return {"href": href, "header": {}}
    parts = {str(n + 1): f"{href}/{n + 1}" for n in range(-(-item["size"] // hub.part_bytes))}
    return {"href": href, "header": {"chunk_size": str(hub.part_bytes), **parts}}
