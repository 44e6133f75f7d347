"""``python -m benchmarks.one_row``: which shards change when one row does, and what the next version costs.

A run folder of many small pictures is finalized; then a person corrects one row, ten rows are added, and one is
forgotten. After each, ``finalize`` runs again as its own process, and the shards are compared by their sha256. Of the
shards that changed, the row groups are: what a store that knows pieces of files has to take in anew.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import struct_rusage
from typing import NamedTuple

import pyarrow.parquet as pq

from pipeline.storage import RunFolder

from .written_run import add_rows, correct, write_run

ADDED = 10


class Shards(NamedTuple):
    """The published shards of a run at one moment."""

    files: dict[str, str]
    """sha256 by path below ``dataset/data``."""
    groups: dict[str, int]
    """Bytes of every row group by their sha256."""


def main() -> None:
    """Measure and print; exits with 1 where a command fails or one row changes more than one shard."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_row", description=__doc__)
    parser.add_argument("--rows", type=int, default=4000, help="pictures of about 2 KB (default 4000)")
    parser.add_argument("--shards", type=int, default=16, help="shards of the training split, about (default 16)")
    parser.add_argument("--folder", type=Path, help="empty folder to keep the run in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="witnessmark-bench-") as folder:
        for line in measured(options.folder or Path(folder), options.rows, options.shards):
            print(line, flush=True)


def measured(folder: Path, rows: int, shards: int) -> Iterator[str]:
    """One line for each version. Exits with 1 where one corrected row changes more than one shard."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = folder / "in"
    run = write_run(folder, rows, shard_bytes=rows * 2400 // shards)
    yield f"{rows:,} rows: {_finalized(run)}"
    before = _shards(run)
    forgotten: list[str] = []
    changes: dict[str, Callable[[], object]] = {
        "one row corrected": lambda: forgotten.append(correct(run, rows // 2, pictures)),
        f"{ADDED} rows added": lambda: add_rows(run, pictures, range(rows, rows + ADDED), "more"),
        "one row forgotten": lambda: _command("forget", forgotten[0], "--run", run.uri),
    }
    for name, change in changes.items():
        change()
        cost = _finalized(run)
        after = _shards(run)
        yield f"{name}: {_difference(before, after)}; {cost}"
        if name.startswith("one") and len(_changed(before, after)) != 1:
            sys.exit(f"{name}: {sorted(_changed(before, after))} changed")
        before = after


def _changed(before: Shards, after: Shards) -> set[str]:
    return {name for name, _ in before.files.items() ^ after.files.items()}


def _difference(before: Shards, after: Shards) -> str:
    new, total = (sum(size for key, size in after.groups.items() if key not in known) for known in (before.groups, {}))
    shards = f"{len(_changed(before, after))} of {len(after.files)} shards changed"
    return f"{shards}, {new:,} of {total:,} bytes are in new row groups"


def _shards(run: RunFolder) -> Shards:
    data = Path(run.path("dataset", "data"))
    files: dict[str, str] = {}
    groups: dict[str, int] = {}
    for path in sorted(data.rglob("*.parquet")):
        content = path.read_bytes()
        files[str(path.relative_to(data))] = hashlib.sha256(content).hexdigest()
        for start, end in _row_groups(path):
            groups[hashlib.sha256(content[start:end]).hexdigest()] = end - start
    return Shards(files, groups)


def _row_groups(path: Path) -> Iterator[tuple[int, int]]:
    """First byte of each row group and the one after its last."""
    with pq.ParquetFile(path) as parquet:
        for number in range(parquet.num_row_groups):
            group = parquet.metadata.row_group(number)
            columns = [group.column(i) for i in range(group.num_columns)]
            start = min(c.dictionary_page_offset or c.data_page_offset for c in columns)
            yield start, start + sum(c.total_compressed_size for c in columns)


def _finalized(run: RunFolder) -> str:
    """Runs ``finalize`` and says what it took."""
    started = time.monotonic()
    usage = _command("finalize", "--run", run.uri)
    wall, cpu = time.monotonic() - started, usage.ru_utime + usage.ru_stime
    return f"finalize {wall:.0f} s, {cpu:.0f} s CPU, {usage.ru_maxrss / 1024:.0f} MB"


def _command(*arguments: str) -> struct_rusage:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    error = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed: {error.decode()[-2000:]}")
    return usage


if __name__ == "__main__":
    main()
