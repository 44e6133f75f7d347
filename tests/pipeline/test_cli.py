"""What the command says when it ends before its work."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest

from pipeline.cli import main


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Tests that a shell runs behind it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_before_any_work_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "witnessmark: stopped; run the same command again to go on\n"
