"""Published shards: deterministic Parquet with the media's original bytes inside.

Equal samples, candidates and recipe give equal bytes, on one process or many, so a rerun after a
crash rewrites what is there. Media are opened here for the last time: a file that changed since it
was measured becomes a Rejection, never a row.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from schemas.checks import check_record
from schemas.errors import MediaError, SampleError
from schemas.media.limits import DEFAULT_LIMITS, Limits
from schemas.media.types import Image, Video
from schemas.published import Config, dataset_schema, record_row
from schemas.record import Record, Reference, Rejection
from schemas.taxonomy import Taxonomy

from .filesystems import exists, open_uri
from .labelmap import label_map_png
from .recipe import DatasetOptions
from .row_groups import MEDIA_COLUMN, ends_row_group, parquet_options, row_group
from .storage import CHUNK_BYTES, FileFact, WholeFile, sha256_of

__all__ = ["Draft", "Shard", "WrittenShard", "shard_name", "write_shard"]

PREFETCH_BYTES = 16 << 20
THREADS = 2
EXTENSION = {"matroska,webm": ".webm", "mov,mp4,m4a,3gp,3g2,mj2": ".mp4", "avi": ".avi"}


class Shard(NamedTuple):
    """One file to write."""

    config: Config
    split: str
    number: int
    of: int


class Draft(NamedTuple):
    """A record with where its medium's bytes are and the item it came from."""

    record: Record
    uri: str
    item_id: str
    is_refused: bool = False
    """Whether a person or a gate keeps the sample out of the dataset."""
    reference_uri: str = ""
    """Where the bytes of its second image are."""

    @property
    def byte_size(self) -> int:
        """Bytes of its media."""
        return self.record.byte_size + (self.record.reference.byte_size if self.record.reference else 0)


class WrittenShard(NamedTuple):
    """What a shard holds; travels as a small element and as a line of the manifest."""

    config: str
    split: str
    path: str
    """Path below ``dataset/``."""
    num_rows: int
    media_bytes: int
    files: dict[str, FileFact]
    """Everything written, by path below ``dataset/``."""
    rejections: tuple[Rejection, ...]
    num_excluded: int = 0
    """Samples of the shard that the recipe does not publish."""


def shard_name(shard: Shard) -> str:
    """Path of a shard below ``dataset/``, in the Hub's pattern."""
    return f"data/{shard.config}/{shard.split}-{shard.number:05d}-of-{shard.of:05d}.parquet"


def write_shard(
    shard: Shard,
    drafts: Iterable[Draft],
    dataset_uri: str,
    taxonomy: Taxonomy,
    options: DatasetOptions,
    limits: Limits = DEFAULT_LIMITS,
    *,
    has_reference: bool = False,
) -> WrittenShard:
    """Write one shard, its rows in the given order; samples whose media or record fail become Rejections.

    ``has_reference``: whether rows may hold a second image.
    """
    writer = _ShardWriter(shard, dataset_uri, taxonomy, options, limits, has_reference)
    with writer.file, writer.pool:
        for draft, loaded in _loaded(drafts, writer):
            writer.add(draft, loaded)
        writer.finish()
    return writer.written()


