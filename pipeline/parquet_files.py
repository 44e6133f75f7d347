"""Parquet files opened for reading piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow.parquet as pq

from .filesystems import open_uri

__all__ = ["open_parquet"]


@contextmanager
def open_parquet(uri: str) -> Iterator[pq.ParquetFile]:
    """The file at ``uri``, holding no more than the row group that is read.

    pyarrow's default reads the wanted columns of all row groups ahead and keeps them until the file is closed: every
    picture of a shard at once.
    """
    with open_uri(uri) as file, pq.ParquetFile(file, pre_buffer=False) as parquet:
        yield parquet
