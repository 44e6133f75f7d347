"""How long a decoder process is waited for: on a crowded machine a good file takes longer, and is no worse for it.

So what counts is the time in which the process computes. One that does nothing is as hung as one that never ends.
"""

from __future__ import annotations

import sys
import time

__all__ = ["MOST", "TimeLimit"]

MOST = 4
"""Times the limit, after which also a process is stopped that got too little of the processors to reach it."""
_IDLE = 1e-3
"""Share of the time below which a process waits for something, and not for a processor: fair shares are larger."""


class TimeLimit:
    """The time of one task of a process, from now on."""

    def __init__(self, pid: int, limit_s: float) -> None:
        self._pid, self._limit_s = pid, limit_s
        self._started_s = self._looked_s = time.monotonic()
        self._computed_before_s = self._computed_s = _computed_s(pid)
        self.passed_s = limit_s
        """What a message says how long was waited."""

    def more_s(self) -> float:
        """After a wait in vain, the first one as long as the limit: seconds to wait further; 0 where it is enough."""
        now_s, computed_s = time.monotonic(), _computed_s(self._pid)
        is_idle = computed_s - self._computed_s <= _IDLE * (now_s - self._looked_s)
        left_s = self._limit_s - (computed_s - self._computed_before_s)
        until_most_s = self._started_s + MOST * self._limit_s - now_s
        self._looked_s, self._computed_s = now_s, computed_s
        if is_idle or left_s <= 0:
            return 0.0
        if until_most_s <= 0:
            self.passed_s = MOST * self._limit_s
        return max(min(left_s, until_most_s), 0.0)


def _computed_s(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 for one that is gone, and where the system does not say.

    Linux has a clock for every process (clock_getcpuclockid(3)), a microsecond a look.
    """
    if sys.platform != "linux":
        return 0.0
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0
