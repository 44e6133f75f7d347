"""What every export promises, asked of each one because its file is there."""

from __future__ import annotations

import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pipeline.exports
from pipeline.exports.base import Export, ExportConfig, ExportPlace
from schemas.candidate import Region
from schemas.errors import RunError
from schemas.geometry import Box, Polygon
from schemas.media.types import Document, Image, Page
from schemas.plugins import available, config_class, load, module_of
from schemas.record import Record
from schemas.taxonomy import Category, Level, Taxonomy

NOT_OF_IMAGES = ("bbox_docvqa", "ivyfake")
"""Formats that hold no region of an image; their own tests bring one back."""
KINDS = [kind for kind in available(pipeline.exports) if kind != "base"]
TAXONOMY = Taxonomy(
    name="tiny",
    version="1",
    levels=(Level(name="pixel"),),
    categories=(Category(name="blur", level="pixel", definition="out of focus"),),
)
PICTURE = Image(format="PNG", mode="RGB", width=10, height=8, stored_width=10, stored_height=8)
PAPER = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=10, height=10),))
REGION = Region(
    region_id="r1",
    category="blur",
    source="human",
    box=Box(x1=1, y1=1, x2=5, y2=5),
    polygons=(Polygon(exterior=((1, 1), (5, 1), (5, 5), (1, 5))),),
)


def records() -> Iterator[Record]:
    for number, media in enumerate((PICTURE, PAPER, PICTURE)):
        yield Record(
            sample_id=f"sample-{number}",
            asset_id=f"{number:064x}",
            file_name="../a.png",
            byte_size=1,
            media=media,
            group_id=str(number),
            split="train",
            taxonomy=TAXONOMY.id,
            annotation_status="annotated",
            regions=(REGION,) if media is PICTURE else (),
        )


def write(kind: str, folder: Path) -> tuple[str, ...]:
    export = load(pipeline.exports, config_class(pipeline.exports, kind)())
    return export.write(records(), ExportPlace(out_uri=str(folder), taxonomy=TAXONOMY))


def test_the_exports_are_found() -> None:
    assert {"jsonl", "coco", "webdataset", "yolo", "sharegpt", "xaigd", "synthscars", "ivyfake", "bbox_docvqa"} <= set(
        KINDS
    )


@pytest.mark.parametrize("kind", KINDS)
def test_config_and_class_follow_the_file_name(kind: str) -> None:
    module = module_of(pipeline.exports, kind)
    config = module.Config()
    assert issubclass(module.Config, ExportConfig)
    assert config.kind == kind
    assert len(module.__all__) == 2
    assert isinstance(load(pipeline.exports, config), Export)
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301
    assert set(module.Config.model_fields) - {"kind"} <= set(module.Config.field_docs())


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_named_lies_in_the_folder_and_is_the_same_again(kind: str, tmp_path: Path) -> None:
    first = write(kind, tmp_path / "one")
    again = write(kind, tmp_path / "two")
    on_disk = sorted(str(path) for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert list(first) == on_disk
    assert [Path(uri).read_bytes() for uri in first] == [Path(uri).read_bytes() for uri in again]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_OF_IMAGES])
def test_a_region_of_an_image_comes_back(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path)
    export = load(pipeline.exports, config_class(pipeline.exports, kind)())
    found, fields = dict(export.read(str(tmp_path))), set(export.region_fields)
    assert fields
    for sample_id in ("sample-0", "sample-2"):
        (region,) = found[sample_id]
        assert region.model_dump(include=fields) == REGION.model_dump(include=fields)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_held_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path)
    held = dict(load(pipeline.exports, config_class(pipeline.exports, kind)()).read(str(tmp_path)))
    refused = (tmp_path / "refused.jsonl").read_text() if "sample-1" not in held else '"sample_id":"sample-1"'
    assert '"sample_id":"sample-1"' in refused


@contextmanager
def file_size_limit(num_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes: what a full disk does, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_an_error_of_ours_and_leaves_no_half_file(kind: str, tmp_path: Path) -> None:
    outline = Polygon(exterior=tuple((1 + number % 7 / 7, 1 + number / 9_000) for number in range(9_000)))
    rows = [record.evolve(regions=tuple(r.evolve(polygons=(outline,)) for r in record.regions)) for record in records()]
    # Its small files fit, and the large one breaks in the middle: the error must not be hidden by what ends the file.
    options, num_bytes = ({"rows_per_group": 1}, 1000) if kind == "xaigd" else ({}, 10)
    export = load(pipeline.exports, config_class(pipeline.exports, kind)(**options))
    place = ExportPlace(out_uri=str(tmp_path), taxonomy=TAXONOMY)
    with file_size_limit(num_bytes), pytest.raises(RunError, match="file too large"):
        export.write(rows, place)
    assert [path for path in tmp_path.rglob("*") if path.stat().st_size > num_bytes and path.is_file()] == []
    assert not list(tmp_path.rglob(".tmp-*"))
