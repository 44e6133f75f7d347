"""Differences of two datasets: every row once, field by field, and the same rows that the changelog counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.dataset import shard_uris
from pipeline.hub.rows import marks_of, row_changes
from pipeline.versions import Differences, FieldChange, differences
from schemas.candidate import Claim, Region
from schemas.errors import RunError
from schemas.media.types import Image
from schemas.record import Lineage, Record
from schemas.taxonomy import Taxonomy

from .conftest import png
from .datasets import write_dataset

X, Y = "x" * 10, "y" * 10


def record(number: int, **fields: object) -> Record:
    data = png(number)
    sample_id = hashlib.sha256(str(number).encode()).hexdigest()
    known = {"group_id": sample_id, "split": "train", "taxonomy": "tiny@1", "annotation_status": "not_annotated"}
    return Record(
        sample_id=sample_id,
        asset_id=hashlib.sha256(data).hexdigest(),
        file_name=f"{number}.png",
        byte_size=len(data),
        media=Image(format="PNG", mode="RGB", width=48, height=32, stored_width=48, stored_height=32),
        **{**known, **fields},
    )


def media(records: list[Record]) -> dict[str, bytes]:
    return {one.sample_id: png(int(one.file_name.partition(".")[0])) for one in records}


def verdict(one: Record, said: str) -> Record:
    lineage = (Lineage(candidate_id="0" * 64, machine="vlm", kind="vlm"),)
    return one.evolve(verdict=said, annotation_status="annotated", lineage=lineage)


@pytest.mark.parametrize(("old_shards", "new_shards"), [(1, 1), (1, 4), (4, 2)])
def test_every_change_is_found_whatever_the_shards(
    tmp_path: Path, taxonomy: Taxonomy, old_shards: int, new_shards: int
) -> None:
    old = [record(i) for i in range(20)]
    new = [verdict(old[4], "edited"), *old[6:], record(20), record(21), old[5].evolve(split="test")]
    one = write_dataset(tmp_path / "old", old, media(old), taxonomy, shards=old_shards)
    other = write_dataset(tmp_path / "new", new, media(new), taxonomy, shards=new_shards)

    found = Differences(one, other)
    changes = {change.record.file_name: (change.kind, [f.name for f in change.fields]) for change in found}

    assert changes == {
        **{f"{i}.png": ("removed", []) for i in range(4)},
        "4.png": ("changed", ["annotation_status", "verdict", "lineage"]),
        "5.png": ("changed", ["split"]),
        "20.png": ("added", []),
        "21.png": ("added", []),
    }
    train, test = found.tallies["images", "train"], found.tallies["images", "test"]
    assert (train.rows, train.added, train.changed, train.removed) == (17, 2, 1, 4)
    assert (test.rows, test.added, test.changed, test.removed) == (1, 0, 1, 0)
    assert test.fields == {"split": 1}
    (counted,) = row_changes(marks_of(one), marks_of(other))
    assert counted == ("images", 18, 2, 2, 4)


def test_equal_datasets_differ_in_nothing(tmp_path: Path, taxonomy: Taxonomy) -> None:
    rows = [record(i) for i in range(3)]
    one = write_dataset(tmp_path / "old", rows, media(rows), taxonomy)
    other = write_dataset(tmp_path / "new", rows, media(rows), taxonomy, shards=2)

    assert list(Differences(one, other)) == []


def test_a_column_that_an_older_version_lacks_is_no_change(tmp_path: Path, taxonomy: Taxonomy) -> None:
    rows = [record(0), verdict(record(1), "edited")]
    one = write_dataset(tmp_path / "old", [rows[0], record(1)], media(rows), taxonomy)
    other = write_dataset(tmp_path / "new", rows, media(rows), taxonomy)
    (shard,) = shard_uris(one)
    pq.write_table(pq.read_table(shard).drop_columns(["agreement"]), shard)

    (change,) = Differences(one, other)

    assert [field.name for field in change.fields] == ["annotation_status", "verdict", "lineage"]


def test_rows_out_of_order_are_refused(tmp_path: Path, taxonomy: Taxonomy) -> None:
    rows = [record(0), record(1)]
    one = write_dataset(tmp_path / "old", rows, media(rows), taxonomy)
    (shard,) = shard_uris(one)
    table = pq.read_table(shard)
    pq.write_table(table.take([1, 0]), shard)

    with pytest.raises(RunError, match="do not ascend"):
        list(Differences(one, one))


def test_regions_are_told_apart_by_their_ids(make_region: Callable[..., Region]) -> None:
    kept, gone = make_region(region_id="kept"), make_region((0, 0, 2, 2), region_id="gone")
    before, moved = (make_region(box, region_id="moved") for box in ((1, 1, 4, 4), (2, 1, 5, 4)))
    come = make_region((7, 7, 9, 9), "noise", region_id="come", source="human")

    (change,) = differences(record(0, regions=(kept, gone, before)), record(0, regions=(kept, moved, come)))

    assert change == FieldChange(
        "regions",
        "blur at 0, 0, 2, 2 (machine)\nblur at 1, 1, 4, 4 (machine)",
        "noise at 7, 7, 9, 9 (human)\nblur at 2, 1, 5, 4 (machine): box",
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("", "soft", ("", "soft")),
        ("soft", "", ("soft", "")),
        ("a soft eye", "a hard eye", ("a soft eye", "a hard eye")),
        (
            "x" * 90 + "A" + "y" * 90,
            "x" * 90 + "B" + "y" * 90,
            (f"…{'x' * 40}A{'y' * 40}…", f"…{'x' * 40}B{'y' * 40}…"),
        ),
        ("aaa", "aaaa", ("aaa", "aaaa")),
        ("a" * 400, "b" * 400, ("a" * 300 + "…", "b" * 300 + "…")),
    ],
)
def test_texts_are_shown_around_what_differs(before: str, after: str, said: tuple[str, str]) -> None:
    (change,) = differences(record(0, explanation=before), record(0, explanation=after))

    assert change == FieldChange("explanation", *said)


def test_of_lists_only_what_differs_is_shown() -> None:
    same, gone = Claim(start=0, end=4, is_global=True), Claim(start=5, end=9, region_ids=("a",))

    (change,) = differences(record(0, claims=(same, gone)), record(0, claims=(same,)))

    assert change == FieldChange("claims", '[{"start": 5, "end": 9, "region_ids": ["a"]}]', "")
