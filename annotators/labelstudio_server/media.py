"""How media reach the browser: uploaded, as files that the server sees, from cloud storage, or by links.

A browser shows what it can decode: other pictures, and the pages of documents, are rendered first, in the sandbox.
What is shown is never what is published, which stays the original's bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, Protocol
from urllib.parse import quote

from schemas.candidate import View
from schemas.errors import ConfigError, MediaError
from schemas.media.limits import Limits
from schemas.media.types import Document, Video
from schemas.sample import Asset, Sample

from ..base import OpenUri
from ..labelstudio.tasks import Shown, layout_of
from ..models.pictures import LOSSLESS, render
from ..models.views import fit
from ..sandbox import shared_sandbox
from .connection import Connection, Upload

__all__ = ["Exhibit", "MediaWay", "Placing", "Shelf", "exhibits", "shelf_for", "shown"]

MediaWay = Literal["upload", "local_files", "cloud", "link"]
PICTURES = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "BMP": ".bmp"}
"""What browsers show and Label Studio takes as an upload. AVIF it refuses, TIFF no browser shows."""
PLAIN_MODES = ("RGB", "L", "RGBA", "P", "1", "LA")
"""Not CMYK and not 16 bit: browsers disagree about those."""
CLIPS = {("h264", "mp4"): ".mp4", ("av1", "mp4"): ".mp4", ("vp8", "webm"): ".webm", ("vp9", "webm"): ".webm",
         ("av1", "webm"): ".webm"}  # fmt: skip
"""Codec and container that Chromium and Firefox play; MPEG-4 part 2 and HEVC they do not."""
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp", ".bmp": "image/bmp",
         ".mp4": "video/mp4", ".webm": "video/webm"}  # fmt: skip
UPLOAD_FILES, UPLOAD_BYTES = 32, 20_000_000
"""Of one request, unless one file alone is larger; the server takes at most 100."""
MAX_UPLOAD_BYTES = 200_000_000
"""The server takes 250 MiB in one request."""
CLOUDS = {"s3": "s3", "gs": "gcs"}
"""Schemes of addresses that Label Studio signs, and what it calls their storage."""
MAX_DPI = 200
"""A page is never rendered finer: a stamp-sized page stays small."""


class Exhibit(NamedTuple):
    """One picture, page or clip for the browser."""

    asset: Asset
    name: str
    """Name by content: asset id, page, extension."""
    width: int
    height: int
    page_index: int | None = None
    is_rendered: bool = False
    """Whether the original's own bytes are not what is shown."""


class Shelf(Protocol):
    """Where a project's media lie."""

    def stage(self, exhibit: Exhibit) -> None:
        """Have it ready; what lies there already is not moved again. Raises MediaError."""

    def flush(self) -> None:
        """Move what was staged. Raises ServiceError."""

    def address(self, exhibit: Exhibit) -> str:
        """Where the browser finds what was staged and flushed."""


class Placing(NamedTuple):
    """Options of the way, and what it needs of the run."""

    way: MediaWay
    template: str
    root: str
    page_side: int
    limits: Limits
    open_uri: OpenUri
    put: Callable[[str, bytes], str]
    """Keeps bytes under a name in the run folder and returns their URI."""


def exhibits(sample: Sample, placing: Placing) -> tuple[Exhibit, ...]:
    """What the sample's page shows, in the order that its layout wants. Raises MediaError."""
    assets = [sample.primary]
    if layout_of(sample) == "pair":
        assets += filter(None, [sample.compared_with])
    return tuple(exhibit for asset in assets for exhibit in _exhibits(asset, placing))


def shown(exhibit: Exhibit, shelf: Shelf) -> Shown:
    """The exhibit with its address."""
    return Shown(
        url=shelf.address(exhibit),
        width=exhibit.width,
        height=exhibit.height,
        asset_id=exhibit.asset.asset_id,
        page_index=exhibit.page_index,
    )


