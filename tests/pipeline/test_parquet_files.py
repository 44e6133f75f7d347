"""Reading a file of many row groups holds one of them."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.parquet_files import open_parquet

GROUPS, GROUP_BYTES = 24, 1 << 20


def test_what_is_held_does_not_grow_with_the_file(tmp_path: Path) -> None:
    noise = random.Random(0)
    path = tmp_path / "shard.parquet"
    with pq.ParquetWriter(path, pa.schema([("data", pa.binary())]), compression="none", use_dictionary=False) as file:
        for _ in range(GROUPS):
            file.write_table(pa.table({"data": [noise.randbytes(GROUP_BYTES // 4) for _ in range(4)]}))
    seen = 0

    tracemalloc.start()
    with open_parquet(str(path)) as parquet:
        for batch in parquet.iter_batches(batch_size=1, use_threads=False):
            seen += batch.column("data")[0].as_buffer().size
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert seen == GROUPS * GROUP_BYTES
    assert peak < 4 * GROUP_BYTES
