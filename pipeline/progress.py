"""How far a graph is: counters that its stages raise, and a line or a bar that shows them.

No local Beam runner shows metrics while it runs, so the graph runs in a thread and these counters,
one set per process, are read beside it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["COUNTERS", "Counters", "shown"]

PLAIN_INTERVAL_S = 10.0
BAR_INTERVAL_S = 0.2


class Counters:
    """Process-wide counts by name; cheap to raise from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._usd = 0.0

    def add(self, name: str, count: int = 1) -> None:
        """Raise one counter."""
        with self._lock:
            self._counts[name] += count

    def spend(self, usd: float) -> None:
        """Raise the money."""
        with self._lock:
            self._usd += usd

    def reset(self) -> None:
        """Before a new graph."""
        with self._lock:
            self._counts.clear()
            self._usd = 0.0

    def snapshot(self) -> tuple[dict[str, int], float]:
        """Counts and dollars now."""
        with self._lock:
            return dict(self._counts), self._usd


COUNTERS = Counters()


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
    if usd:
        parts.append(f"${usd:,.4f}")
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
