"""The door of the command: Ctrl-C is heard from its first moment to its last, and is one line.

Python raises KeyboardInterrupt wherever it is, and an import that it breaks says what it likes instead of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see pipeline.cli."""
    with_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not one that is told to ignore it
    if with_default:
        signal.signal(signal.SIGINT, _stop)
    from .cli import main as run

    if with_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(arguments)
    except (Exception, KeyboardInterrupt) as error:
        if _is_interrupt(error):
            _stop()
        raise
    finally:
        if with_default:
            signal.signal(signal.SIGINT, _stop)  # only Python's own end is left


def _stop(*_: object) -> None:
    """End at once: nothing has begun yet, or everything is done."""
    sys.stdout.flush()
    print("witnessmark: stopped; run the same command again to go on", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)


def _is_interrupt(error: BaseException) -> bool:
    """Whether a Ctrl-C stands behind it: an import that is broken off may end in any error, compiled ones in words."""
    seen = list[BaseException]()
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return any(isinstance(one, KeyboardInterrupt) or KeyboardInterrupt.__name__ in str(one) for one in seen)
