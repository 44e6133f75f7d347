"""What a person sees while a graph runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pipeline.progress
from pipeline.progress import Counters, line, shown


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters of this test alone: runs of other tests in this process share theirs with a folder."""
    global COUNTERS
    COUNTERS = Counters()
    monkeypatch.setattr(pipeline.progress, "COUNTERS", COUNTERS)


COUNTERS = Counters()


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


WORKER = """
import sys
from pipeline.progress import COUNTERS
COUNTERS.share(sys.argv[1])
COUNTERS.add("found", 2)
COUNTERS.add("done", 1)
COUNTERS.spend(0.25)
COUNTERS.tell()
"""


def test_the_launcher_adds_up_what_worker_processes_tell(tmp_path: Path) -> None:
    COUNTERS.share(str(tmp_path), is_reader=True)
    COUNTERS.add("found", 1)
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WORKER, str(tmp_path)], check=True)
    assert COUNTERS.snapshot() == ({"found": 5, "done": 2}, 0.5)
    COUNTERS.reset()
    assert COUNTERS.snapshot() == ({}, 0.0)


def test_workers_within_the_launcher_are_counted_once(tmp_path: Path) -> None:
    COUNTERS.share(str(tmp_path), is_reader=True)
    COUNTERS.share(str(tmp_path))
    COUNTERS.add("done")
    COUNTERS.tell()
    assert COUNTERS.snapshot() == ({"done": 1}, 0.0)
    assert not list(tmp_path.rglob("*.json"))


def test_a_run_in_remote_storage_has_no_such_files() -> None:
    COUNTERS.share("gs://bucket/run", is_reader=True)
    COUNTERS.add("done")
    assert COUNTERS.snapshot() == ({"done": 1}, 0.0)


def test_without_a_terminal_the_last_line_is_plain_text() -> None:
    written: list[str] = []
    COUNTERS.add("found", 2)
    with shown("propose", written.append):
        COUNTERS.add("done", 2)
    assert len(written) == 1
    assert written[0].startswith("propose: 2/2, ")
