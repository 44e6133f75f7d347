"""How many requests one endpoint takes at once, learned from what it refuses; and when to leave it alone.

Additive increase, multiplicative decrease (Chiu and Jain 1989), with what a limit that moves needs besides:

- A refusal tells more than "less": what is still in flight beside it *is* what the server takes, so the limit falls to
  that, by at most three tenths per round. A round is the time of one answer. Single refusals and silences tell nothing:
  some come whatever one client does.
- The increase is a quarter of the limit, at least one, and doubles with every quiet round after the first: a lifted
  limit is found in a few rounds.
- Requests are spread over the round instead of sent in a volley, as TCP pacing does (Aggarwal, Savage and Anderson
  2000): a server that counts requests per second then sees what it counts, and the limit settles at rate times latency.

A circuit breaker (Nygard, Release It!, 2007) stands beside: an endpoint that only fails is left alone and then tried
with one request. Pure: the caller says what time it is, in seconds.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Fate", "Pace", "Start", "fate_of"]

Fate = Literal["answered", "refused", "slow", "broken"]
"""answered: any reply that is no failure of the service; refused: too many requests now; slow: none in time."""

REFUSED = ("429", "503", "529")
SLOW = ("timeout", "504")
AFTER_REFUSAL, AFTER_SILENCE = 0.9, 0.5
"""What remains of the limit. Mild after a refusal, which costs the server nothing; a silence has cost it all the time
that was waited."""
DEEPEST = 0.7
"""What remains of the limit after a round of refusals, at least: a server that counts by the second refuses all that
comes at the end of its second."""
SPREAD = 1.6
"""How much faster than evenly over the round requests may start."""
TOLERATED = 0.25
"""Share of a round that may be refused before the limit falls: servers behind a shared quota refuse here and there
whatever one client does, and then fewer requests are only slower."""
RARE = 20
"""So many answers since the last silence say that a silence is the request's own, not the server's."""
FAILURES_TO_OPEN = 8
"""Failures in a row, with no answer between, before the endpoint is left alone."""
REFUSALS_TO_OPEN = 3
"""Refusals in a row with nothing else in flight: then no place will come free, only time can help."""
EARLY_PROBES = 10
"""The wait that a refusal names is for that request. Another one asks after a tenth of it whether the server's next
second, or minute, has begun; the next after two tenths more, and so on up to the whole."""


class Start(NamedTuple):
    """What was known when a request started."""

    at: float
    is_probe: bool
    """Whether it is the one request that finds out if the endpoint is back."""


def fate_of(status: str) -> Fate:
    """The fate of a failed try by its status (``429``, ``timeout``, ``connection_reset``, ...)."""
    return "refused" if status in REFUSED else "slow" if status in SLOW else "broken"


class Pace:
    """The limit of one endpoint for one model, between 1 and ``most``; starts at ``most``."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.in_flight = 0
        self.latency_s = 0.0
        """Seconds that an answer takes, a running mean: the length of a round."""
        self.failed_probes = 0
        """Probes that failed since the endpoint was left alone."""
        self.opened_at: float | None = None
        """Since when it is left alone; None while it is in use."""
        self.open_until = 0.0
        self._cut_at = float("-inf")
        self._floor = 1.0
        self._answers = self._quiet = self._failures = self._refusals = self._since_silence = 0
        self._next_at = float("-inf")
        self._is_probed = False
        self._counted_from: float | None = None
        self._num_answers = 0
        self._served_per_s = 0.0

    def wait_s(self, now: float) -> float | None:
        """Seconds until one more request may go out; None where only a request that comes back changes that."""
        if self.opened_at is not None:
            return None if self._is_probed else max(0.0, self.open_until - now)
        return max(0.0, self._next_at - now) if self.in_flight < int(self.limit) else None

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is left alone (but for a probe)."""
        return self.opened_at is not None

    @property
    def is_throttled(self) -> bool:
        """Whether the endpoint takes less than was configured."""
        return self.is_open or self.limit < self.most

    def start(self, now: float) -> Start:
        """A request goes out."""
        self.in_flight += 1
        self._is_probed = self.is_open
        if self._counted_from is None:
            self._counted_from = now
        if self.is_throttled:
            self._next_at = max(self._next_at, now) + self.latency_s / self.limit / SPREAD
        return Start(now, self.is_open)

    def end(
        self,
        start: Start,
        fate: Fate,
        *,
        now: float,
        wait_s: float = 0.0,
        asked_s: float = 0.0,
        is_wanted: bool = True,
    ) -> None:
        """A request came back. ``wait_s`` is how long to leave a failing endpoint alone at least, ``asked_s`` the wait
        that it named.

        ``is_wanted`` says whether others wait: an endpoint that is not used to its limit shows nothing by answering.
        """
        self.forget(start)
        if fate == "answered":
            self._answered(now - start.at, is_wanted)
        else:
            self._failed(start, fate, now, wait_s, asked_s)

    def forget(self, start: Start) -> None:
        """A request never went out, or was given up by us: nothing was learned."""
        self.in_flight -= 1
        self._is_probed = self._is_probed and not start.is_probe

    def _answered(self, latency_s: float, is_wanted: bool) -> None:
        if self.opened_at is not None:
            self.opened_at, self.failed_probes = None, 0
            self.limit = min(float(self.most), max(1.0, self._served_per_s * self.latency_s * SPREAD))
        self._failures = 0
        self._num_answers += 1
        self.latency_s += (latency_s - self.latency_s) / (10 if self.latency_s else 1)
        self._answers += 1
        self._since_silence += 1
        if self._answers >= self.limit:
            self._quiet = self._quiet + 1 if not self._refusals else 1
            self._answers = self._refusals = 0
        if is_wanted and self._quiet:
            step = min(max(1.0, self.limit / 4) * 2.0 ** (self._quiet - 1), self.limit)
            self.limit = min(float(self.most), self.limit + step / self.limit)

    def _failed(self, start: Start, fate: Fate, now: float, wait_s: float, asked_s: float) -> None:
        self._failures += 1
        if fate == "refused":
            self._refused(start, now)
            asked_s *= min(1.0, (self.failed_probes + 1) / EARLY_PROBES)
        elif fate == "slow":
            if self._since_silence < RARE:
                self._cut(start, now, AFTER_SILENCE)
            self._since_silence = 0
        wait_s = max(wait_s, asked_s)
        if start.is_probe:
            self.failed_probes += 1
            self.open_until = now + wait_s
        elif not self.is_open and self._is_hopeless(fate):
            self._open(now, wait_s)

    def _refused(self, start: Start, now: float) -> None:
        self._refusals += 1
        if self.latency_s and self._refusals <= self.limit * TOLERATED:
            return
        self._cut(start, now, AFTER_REFUSAL)
        self.limit = max(self._floor, min(self.limit, self.in_flight))

    def _open(self, now: float, wait_s: float) -> None:
        """Leave the endpoint alone; when it comes back it is asked at the rate that it served since the last time."""
        self._served_per_s = self._num_answers / max(now - (self._counted_from or 0.0), self.latency_s, 1e-3)
        self._num_answers, self._counted_from = 0, now
        self.opened_at, self.open_until = now, now + wait_s

    def _cut(self, start: Start, now: float, factor: float) -> None:
        """Once per round, and not for a request from before the last cut."""
        self._quiet = self._answers = 0
        if start.at > self._cut_at and now >= self._cut_at + self.latency_s:
            # Before the first answer nothing is known: a first volley shows at once how many are taken.
            self._floor = max(1.0, self.limit * DEEPEST) if self.latency_s else 1.0
            self._cut_at = now
            self.limit = max(1.0, self.limit * factor)

    def _is_hopeless(self, fate: Fate) -> bool:
        if fate == "refused":
            return self.in_flight == 0 and self._failures >= REFUSALS_TO_OPEN
        return self._failures >= FAILURES_TO_OPEN
