from __future__ import annotations

import pickle

import pytest

from schemas import errors
from schemas.errors import MediaError, RunError, SampleError, ServiceError, WitnessmarkError

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_crosses_processes_whole(kind: type[WitnessmarkError]) -> None:
    error = kind("cat.png: 3 bytes", remedy="upload it again")
    error.add_note("seen twice")

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is kind
    assert (copy.message, copy.remedy, copy.args) == (error.message, error.remedy, error.args)
    assert copy.__notes__ == ["seen twice"]


def test_a_message_says_what_and_what_to_do() -> None:
    assert str(MediaError("cat.png is cut off", remedy="upload it again")) == "cat.png is cut off (upload it again)"
    assert str(MediaError("cat.png is cut off")) == "cat.png is cut off"


def test_only_sample_errors_become_rejections() -> None:
    samples = {kind.__name__ for kind in KINDS if issubclass(kind, SampleError)}

    assert samples == {"SampleError", "MediaError", "AnswerError", "VerdictError"}
    assert not issubclass(ServiceError, SampleError)
    assert not issubclass(RunError, SampleError)
