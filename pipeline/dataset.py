"""Reading published shards back: rows as Records, without or with their media."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.published import Config, dataset_schema, record_from_row
from schemas.record import Record

from .filesystems import list_files
from .parquet_files import open_parquet

__all__ = ["HUB_CONFIGS", "config_of", "read_records", "read_rows", "row_columns", "shard_uris"]

HUB_CONFIGS: tuple[Config, ...] = ("images", "videos", "documents")
MEDIA = ("image", "reference_image", "mask", "video", "video_file", "document", "preview")
ROWS_AT_ONCE = 256


def shard_uris(dataset_uri: str) -> tuple[str, ...]:
    """Every shard, config by config, in order."""
    folders = (f"{dataset_uri}/data/{config}" for config in HUB_CONFIGS)
    found = (uri for folder in folders for uri, _ in list_files(folder, recursive=False))
    return tuple(uri for uri in found if uri.endswith(".parquet"))


def config_of(shard_uri: str) -> Config:
    """The config that a shard belongs to, by its folder."""
    name = shard_uri.rsplit("/", 2)[-2]
    return next(config for config in HUB_CONFIGS if config == name)


def read_records(dataset_uri: str) -> Iterator[Record]:
    """Every published row without its medium, validated; memory does not grow with the rows."""
    for uri in shard_uris(dataset_uri):
        config = config_of(uri)
        for row in read_rows(uri, row_columns(config)):
            yield record_from_row(row, config)


def row_columns(config: Config) -> list[str]:
    """The columns of a config that are no media; a dataset without pairs has not all of them."""
    return [name for name in dataset_schema(config, has_reference=True).names if name not in MEDIA]


def read_rows(
    shard_uri: str, columns: list[str] | None = None, *, at_once: int = ROWS_AT_ONCE
) -> Iterator[dict[str, Any]]:
    """Rows of one shard as they stand there; few at once where media come along."""
    with open_parquet(shard_uri) as parquet:
        for batch in parquet.iter_batches(batch_size=at_once, columns=columns):
            yield from batch.to_pylist()
