"""Small published datasets, written as finalize writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.recipe import DatasetOptions
from pipeline.shards import Draft, Shard, write_shard
from schemas.record import Record
from schemas.taxonomy import Taxonomy

__all__ = ["write_dataset"]


def write_dataset(
    folder: Path,
    records: Iterable[Record],
    media: dict[str, bytes],
    taxonomy: Taxonomy,
    *,
    shards: int = 1,
    **options: Any,
) -> str:
    """A dataset folder of images: the records' splits, each in so many shards; ``media`` are bytes by sample id.

    ``options`` are those of the recipe's ``dataset``.
    """
    originals = folder / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    by_shard: dict[tuple[str, int], list[Draft]] = {}
    for record in sorted(records, key=lambda one: one.sample_id):
        path = originals / record.asset_id
        path.write_bytes(media[record.sample_id])
        key = record.split, int(record.sample_id[:8], 16) % shards
        by_shard.setdefault(key, []).append(Draft(record, str(path), record.file_name))
    for (split, number), drafts in sorted(by_shard.items()):
        shard = Shard("images", split, number, shards)
        written = write_shard(shard, drafts, str(folder / "dataset"), taxonomy, DatasetOptions(**options))
        assert written.rejections == ()
    return str(folder / "dataset")
