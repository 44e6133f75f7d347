from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.arrow import (
    CONFIG_OF,
    Config,
    FieldRow,
    dataset_schema,
    field_table,
    files_to_arrow,
    from_arrow,
    hub_features,
    record_from_row,
    record_row,
    rows_to_arrow,
    table_schema,
    to_arrow,
)
from schemas.base import Frozen
from schemas.candidate import Candidate, Region
from schemas.media.types import Document, Image, Media, Page, Video
from schemas.record import Duplicate, Record, Rejection
from schemas.sample import Item, Sample
from schemas.verification import Verification

TABLES = [Sample, Candidate, Verification, Record, Rejection, Duplicate, Item]
VIDEO = Video(
    format="webm", codec="vp9", width=4, height=2, stored_width=4, stored_height=2, duration_s=0.2, fps=10.0,
    num_frames=2, time_base_num=1, time_base_den=10, frame_pts=(0, 1),
)  # fmt: skip
DOCUMENT = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=612.0, height=792.0),))


class Pair(Frozen):
    """One field of every shape."""

    name: str | None
    """The name."""
    point: tuple[float, float] = (0.0, 0.0)
    """The point,
    in pixels."""
    turns: tuple[int, ...] = ()
    medium: Media | None = None
    """The medium."""


def test_types_become_columns() -> None:
    schema = table_schema(Pair, version=3)

    assert schema.field("name").type == pa.string()
    assert schema.field("point").type == pa.list_(pa.float64())
    assert schema.field("turns").type == pa.list_(pa.int64())
    assert [member.name for member in schema.field("medium").type] == ["image", "video", "document"]
    assert schema.metadata == {b"witnessmark.table": b"pair", b"witnessmark.format_version": b"3"}


def test_a_union_fills_the_member_of_its_kind() -> None:
    (row,) = to_arrow([Pair(name=None, medium=DOCUMENT)], table_schema(Pair)).to_pylist()

    assert row["name"] is None
    assert row["medium"]["image"] is None
    assert row["medium"]["video"] is None
    assert row["medium"]["document"]["num_pages"] == 1
    assert from_arrow(row, Pair) == Pair(name=None, medium=DOCUMENT)


def test_a_union_with_two_members_filled_is_refused() -> None:
    (row,) = to_arrow([Pair(name="x", medium=DOCUMENT)], table_schema(Pair)).to_pylist()
    row["medium"]["video"] = VIDEO.model_dump()

    with pytest.raises(ValidationError, match="medium"):
        from_arrow(row, Pair)


@pytest.mark.parametrize("annotation", [dict[str, int], tuple[int, str], int | str, Any])
def test_what_has_no_fixed_column_type_is_refused(annotation: Any) -> None:
    broken = type("Broken", (Frozen,), {"__annotations__": {"field": annotation}})

    with pytest.raises(TypeError, match="no fixed column type"):
        table_schema(broken)


@pytest.mark.parametrize("model", TABLES)
def test_no_column_type_depends_on_the_data(model: type[Frozen]) -> None:
    types = list(_types(pa.struct(list(table_schema(model)))))

    assert types
    assert not any(pa.types.is_null(t) for t in types)


