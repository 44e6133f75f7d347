from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline.sources
from pipeline.sources.base import ItemIds, SourcePlace, input_labels, items_of, route, spool
from schemas.errors import ConfigError
from schemas.media.limits import Limits
from schemas.plugins import configure, load


def sources(*kinds: str):
    return [load(pipeline.sources, configure(pipeline.sources, {"kind": kind}, where="x")) for kind in kinds]


def test_inputs_go_to_the_source_that_knows_them_wherever_the_folder_source_stands(tmp_path: Path) -> None:
    for name in ("a.csv", "b.JSONL", "c.parquet", "d.json", "e.png"):
        (tmp_path / name).touch()
    inputs = [str(tmp_path / name) for name in ("a.csv", "b.JSONL", "c.parquet", "d.json", "e.png")]
    inputs += [str(tmp_path), inputs[0]]
    assert route(sources("folder", "manifest", "parquet", "coco"), inputs) == (
        (inputs[4], inputs[5]),
        (inputs[0], inputs[1]),
        (inputs[2],),
        (inputs[3],),
    )


def test_an_input_that_nobody_takes_or_that_is_not_there_stops_before_work(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(
        ConfigError, match=r"no source of the recipe takes the input 'a.png' \(the recipe has: manifest\)"
    ):
        route(sources("manifest"), [f"{tmp_path}/a.png"])
    with pytest.raises(ConfigError, match="there is no input"):
        route(sources("folder"), [f"{tmp_path}/missing"])
    with pytest.raises(ConfigError, match="nothing says what to read"):
        route(sources("manifest", "folder"), [])
    assert route(sources("folder", "planted"), []) == ((), ())


@given(st.lists(st.sampled_from(["/a/x", "/b/x", "/a/b/x", "gs://a/x", "x", "/x", "/a/x/y"]), unique=True))
def test_labels_tell_all_inputs_apart(inputs: list[str]) -> None:
    labels = input_labels(inputs)
    assert len(labels) == len(set(labels)) == len(inputs)
    assert len(inputs) == 1 or all(labels)


def test_ids_stay_unique_even_against_those_that_look_numbered() -> None:
    ids = ItemIds()
    wanted = ["a", "a", "a#2", "a", "\udce9", r"\xe9"]
    assert [ids.claim(name) for name in wanted] == ["a", "a#2", "a#2#2", "a#3", r"\xe9", r"\xe9#2"]


def test_ids_are_unique_over_all_sources(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path\na.png\n")
    (tmp_path / "a.png").touch()
    inputs = [f"{tmp_path}/a.png", f"{tmp_path}/m.csv"]
    found = items_of(sources("folder", "manifest"), inputs, f"{tmp_path}/spool", Limits())
    assert [item.item_id for item in found] == ["a.png/a.png", "m.csv/a.png"]


def test_spooled_bytes_are_named_by_their_hash_and_written_once(tmp_path: Path) -> None:
    place = SourcePlace(inputs=(), spool_uri=str(tmp_path), limits=Limits())
    digest = hashlib.sha256(b"data").hexdigest()
    uri = spool(place, b"data")
    assert uri == f"{tmp_path}/{digest[:2]}/{digest}"
    written = Path(uri).stat().st_mtime_ns
    assert spool(place, b"data") == uri
    assert Path(uri).stat().st_mtime_ns == written
    assert Path(uri).read_bytes() == b"data"