def shelf_for(connection: Connection, project_id: int, placing: Placing) -> Shelf:
    """The shelf of the recipe's way, connected to a project."""
    if placing.way == "upload":
        return _Uploads(connection, project_id, placing)
    if placing.way == "local_files":
        return _LocalFiles(connection, project_id, placing)
    if placing.way == "cloud":
        return _Cloud(connection, project_id, placing)
    return _Links(placing)


def _exhibits(asset: Asset, placing: Placing) -> Iterator[Exhibit]:
    media, name = asset.media, asset.asset_id
    if isinstance(media, Video):
        yield Exhibit(asset, name + _clip_suffix(asset, media), media.width, media.height)
    elif isinstance(media, Document):
        for page in media.pages:
            finest = MAX_DPI / page.dpi if media.format == "PDF" else 1.0
            width, height = fit(page.width * finest, page.height * finest, placing.page_side)
            yield Exhibit(asset, f"{name}-{page.page_index}.png", width, height, page.page_index, True)
    elif media.format in PICTURES and media.mode in PLAIN_MODES:
        yield Exhibit(asset, name + PICTURES[media.format], media.width, media.height)
    else:
        suffix = ".png" if media.format in LOSSLESS else ".jpg"
        yield Exhibit(asset, f"{name}-shown{suffix}", media.width, media.height, None, True)


def _clip_suffix(asset: Asset, video: Video) -> str:
    container = "webm" if "webm" in video.format else "mp4" if "mp4" in video.format else ""
    suffix = CLIPS.get((video.codec, container))
    if suffix is None:
        raise MediaError(
            f"{asset.file_name}: no browser plays {video.codec} in {video.format}",
            remedy="leave videos of this kind to machines (people.N.modalities), or convert them to H.264 in MP4",
        )
    return suffix


def _bytes_of(exhibit: Exhibit, placing: Placing) -> bytes:
    """What is to be shown. Raises MediaError when the original is no longer what was measured."""
    asset = exhibit.asset
    if exhibit.is_rendered:
        view = View(asset_id=asset.asset_id, page_index=exhibit.page_index, width=exhibit.width, height=exhibit.height)
        sandbox = shared_sandbox(placing.limits)
        (picture,) = sandbox.submit(render, asset, (view,), placing.open_uri, 0, placing.limits).result()
        return picture.data
    if asset.byte_size > MAX_UPLOAD_BYTES:
        raise MediaError(
            f"{asset.file_name} is too large for an upload ({asset.byte_size:,} bytes)",
            remedy="show media by media: local_files, cloud or link",
        )
    with placing.open_uri(asset.uri) as stream:
        data = stream.read(asset.byte_size + 1)
    if hashlib.sha256(data).hexdigest() != asset.asset_id:
        raise MediaError(
            f"{asset.file_name} has changed since it was measured", remedy="run propose again, then submit"
        )
    return data


class _Uploads:
    """Copies in the server's own store, one per project and content."""

    def __init__(self, connection: Connection, project_id: int, placing: Placing) -> None:
        self._connection, self._project_id, self._placing = connection, project_id, placing
        self._there = self._listed(all="true")
        self._staged: dict[str, bytes] = {}
        self._size = 0

    def stage(self, exhibit: Exhibit) -> None:
        if exhibit.name in self._there or exhibit.name in self._staged:
            return
        data = _bytes_of(exhibit, self._placing)
        if (self._staged and self._size + len(data) > UPLOAD_BYTES) or len(self._staged) >= UPLOAD_FILES:
            self.flush()
        self._staged[exhibit.name] = data
        self._size += len(data)

    def flush(self) -> None:
        if not self._staged:
            return
        files = [Upload(name, data, TYPES[name[name.rindex(".") :]]) for name, data in self._staged.items()]
        path = f"/api/projects/{self._project_id}/import"
        done = self._connection.upload(path, files, commit_to_project="false")
        self._there |= self._listed(ids=json.dumps(done["file_upload_ids"]))
        self._staged, self._size = {}, 0

    def address(self, exhibit: Exhibit) -> str:
        return self._there[exhibit.name]

    def _listed(self, **which: str) -> dict[str, str]:
        """Address by name; the server puts eight digits and a dash before each name."""
        found = self._connection.get(f"/api/projects/{self._project_id}/file-uploads", **which)
        return {str(upload["file"]).rpartition("/")[2].partition("-")[2]: f"/data/{upload['file']}" for upload in found}


