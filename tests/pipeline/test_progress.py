"""What a person sees while a graph runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipeline.progress import COUNTERS, line, shown


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    COUNTERS.reset()
    yield
    COUNTERS.reset()


def test_a_line_says_how_far_how_fast_what_was_lost_and_what_it_cost() -> None:
    COUNTERS.add("found", 2000)
    COUNTERS.add("done", 500)
    COUNTERS.add("rejected", 3)
    COUNTERS.spend(1.25)
    text = line("propose", started=100.0, now=110.0)
    assert text == "propose: 500/2,000, 50.0/s, rejected 3, $1.2500, about 30 s left"


def test_nothing_done_yet_has_no_time_left() -> None:
    COUNTERS.add("found", 7)
    assert line("propose", started=0.0, now=2.0) == "propose: 0/7, 0.0/s, rejected 0"


def test_more_done_than_found_is_still_a_sensible_fraction() -> None:
    COUNTERS.add("done", 5)
    assert line("finalize", started=0.0, now=1.0) == "finalize: 5/5, 5.0/s, rejected 0"


def test_counts_of_many_threads_add_up() -> None:
    threads = [threading.Thread(target=lambda: [COUNTERS.add("done") for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert COUNTERS.snapshot() == ({"done": 8000}, 0.0)


def test_without_a_terminal_the_last_line_is_plain_text() -> None:
    written: list[str] = []
    COUNTERS.add("found", 2)
    with shown("propose", written.append):
        COUNTERS.add("done", 2)
    assert len(written) == 1
    assert written[0].startswith("propose: 2/2, ")
