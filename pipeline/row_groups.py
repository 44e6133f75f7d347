"""How published rows lie in Parquet: where a row group ends, and how each column is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from schemas.arrow import rows_to_arrow
from schemas.published import files_to_arrow

__all__ = ["MEDIA_COLUMN", "ends_row_group", "parquet_options", "row_group"]

MEDIA_COLUMN: dict[str, str] = {"images": "image", "videos": "video", "documents": "document"}
FILE_COLUMNS = (*MEDIA_COLUMN.values(), "reference_image", "mask", "preview")
ROWS_PER_GROUP = 1000
"""Most rows of a row group: where media are small, the rows themselves are what fills memory."""
FILLED_ENOUGH = 0.25
"""Share of a full row group from which on a row whose sample id says so ends it. Boundaries that rows choose by
themselves are found again behind a row that came, went or grew, so the groups behind it keep their bytes."""
ENDS_A_GROUP = "0"
"""Last hex digit of such a sample id: one row of sixteen."""
CHUNKING = {"min_chunk_size": 256 << 10, "max_chunk_size": 1 << 20, "norm_level": 0}
"""Content-defined chunks of the size that the Hub's own writer uses: a fixed row moves few of them."""


def ends_row_group(sample_id: str, *, num_rows: int, num_bytes: int, most_bytes: int) -> bool:
    """Whether a row is the last one of the row group that it filled to so many rows and bytes of media."""
    filled = max(num_bytes / most_bytes, num_rows / ROWS_PER_GROUP)
    return filled >= 1 or (filled >= FILLED_ENOUGH and sample_id.endswith(ENDS_A_GROUP))


def row_group(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table: files by reference, every other column by value."""
    is_file = [pa.types.is_struct(field.type) and field.name in FILE_COLUMNS for field in schema]
    small = rows_to_arrow(rows, pa.schema([field for field, file in zip(schema, is_file, strict=True) if not file]))
    columns = [
        files_to_arrow([row[field.name] for row in rows]) if file else small.column(field.name)
        for field, file in zip(schema, is_file, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def parquet_options(schema: pa.Schema) -> Mapping[str, Any]:
    """Media plain and uncompressed (they are compressed already), everything else dictionary and zstd."""
    media = {f"{name}.bytes" for name in FILE_COLUMNS}
    codec: Literal["NONE", "ZSTD"]
    compression, dictionary = {}, []
    for column in _leaves(schema):
        codec = "NONE" if column in media else "ZSTD"
        compression[column] = codec
        if codec == "ZSTD":
            dictionary.append(column)
    return {
        "compression": compression,
        "use_dictionary": dictionary,
        "write_page_index": True,
        "use_content_defined_chunking": CHUNKING,
        "store_schema": True,
    }


def _leaves(schema: pa.Schema) -> list[str]:
    """Parquet paths of the leaf columns, as the writer's options name them."""
    return [column for field in schema for column in _paths(field.name, field.type)]


def _paths(path: str, kind: pa.DataType) -> list[str]:
    if pa.types.is_struct(kind):
        return [p for member in kind for p in _paths(f"{path}.{member.name}", member.type)]
    if pa.types.is_list(kind):
        return _paths(f"{path}.list.element", kind.value_type)
    return [path]
