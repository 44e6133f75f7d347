"""What the command says when it ends before its work."""

from __future__ import annotations

import shutil
import signal

import pytest

from pipeline.cli import main


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_before_any_work_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "witnessmark: stopped; run the same command again to go on\n"
