"""The tables cut into streams: every row once, in the order of its sample, whatever an earlier pass left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import pipeline.partition
from pipeline.partition import cut, rows_of, shards_of
from pipeline.plan import Place, Plan
from pipeline.storage import RunFolder
from pipeline.tables import write_table
from schemas.candidate import Candidate
from schemas.sample import Sample


def plan_of(samples: list[Sample], shards: int) -> Plan:
    """Samples dealt out to the shards in turn, but for the last one, which is placed nowhere."""
    places = {s.sample_id: Place("images", "train", i % shards, "g") for i, s in enumerate(samples[:-1])}
    return Plan(places=places, shards={"images/train": shards}, duplicates=())


@pytest.mark.parametrize("open_files", [1, 256])
def test_each_shard_gets_its_rows_by_ascending_sample(
    open_files: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_sample: Callable[..., Sample],
    make_candidate: Callable[..., Candidate],
) -> None:
    monkeypatch.setattr(pipeline.partition, "SAMPLES_PER_STREAM", 2)
    monkeypatch.setattr(pipeline.partition, "OPEN_FILES", open_files)
    run = RunFolder(str(tmp_path))
    samples = [make_sample(f"{i}.png") for i in range(12)]
    candidates = [make_candidate(sample, machine=name) for name in ("one", "two") for sample in samples]
    write_table(run, "samples", samples, Sample)
    write_table(run, "candidates", candidates, Candidate)
    wide, plan = plan_of(samples, 4), plan_of(samples, 2)
    for earlier in (wide, plan):
        for table in ("samples", "candidates"):
            cut(run, table, earlier, shards_of(earlier))

    for shard in shards_of(plan):
        ids = sorted(i for i, place in plan.places.items() if place.shard == shard.number)
        found = list(rows_of(run, "samples", shard, Sample))
        assert [sample.sample_id for sample in found] == ids
        assert {sample.group_id for sample in found} == {"g"}
        proposed = list(rows_of(run, "candidates", shard, Candidate))
        assert [(c.sample_id, c.machine) for c in proposed] == [(i, name) for i in ids for name in ("one", "two")]
    assert len(list((tmp_path / ".work" / "samples").iterdir())) == 6


def test_a_shard_without_rows_of_a_table_has_none(tmp_path: Path, make_sample: Callable[..., Sample]) -> None:
    run = RunFolder(str(tmp_path))
    plan = plan_of([make_sample("0.png"), make_sample("1.png")], 1)
    write_table(run, "candidates", [], Candidate)
    cut(run, "candidates", plan, shards_of(plan))
    assert list(rows_of(run, "candidates", shards_of(plan)[0], Candidate)) == []