class _ShardWriter:
    def __init__(
        self,
        shard: Shard,
        dataset_uri: str,
        taxonomy: Taxonomy,
        options: DatasetOptions,
        limits: Limits,
        has_reference: bool,
    ) -> None:
        self.limits, self.has_reference = limits, has_reference
        self.shard, self.dataset_uri, self.taxonomy, self.options = shard, dataset_uri.rstrip("/"), taxonomy, options
        self.schema = dataset_schema(shard.config, has_preview=options.preview, has_reference=has_reference)
        self.file = WholeFile(f"{self.dataset_uri}/{shard_name(shard)}")
        self.parquet = pq.ParquetWriter(self.file, self.schema, **parquet_options(self.schema))
        # One thread writes a row group while the next one is gathered: compressing and hashing leave the GIL.
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="row-group")
        self.writing: Future[None] | None = None
        self.rows: list[dict[str, Any]] = []
        self.row_bytes = self.num_rows = self.media_bytes = 0
        self.files: dict[str, FileFact] = {}
        self.rejections: list[Rejection] = []

    def load(self, draft: Draft) -> dict[str, Any]:
        """The row of a draft; runs in a thread of the pool. Raises SampleError."""
        defects = check_record(draft.record, self.taxonomy)
        if defects:
            raise SampleError(
                f"the record breaks its contract: {'; '.join(d.message for d in defects)}",
                remedy="see candidates/ for what was proposed",
            )
        if draft.record.reference and not self.has_reference:
            raise SampleError(
                f"{draft.item_id} has a second image, and no source of the recipe names a 'reference'",
                remedy="name its column under sources.N.reference",
            )
        return {**record_row(draft.record), **self._media(draft)}

    def add(self, draft: Draft, loaded: Future[dict[str, Any]]) -> None:
        """Take the next row in order, or its Rejection."""
        try:
            row = loaded.result()
        except SampleError as error:
            self.rejections.append(_rejection(draft, error))
            return
        self.rows.append(row)
        self.num_rows += 1
        self.media_bytes += draft.byte_size
        self.row_bytes += draft.byte_size
        most = self.options.row_group_bytes
        if ends_row_group(draft.record.sample_id, num_rows=len(self.rows), num_bytes=self.row_bytes, most_bytes=most):
            self._flush()

    def finish(self) -> None:
        """Write what is left and the footer."""
        self._flush()
        self._flush()
        self.parquet.close()

    def written(self) -> WrittenShard:
        """What became of the shard."""
        name = shard_name(self.shard)
        files = {name: self.file.fact, **self.files}
        return WrittenShard(
            self.shard.config, self.shard.split, name, self.num_rows, self.media_bytes, files, tuple(self.rejections)
        )

    def _flush(self) -> None:
        """Hand the gathered rows to the writing thread, once it is done with those before; raises its error."""
        if self.writing is not None:
            self.writing.result()
        rows, self.rows, self.row_bytes = self.rows, [], 0
        self.writing = self.pool.submit(self._write, rows) if rows else None

    def _write(self, rows: list[dict[str, Any]]) -> None:
        self.parquet.write_table(row_group(rows, self.schema))

    def _media(self, draft: Draft) -> dict[str, Any]:
        record = draft.record
        if record.storage == "beside":
            return {"video": None, "video_file": self._beside(draft), **self._preview(draft.uri, record)}
        feature = _feature(draft)
        columns: dict[str, Any] = {MEDIA_COLUMN[self.shard.config]: feature}
        if self.has_reference:
            columns["reference_image"] = _reference_feature(draft)
        if isinstance(record.media, Image):
            png = label_map_png(
                record.in_medium(record.regions), self.taxonomy, record.media.width, record.media.height
            )
            columns["mask"] = {"bytes": png, "path": f"{record.sample_id}.png"}
        elif isinstance(record.media, Video):
            columns["video_file"] = None
        return {**columns, **self._preview(feature["bytes"] if feature else None, record)}

    def _preview(self, source: bytes | str | None, record: Record) -> dict[str, Any]:
        if not self.options.preview:
            return {}
        if source is None:
            return {"preview": None}
        from .preview import preview

        data = preview(source, record, self.taxonomy, self.limits)
        return {"preview": data and {"bytes": data, "path": f"{record.sample_id}.jpg"}}

    def _beside(self, draft: Draft) -> str:
        """Copy a large video to a file named by its content; returns its path below ``dataset/``."""
        record = draft.record
        name = f"data/videos/files/{record.asset_id}{EXTENSION.get(getattr(record.media, 'format', ''), '.video')}"
        target = f"{self.dataset_uri}/{name}"
        if not exists(target) or sha256_of(target).sha256 != record.asset_id:
            with open_uri(draft.uri) as source, WholeFile(target) as copy:
                while chunk := source.read(CHUNK_BYTES):
                    copy.write(chunk)
                _check_unchanged(copy.sha256.hexdigest(), record, draft)
        self.files[name] = FileFact(sha256=record.asset_id, bytes=record.byte_size)
        return name


def _loaded(drafts: Iterable[Draft], writer: _ShardWriter) -> Iterator[tuple[Draft, Future[dict[str, Any]]]]:
    """Drafts in order with their loading rows, a bounded number of bytes ahead: hashing and deflating leave the GIL."""
    waiting: deque[tuple[Draft, Future[dict[str, Any]]]] = deque()
    ahead = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="shard") as pool:
        for draft in drafts:
            while waiting and (ahead + draft.byte_size > PREFETCH_BYTES or len(waiting) >= 32):
                ahead -= waiting[0][0].byte_size
                yield waiting.popleft()
            waiting.append((draft, pool.submit(writer.load, draft)))
            ahead += draft.byte_size
        yield from waiting


def _feature(draft: Draft) -> dict[str, Any] | None:
    record = draft.record
    if record.storage != "link_only":
        return {"bytes": _original_bytes(draft, draft.uri, record), "path": record.file_name}
    if record.source.url is None:
        raise SampleError(
            f"{draft.item_id}: a gate lets only a link to it be published (licence {record.source.licence!r}, source "
            f"{record.source.name!r}), and nothing says where it was found",
            remedy="state its url in the manifest, or block it by dataset.gates",
        )
    return None


def _reference_feature(draft: Draft) -> dict[str, Any] | None:
    reference = draft.record.reference
    if reference is None or draft.record.storage == "link_only":
        return None
    return {"bytes": _original_bytes(draft, draft.reference_uri, reference), "path": reference.file_name}


def _original_bytes(draft: Draft, uri: str, measured: Record | Reference) -> bytes:
    with open_uri(uri) as file:
        data = file.read()
    _check_unchanged(hashlib.sha256(data).hexdigest(), measured, draft)
    return data


def _check_unchanged(sha256: str, measured: Record | Reference, draft: Draft) -> None:
    if sha256 != measured.asset_id:
        raise MediaError(
            f"{draft.item_id}: {measured.file_name} changed after it was measured",
            remedy="run the same command again to measure it anew",
        )


def _rejection(draft: Draft, error: SampleError) -> Rejection:
    return Rejection(
        item_id=draft.item_id,
        sample_id=draft.record.sample_id,
        uri=draft.uri,
        stage="finalize",
        error=type(error).__name__,
        message=error.message,
        remedy=error.remedy,
    )
