"""The demo with people ends its server however it is ended itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = """#!{python}
import http.server, os, pathlib, sys
pathlib.Path("pid").write_text(str(os.getpid()))
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Healthy).serve_forever()
"""
"""Stands for Label Studio: it answers that it is well, and lives until it is stopped."""

DEMO = """
import signal, sys
from pipeline import people
from pipeline.storage import RunFolder

signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)

def waiting(*args, **kwargs):
    print("waiting", flush=True)
    signal.pause()

people.open_run = people.propose = lambda *args, **kwargs: None
people.submit = waiting
people.demonstrate_people(RunFolder(sys.argv[1]), lambda line: None, waiting)
"""
"""The demo without its machines: it stands still while its server is up. Whoever started the tests may have them
ignore signals, as a shell does with what runs behind it: the demo must not inherit that."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_s_server_does_not_outlive_it(tmp_path: Path, number: signal.Signals) -> None:
    program = tmp_path / "label-studio"
    program.write_text(SERVER.format(python=sys.executable))
    program.chmod(0o755)
    demo = subprocess.Popen(
        [sys.executable, "-c", DEMO, str(tmp_path / "run")],
        env=os.environ | {"WITNESSMARK_LABEL_STUDIO": str(program)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert demo.stdout
    with demo, demo.stdout:
        assert demo.stdout.readline() == "waiting\n"
        demo.send_signal(number)
        try:
            demo.wait(60)
        finally:
            demo.kill()
    server = int((tmp_path / "run" / "people" / "server" / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(server, signal.SIGKILL)
