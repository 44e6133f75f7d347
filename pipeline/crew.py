"""The machines of a recipe, connected, as one worker process keeps them between bundles."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import annotators.machines
from annotators.answers import AnswerStore
from annotators.base import Annotator, Workbench
from annotators.models.batch.collecting import Deferred
from annotators.models.options import with_shared_minutes
from annotators.models.purse import BudgetReached, Purse
from annotators.sandbox import shared_sandbox
from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.errors import SampleError, ServiceError
from schemas.plugins import load
from schemas.record import Rejection
from schemas.sample import Sample

from .batching import defer, spool_of
from .drain import DRAIN
from .filesystems import open_uri
from .passes import seen_by, taking_part
from .passwords import Passwords
from .received import MachineError, received
from .recipe import Recipe
from .stop import leave_stop
from .storage import RunFolder

__all__ = ["Crew", "Proposed", "Work", "close_crews", "crew_of", "purse_of"]

FAILURES_IN_A_ROW = 16
"""Samples that fail for the service's sake, with no success between, before the run drains."""

T = TypeVar("T")
_Answer = Sequence[Candidate] | Rejection
"""What became of one machine's look at one sample."""


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
    budget: float | None = None
    """US dollars that the run may cost over its whole life."""


class Proposed(NamedTuple):
    """What the machines made of one sample."""

    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]


class Crew:
    """Connected machines on an event loop of their own; propose() may be called from any thread."""

    def __init__(self, work: Work) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="machines")
        self._thread.start()
        self.machines: tuple[Annotator, ...] = tuple(
            load(annotators.machines, config) for config in with_shared_minutes(work.recipe.machines)
        )
        self._failures = 0
        self._telling = threading.Lock()
        self._told_s = 0
        self._run = RunFolder(work.run_uri)
        self._taxonomy = work.recipe.taxonomy
        self._passwords = Passwords(work.recipe, work.inputs, self._run)
        bench = Workbench(
            taxonomy=work.recipe.taxonomy,
            limits=work.recipe.limits,
            task=work.recipe.task,
            open_uri=open_uri,
            answers=AnswerStore(work.answers_uri, payer=work.run_id),
            sandbox=shared_sandbox(work.recipe.limits),
            purse=purse_of(work),
            shared=Path(work.answers_uri) / ".shared",
            spool=spool_of(self._run),
        )
        for machine in self.machines:
            self._start(machine.connect(bench)).result()

    def propose(self, sample: Sample) -> Future[Proposed]:
        """Ask every machine that takes part, all at once as far as they do not wait for each other."""
        return self._start(self._propose(self._passwords.unlocked(sample)))

    def take_throttled_s(self) -> int:
        """Whole seconds in which requests waited for services, not yet told to anybody."""
        with self._telling:
            seconds = int(sum(machine.throttled_s for machine in self.machines)) - self._told_s
            self._told_s += seconds
        return seconds

    def close(self) -> None:
        """Close the machines' connections and end the loop."""
        for machine in self.machines:
            self._start(machine.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _propose(self, sample: Sample) -> Proposed:
        """Every machine starts as soon as those that it comes after have ended with this sample."""
        answers: dict[str, asyncio.Task[_Answer]] = {}
        for machine in taking_part(self.machines, sample, self._taxonomy):
            earlier = [answers[name] for name in machine.config.after if name in answers]
            answers[machine.config.title] = asyncio.create_task(self._answer(machine, sample, earlier))
        await asyncio.gather(*answers.values())
        return _proposed([answers[m.config.title].result() for m in self.machines if m.config.title in answers])

    async def _answer(self, machine: Annotator, sample: Sample, earlier: Sequence[asyncio.Task[_Answer]]) -> _Answer:
        given = await asyncio.gather(*earlier)
        candidates = tuple(c for answer in given if not isinstance(answer, Rejection) for c in answer)
        if earlier and not candidates:
            return _rejection(machine, sample, _nothing_before(machine))
        return await self._ask(machine, seen_by(machine.config, sample), candidates)

    async def _ask(self, machine: Annotator, sample: Sample, earlier: tuple[Candidate, ...]) -> _Answer:
        try:
            given = await (machine.propose_after(sample, earlier) if earlier else machine.propose(sample))
            candidates = received(given, machine.config, sample, self._taxonomy)
        except SampleError as error:
            if isinstance(error, MachineError):  # every further sample would be paid for and end like this one
                self._stop(str(error))
            return _rejection(machine, sample, error)
        except Deferred as deferred:
            defer(self._run, deferred)
            return _rejection(machine, sample, deferred)
        except ServiceError as error:
            self._note_failure(error)
            return _rejection(machine, sample, error)
        self._failures = 0
        return candidates

    def _note_failure(self, error: ServiceError) -> None:
        self._failures += 1
        if getattr(error, "is_fatal", False) or self._failures >= FAILURES_IN_A_ROW:
            self._stop(str(error) if isinstance(error, BudgetReached) else f"the model service does not work: {error}")

    def _stop(self, reason: str) -> None:
        DRAIN.start(reason)
        leave_stop(self._run, reason)


def _proposed(answers: Sequence[_Answer]) -> Proposed:
    """By the recipe's order. The sample itself is rejected only where every machine failed on it."""
    failed = [answer for answer in answers if isinstance(answer, Rejection)]
    candidates = tuple(c for answer in answers if not isinstance(answer, Rejection) for c in answer)
    return Proposed(candidates, tuple(r.evolve(is_final=len(failed) == len(answers)) for r in failed))


def _nothing_before(machine: Annotator) -> SampleError:
    config = machine.config
    return SampleError(
        f"{config.title} comes after {', '.join(config.after)}, and none of them proposed anything for this sample",
        remedy="their own rejections say why; once they answer, this machine goes on by itself",
    )


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


def purse_of(work: Work) -> Purse:
    """Who pays for this run; its books lie beside the answers, so that all who share answers see them."""
    return Purse(Path(work.answers_uri) / ".paid", work.run_id, work.budget)


def close_crews() -> None:
    """End the crews of this process: the next graph starts with new ones."""
    with _lock:
        for crew in _crews.values():
            crew.close()
        _crews.clear()


_crews: dict[str, Crew] = {}
_lock = threading.Lock()


def crew_of(work: Work) -> Crew:
    """The process's crew for this work, connected on first use: bundles in parallel threads share it."""
    key = work.model_dump_json()
    with _lock:
        if key not in _crews:
            _crews[key] = Crew(work)
        return _crews[key]
