"""How far a graph is: counters that its stages raise, and a line or a bar that shows them.

No local Beam runner shows metrics while it runs, so the graph runs in a thread and these counters,
one set per process, are read beside it. Other worker processes leave theirs in files of the run folder.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .drain import DRAIN
from .uris import is_local, local_path

if TYPE_CHECKING:
    from rich.progress import Progress

    from annotators.models.purse import Purse

__all__ = ["COUNTERS", "Counters", "shown", "watched"]

PLAIN_INTERVAL_S = 10.0
BAR_INTERVAL_S = 0.2
SHARED_INTERVAL_S = 0.5
"""How often a worker process tells how far it is."""
END = "end"
"""The file beside what they tell by which the launcher asks them to drain."""


class Counters:
    """Process-wide counts by name; cheap to raise from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._usd = 0.0
        self._folder: Path | None = None
        self._is_reader = False
        self._told_s = 0.0
        self.money: Callable[[], str] = str
        """What was paid so far, in words; nothing where nobody knows."""

    def add(self, name: str, count: int = 1) -> None:
        """Raise one counter."""
        with self._lock:
            self._counts[name] += count
            if self._folder and not self._is_reader and time.monotonic() - self._told_s > SHARED_INTERVAL_S:
                self._tell()

    def share(self, run_uri: str, *, is_reader: bool = False) -> None:
        """Add up with the other processes of a run that lies on this machine, over small files in its folder.

        The launcher reads; every worker process writes its own, but for one that is the launcher's itself.
        """
        with self._lock:
            if is_local(run_uri) and (is_reader or not self._is_reader):
                self._folder, self._is_reader = Path(local_path(run_uri)) / ".work" / "progress", is_reader

    def tell(self) -> None:
        """Leave the counts for the launcher now: a worker process may be idle for long, or end."""
        with self._lock:
            if self._folder and not self._is_reader:
                self._tell()

    def _tell(self) -> None:
        """Whole or not at all; a disk that refuses costs a figure on the screen, nothing else."""
        self._told_s = time.monotonic()
        assert self._folder is not None  # noqa: S101 - both callers look
        part = self._folder / f".{os.getpid()}.part"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps([dict(self._counts), self._usd]))
            part.replace(self._folder / f"{os.getpid()}.json")
            if (self._folder / END).exists():
                DRAIN.start("interrupted")

    def ask_for_end(self) -> None:
        """Let the worker processes of the run drain, each when it next tells how far it is."""
        with self._lock, suppress(OSError):
            if self._folder and self._is_reader:
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / END).touch()

    def spend(self, usd: float) -> None:
        """Raise the money."""
        with self._lock:
            self._usd += usd

    def reset(self) -> None:
        """Before a new graph."""
        with self._lock:
            self._counts.clear()
            self._usd = 0.0
            if self._folder and self._is_reader:
                shutil.rmtree(self._folder, ignore_errors=True)

    def snapshot(self) -> tuple[dict[str, int], float]:
        """Counts and dollars now, in the launcher those of all processes of the run."""
        with self._lock:
            counts, usd = self._counts.copy(), self._usd
            files = sorted(self._folder.glob("*.json")) if self._folder and self._is_reader else []
        for file in files:
            with suppress(OSError):
                other, paid = json.loads(file.read_text())
                counts.update(other)
                usd += paid
        return dict(counts), usd


COUNTERS = Counters()


@contextmanager
def watched(purse: Purse) -> Iterator[None]:
    """Show what the run has paid, in all its processes, while the block runs."""

    def money() -> str:
        usd = purse.books.usd
        return f"${usd:,.4f}" + (f" of ${purse.budget:,.6g}" if purse.budget is not None else "") if usd else ""

    COUNTERS.money = money
    try:
        yield
    finally:
        COUNTERS.money = str


@contextmanager
def shown(stage: str, write: Callable[[str], None]) -> Iterator[None]:
    """Show a stage while the block runs: a bar on a terminal, a plain line every ten seconds otherwise."""
    import sys

    stop = threading.Event()
    follow = _bar if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=follow, args=(stage, write, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def line(stage: str, started: float, now: float) -> str:
    """One line: done/total, rate, rejected, spend, time left."""
    counts, usd = COUNTERS.snapshot()
    finished, found = counts.get("done", 0), max(counts.get("found", 0), counts.get("done", 0))
    rate = finished / max(now - started, 1e-9)
    parts = [f"{stage}: {finished:,}/{found:,}", f"{rate:,.1f}/s", f"rejected {counts.get('rejected', 0):,}"]
    if paid := COUNTERS.money() or (usd and f"${usd:,.4f}"):
        parts.append(paid)
    if finished and found > finished:
        parts.append(f"about {(found - finished) / rate:,.0f} s left")
    return ", ".join(parts)


def _lines(stage: str, write: Callable[[str], None], stop: threading.Event) -> None:
    started = time.monotonic()
    while not stop.wait(PLAIN_INTERVAL_S):
        write(line(stage, started, time.monotonic()))
    write(line(stage, started, time.monotonic()))


def _bar(stage: str, write: Callable[[str], None], stop: threading.Event) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(stage, total=None)
        while not stop.wait(BAR_INTERVAL_S):
            _advance(bar, task, stage, started)
    write(line(stage, started, time.monotonic()))


def _advance(bar: Progress, task: int, stage: str, started: float) -> None:
    counts, _ = COUNTERS.snapshot()
    text = line(stage, started, time.monotonic())
    bar.update(task, description=text, completed=counts.get("done", 0), total=counts.get("found") or None)  # type: ignore[arg-type]
