"""Ctrl-C is one line and 130, whatever it breaks off: the imports of the command, or Python's own end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STOPPED = "witnessmark: stopped; run the same command again to go on"
DURING_AN_IMPORT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Finder:
    def find_spec(self, name, *_):
        if name == {name!r}:
            {act}

sys.meta_path.insert(0, Finder())
from pipeline.entry import main
main(["doctor"])
"""
AT_THE_END = """
import atexit, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(signal.raise_signal, signal.SIGINT)
from pipeline.entry import main
main(["--help"])
"""
IGNORED = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from pipeline.entry import main
signal.raise_signal(signal.SIGINT)
main(["--help"])
"""
PRESSED = "signal.raise_signal(signal.SIGINT)"
DISGUISED = "raise RuntimeError('half a class') from KeyboardInterrupt()"
IN_WORDS = "raise TypeError('SchemaError: KeyboardInterrupt: ')"


def ended(program: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("typer", PRESSED),
        ("pipeline.cli", PRESSED),
        ("pipeline.doctor", PRESSED),
        ("pipeline.doctor", DISGUISED),
        ("pipeline.doctor", IN_WORDS),
    ],
)
def test_ctrl_c_during_an_import_is_one_line(name: str, act: str) -> None:
    done = ended(DURING_AN_IMPORT.format(name=name, act=act))
    assert (done.returncode, done.stderr.splitlines()) == (130, [STOPPED])


def test_ctrl_c_while_python_ends_is_one_line_and_loses_no_output() -> None:
    done = ended(AT_THE_END)
    assert (done.returncode, done.stderr.splitlines()) == (130, [STOPPED])
    assert " verify " in done.stdout


def test_a_command_that_is_told_to_ignore_ctrl_c_does() -> None:
    done = ended(IGNORED)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_defect_shows_its_trace() -> None:
    done = ended(DURING_AN_IMPORT.format(name="pipeline.doctor", act="raise RuntimeError('half a class')"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "RuntimeError: half a class"
