"""Errors, cut by what becomes of the work.

::

    WitnessmarkError
    ├─ ConfigError        before any work: recipe, flags, environment. Exit code 2
    ├─ SampleError        this one item or sample becomes a Rejection, the run goes on
    │  ├─ MediaError      the file cannot be read, measured or decoded within the limits
    │  ├─ AnswerError     the model's answer broke the contract (not JSON, box outside, refusal)
    │  └─ VerdictError    a person's result does not fit the sample
    ├─ ServiceError       the world outside: retried; when nothing succeeds any more the run drains
    └─ RunError           the run folder: locked, of another recipe, counts that do not add up, disk full

Anything else is our bug and must crash. Only SampleError may be dead-lettered.
A message says what happened, to which thing, and (``remedy``) what to do next.
"""

from __future__ import annotations

__all__ = [
    "AnswerError",
    "ConfigError",
    "MediaError",
    "RunError",
    "SampleError",
    "ServiceError",
    "VerdictError",
    "WitnessmarkError",
]


class WitnessmarkError(Exception):
    """The root of everything that this project raises on purpose."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.remedy, self.__dict__))

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class ConfigError(WitnessmarkError):
    """A recipe, flag or environment is wrong; nothing has been done yet."""


class SampleError(WitnessmarkError):
    """This one item cannot go on; it becomes a Rejection with this class, message and remedy."""


class MediaError(SampleError):
    """A file cannot be opened, measured or decoded within the recipe's limits."""


class AnswerError(SampleError):
    """A model answered, but the answer breaks the contract."""


class VerdictError(SampleError):
    """A person's result does not fit the sample that it claims to judge."""


class ServiceError(WitnessmarkError):
    """A service failed in a way that may pass: retried, never dead-lettered on the first failure."""


class RunError(WitnessmarkError):
    """The run folder cannot be used or is not whole; what is on disk stays as it is."""


def _rebuild(kind: type[WitnessmarkError], message: str, remedy: str, state: dict[str, object]) -> WitnessmarkError:
    error = kind.__new__(kind)
    WitnessmarkError.__init__(error, message, remedy=remedy)
    error.__dict__.update(state)
    return error
