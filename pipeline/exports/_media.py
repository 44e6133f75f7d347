"""The original bytes of records, read from the dataset's shards in the order of the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from schemas.media.types import Document, Image
from schemas.record import Record, Reference

from ..dataset import config_of, read_rows, shard_uris
from ..filesystems import join, open_uri
from ..row_groups import MEDIA_COLUMN
from ..shards import EXTENSION
from ._coco_format import file_name
from .base import ExportPlace

__all__ = ["media_name", "reference_name", "with_both_media", "with_media"]

AT_ONCE = 4


def with_media(records: Iterable[Record], place: ExportPlace) -> Iterator[tuple[Record, bytes | None]]:
    """Each record with its medium's bytes, a few rows in memory at once.

    None where the place has no dataset, and where only a link to the medium is published.

    The records come as ``pipeline.dataset.read_records`` gives them, some of them left out.
    """
    return ((record, data) for record, data, _ in with_both_media(records, place))


def with_both_media(
    records: Iterable[Record], place: ExportPlace
) -> Iterator[tuple[Record, bytes | None, bytes | None]]:
    """As ``with_media``, and the bytes of the second image where the record compares two."""
    media = _media(place) if place.dataset_uri else iter(())
    for record in records:
        found = next((row for row in media if row[0] == record.sample_id), (record.sample_id, None, None))
        yield record, *found[1:]


def media_name(record: Record) -> str:
    """A file name that is unique and harmless; the original one may be neither."""
    if isinstance(record.media, Image):
        return file_name(record.asset_id, record.media.format)
    if isinstance(record.media, Document):
        return f"{record.asset_id}{'.pdf' if record.media.format == 'PDF' else '.tif'}"
    return f"{record.asset_id}{EXTENSION.get(record.media.format, '.video')}"


def reference_name(reference: Reference) -> str:
    """The same of its second image."""
    return file_name(reference.asset_id, reference.media.format)


def _media(place: ExportPlace) -> Iterator[tuple[str, bytes | None, bytes | None]]:
    for shard in shard_uris(place.dataset_uri):
        column = MEDIA_COLUMN[config_of(shard)]
        beside = ["video_file"] if column == "video" else []
        columns = ["sample_id", "storage", column, "reference_image", *beside]  # of those, what the shard has
        for row in read_rows(shard, columns, at_once=AT_ONCE):
            second = row.get("reference_image")
            yield row["sample_id"], _bytes(row, column, place), bytes(second["bytes"]) if second else None


def _bytes(row: dict[str, Any], column: str, place: ExportPlace) -> bytes | None:
    if row[column] is not None:
        return bytes(row[column]["bytes"])
    if row["storage"] == "link_only":
        return None
    with open_uri(join(place.dataset_uri, *row["video_file"].split("/"))) as file:
        return bytes(file.read())
