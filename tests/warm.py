"""The command in a process of its own, forked from one that has imported Beam: the imports are most of a small run.

It is a process like any other: it can be killed, it has its own environment, folder, signals and exit code. What
differs from ``python -m pipeline`` is that it begins as a copy of a template with its modules loaded, in which no
thread of Python's runs and no channel of gRPC is open.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

__all__ = ["Command", "run_command"]

TEMPLATE = multiprocessing.get_context("forkserver")
TEMPLATE.set_forkserver_preload(["pipeline.stages", "pipeline.publication", "pipeline.sources.folder",
                                 "annotators.machines.vlm", "annotators.machines.forensic"])  # fmt: skip


class Command:
    """``python -m pipeline WORDS``, started; ``communicate`` ends it and gives what it said."""

    def __init__(self, words: Sequence[str], *, env: Mapping[str, str] = os.environ, folder: Path = Path()) -> None:
        self._said = tempfile.TemporaryDirectory(prefix="said-")
        self._process: BaseProcess = TEMPLATE.Process(target=_enter, args=(words, dict(env), folder, self._said.name))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the number of the signal that ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """As ``returncode``, once it has ended; what it said is lost."""
        self.communicate(timeout)
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it said on stdout and stderr, once it has ended. Raises TimeoutError where it does not."""
        self._process.join(timeout)
        if self.returncode is None:
            self._process.kill()
            raise TimeoutError(f"the command still runs after {timeout:g} s")
        out, err = ((Path(self._said.name) / name).read_text() for name in ("out", "err"))
        self._said.cleanup()
        return out, err


def run_command(
    words: Sequence[str], *, env: Mapping[str, str] = os.environ, folder: Path = Path(), timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run`` with its output captured."""
    command = Command(words, env=env, folder=folder)
    out, err = command.communicate(timeout)
    assert command.returncode is not None
    return subprocess.CompletedProcess(list(words), command.returncode, out, err)


def _enter(words: Sequence[str], env: Mapping[str, str], folder: Path, said: str) -> None:
    """In the forked process: become what the shell would have started."""
    for number, name in ((1, "out"), (2, "err")):
        handle = os.open(os.path.join(said, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)  # noqa: PTH118 - a name only
        os.dup2(handle, number)
        os.close(handle)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the template ignores it
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = ["witnessmark", *words]
    from pipeline.cli import main

    main(words)