@pytest.mark.parametrize("model", TABLES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_table_round_trips(model: type[Frozen], data: st.DataObject) -> None:
    instances = data.draw(st.lists(st.from_type(model), max_size=2))
    schema = table_schema(model)

    table = to_arrow(instances, schema)

    assert table.schema.equals(schema, check_metadata=True)
    assert [from_arrow(row, model) for row in table.to_pylist()] == instances


def test_text_that_is_not_unicode_is_written_as_its_escape() -> None:
    rejection = Rejection(item_id="caf\udce9", stage="ingest", error="MediaError", message="plain é")

    (row,) = to_arrow([rejection], table_schema(Rejection)).to_pylist()

    assert (row["item_id"], row["message"]) == ("caf\\udce9", "plain é")


def test_an_integer_that_no_column_holds_is_refused_by_the_type() -> None:
    with pytest.raises(ValidationError, match="less than or equal"):
        Candidate(candidate_id="c", sample_id="s", machine="m", kind="m", seed=2**63)


def test_a_table_whose_first_file_has_only_empty_lists_can_be_scanned(image_record: Record, tmp_path: Path) -> None:
    schema = dataset_schema("images")
    bare = image_record.evolve(regions=(), claims=(), perceptual_hashes=())
    pq.write_table(rows_to_arrow([record_row(bare)], schema), tmp_path / "train-00000-of-00002.parquet")
    pq.write_table(rows_to_arrow([record_row(image_record)], schema), tmp_path / "train-00001-of-00002.parquet")

    rows = pa.dataset.dataset(tmp_path).to_table().to_pylist()

    assert [record_from_row(row, "images") for row in rows] == [bare, image_record]


@given(record=st.from_type(Record))
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_published_rows_round_trip(record: Record) -> None:
    config = CONFIG_OF[record.media.kind]
    schema = dataset_schema(config, has_reference=True)

    (row,) = rows_to_arrow([record_row(record)], schema).to_pylist()

    assert list(row) == schema.names
    assert record_from_row(row, config) == (record if config == "images" else record.evolve(reference=None))


@pytest.mark.parametrize("config", ["images", "videos", "documents"])
def test_only_images_of_a_recipe_with_pairs_have_a_second_image(config: Config) -> None:
    plain, paired = dataset_schema(config), dataset_schema(config, has_reference=True)
    added = ["reference_image", "reference"] if config == "images" else []
    assert [name for name in paired.names if name not in plain.names] == added
    assert [name for name in paired.names if name not in added] == plain.names
    assert list(hub_features(config, has_reference=True)) == paired.names
    for has_reference, schema in ((False, plain), (True, paired)):
        rows = field_table(Record, config=config, has_reference=has_reference)
        assert [row.name.removesuffix("[]") for row in rows if not {".", "["} & set(row.name[:-2])] == schema.names


def test_files_are_columns_like_any_other() -> None:
    files = [{"bytes": b"\x89PNG", "path": "caf\udce9.png"}, None, {"bytes": b"", "path": None}]
    schema = pa.schema([dataset_schema("images").field("image")])

    column = files_to_arrow(files)

    expected = rows_to_arrow([{"image": file} for file in files], schema).column("image")
    assert column.type == expected.type
    assert column.to_pylist() == expected.to_pylist()


def test_files_by_reference_and_by_value_are_the_same_parquet(tmp_path: Path) -> None:
    files = [{"bytes": bytes([i]) * (3000 * i), "path": f"{i}.png"} for i in range(9)]
    schema = pa.schema([dataset_schema("images").field("image")])
    options = {"compression": "NONE", "use_dictionary": False, "write_page_index": True}
    by_value = rows_to_arrow([{"image": file} for file in files], schema)
    by_reference = pa.Table.from_arrays([files_to_arrow(files)], schema=schema)

    for name, table in (("value", by_value), ("reference", by_reference)):
        pq.write_table(table, tmp_path / name, use_content_defined_chunking=True, **options)

    assert (tmp_path / "value").read_bytes() == (tmp_path / "reference").read_bytes()


def test_a_row_of_another_config_is_refused(image_record: Record) -> None:
    with pytest.raises(ValidationError):
        record_from_row(record_row(image_record), "videos")


@pytest.mark.parametrize("config", CONFIG_OF.values())
def test_the_hub_reads_the_features_that_we_wrote_by_hand(config: Config) -> None:
    datasets = pytest.importorskip("datasets")
    schema = dataset_schema(config)

    features = datasets.Features.from_arrow_schema(schema)

    assert features.to_dict() == hub_features(config)
    assert features.arrow_schema.equals(schema)
    assert features.arrow_schema.metadata[b"huggingface"] == schema.metadata[b"huggingface"]


MEDIA_COLUMNS = {
    "images": {"image": {"bytes": b"\x89PNG", "path": "cat.png"}, "mask": {"bytes": b"m", "path": None}},
    "videos": {"video": {"bytes": b"webm", "path": "clip.webm"}, "video_file": None},
    "documents": {"document": {"bytes": b"%PDF", "path": "page.pdf"}},
}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("config", CONFIG_OF.values())
def test_load_dataset_gives_back_what_was_written(
    config: Config, streaming: bool, image_record: Record, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    media = {"images": image_record.media, "videos": VIDEO, "documents": DOCUMENT}[config]
    full, bare = image_record.evolve(media=media), image_record.evolve(media=media, regions=(), claims=())
    rows = [{**MEDIA_COLUMNS[config], **record_row(record)} for record in (bare, full)]
    for number, row in enumerate(rows):
        table = rows_to_arrow([row], dataset_schema(config))
        pq.write_table(table, tmp_path / f"train-0000{number}-of-00002.parquet")

    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "*.parquet"), split="train", streaming=streaming, cache_dir=str(tmp_path)
    )

    assert loaded.features.to_dict() == hub_features(config)
    for name, feature in loaded.features.items():
        if isinstance(feature, datasets.Image | datasets.Video | datasets.Pdf):
            loaded = loaded.cast_column(name, type(feature)(decode=False))
    got = list(loaded)
    assert [{name: row[name] for name in MEDIA_COLUMNS[config]} for row in got] == [MEDIA_COLUMNS[config]] * 2
    assert [record_from_row(row, config) for row in got] == [bare, full]


def test_the_schema_does_not_import_datasets() -> None:
    code = "import sys, schemas.arrow as a; a.dataset_schema('images'); print('datasets' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_field_table_names_every_column_with_its_words() -> None:
    assert field_table(Pair)[:4] == (
        FieldRow("name", "string", "The name."),
        FieldRow("point[]", "float64", "The point, in pixels."),
        FieldRow("turns[]", "int64", ""),
        FieldRow("medium", "struct", "The medium."),
    )
    assert field_table(Pair)[4:6] == (
        FieldRow("medium.image", "struct", ""),
        FieldRow("medium.image.kind", "string", ""),
    )


def test_field_table_of_a_config_is_its_columns() -> None:
    rows = {row.name: row for row in field_table(Record, config="images")}

    assert list(rows)[:3] == ["image", "mask", "sample_id"]
    assert rows["image"].type == "Image"
    assert rows["media.width"].doc == "Width in pixels of the upright image (after EXIF orientation)."
    assert rows["regions[].polygons[].exterior[][]"].type == "float64"
    assert "media.frame_pts[]" not in rows
    top = {name.partition(".")[0].partition("[")[0] for name in rows}
    assert top == set(dataset_schema("images").names)


@pytest.mark.parametrize("model", [Record, Region, Image, Video, Document])
def test_every_field_is_documented(model: type[Frozen]) -> None:
    assert set(model.model_fields) - {"kind"} <= set(model.field_docs())


def _types(kind: pa.DataType) -> list[pa.DataType]:
    below = [kind.field(i).type for i in range(kind.num_fields)]
    return [kind, *(t for child in below for t in _types(child))]
