"""Disputes become tasks for a judge, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipeline.adjudicate import with_adjudications
from pipeline.recipe import recipe_from
from pipeline.storage import RunFolder
from pipeline.tables import write_table
from schemas.candidate import Candidate
from schemas.ledger import SubmittedTask, task_key
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy
from schemas.verification import Verification


def test_a_dispute_goes_to_a_judge_and_stays_there(
    tmp_path: Path, taxonomy: Taxonomy, make_sample: Callable[..., Sample], make_candidate: Callable[..., Candidate]
) -> None:
    run, samples = RunFolder(str(tmp_path)), [make_sample("a"), make_sample("b")]
    candidates = [make_candidate(sample, verdict="real") for sample in samples]
    machines = [{"kind": "forensic"}]
    raw = {"name": "r", "taxonomy": taxonomy, "sources": [{"kind": "folder"}], "machines": machines}
    recipe = recipe_from(raw, where="test")
    tool: Any = SimpleNamespace(accepts=lambda sample: True)

    def judged(*verdicts: str) -> list[tuple[Any, ...]]:
        answers = [
            Verification(verification_id=f"v{i}", sample_id=samples[0].sample_id, verdict=verdict, reviewer=f"p{i}")
            for i, verdict in enumerate(verdicts)
        ]
        write_table(run, "verifications", answers, Verification)
        return with_adjudications(run, recipe, [tool], [()])

    write_table(run, "samples", samples, Sample)
    write_table(run, "candidates", candidates, Candidate)
    assert judged("accepted", "accepted") == [()]
    ((task,),) = judged("accepted", "rejected")
    assert (task.sample.sample_id, task.purpose, task.candidate) == (
        samples[0].sample_id,
        "adjudication",
        candidates[0],
    )
    key = task_key(samples[0].sample_id, tool="t", purpose="adjudication", pass_number=1)
    ledger = SubmittedTask(
        task_key=key, sample_id=samples[0].sample_id, tool="t", purpose="adjudication", layout="image",
        config_version="1", asset_id="a", byte_size=1,
    )  # fmt: skip
    write_table(run, "tasks", [ledger], SubmittedTask)
    ((again,),) = judged("accepted", "accepted")
    assert again.purpose == "adjudication"
