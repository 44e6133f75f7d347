"""The preview column: what is annotated, at a glance, and otherwise the dataset that it was."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture

from pipeline.cli import main
from pipeline.dataset import read_records
from pipeline.hub.rows import marks_of
from pipeline.preview import preview
from schemas.candidate import Region
from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.types import Document, Image, Page
from schemas.published import CONFIG_OF, Config, dataset_schema, hub_features
from schemas.record import Lineage, Record
from schemas.taxonomy import Taxonomy

from .datasets import write_dataset

GRAY, BLUR = (200, 200, 200), (0x11, 0x22, 0x33)
RECIPE = """
name: pictures
taxonomy: {name: t, version: "1", levels: [{name: pixel}], categories: [{name: blur, level: pixel, definition: soft}]}
sources: [{kind: folder}]
splits: {train: 1}
dataset: {preview: true}
"""


def gray() -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", (1000, 500), GRAY).save(out, "PNG")
    return out.getvalue()


def record(*regions: Region, **fields: Any) -> Record:
    data = gray()
    asset_id = hashlib.sha256(data).hexdigest()
    media = Image(format="PNG", mode="RGB", width=1000, height=500, stored_width=1000, stored_height=500)
    known: dict[str, Any] = {"group_id": "g", "split": "train", "taxonomy": "tiny@1", "file_name": "gray.png"}
    if regions:
        known["lineage"] = (Lineage(candidate_id="0" * 64, machine="vlm", kind="vlm"),)
    known |= {"annotation_status": "annotated" if regions else "not_annotated", "media": media}
    drawn = tuple(region.evolve(asset_id=asset_id) for region in regions)
    ids = {"sample_id": "5" * 64, "asset_id": asset_id, "byte_size": len(data), "regions": drawn}
    return Record(**{**known, **ids, **fields})


def pixels(data: bytes | None) -> np.ndarray:
    assert data is not None
    with Picture.open(io.BytesIO(data)) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture.convert("RGB")).astype(int)


def is_near(pixel: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool(abs(pixel - np.array(color)).max() < 40)


def test_a_region_is_drawn_in_its_categorys_color(make_region: Callable[..., Region], taxonomy: Taxonomy) -> None:
    drawn = pixels(preview(gray(), record(make_region((250, 100, 750, 400))), taxonomy, DEFAULT_LIMITS))

    assert drawn.shape == (256, 512, 3)
    assert is_near(drawn[128, 128], BLUR)  # x 250 of 1000 on the left edge of the box
    assert is_near(drawn[51, 256], BLUR)  # y 100 of 500 on its upper edge
    assert is_near(drawn[128, 256], GRAY)
    assert is_near(drawn[20, 20], GRAY)


def test_equal_rows_give_equal_bytes(make_region: Callable[..., Region], taxonomy: Taxonomy) -> None:
    one, other = (preview(gray(), record(make_region()), taxonomy, DEFAULT_LIMITS) for _ in range(2))

    assert one == other
    assert one != preview(gray(), record(), taxonomy, DEFAULT_LIMITS)


def test_the_page_with_the_most_regions_is_shown(make_region: Callable[..., Region], taxonomy: Taxonomy) -> None:
    first, second = Picture.new("RGB", (1000, 500), GRAY), Picture.new("RGB", (1000, 500), (10, 200, 10))
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=[second])
    pages = tuple(Page(page_index=i, width=1000, height=500) for i in range(2))
    media = Document(format="TIFF", num_pages=2, pages=pages)
    on_first = make_region(page_index=0)
    on_second = [make_region((i, 1, i + 5, 9), page_index=1, region_id=f"r{i}") for i in range(2)]

    drawn = pixels(preview(out.getvalue(), record(on_first, *on_second, media=media), taxonomy, DEFAULT_LIMITS))

    assert is_near(drawn[128, 256], (10, 200, 10))


def test_what_cannot_be_drawn_has_none(taxonomy: Taxonomy) -> None:
    pages = (Page(page_index=0, width=10, height=10),)
    locked = Document(format="PDF", num_pages=1, pages=pages, is_encrypted=True)

    assert preview(b"torn", record(), taxonomy, DEFAULT_LIMITS) is None
    assert preview(gray(), record(media=locked), taxonomy, DEFAULT_LIMITS) is None


@pytest.mark.parametrize("config", CONFIG_OF.values())
def test_the_column_is_one_more_and_only_where_it_is_asked_for(config: Config) -> None:
    without, with_it = dataset_schema(config), dataset_schema(config, has_preview=True)

    assert set(with_it.names) - set(without.names) == {"preview"}
    assert "preview" not in hub_features(config)
    assert hub_features(config, has_preview=True)["preview"] == {"_type": "Image"}


def test_a_dataset_with_previews_has_the_rows_and_marks_of_one_without(
    tmp_path: Path, make_region: Callable[..., Region], taxonomy: Taxonomy
) -> None:
    rows, media = [record(make_region((250, 100, 750, 400)))], {"5" * 64: gray()}
    without = write_dataset(tmp_path / "a", rows, media, taxonomy)
    with_it = write_dataset(tmp_path / "b", rows, media, taxonomy, preview=True)

    assert list(read_records(with_it)) == rows
    assert marks_of(with_it).equals(marks_of(without))
    (shard,) = (Path(with_it) / "data" / "images").iterdir()
    said = pq.read_table(shard, columns=["preview"]).to_pylist()[0]["preview"]
    assert said["path"] == f"{'5' * 64}.jpg"
    assert is_near(pixels(said["bytes"])[128, 128], BLUR)


@pytest.mark.slow
def test_a_run_with_previews_is_whole_repeatable_and_loads(
    tmp_path: Path, picture: Callable[[int], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for seed in range(2):
        (tmp_path / "in" / f"{seed}.png").write_bytes(picture(seed))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run = tmp_path / "run"
    shard = run / "dataset" / "data" / "images" / "train-00000-of-00001.parquet"

    assert _exit_code("run", str(tmp_path / "recipe.yaml"), "-i", str(tmp_path / "in"), "-r", str(run)) == 0
    before = shard.read_bytes()
    assert _exit_code("finalize", "-r", str(run)) == 0
    assert shard.read_bytes() == before
    assert _exit_code("verify", "-r", str(run)) == 0
    assert "| `preview` |" in (run / "dataset" / "README.md").read_text()
    (loaded,) = _loaded(run / "dataset", tmp_path).values()
    assert loaded.features["preview"].dtype == "PIL.Image.Image"
    assert [row["preview"].size for row in loaded] == [(48, 32), (48, 32)]

    _with_other_previews(shard)
    capsys.readouterr()
    assert _exit_code("verify", "-r", str(run)) == 1
    assert capsys.readouterr().out.count("its preview is not what its medium and regions give") == 2


def _exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


def _loaded(dataset: Path, tmp_path: Path) -> Any:
    import datasets

    return datasets.load_dataset(str(dataset), "images", cache_dir=str(tmp_path / "cache"))


def _with_other_previews(shard: Path) -> None:
    table = pq.read_table(shard)
    at = table.schema.get_field_index("preview")
    other = [{"bytes": b"other", "path": "x.jpg"}] * table.num_rows
    import pyarrow as pa

    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(other, table.schema.field(at).type)), shard)
