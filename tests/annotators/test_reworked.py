"""A candidate made from another keeps what was said, and nothing of what was paid."""

from __future__ import annotations

from annotators.base import MachineConfig
from annotators.reworked import reworked
from schemas.base import content_id
from schemas.candidate import Candidate, Usage


class Config(MachineConfig):
    kind: str = "sift"


def test_words_stay_and_the_bill_does_not() -> None:
    earlier = Candidate(
        candidate_id="c",
        sample_id="s",
        machine="vlm",
        kind="vlm",
        model="m",
        prompt_sha256="p",
        explanation="It shines.",
        verdict="generated",
        answer_key="k",
        finish_reason="stop",
        parse_status="repaired",
        usage=Usage(input_tokens=7, output_tokens=9),
        is_cached=True,
        latency_s=3.0,
    )
    made = reworked(earlier, Config(name="sieve"), model="sift-1", parameters="{}", latency_s=0.5, verdict="real")
    assert made == Candidate(
        candidate_id=content_id("s", "sieve", "sift-1", "{}", "c"),
        sample_id="s",
        machine="sieve",
        kind="sift",
        model="sift-1",
        model_snapshot="sift-1",
        explanation="It shines.",
        verdict="real",
        latency_s=0.5,
        parent_ids=("c",),
        chosen_id="c",
    )
