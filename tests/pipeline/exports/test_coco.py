from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pycocotools.coco import COCO

import pipeline.sources
from pipeline.exports.base import ExportPlace
from pipeline.exports.coco import Coco, Config
from pipeline.sources.base import SourcePlace
from schemas.candidate import Region
from schemas.errors import ConfigError
from schemas.geometry import Box, Keyframe, Mask, Polygon, TimeSpan, mask_to_array
from schemas.media.limits import Limits
from schemas.media.types import Document, Image, Page
from schemas.plugins import configure, load

SQUARE = Polygon(exterior=((1, 1), (5, 1), (5, 5), (1, 5)))
HOLED = Polygon(exterior=((0, 0), (8, 0), (8, 8), (0, 8)), holes=(((2, 2), (6, 2), (6, 6), (2, 6)),))
COLUMN = Mask(width=10, height=8, counts="88P2", rasterizer="painted")
BOX = Box(x1=1, y1=2, x2=4, y2=6)


def region(name: str = "r1", **fields: Any) -> Region:
    return Region(**{"region_id": name, "category": "hand", "source": "human", **fields})


def written(place: ExportPlace, *records: Any, name: str = "instances_train.json") -> dict[str, Any]:
    Coco(Config()).write(records, place)
    return json.loads((Path(place.out_uri) / name).read_text(encoding="utf-8"))


def refused(place: ExportPlace) -> list[dict[str, str]]:
    return [json.loads(line) for line in (Path(place.out_uri) / "refused.jsonl").read_text().splitlines()]


def test_the_file_is_what_coco_says(place, record) -> None:
    regions = (
        region("r1", polygons=(SQUARE,), explanation="six fingers", score=0.5),
        region("r2", box=BOX, category="blur"),
        region("r3", mask=COLUMN, source="machine"),
    )
    content = written(place, record("a", regions=regions, verdict="generated"))
    assert content["categories"] == [
        {"id": 1, "name": "blur", "supercategory": "pixel"},
        {"id": 2, "name": "hand", "supercategory": "meaning"},
    ]
    assert content["images"] == [
        {
            "id": 1,
            "file_name": "a" * 64 + ".png",
            "width": 10,
            "height": 8,
            "sample_id": "sample-a",
            "original_file_name": "a.png",
            "annotation_status": "annotated",
            "review": "not_routed",
            "origin": "unknown",
            "verdict": "generated",
        }
    ]
    human = {"source": "human", "explanation": ""}
    assert content["annotations"] == [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 2,
            "bbox": [1, 1, 4, 4],
            "area": 16,
            "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]],
            "iscrowd": 0,
            "score": 0.5,
            "attributes": {
                "region_id": "r1",
                "source": "human",
                "explanation": "six fingers",
                "rasterizer": "pycocotools",
            },
        },
        {
            "id": 2,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 2, 3, 4],
            "area": 12,
            "segmentation": [],
            "iscrowd": 0,
            "attributes": {"region_id": "r2", **human},
        },
        {
            "id": 3,
            "image_id": 1,
            "category_id": 2,
            "bbox": [1, 0, 1, 8],
            "area": 8,
            "segmentation": {"size": [8, 10], "counts": "88P2"},
            "iscrowd": 0,
            "attributes": {"region_id": "r3", "source": "machine", "explanation": "", "rasterizer": "painted"},
        },
    ]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # pycocotools' decode, under numpy 2
def test_pycocotools_reads_it_and_draws_the_same_pixels(place, record) -> None:
    Coco(Config()).write([record("a", regions=(region("r1", polygons=(HOLED,)), region("r2", mask=COLUMN)))], place)
    with contextlib.redirect_stdout(io.StringIO()):
        reader = COCO(f"{place.out_uri}/instances_train.json")
    holed, column = (reader.annToMask(annotation) for annotation in reader.loadAnns([1, 2]))
    expected = np.zeros((8, 10), np.uint8)
    expected[:, :8] = 1
    expected[2:6, 2:6] = 0
    assert np.array_equal(holed, expected)
    assert np.array_equal(column, mask_to_array(COLUMN))


def test_our_own_source_reads_it_back_as_ground_truth(place, record, tmp_path: Path) -> None:
    regions = (
        region("r1", polygons=(SQUARE, Polygon(exterior=((6, 6), (8, 6), (8, 8)))), box=Box(x1=1, y1=1, x2=8, y2=8)),
    )
    Coco(Config()).write([record("a", regions=regions)], place)
    source = load(pipeline.sources, configure(pipeline.sources, {"kind": "coco"}, where="x"))
    uri = f"{place.out_uri}/instances_train.json"
    (item,) = source.items(SourcePlace(inputs=(uri,), spool_uri=str(tmp_path), limits=Limits()))
    assert item.ground_truth == (regions[0].evolve(region_id="coco-1", source="ground_truth"),)


