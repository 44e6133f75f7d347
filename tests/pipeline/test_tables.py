"""Tables of the run folder, written by a graph and read back with pyarrow alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.coders import register_coders
from pipeline.drain import DRAIN
from pipeline.storage import RunFolder
from pipeline.tables import WriteTable, part_uris, read_rows, write_table
from schemas.record import Rejection
from schemas.sample import Sample


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    register_coders()
    DRAIN.reset()
    yield
    DRAIN.reset()


def write(run: RunFolder, samples: list[Sample], **options: object) -> None:
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as root:
        (
            root
            | beam.Create(samples).with_output_types(Sample)
            | WriteTable(run_uri=run.uri, table="samples", model=Sample, **options)
        )


def test_rows_come_back_and_a_second_pass_replaces_them(tmp_path: Path, make_sample: Callable[..., Sample]) -> None:
    run = RunFolder(str(tmp_path))
    first = [make_sample(f"a{i}") for i in range(1200)]
    write(run, first)
    assert sorted(read_rows(run, "samples", Sample), key=lambda s: s.item_id) == sorted(first, key=lambda s: s.item_id)
    second = [make_sample("b")]
    write(run, second)
    assert list(read_rows(run, "samples", Sample)) == second
    assert pq.read_table(tmp_path / "samples").column("item_id").to_pylist() == ["b.png"]
    assert list((tmp_path / "samples" / ".parts").iterdir()) == []


def test_an_empty_collection_gives_an_empty_table_with_its_schema(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    write(run, [])
    table = pq.read_table(tmp_path / "samples")
    assert table.num_rows == 0
    assert table.schema.field("origin").type == "string"
    assert table.schema.metadata[b"witnessmark.table"] == b"sample"


def test_a_draining_graph_leaves_the_old_table(tmp_path: Path, make_sample: Callable[..., Sample]) -> None:
    run = RunFolder(str(tmp_path))
    write(run, [make_sample("old")])
    DRAIN.start("enough")
    write(run, [make_sample("new")])
    assert [s.item_id for s in read_rows(run, "samples", Sample)] == ["old.png"]


def test_two_prefixes_of_a_table_do_not_touch_each_other(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    row = Rejection(item_id="i", stage="ingest", error="MediaError", message="m")
    write_table(run, "rejections", [row], Rejection, prefix="propose")
    write_table(run, "rejections", [row.evolve(stage="finalize")], Rejection, prefix="finalize")
    write_table(run, "rejections", [], Rejection, prefix="finalize")
    assert list(read_rows(run, "rejections", Rejection)) == [row]
    assert len(part_uris(run, "rejections")) == 2
    assert list(read_rows(run, "nothing", Rejection)) == []
