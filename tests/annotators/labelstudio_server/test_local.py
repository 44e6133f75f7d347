"""The life of a server of one's own; that it is Label Studio does not matter here."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from annotators.labelstudio_server.local import PROGRAM_VARIABLE, find_program, local_server
from schemas.errors import ConfigError, ServiceError

STAND_IN = f"""#!{sys.executable} -S
import http.server, sys

class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Healthy).serve_forever()
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from annotators.labelstudio_server.local import local_server
with local_server(Path(sys.argv[1]), Path(sys.argv[2])) as login:
    print(login.url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    program = tmp_path / "label-studio"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return program


def is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_the_server_lives_as_long_as_the_block(stand_in: Path, tmp_path: Path) -> None:
    with local_server(stand_in, tmp_path / "data") as login:
        assert is_up(login.url)

    assert not is_up(login.url)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_killed_process_takes_its_server_along(stand_in: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(stand_in), str(tmp_path / "data")]
    killed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)

    url, deadline = killed.stdout.strip(), time.monotonic() + 10
    assert (killed.returncode, url.partition("1:")[0]) == (-9, "http://127.0.0.")
    while is_up(url):
        assert time.monotonic() < deadline


def test_a_program_that_ends_at_once_is_told(tmp_path: Path) -> None:
    program = tmp_path / "label-studio"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)

    with (
        pytest.raises(ServiceError, match=r"Label Studio ended at once \(7\)"),
        local_server(program, tmp_path / "data"),
    ):
        pass


def test_a_program_is_named_from_where_we_are(stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PROGRAM_VARIABLE, "label-studio")
    assert find_program() == stand_in  # the server starts in its own folder

    monkeypatch.setenv(PROGRAM_VARIABLE, "nothing-there")
    with pytest.raises(ConfigError, match=f"{PROGRAM_VARIABLE} names no program: nothing-there"):
        find_program()
