from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.row_groups import ends_row_group, parquet_options, row_group

FILE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


@pytest.mark.parametrize(
    ("sample_id", "num_rows", "num_bytes", "ends"),
    [
        ("ab", 1, 100, True),  # full of bytes
        ("ab", 1000, 0, True),  # full of rows
        ("ab", 999, 99, False),
        ("a0", 1, 25, True),  # filled enough, and the row says so
        ("a0", 250, 0, True),
        ("a0", 249, 24, False),
        ("0b", 1, 25, False),
    ],
)
def test_a_row_ends_its_group_where_that_is_full_or_the_row_says_so(
    sample_id: str, num_rows: int, num_bytes: int, ends: bool
) -> None:
    assert ends_row_group(sample_id, num_rows=num_rows, num_bytes=num_bytes, most_bytes=100) is ends


def test_rows_are_columns_of_files_and_of_values_in_the_schemas_order() -> None:
    schema = pa.schema([("image", FILE), ("sample_id", pa.string()), ("mask", FILE)])
    rows = [{"sample_id": "a", "image": {"bytes": b"1", "path": "a.png"}, "mask": None}]

    assert row_group(rows, schema) == pa.Table.from_pylist(rows, schema)


def test_only_bytes_of_media_are_plain_and_uncompressed() -> None:
    schema = pa.schema(
        [("image", FILE), ("sample_id", pa.string()), ("regions", pa.list_(pa.struct({"x": pa.int64()})))]
    )

    options = parquet_options(schema)

    assert options["compression"] == {
        "image.bytes": "NONE",
        "image.path": "ZSTD",
        "sample_id": "ZSTD",
        "regions.list.element.x": "ZSTD",
    }
    assert options["use_dictionary"] == ["image.path", "sample_id", "regions.list.element.x"]
