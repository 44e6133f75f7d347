"""Worker processes on this machine (``--direct_running_mode=multi_processing``) and Ctrl-C.

At a terminal Ctrl-C is for a whole process group, and Beam waits without end for a worker that it has ended. So
workers start in groups of their own: the launcher hears Ctrl-C and asks them to drain, and a second one ends them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

__all__ = ["end_all", "start_apart"]

_workers: list[subprocess.Popen[bytes]] = []


def start_apart(options: PipelineOptions) -> None:
    """From now on Beam's worker processes, where the options want some, start in process groups of their own."""
    from apache_beam.options.pipeline_options import DirectOptions

    if options.view_as(DirectOptions).direct_running_mode != "multi_processing":
        return
    from apache_beam.runners.portability import local_job_service

    vars(local_job_service)["subprocess"] = SimpleNamespace(Popen=_started)  # Beam has no setting for it


def end_all() -> None:
    """Kill every worker. Python ends only after the threads that wait for them; what these say then helps nobody."""
    threading.excepthook = lambda _: None
    for worker in _workers:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)


def _started(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
    """Start what Beam asks for, and remember it."""
    _workers.append(subprocess.Popen(*arguments, process_group=0, **options))  # noqa: S603 - Beam's own command
    return _workers[-1]
