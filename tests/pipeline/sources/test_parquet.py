from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sources.parquet import _batch_rows
from schemas.media.limits import Limits
from schemas.sample import StatedReference

MEDIA = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def shard(folder: Path, columns: dict[str, Any], types: dict[str, pa.DataType], **options: Any) -> Path:
    path = folder / "shard.parquet"
    pq.write_table(pa.table(columns, schema=pa.schema(types)), path, **options)
    return path


def medium(data: bytes | None, path: str | None = None) -> dict[str, Any]:
    return {"bytes": data, "path": path}


def test_rows_are_items_and_their_bytes_are_spooled_untouched(tmp_path: Path, read) -> None:
    columns = {
        "image": [medium(b"first", "dir/a.png"), medium(b"second"), medium(b"first", "b.png")],
        "origin": ["real", "generated", None],
        "seed": [1, 2**62, None],
        "retrieved": [date(2024, 1, 31), None, None],
        "embedding": [[1.0], [2.0], [3.0]],
    }
    types = {
        "image": MEDIA,
        "origin": pa.string(),
        "seed": pa.int64(),
        "retrieved": pa.date32(),
        "embedding": pa.list_(pa.float32()),
    }
    found = read("parquet", shard(tmp_path, columns, types))
    assert [(i.item_id, i.file_name, i.origin) for i in found] == [
        ("shard.parquet#row=0", "a.png", "real"),
        ("shard.parquet#row=1", "row-1", "generated"),
        ("shard.parquet#row=2", "b.png", None),
    ]
    digest = hashlib.sha256(b"first").hexdigest()
    assert found[0].uri == found[2].uri == f"{tmp_path}/spool/{digest[:2]}/{digest}"
    assert [Path(item.uri).read_bytes() for item in found] == [b"first", b"second", b"first"]
    assert [item.generator and item.generator.seed for item in found] == [1, 2**62, None]
    assert found[0].source.retrieved == "2024-01-31"


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3), pa.dictionary(pa.int32(), pa.binary())]
)
def test_plain_binary_columns(tmp_path: Path, read, kind: pa.DataType) -> None:
    columns = {"content": [b"abc", None], "file_name": ["a.pdf", "b.pdf"]}
    path = shard(tmp_path, columns, {"content": kind, "file_name": pa.string()})
    good, empty = read("parquet", path)
    assert (good.file_name, Path(good.uri).read_bytes()) == ("a.pdf", b"abc")
    assert empty.error == "shard.parquet#row=1: the row holds no medium"


def test_rows_without_bytes_are_errors_that_say_what_there_is(tmp_path: Path, read) -> None:
    rows = [medium(None, "far/a.png"), None, medium(b"x")]
    found = read("parquet", shard(tmp_path, {"image": rows}, {"image": MEDIA}))
    assert [item.error for item in found] == [
        "shard.parquet#row=0: the row holds no bytes, only the path 'far/a.png'",
        "shard.parquet#row=1: the row holds no medium",
        None,
    ]
    assert "embed_external_files" in found[0].remedy


def test_a_bad_value_and_a_file_beyond_the_limit_reject_their_row_only(tmp_path: Path, read) -> None:
    columns = {"image": [medium(b"12345"), medium(b"1"), medium(b"2")], "seed": ["1", "no", "3"]}
    path = shard(tmp_path, columns, {"image": MEDIA, "seed": pa.string()})
    found = read("parquet", path, limits=Limits(max_file_bytes=4))
    assert [item.error for item in found] == [
        "shard.parquet#row=0: 5 bytes, more than limits.max_file_bytes = 4",
        "shard.parquet#row=1: column 'seed' says 'no', which is no number",
        None,
    ]


def test_the_usual_name_wins_among_several_and_a_choice_is_asked_for_otherwise(tmp_path: Path, read) -> None:
    types = {"mask": MEDIA, "image": MEDIA}
    path = shard(tmp_path, {"mask": [medium(b"m")], "image": [medium(b"i")]}, types)
    assert [Path(item.uri).read_bytes() for item in read("parquet", path)] == [b"i"]
    assert [Path(item.uri).read_bytes() for item in read("parquet", path, column="mask")] == [b"m"]
    path = shard(tmp_path, {"left": [b"l"], "right": [b"r"]}, {"left": pa.binary(), "right": pa.binary()})
    (item,) = read("parquet", path)
    assert item.error == "shard.parquet: several columns may hold the media: left, right"
    (item,) = read("parquet", path, column="up")
    assert (item.error, item.remedy) == ("shard.parquet: there is no column 'up'", "columns: left, right")