def test_what_coco_can_hold_comes_back_exactly(place, record) -> None:
    box = Box(x1=1, y1=1, x2=5, y2=5)
    regions = (
        region("r1", polygons=(SQUARE,), box=box, score=0.25, explanation="é\ud83d"),
        region("r2", box=BOX),
        region("r3", mask=COLUMN, box=Box(x1=1, y1=0, x2=2, y2=8)),
    )
    records = [
        record("a", regions=regions),
        record("b", annotation_status="annotated_clean"),
        record("c", split="test"),
    ]
    export = Coco(Config())
    uris = export.write(records, place)
    assert [Path(uri).name for uri in uris] == ["instances_test.json", "instances_train.json", "refused.jsonl"]
    assert list(export.read(place.out_uri)) == [("sample-c", ()), ("sample-a", regions), ("sample-b", ())]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"span": TimeSpan(start_s=0, end_s=1)}, "region r1 has a time span"),
        ({"track": (Keyframe(frame_index=0, pts_s=0, box=BOX),)}, "region r1 has a track"),
        ({"page_index": 0, "box": BOX}, "region r1 has a page"),
        ({"frame_index": 3, "box": BOX}, "region r1 has a frame after the first"),
        ({"asset_id": "other", "box": BOX}, "region r1 has a place in another asset"),
        ({"category": "tail", "box": BOX}, "region r1 has the category 'tail', which the taxonomy lacks"),
        ({"mask": Mask(width=8, height=10, counts="`2")}, "region r1 has a mask of another size than the image"),
    ],
)
def test_a_region_that_coco_cannot_hold_refuses_the_whole_image(
    place, record, fields: dict[str, Any], reason: str
) -> None:
    Coco(Config()).write([record("a", regions=(region("r0", box=BOX), region("r1", **fields)))], place)
    (line,) = refused(place)
    assert (line["sample_id"], line["file_name"]) == ("sample-a", "a.png")
    assert line["reason"].startswith(reason)
    assert not (Path(place.out_uri) / "instances_train.json").exists()


def test_other_media_and_unannotated_images_are_refused_by_name(place, record) -> None:
    pages = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=10, height=10),))
    records = [record("a", media=pages), record("b", annotation_status="not_annotated"), record("c")]
    content = written(place, *records)
    assert [image["sample_id"] for image in content["images"]] == ["sample-c"]
    assert [line["reason"] for line in refused(place)] == [
        "a document: COCO holds still images only",
        "nobody has annotated it, and COCO cannot tell that from an image without findings",
    ]


def test_original_names_never_become_paths(place, record) -> None:
    content = written(place, record("a", file_name="../../etc/passwd", split="../x"), name="instances_..%2Fx.json")
    assert content["images"][0]["file_name"] == "a" * 64 + ".png"


def test_a_failing_run_leaves_nothing(place, record) -> None:
    def failing():
        yield record("a")
        raise KeyError

    with pytest.raises(KeyError):
        Coco(Config()).write(failing(), place)
    assert list(Path(place.out_uri).iterdir()) == []


def test_images_are_written_beside_with_their_original_bytes(place, record, tmp_path: Path) -> None:
    shard = tmp_path / "dataset" / "data" / "images" / "train-00000-of-00001.parquet"
    shard.parent.mkdir(parents=True)
    rows = [
        {
            "asset_id": name * 64,
            "storage": "link_only" if name == "c" else "embedded",
            "image": None if name == "c" else {"bytes": name.encode(), "path": "x"},
            "media": {"format": "JPEG"},
        }
        for name in "abc"
    ]
    pq.write_table(pa.Table.from_pylist(rows), shard)
    jpeg = Image(format="JPEG", mode="RGB", width=10, height=8, stored_width=10, stored_height=8)
    records = [record("a", media=jpeg), record("b", media=jpeg, annotation_status="not_annotated")]
    records.append(record("c", media=jpeg, storage="link_only"))
    export = Coco(Config(images=True))
    uris = export.write(records, replace(place, dataset_uri=str(tmp_path / "dataset")))
    assert [Path(uri).name for uri in uris] == ["a" * 64 + ".jpg", "instances_train.json", "refused.jsonl"]
    assert Path(uris[0]).read_bytes() == b"a"
    with pytest.raises(ConfigError, match="needs a dataset"):
        export.write(records, place)
