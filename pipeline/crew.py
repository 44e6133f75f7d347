"""The machines of a recipe, connected, as one worker process keeps them between bundles."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

import annotators.machines
from annotators.answers import AnswerStore
from annotators.base import Annotator, Workbench
from annotators.sandbox import shared_sandbox
from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.errors import SampleError, ServiceError
from schemas.plugins import load
from schemas.record import Rejection
from schemas.sample import Sample

from .drain import DRAIN
from .filesystems import open_uri
from .progress import COUNTERS
from .recipe import Recipe
from .stop import leave_stop
from .storage import RunFolder

__all__ = ["Crew", "Proposed", "Work", "crew_of"]

FAILURES_IN_A_ROW = 16
"""Samples that fail for the service's sake, with no success between, before the run drains."""

T = TypeVar("T")


class Work(Frozen):
    """What a worker must know; small, pickled with the graph, free of secrets."""

    recipe: Recipe
    """The resolved recipe."""
    run_uri: str
    """The run folder."""
    run_id: str
    """Who pays."""
    answers_uri: str
    """Where paid answers are."""
    inputs: tuple[str, ...] = ()
    """What is read."""
    limit: int | None = None
    """Only so many items, for a pilot."""


class Proposed(NamedTuple):
    """What the machines made of one sample."""

    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]


class Crew:
    """Connected machines on an event loop of their own; propose() may be called from any thread."""

    def __init__(self, work: Work) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="machines").start()
        self.machines: tuple[Annotator, ...] = tuple(load(annotators.machines, c) for c in work.recipe.machines)
        self._failures = 0
        self._run = RunFolder(work.run_uri)
        bench = Workbench(
            taxonomy=work.recipe.taxonomy,
            limits=work.recipe.limits,
            task=work.recipe.task,
            open_uri=open_uri,
            answers=AnswerStore(work.answers_uri, payer=work.run_id),
            sandbox=shared_sandbox(work.recipe.limits),
        )
        for machine in self.machines:
            self._start(machine.connect(bench)).result()

    def propose(self, sample: Sample) -> Future[Proposed]:
        """Ask every machine that accepts the sample, all at once."""
        return self._start(self._propose(sample))

    def close(self) -> None:
        """Close the machines' connections and end the loop."""
        for machine in self.machines:
            self._start(machine.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _propose(self, sample: Sample) -> Proposed:
        accepting = [m for m in self.machines if m.accepts(sample)]
        answers = await asyncio.gather(*(self._ask(m, sample) for m in accepting))
        candidates = tuple(c for answer in answers if not isinstance(answer, Rejection) for c in answer)
        failed = [answer for answer in answers if isinstance(answer, Rejection)]
        return Proposed(candidates, tuple(r.evolve(is_final=len(failed) == len(accepting)) for r in failed))

    async def _ask(self, machine: Annotator, sample: Sample) -> Sequence[Candidate] | Rejection:
        try:
            candidates = await machine.propose(sample)
        except SampleError as error:
            return _rejection(machine, sample, error)
        except ServiceError as error:
            self._note_failure(error)
            return _rejection(machine, sample, error)
        self._failures = 0
        for candidate in candidates:
            if not candidate.is_cached:
                COUNTERS.spend(candidate.usage.usd or 0.0)
        return candidates

    def _note_failure(self, error: ServiceError) -> None:
        self._failures += 1
        if getattr(error, "is_fatal", False) or self._failures >= FAILURES_IN_A_ROW:
            reason = f"the model service does not work: {error}"
            DRAIN.start(reason)
            leave_stop(self._run, reason)


def _rejection(machine: Annotator, sample: Sample, error: SampleError | ServiceError) -> Rejection:
    return Rejection(
        item_id=sample.item_id,
        sample_id=sample.sample_id,
        uri=sample.primary.uri,
        stage="propose",
        machine=machine.config.title,
        error="api_error" if isinstance(error, ServiceError) else type(error).__name__,
        message=error.message,
        remedy=error.remedy,
        attempts=getattr(error, "attempts", 1) or 1,
        answer_key=getattr(error, "answer_key", "") or "",
        history=getattr(error, "history", ()),
    )


_crews: dict[str, Crew] = {}
_lock = threading.Lock()


def crew_of(work: Work) -> Crew:
    """The process's crew for this work, connected on first use: bundles in parallel threads share it."""
    key = work.model_dump_json()
    with _lock:
        if key not in _crews:
            _crews[key] = Crew(work)
        return _crews[key]
