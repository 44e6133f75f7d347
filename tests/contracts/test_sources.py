"""What every source promises, asked of each one because its file is there."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipeline.sources
from pipeline.sources.base import Source, SourceConfig, SourcePlace
from schemas.media.limits import Limits
from schemas.plugins import available, config_class, load, module_of
from schemas.sample import Item

KINDS = [kind for kind in available(pipeline.sources) if kind != "base"]
ENOUGH = 6


Readings = tuple[list[Item], list[Item]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """One input of every shape that we know; each source takes those that it accepts."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "photo.png").write_bytes(b"no picture, but a file")
    (folder / "manifest.csv").write_text("path,origin\nphoto.png,real\nphoto.png,real\n../out.png,real\n")
    (folder / "manifest.jsonl").write_text('{"path": "photo.png"}\n{"path":\n')
    table = pa.table({"image": [{"bytes": b"x", "path": "photo.png"}, {"bytes": None, "path": None}]})
    pq.write_table(table, folder / "shard.parquet")
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for name, data in (("a.png", b"x"), ("a.json", b'{"origin": "real"}'), ("b.json", b"{}"), ("c.png", b"y")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    image = {"id": 1, "file_name": "photo.png", "width": 9, "height": 9}
    (folder / "instances.json").write_text(json.dumps({"images": [image, {}], "categories": [], "annotations": []}))
    tasks = [{"data": {"image": "/data/upload/1/photo.png"}, "annotations": []}, {"data": 3}]
    (folder / "tasks.json").write_text(json.dumps(tasks))
    return (str(folder), *(str(path) for path in sorted(folder.iterdir())))


@pytest.fixture(scope="module", params=KINDS)
def readings(request, inputs, tmp_path_factory) -> Readings:
    """The first items of a source, read twice, by two objects."""
    spool = tmp_path_factory.mktemp("spool")
    return read(request.param, inputs, spool), read(request.param, inputs, spool)


def read(kind: str, inputs: tuple[str, ...], spool: Path) -> list[Item]:
    source = load(pipeline.sources, config_class(pipeline.sources, kind)())
    taken = tuple(uri for uri in inputs if source.needs_input and source.accepts(uri))
    assert taken or not source.needs_input, f"{kind} accepts none of the inputs that we know: add one to this test"
    place = SourcePlace(inputs=taken, spool_uri=str(spool), limits=Limits())
    return list(itertools.islice(source.items(place), ENOUGH))


def test_the_sources_are_found() -> None:
    assert {"folder", "manifest", "parquet", "coco", "webdataset"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_config_and_class_follow_the_file_name(kind: str) -> None:
    module = module_of(pipeline.sources, kind)
    config = module.Config()
    assert issubclass(module.Config, SourceConfig)
    assert config.kind == kind
    assert len(module.__all__) == 2
    assert isinstance(load(pipeline.sources, config), Source)
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301
    assert module.Config.model_validate_json(config.model_dump_json()) == config
    assert set(module.Config.model_fields) - {"kind"} <= set(module.Config.field_docs())


def test_items_are_the_same_at_every_reading_and_their_ids_unique(readings: Readings) -> None:
    first, again = readings
    assert first == again
    assert first
    assert len({item.item_id for item in first}) == len(first)


def test_items_travel_as_json_and_errors_say_what_to_do(readings: Readings) -> None:
    for item in readings[0]:
        assert Item.model_validate_json(item.model_dump_json()) == item
        assert item.item_id
        assert item.file_name
        assert item.uri
        assert item.error is None or (item.error and item.remedy)