@pytest.mark.parametrize("twice", ["image", "origin"])
def test_two_columns_of_one_name_refuse_the_file_where_the_name_is_read(tmp_path: Path, read, twice: str) -> None:
    cells = {"image": pa.array([medium(b"a")], MEDIA), "origin": pa.array(["real"])}
    columns = [("image", cells["image"]), ("origin", cells["origin"]), (twice, cells[twice])]
    path = tmp_path / "shard.parquet"
    pq.write_table(pa.Table.from_arrays([cell for _, cell in columns], names=[name for name, _ in columns]), path)
    (whole,) = read("parquet", path)
    assert whole.error == f"shard.parquet: the column {twice!r} stands twice"
    assert whole.remedy == "give each column a name of its own"


def test_a_file_that_is_no_parquet_and_a_broken_row_group_are_one_item_each(tmp_path: Path, read) -> None:
    (tmp_path / "shard.parquet").write_bytes(b"PAR1 not really")
    (item,) = read("parquet", tmp_path / "shard.parquet")
    assert item.item_id == "shard.parquet"
    assert str(item.error).startswith("shard.parquet: no readable Parquet: ")
    rows = [medium(bytes([number]) * 5000) for number in range(40)]
    options = {"row_group_size": 10, "compression": "none", "use_dictionary": False}
    path = shard(tmp_path, {"image": rows}, {"image": MEDIA}, **options)
    whole = path.read_bytes()
    start = pq.ParquetFile(path).metadata.row_group(2).column(0).data_page_offset
    path.write_bytes(whole[:start] + b"\xff" * 40 + whole[start + 40 :])
    found = read("parquet", path)
    assert [item.item_id for item in found] == [
        f"shard.parquet#row={number}" for number in (*range(21), *range(30, 40))
    ]
    assert [item.item_id for item in found if item.error] == ["shard.parquet#row=20"]
    assert str(found[20].error).startswith("shard.parquet#row=20: rows 20 to 29 are lost: no readable Parquet: ")


def test_batches_stay_small_where_rows_are_large(tmp_path: Path) -> None:
    large = shard(
        tmp_path, {"image": [medium(bytes(20_000_000))] * 2}, {"image": MEDIA}, compression="none", use_dictionary=False
    )
    with pq.ParquetFile(large) as parquet:
        assert _batch_rows(parquet) == 1
    small = shard(tmp_path, {"image": [medium(b"x")] * 1000}, {"image": MEDIA})
    with pq.ParquetFile(small) as parquet:
        assert _batch_rows(parquet) == 256


def test_several_files_are_told_apart(tmp_path: Path, read) -> None:
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        shard(tmp_path / name, {"image": [medium(b"x")]}, {"image": MEDIA})
    expected = ["test/shard.parquet#row=0", "train/shard.parquet#row=0"]
    assert [item.item_id for item in read("parquet", f"{tmp_path}/*/*.parquet")] == expected


def test_a_second_media_column_is_the_second_image(tmp_path: Path, read) -> None:
    columns = {
        "edited": [medium(b"first", "a.png"), medium(b"second", "b.png"), medium(b"third", "c.png")],
        "before": [medium(b"before", "x/a.jpg"), None, medium(None, "gone.jpg")],
    }
    file = shard(tmp_path, columns, {"edited": MEDIA, "before": MEDIA})
    paired, alone, torn = read("parquet", file, reference="before")
    digest = hashlib.sha256(b"before").hexdigest()
    spooled = f"{tmp_path}/spool/{digest[:2]}/{digest}"
    assert paired.reference == StatedReference(uri=spooled, file_name="a.jpg", role="reference")
    assert Path(spooled).read_bytes() == b"before"
    assert (alone.file_name, alone.reference, alone.error) == ("b.png", None, None)
    assert torn.error == "shard.parquet#row=2: its column 'before': the row holds no bytes, only the path 'gone.jpg'"


def test_a_second_image_is_bounded_like_the_first(tmp_path: Path, read) -> None:
    file = shard(
        tmp_path, {"image": [b"a"], "before": [b"far too long"]}, {"image": pa.binary(), "before": pa.binary()}
    )
    (item,) = read("parquet", file, reference="before", limits=Limits(max_file_bytes=5))
    assert item.error == "shard.parquet#row=0: its column 'before': 12 bytes, more than limits.max_file_bytes = 5"


def test_a_second_column_that_holds_no_images_is_told_from_the_first(tmp_path: Path, read) -> None:
    file = shard(tmp_path, {"image": [b"a"], "before": ["a.png"]}, {"image": pa.binary(), "before": pa.string()})
    (item,) = read("parquet", file, reference="before")
    assert item.error == "shard.parquet#row=0: its column 'before': the row holds no medium"
    assert item.remedy == "drop the row, or name another column"


def test_a_second_column_that_is_not_there_is_named(tmp_path: Path, read) -> None:
    (item,) = read("parquet", shard(tmp_path, {"image": [b"a"]}, {"image": pa.binary()}), reference="before")
    assert item.error == "shard.parquet: there is no column 'before'"
