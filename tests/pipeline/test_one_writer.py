"""Two people give commands on one run folder: the second is refused before it reads or asks anything."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.recipe import load_recipe
from pipeline.stages import open_run
from pipeline.storage import RunFolder, StageCounts

from .runs import witnessmark

WAIT_S = 60


class SlowServer(ThreadingHTTPServer):
    """Keeps its first caller waiting until it is told to go on; refuses the key of everybody."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusal)
        self.calls: list[str] = []
        self.is_called, self.may_go_on = threading.Event(), threading.Event()


class Refusal(BaseHTTPRequestHandler):
    server: SlowServer

    def do_GET(self) -> None:
        self.server.calls.append(self.path)
        if len(self.server.calls) == 1:
            self.server.is_called.set()
            self.server.may_go_on.wait(WAIT_S)
        self.send_response(401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowServer]:
    with SlowServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("LABEL_STUDIO_URL", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789abcdef")
        try:
            yield server
        finally:
            server.may_go_on.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that has been proposed, over nothing, and asks everybody about everything."""
    folder = RunFolder(str(tmp_path / "run"))
    recipe = load_recipe("planted", ("people.0.kind=label_studio", "routing.audit=1.0"))
    manifest = open_run(folder, recipe, (), accept_change=True)
    folder.write_manifest(manifest.evolve(stages={"ingest": StageCounts(), "propose": StageCounts()}))
    return folder


@pytest.mark.slow
def test_whoever_comes_second_is_told_who_is_first_and_asks_nothing(
    run: RunFolder, slow: SlowServer, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "pipeline", "submit", "--run", run.uri]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        assert slow.is_called.wait(WAIT_S)
        files = {path: path.read_bytes() for path in Path(run.uri).rglob("*") if path.is_file()}
        for second in ("submit", "collect", "finalize"):
            assert witnessmark(second, "--run", run.uri) == 3
            said = " ".join(capsys.readouterr().err.split())
            assert f"is being written by process {first.pid} on " in said
            assert "submit" in said.partition(f"process {first.pid}")[2]
        assert len(slow.calls) == 1
        assert {path: path.read_bytes() for path in Path(run.uri).rglob("*") if path.is_file()} == files
        slow.may_go_on.set()
        _, words = first.communicate(timeout=WAIT_S)
    assert "refuses the key" in words

    assert witnessmark("submit", "--run", run.uri) != 0
    assert "refuses the key" in capsys.readouterr().err
    assert len(slow.calls) == 2


@pytest.mark.slow
def test_a_killed_writer_holds_nothing(run: RunFolder, slow: SlowServer, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "pipeline", "submit", "--run", run.uri]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        assert slow.is_called.wait(WAIT_S)
        first.kill()
    assert witnessmark("submit", "--run", run.uri) != 0
    assert "refuses the key" in capsys.readouterr().err
