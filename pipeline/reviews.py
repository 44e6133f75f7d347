"""The raw reviews beside the dataset: every person's own answer, where the records hold what was decided from them."""

from __future__ import annotations

import json
from collections.abc import Container

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.arrow import table_schema
from schemas.verification import Verification

from .filesystems import exists, remove
from .storage import FileFact, RunFolder, WholeFile
from .tables import read_batches

__all__ = ["REVIEWS", "write_reviews"]

REVIEWS = "reviews/reviews.parquet"
"""Below ``dataset/``: a config of its own on the Hub, apart from the shards."""
PRIVATE = ("annotation", "signed_by", "task_key", "updated_at")
"""When somebody worked and how their tool counts: for audits in ``verifications/``, nobody else's business."""


def write_reviews(run: RunFolder, sample_ids: Container[str]) -> tuple[dict[str, FileFact], int]:
    """Write the reviews of these samples, by sample and review; the file by its path in the run folder, and its rows.

    No file where nobody has answered. Reviews of samples that people rejected are among them.
    """
    rows, path = _rows(run, sample_ids), f"dataset/{REVIEWS}"
    uri = run.path(*path.split("/"))
    if not rows.num_rows:
        if exists(uri):
            remove(uri)
        return {}, 0
    with WholeFile(uri) as file:
        pq.write_table(rows, file, compression="zstd")
    return {path: file.fact}, rows.num_rows


def _rows(run: RunFolder, sample_ids: Container[str]) -> pa.Table:
    schema = table_schema(Verification)
    kept = [batch.filter(_known(batch, sample_ids)) for batch in read_batches(run, "verifications")]
    table = pa.Table.from_batches(kept).cast(schema) if kept else schema.empty_table()
    table = table.take(pc.sort_indices(table, [("sample_id", "ascending"), ("verification_id", "ascending")]))
    metadata = {"witnessmark.table": "reviews", "witnessmark.private": json.dumps(PRIVATE)}
    return table.drop_columns(list(PRIVATE)).replace_schema_metadata({**(schema.metadata or {}), **metadata})


def _known(batch: pa.RecordBatch, sample_ids: Container[str]) -> pa.Array:
    return pa.array([sample_id in sample_ids for sample_id in batch.column("sample_id").to_pylist()], pa.bool_())
