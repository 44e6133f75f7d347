"""Tables that submit and collect write beside the graphs', and the manifest that must keep knowing them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from schemas.record import Rejection

from .storage import Manifest, RunFolder, sha256_of
from .tables import part_uris, read_batches, write_table

__all__ = ["has_rows", "refresh_files", "write_rejections"]


def has_rows(run: RunFolder, table: str) -> bool:
    """Whether the table holds anything."""
    return any(batch.num_rows for batch in read_batches(run, table))


def write_rejections(run: RunFolder, stage: Literal["submit", "collect"], rows: Sequence[Rejection]) -> None:
    """The stage's part of ``rejections/``, in place of its earlier one."""
    ordered = sorted(rows, key=lambda row: (row.item_id, row.message))
    write_table(run, "rejections", ordered, Rejection, prefix=stage)


def refresh_files(run: RunFolder, manifest: Manifest, tables: Collection[str]) -> Manifest:
    """Put the tables' new hashes into the manifest of a finalized run: verify compares them."""
    if not manifest.files:
        return manifest
    kept = {path: fact for path, fact in manifest.files.items() if path.partition("/")[0] not in tables}
    now = {f"{t}/{uri.rpartition('/')[2]}": sha256_of(uri) for t in sorted(tables) for uri in part_uris(run, t)}
    manifest = manifest.evolve(files={**kept, **now})
    run.write_manifest(manifest)
    return manifest
