"""A candidate made from an earlier one without asking anybody: what it says is new, what was paid stays behind."""

from __future__ import annotations

from typing import Any

from schemas.base import content_id
from schemas.candidate import Candidate, Usage

from .base import MachineConfig

__all__ = ["reworked"]


def reworked(
    earlier: Candidate, config: MachineConfig, *, model: str, parameters: str, latency_s: float, **said: Any
) -> Candidate:
    """The earlier candidate as the machine ``config`` leaves it: ``said`` are the fields that it says anew.

    ``model`` is method and version, ``parameters`` canonical JSON. No call, cost, view or judgement of the earlier
    one is this one's; the earlier one is its parent.
    """
    return earlier.evolve(
        candidate_id=content_id(earlier.sample_id, config.title, model, parameters, earlier.candidate_id),
        machine=config.title,
        kind=config.kind,
        model=model,
        model_snapshot=model,
        prompt_sha256="",
        parameters=parameters,
        views=(),
        answer_key="",
        finish_reason="",
        parse_status="ok",
        usage=Usage(),
        attempts=(),
        is_cached=False,
        latency_s=latency_s,
        parent_ids=(earlier.candidate_id,),
        chosen_id=earlier.candidate_id,
        judgements=(),
        is_consistent=None,
        **said,
    )
