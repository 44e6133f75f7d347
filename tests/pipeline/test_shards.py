"""Row groups whose own rows decide where they end: a row that comes or goes moves no other group."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.assembly import assemble
from pipeline.recipe import DatasetOptions
from pipeline.shards import Draft, Shard, write_shard
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

SHARD = Shard("images", "train", 0, 1)
ROWS, GROUPS = 480, 15


@pytest.fixture
def drafts(tmp_path: Path, make_sample: Callable[..., Sample], taxonomy: Taxonomy) -> list[Draft]:
    """By ascending sample id; every file has 4 to 6 KB, which nobody decodes."""
    found = []
    for number in range(ROWS):
        data = number.to_bytes(2) * (2000 + number * 7919 % 1000)
        path = tmp_path / f"{number}.png"
        path.write_bytes(data)
        sample = make_sample(str(number), size=len(data), content=str(number))
        record = assemble(sample, (), machines=(), taxonomy=taxonomy, split="train")
        found.append(Draft(record.evolve(asset_id=hashlib.sha256(data).hexdigest()), str(path), sample.item_id))
    return sorted(found, key=lambda draft: draft.record.sample_id)


def groups_of(drafts: list[Draft], folder: Path, taxonomy: Taxonomy) -> list[tuple[str, ...]]:
    """The sample ids of every row group, as written."""
    written = write_shard(SHARD, drafts, str(folder), taxonomy, DatasetOptions(row_group_bytes=400_000))
    with pq.ParquetFile(folder / written.path) as parquet:
        groups = [parquet.read_row_group(i, columns=["sample_id"]) for i in range(parquet.num_row_groups)]
    return [tuple(group.column("sample_id").to_pylist()) for group in groups]


def test_a_row_that_leaves_changes_only_the_groups_around_it(
    drafts: list[Draft], tmp_path: Path, taxonomy: Taxonomy
) -> None:
    whole = groups_of(drafts, tmp_path / "whole", taxonomy)
    assert [row for group in whole for row in group] == [draft.record.sample_id for draft in drafts]
    assert len(whole) == GROUPS
    for gone in (0, ROWS // 2, ROWS - 1):
        fewer = groups_of(drafts[:gone] + drafts[gone + 1 :], tmp_path / f"without-{gone}", taxonomy)
        assert len(set(fewer) - set(whole)) <= 2


def test_no_group_holds_more_than_the_target_and_one_row(
    drafts: list[Draft], tmp_path: Path, taxonomy: Taxonomy
) -> None:
    size = {draft.record.sample_id: draft.record.byte_size for draft in drafts}
    groups = groups_of(drafts, tmp_path, taxonomy)
    assert len(groups) == GROUPS
    for group in groups[:-1]:
        held = [size[row] for row in group]
        assert sum(held[:-1]) < 400_000
        assert sum(held) >= 400_000 or (sum(held) >= 100_000 and group[-1].endswith("0"))
