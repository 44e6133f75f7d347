"""What a candidate says of its making: nobody is blind who was shown the label, also through another's candidate."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotators.base import Workbench
from annotators.machines.vlm import Config, VisionModel
from schemas.candidate import Candidate, Usage
from schemas.sample import Sample

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))
from quirky import QuirkyServer, completion

ANSWER = {"verdict": "real", "explanation": "Nothing is amiss.", "regions": []}


def asked(url: str, bench: Workbench, sample: Sample, earlier: tuple[Candidate, ...]) -> Candidate:
    async def ask() -> tuple[Candidate, ...]:
        machine = VisionModel(Config(base_url=url, price_per_million={"input": 1, "output": 2}))
        await machine.connect(bench)
        try:
            return await machine.propose_after(sample, earlier)
        finally:
            await machine.close()

    (candidate,) = asyncio.run(ask())
    return candidate


@pytest.mark.parametrize(
    ("label", "parent", "conditioning"),
    [
        (None, None, "blind"),
        (None, "blind", "blind"),
        (None, "label_given", "label_given"),
        ("real", "blind", "label_given"),
    ],
)
def test_the_way_is_told(
    label: str | None,
    parent: str | None,
    conditioning: str,
    make_image: Callable[..., Sample],
    make_bench: Callable[..., Workbench],
) -> None:
    sample = make_image(label_given=label)
    before: dict[str, Any] = {"sample_id": sample.sample_id, "machine": "a", "kind": "vlm", "conditioning": parent}
    earlier = (Candidate(candidate_id="p" * 64, **before),) * 2 if parent else ()
    with QuirkyServer(lambda call: completion(ANSWER)) as server:
        made = asked(server.base_url, make_bench(), sample, earlier)

    assert made.conditioning == conditioning
    assert made.parent_ids == (("p" * 64,) if parent else ())
    assert (made.machine, made.kind, made.model, made.model_snapshot) == ("vlm", "vlm", "gpt-4o-mini", "m")
    assert (made.parse_status, made.finish_reason, made.is_cached) == ("ok", "stop", False)
    assert [attempt.answer_key for attempt in made.attempts] == [made.answer_key]
    assert made.usage == Usage(input_tokens=100, output_tokens=10, usd=(100 * 1 + 10 * 2) / 1e6)
