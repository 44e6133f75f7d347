"""The continuous window inside a real graph."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput
from apache_beam.testing.util import assert_that, equal_to

from pipeline.drain import DRAIN
from pipeline.window import Window

POOL = ThreadPoolExecutor(16)
GATE = threading.Event()
PEAK = {"now": 0, "most": 0}
LOCK = threading.Lock()


class Square(Window):
    """Squares numbers; fails on multiples of seven; the first element ends last."""

    def submit(self, element: int) -> Future[int]:
        with LOCK:
            PEAK["now"] += 1
            PEAK["most"] = max(PEAK["most"], PEAK["now"])
        return POOL.submit(self.work, element)

    def work(self, element: int) -> int:
        if element == 1:
            assert GATE.wait(10)  # only the end of the others opens the gate
        if element == 99:
            GATE.set()
        with LOCK:
            PEAK["now"] -= 1
        if element % 7 == 0:
            raise ValueError(element)
        return element**2

    def outputs(self, element: int, future: Future[int]) -> Iterator[Any]:
        if future.exception():
            yield TaggedOutput("failed", element)
        else:
            yield future.result()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    GATE.clear()
    DRAIN.reset()
    PEAK.update(now=0, most=0)
    yield
    DRAIN.reset()


def run(size: int, numbers: range) -> None:
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as root:
        done = root | beam.Create(numbers) | beam.ParDo(Square(size)).with_outputs("failed", main="kept")
        if DRAIN.is_on:
            assert_that(done.kept, equal_to([]), label="kept")
            return
        assert_that(done.kept, equal_to([n * n for n in numbers if n % 7]), label="kept")
        assert_that(done.failed, equal_to([n for n in numbers if n % 7 == 0]), label="failed")


def test_a_slow_element_holds_up_nobody_and_failures_stay_their_own() -> None:
    run(4, range(1, 100))
    assert 2 <= PEAK["most"] <= 4


def test_a_window_of_one_is_a_plain_map() -> None:
    run(1, range(2, 20))
    assert PEAK["most"] == 1


def test_nothing_new_starts_once_the_run_drains() -> None:
    DRAIN.start("enough")
    run(4, range(1, 100))
    assert PEAK["most"] == 0
