"""A continuous window of work in flight: results come out as they finish, in any order.

Batching waits for the slowest of each batch (45 s against 13 s for 400 calls with a tail), Beam's
RunInference loses a whole batch to one failure, its AsyncWrapper loses everything without a word:
docs/decisions/0004-window.md. So ``process`` submits and emits whatever has finished, waits for
*any* completion while the window is full, and ``finish_bundle`` drains.
"""

from __future__ import annotations

import queue
from abc import abstractmethod
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from .drain import DRAIN
from .progress import COUNTERS

__all__ = ["Window"]


class _Done(NamedTuple):
    element: Any
    timestamp: Any
    windows: tuple[Any, ...]
    future: Future[Any]


class Window(beam.DoFn):
    """At most ``size`` elements of a bundle in flight at once; one failure is one element's failure."""

    def __init__(self, size: int) -> None:
        self.size = size

    @abstractmethod
    def submit(self, element: Any) -> Future[Any]:
        """Start the work on one element; must not block for long."""

    @abstractmethod
    def outputs(self, element: Any, future: Future[Any]) -> Iterator[Any]:
        """What a finished element gives: plain values, or TaggedOutput."""

    def start_bundle(self) -> None:
        self._done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        self._in_flight = 0

    def process(
        self, element: Any, timestamp: Any = beam.DoFn.TimestampParam, window: Any = beam.DoFn.WindowParam
    ) -> Iterator[Any]:
        while self._in_flight >= self.size:
            yield from self._emit(self._done.get())
        if not DRAIN.is_on:
            self._start(element, timestamp, (window,))
        while not self._done.empty():
            yield from self._emit(self._done.get())

    def finish_bundle(self) -> Iterator[Any]:
        while self._in_flight:
            yield from self._emit(self._done.get())
        COUNTERS.tell()

    def _start(self, element: Any, timestamp: Any, windows: tuple[Any, ...]) -> None:
        done = self._done
        self._in_flight += 1
        future = self.submit(element)
        future.add_done_callback(lambda f: done.put(_Done(element, timestamp, windows, f)))

    def _emit(self, done: _Done) -> Iterator[Any]:
        self._in_flight -= 1
        for value in self.outputs(done.element, done.future):
            if isinstance(value, TaggedOutput):
                yield TaggedOutput(value.tag, WindowedValue(value.value, done.timestamp, done.windows))
            else:
                yield WindowedValue(value, done.timestamp, done.windows)
