from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.arrow import rows_to_arrow
from schemas.base import Frozen
from schemas.candidate import Region
from schemas.media.types import Document, Image, Media, Page, Video
from schemas.published import (
    CONFIG_OF,
    Config,
    FieldRow,
    dataset_schema,
    field_table,
    files_to_arrow,
    hub_features,
    record_from_row,
    record_row,
)
from schemas.record import Record
from tests.clips import CLIP

DOCUMENT = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=612.0, height=792.0),))


class Shown(Frozen):
    """A list, something without words, and a union."""

    point: tuple[float, float] = (0.0, 0.0)
    """The point,
    in pixels."""
    turns: int = 0
    medium: Media | None = None
    """The medium."""


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
    media = {"images": image_record.media, "videos": CLIP, "documents": DOCUMENT}[config]
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
    code = "import sys, schemas.published as p; p.dataset_schema('images'); print('datasets' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_field_table_names_every_column_with_its_words() -> None:
    assert field_table(Shown)[:5] == (
        FieldRow("point[]", "float64", "The point, in pixels."),
        FieldRow("turns", "int64", ""),
        FieldRow("medium", "struct", "The medium."),
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
