"""The public transforms: wiring only. What they do is a plain function or a crew beside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io.components.adaptive_throttler import ThrottlingSignaler
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

import pipeline.sources
from annotators.sandbox import shared_sandbox
from schemas.candidate import Candidate
from schemas.errors import MediaError, SampleError
from schemas.plugins import load
from schemas.record import Rejection
from schemas.sample import Item, Sample

from .crew import Crew, Proposed, Work, crew_of
from .drain import DRAIN
from .forget import check_not_forgotten, forgotten_hashes
from .ingest import measure_item, rejection_of
from .progress import COUNTERS
from .sources.base import items_of
from .storage import RunFolder
from .window import Window

__all__ = ["MeasureSamples", "Outcome", "ProposeCandidates", "ReadItems", "read_items"]

REJECTED = "rejected"
MEASURED_AHEAD = 32
"""Items with the decoders at once: enough to keep every child busy while the machines are waited for."""


class Outcome(NamedTuple):
    """What went on, and what could not."""

    kept: beam.PCollection[Any]
    rejected: beam.PCollection[Rejection]


def read_items(work: Work) -> Iterator[Item]:
    """All items of all sources in order, at most ``work.limit``; ends early when the run drains."""
    COUNTERS.share(work.run_uri)
    sources = [load(pipeline.sources, config) for config in work.recipe.sources]
    items = items_of(sources, work.inputs, RunFolder(work.run_uri).media_uri, work.recipe.limits)
    for item in itertools.islice(items, work.limit):
        if DRAIN.is_on:
            return
        COUNTERS.add("found")
        yield item
    COUNTERS.tell()


@dataclass(kw_only=True, eq=False)
class ReadItems(beam.PTransform):
    """Every item of the recipe's sources, once. Bounded; the listing runs in one worker."""

    work: Work

    def expand(self, root: beam.pvalue.PBegin) -> beam.PCollection[Item]:
        return (
            root
            | "Once" >> beam.Create([self.work.run_id])
            | "List" >> beam.ParDo(_List(self.work)).with_output_types(Item)
            | "Spread over workers" >> beam.Reshuffle().with_output_types(Item)
        )


@dataclass(kw_only=True, eq=False)
class MeasureSamples(beam.PTransform):
    """Measure each item in a decoder process: an item becomes one Sample or one Rejection."""

    work: Work

    def expand(self, items: beam.PCollection[Item]) -> Outcome:
        done = items | "Measure" >> beam.ParDo(_Measure(self.work)).with_outputs(
            REJECTED, main="kept"
        ).with_output_types(Any)
        return Outcome(done.kept, done[REJECTED])


@dataclass(kw_only=True, eq=False)
class ProposeCandidates(beam.PTransform):
    """Ask the recipe's machines about each sample.

    A sample may give several candidates and, where a machine failed on it, Rejections; side effects
    (paid calls) happen once per answer key, because answers are on disk before they are used.
    """

    work: Work

    def expand(self, samples: beam.PCollection[Sample]) -> Outcome:
        done = samples | "Ask" >> beam.ParDo(_Propose(self.work)).with_outputs(REJECTED, main="kept").with_output_types(
            Any
        )
        return Outcome(done.kept, done[REJECTED])


class _List(beam.DoFn):
    def __init__(self, work: Work) -> None:
        self.work = work
        self.items = Metrics.counter("witnessmark", "items")

    def process(self, _: str) -> Iterator[Item]:
        for item in read_items(self.work):
            self.items.inc()
            yield item


class _Measure(Window):
    def __init__(self, work: Work) -> None:
        super().__init__(size=MEASURED_AHEAD)
        self.work = work

    def setup(self) -> None:
        COUNTERS.share(self.work.run_uri)
        self.sandbox = shared_sandbox(self.work.recipe.limits)
        self.forgotten = forgotten_hashes(RunFolder(self.work.run_uri))

    def submit(self, item: Item) -> Future[Sample]:
        if item.error is None:
            return self.sandbox.submit(measure_item, item, self.work.recipe.limits)
        failed: Future[Sample] = Future()
        failed.set_exception(MediaError(item.error, remedy=item.remedy))
        return failed

    def outputs(self, item: Item, future: Future[Sample]) -> Iterator[Any]:
        try:
            sample = future.result()
            check_not_forgotten(sample, self.forgotten)
        except SampleError as error:
            COUNTERS.add(REJECTED)
            COUNTERS.add("done")
            yield TaggedOutput(REJECTED, rejection_of(item, error))
        else:
            yield sample


class _Propose(Window):
    def __init__(self, work: Work) -> None:
        # Twice the largest concurrency: while some wait to be asked again, others take their place.
        super().__init__(size=2 * max((m.concurrency for m in work.recipe.machines), default=1))
        self.work = work
        # Runners that scale by load (Dataflow) do not add workers against a service that says "slower".
        self.throttling = ThrottlingSignaler("witnessmark")

    def setup(self) -> None:
        self.crew: Crew = crew_of(self.work)

    def submit(self, sample: Sample) -> Future[Proposed]:
        return self.crew.propose(sample)

    def outputs(self, sample: Sample, future: Future[Proposed]) -> Iterator[Candidate | TaggedOutput]:
        candidates, rejections = future.result()
        if throttled_s := self.crew.take_throttled_s():
            self.throttling.signal_throttled(throttled_s)
        COUNTERS.add("done")
        COUNTERS.add(REJECTED, bool(rejections) and rejections[0].is_final)
        yield from candidates
        for rejection in rejections:
            yield TaggedOutput(REJECTED, rejection)
