"""Gates: what is published whole, as a link, or not at all; and that a finished run keeps to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from pipeline.gates import Effect, Gate, effect_of
from pipeline.storage import RunFolder
from pipeline.verify import verify_run
from schemas.sample import Source

from .conftest import png

GATES = (
    Gate(licence="CC-BY-NC*", effect="link_only"),
    Gate(licence="", source="scraped*", effect="blocked"),
    Gate(licence="", effect="link_only"),
)
RECIPE = """
name: gated
task: {kind: artifacts, boxes: thousandths_xyxy}
taxonomy: artifacts
sources: [{kind: manifest}]
splits: {train: 1}
exports: [{kind: jsonl}, {kind: sharegpt}]
dataset:
  gates:
    - {licence: "cc-by-nc*", effect: link_only}
    - {licence: "", effect: blocked}
"""
URL = "https://example.org/1.png"


@pytest.mark.parametrize(
    ("source", "effect"),
    [
        (Source(licence="CC0-1.0"), "embedded"),
        (Source(licence="cc-by-nc-4.0"), "link_only"),
        (Source(name="Scraped 2024"), "blocked"),
        (Source(name="friends"), "link_only"),
        (Source(), "link_only"),
    ],
)
def test_the_first_gate_that_fits_decides(source: Source, effect: Effect) -> None:
    assert effect_of(source, GATES) == effect
    assert effect_of(source, ()) == "embedded"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gates")
    rows = [
        {"file": "0.png", "licence": "cc0-1.0"},
        {"file": "1.png", "licence": "CC-BY-NC-4.0", "url": URL},
        {"file": "2.png", "licence": "CC-BY-NC-4.0"},
        {"file": "3.png"},
    ]
    for seed in range(len(rows)):
        (root / f"{seed}.png").write_bytes(png(seed))
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "gated.yaml").write_text(RECIPE)
    recipe, rows_file, target = root / "gated.yaml", root / "rows.jsonl", root / "run"
    with pytest.raises(SystemExit) as ended:
        main(["run", str(recipe), "--input", str(rows_file), "--run", str(target)])
    assert ended.value.code == 0
    return target


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_run_publishes_what_its_gates_let_through(run: Path, picture: Callable[[int], bytes]) -> None:
    import datasets

    (shard,) = (run / "dataset" / "data" / "images").glob("*.parquet")
    rows = {row["file_name"]: row for row in pq.read_table(shard).to_pylist()}
    assert {name: (row["storage"], row["image"] is None) for name, row in rows.items()} == {
        "0.png": ("embedded", False),
        "1.png": ("link_only", True),
    }
    assert rows["1.png"]["source"]["url"] == URL
    assert picture(1) not in shard.read_bytes()
    loaded = datasets.load_dataset(str(run / "dataset"), "images", split="train")
    assert sorted((row["file_name"], row["image"] and row["image"].size) for row in loaded) == [
        ("0.png", (48, 32)),
        ("1.png", None),
    ]


def test_what_is_blocked_is_counted_and_a_link_without_an_address_is_a_rejection(run: Path) -> None:
    folder = RunFolder(str(run))
    manifest = folder.read_manifest()
    assert manifest is not None
    counts = manifest.stages["finalize"]
    assert (counts.found, counts.kept, counts.rejected, counts.excluded) == (4, 2, 1, 1)
    (rejection,) = pq.read_table(run / "rejections").to_pylist()
    assert rejection["item_id"].endswith("2.png")
    assert rejection["remedy"] == "state its url in the manifest, or block it by dataset.gates"
    assert verify_run(folder, manifest) == []


def test_verify_finds_bytes_that_only_a_link_may_stand_for(run: Path, picture: Callable[[int], bytes]) -> None:
    (shard,) = (run / "dataset" / "data" / "images").glob("*.parquet")
    table = pq.read_table(shard)
    rows = table.to_pylist()
    for row in rows:
        row["image"] = {"bytes": picture(int(row["file_name"][0])), "path": row["file_name"]}
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), shard)
    folder = RunFolder(str(run))
    manifest = folder.read_manifest()
    assert manifest is not None
    assert any("its medium is published, although only a link" in line for line in verify_run(folder, manifest))


def test_exports_without_media_keep_a_link_and_those_with_media_refuse_it(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "exports" / "jsonl" / "records.jsonl").read_text().splitlines()]
    assert sorted((line["file_name"], line["storage"]) for line in lines) == [
        ("0.png", "embedded"),
        ("1.png", "link_only"),
    ]
    refused = [json.loads(line) for line in (run / "exports" / "sharegpt" / "refused.jsonl").read_text().splitlines()]
    assert [(row["file_name"], row["reason"]) for row in refused if row["file_name"] == "1.png"] == [
        ("1.png", "only a link to it may be published: the format ships its media")
    ]


def test_the_card_says_how_many_rows_are_links(run: Path) -> None:
    card = (run / "dataset" / "README.md").read_text()
    assert "Of 1 row only a link is published (`storage` is `link_only`)" in card
