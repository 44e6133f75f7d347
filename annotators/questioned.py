"""What a candidate says of the way it came about, where a model was asked for it: who, what, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.candidate import Candidate

from .models.conversation import Outcome
from .models.history import numbered, total_latency_s, total_usage
from .models.inquiry import Inquiry
from .models.options import ModelOptions

__all__ = ["questioned"]


def questioned(
    config: ModelOptions,
    base: Inquiry,
    outcomes: Sequence[Outcome],
    parents: Sequence[Candidate],
    *,
    prompt_sha256: str,
    main: int = 0,
) -> dict[str, Any]:
    """The fields of a Candidate that tell of its making; what it says about the medium is left to the caller.

    ``base`` is the machine's question about the sample, ``outcomes`` are all answers in the order they were asked for;
    snapshot, key and the like are those of the one at ``main``, and empty where nothing had to be asked. Who was shown
    a label, or the candidate of somebody who was, is not blind.
    """
    history = numbered(attempt for outcome in outcomes for attempt in outcome.history)
    told = outcomes[main] if outcomes else None
    is_told = any(parent.conditioning == "label_given" for parent in parents)
    return {
        "sample_id": base.sample.sample_id,
        "machine": config.title,
        "kind": config.kind,
        "model": config.model,
        "model_snapshot": told.completion.model if told else "",
        "prompt_sha256": prompt_sha256 if told else "",
        "parameters": told.stored.parameters if told else "{}",
        "seed": config.seed,
        "conditioning": "label_given" if is_told or base.sample.task_input.label_given is not None else "blind",
        "views": (*base.views, base.beside) if base.beside else base.views,
        "answer_key": told.key if told else "",
        "parse_status": "repaired" if any(outcome.status == "repaired" for outcome in outcomes) else "ok",
        "finish_reason": told.completion.finish_reason if told else "",
        "usage": total_usage(history),
        "attempts": history,
        "is_cached": all(outcome.is_cached for outcome in outcomes),
        "latency_s": total_latency_s(history),
        "parent_ids": tuple(dict.fromkeys(parent.candidate_id for parent in parents)),
    }
