"""Errors of ours in a worker: told by the launcher alone; everything else is a defect, and shows its trace."""

from __future__ import annotations

import io

import pytest
from apache_beam.runners.worker import sdk_worker

import pipeline.coders
from pipeline.drain import Interrupted
from pipeline.worker_errors import told
from schemas.errors import ConfigError, RunError, ServiceError

TRACE = """Traceback (most recent call last):
  File "x.py", line 1, in f
{name}: {message} [while running 'Write/One shard']
"""


@pytest.mark.parametrize("kind", [ConfigError, RunError, ServiceError, Interrupted])
def test_an_error_of_ours_is_known_by_its_trace(kind: type[Exception]) -> None:
    found = told(TRACE.format(name=f"{kind.__module__}.{kind.__name__}", message="no room on /run"))
    assert type(found) is kind
    assert found.message == "no room on /run"


@pytest.mark.parametrize("name", ["KeyError", "schemas.errors.MediaError", "other.schemas.errors.RunError"])
def test_nothing_else_is(name: str) -> None:
    assert told(TRACE.format(name=name, message="x")) is None


def test_beams_workers_print_the_traces_of_defects_alone() -> None:
    assert pipeline.coders  # every worker imports its coders
    printed = vars(sdk_worker)["print"]
    out = io.StringIO()
    printed(TRACE.format(name="schemas.errors.RunError", message="no room"), file=out)
    assert out.getvalue() == ""
    printed(TRACE.format(name="KeyError", message="'a'"), file=out)
    assert out.getvalue() == TRACE.format(name="KeyError", message="'a'") + "\n"