class _InPlace:
    """Files that stay where they are; what is rendered is kept in the run folder."""

    def __init__(self, placing: Placing) -> None:
        self._placing = placing
        self._uris: dict[str, str] = {}

    def stage(self, exhibit: Exhibit) -> None:
        if exhibit.name not in self._uris:
            self._uris[exhibit.name] = (
                self._placing.put(f"shown/{exhibit.name}", _bytes_of(exhibit, self._placing))
                if exhibit.is_rendered
                else exhibit.asset.uri
            )

    def flush(self) -> None:
        """Nothing is moved."""


class _Links(_InPlace):
    """Addresses made from a template: the team serves the files itself."""

    def address(self, exhibit: Exhibit) -> str:
        asset = exhibit.asset
        words = {"asset_id": asset.asset_id, "name": exhibit.name, "file_name": quote(asset.file_name)}
        return self._placing.template.format_map(words)


class _LocalFiles(_InPlace):
    """Files below a folder that the server sees, too (its LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT)."""

    def __init__(self, connection: Connection, project_id: int, placing: Placing) -> None:
        super().__init__(placing)
        self._connection, self._project_id = connection, project_id
        self._root = Path(placing.root).resolve()
        self._covered = {str(s["path"]) for s in connection.get("/api/storages/localfiles", project=project_id)}

    def address(self, exhibit: Exhibit) -> str:
        uri = self._uris[exhibit.name]
        path = Path(uri).resolve() if "://" not in uri else None
        if path is None or not path.is_relative_to(self._root):
            raise ConfigError(
                f"{uri} does not lie below media_root {self._root}",
                remedy="name a media_root that holds inputs and run folder, or show media by media: upload",
            )
        self._cover(path.parent)
        return f"/data/local-files/?d={quote(path.relative_to(self._root).as_posix())}"

    def _cover(self, folder: Path) -> None:
        """The server shows a file only where a storage of some project covers it."""
        if any(folder.is_relative_to(covered) for covered in self._covered):
            return
        body = {"path": str(folder), "project": self._project_id, "title": "Witnessmark", "use_blob_urls": True}
        self._connection.send("POST", "/api/storages/localfiles", body)
        self._covered.add(str(folder))


class _Cloud(_InPlace):
    """Objects where they are: the server signs addresses with its own credentials, a minute at a time."""

    def __init__(self, connection: Connection, project_id: int, placing: Placing) -> None:
        super().__init__(placing)
        self._connection, self._project_id = connection, project_id
        self._covered: dict[str, set[str]] = {}

    def address(self, exhibit: Exhibit) -> str:
        uri = self._uris[exhibit.name]
        scheme, _, rest = uri.partition("://")
        if scheme not in CLOUDS or not rest:
            raise ConfigError(
                f"{uri} is in no cloud storage that Label Studio signs addresses for ({', '.join(CLOUDS)})",
                remedy="show media by media: upload; rendered pages lie in the run folder, which must be there, too",
            )
        self._cover(CLOUDS[scheme], rest.partition("/")[0])
        return uri

    def _cover(self, kind: str, bucket: str) -> None:
        if kind not in self._covered:
            storages = self._connection.get(f"/api/storages/{kind}", project=self._project_id)
            self._covered[kind] = {str(storage["bucket"]) for storage in storages}
        if bucket not in self._covered[kind]:
            body = {"project": self._project_id, "bucket": bucket, "title": "Witnessmark", "presign": True}
            self._connection.send("POST", f"/api/storages/{kind}", body)
            self._covered[kind].add(bucket)
