"""Errors of ours in a worker of its own: known by their trace, and told once, in one line, by the launcher.

Beam's worker prints the trace of whatever goes wrong before it sends it, as text, to the launcher.
"""

from __future__ import annotations

import builtins
import re
from typing import Any

from apache_beam.runners.worker import sdk_worker

from schemas.errors import ConfigError, RunError, ServiceError, WitnessmarkError

from .drain import Interrupted

__all__ = ["tell_once", "told"]

_KINDS = {f"{kind.__module__}.{kind.__name__}": kind for kind in (ConfigError, RunError, ServiceError, Interrupted)}
_TOLD = re.compile(
    rf"^({'|'.join(map(re.escape, _KINDS))}): (.+?)(?: \[while running '.*'\])?$",
    re.MULTILINE,
)
_GO_ON = "mend that and run the same command again; what is on disk stays good"


def told(trace: str) -> WitnessmarkError | None:
    """The last error of ours in a trace, without its remedy, which Beam does not bring; None where there is none."""
    if not (found := _TOLD.findall(trace)):
        return None
    kind, message = found[-1]
    return _KINDS[kind](message, remedy=_GO_ON)


def tell_once() -> None:
    """From now on this process's Beam workers send errors of ours without printing them; all others they print too."""
    vars(sdk_worker)["print"] = _print  # Beam has no setting for it


def _print(*values: Any, **options: Any) -> None:
    if not any(told(str(value)) for value in values):
        builtins.print(*values, **options)
