"""A Label Studio of one's own on this machine: started from its own virtual environment, stopped by its process id.

Label Studio pins much that the pipeline pins otherwise and puts names such as ``core`` and ``tasks`` on
``sys.path``: it never shares an environment with us. Nothing that it would send home is sent.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.errors import ConfigError, ServiceError

__all__ = ["PROGRAM_VARIABLE", "Login", "copy_data", "find_program", "local_server"]

PROGRAM_VARIABLE = "WITNESSMARK_LABEL_STUDIO"
"""Names the ``label-studio`` program; else it is looked for where ``make label-studio`` puts it."""
START_S = 600.0
"""The first start makes the database: 25 s on two idle cores, ten times that on busy ones."""
STOP_S = 20.0
CHECKOUT = Path(__file__).resolve().parents[2]
PHONES_HOME = {
    "LATEST_VERSION_CHECK": "false",
    "COLLECT_ANALYTICS": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
}
"""Version check, analytics and two error collectors: all off."""
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""What the server inherits of our environment: no key of ours is its business."""
TIED = """import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, kept by exec
os.execv(sys.argv[1], sys.argv[1:])"""
"""Becomes a program that ends when we do, even by a kill that lets us stop nothing. Linux only."""


class Login(NamedTuple):
    """How to reach a local server."""

    url: str
    """Its address."""
    email: str
    """Who signs in."""
    password: str
    """With which password, in the browser."""
    token: str
    """The same person's key, for programs."""


def find_program() -> Path | None:
    """The ``label-studio`` program that the environment names or ``make label-studio`` made, or None."""
    named = os.environ.get(PROGRAM_VARIABLE)
    path = Path(named).absolute() if named else CHECKOUT / ".label-studio" / "bin" / "label-studio"
    if named and not path.is_file():
        raise ConfigError(f"{PROGRAM_VARIABLE} names no program: {named}", remedy="`make label-studio` makes one")
    return path if path.is_file() else None


@contextlib.contextmanager
def local_server(program: Path, folder: Path, *, media_root: Path | None = None, login: Login | None = None,
                 extra: dict[str, str] | None = None) -> Iterator[Login]:  # fmt: skip
    """A server with its data in ``folder``, on a free port of 127.0.0.1, until the block ends.

    ``media_root`` may be shown as local files. The same folder and login go on with the same work; without a login
    one is made up. ``extra`` adds to the server's environment. Raises ServiceError where it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = login or Login("", "reviewer@example.com", secrets.token_urlsafe(12), secrets.token_hex(20))
    url = f"http://127.0.0.1:{_free_port()}"
    login = made._replace(url=url)
    process = _start(program, folder, login, media_root, extra or {})
    try:
        _wait(process, login.url, folder / "server.log")
        yield login
    finally:
        _stop(process)


def _start(
    program: Path, folder: Path, login: Login, media_root: Path | None, extra: dict[str, str]
) -> subprocess.Popen[bytes]:
    port = login.url.rpartition(":")[2]
    options = ["--no-browser", "--internal-host", "127.0.0.1", "--port", port, "--data-dir", str(folder)]
    tied = [sys.executable, "-I", "-S", "-c", TIED] if sys.platform == "linux" else []
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the program that the user installed, with arguments of ours
            [*tied, str(program), "start", *options, "--enable-legacy-api-token", "--log-level", "INFO"],
            env=_environment(folder, login, media_root) | extra,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _environment(folder: Path, login: Login, media_root: Path | None) -> dict[str, str]:
    """Secrets go by the environment: arguments can be read by everybody on the machine."""
    shown = {
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(media_root),
    }
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        **PHONES_HOME,
        **(shown if media_root else {}),
        "HOME": str(folder),
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password,
        "LABEL_STUDIO_USER_TOKEN": login.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    }


def _free_port() -> int:
    """Label Studio moves to the next port without a word where one is taken: it gets one that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    import httpx

    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(f"Label Studio ended at once ({process.returncode})", remedy=f"see {log}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise ServiceError(f"Label Studio did not come up within {START_S:g} s", remedy=f"see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The whole group that we started, and nothing else."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def copy_data(source: Path, target: Path) -> None:
    """A database that is made already, and the secret that its sessions are signed with: saves the first start."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("label_studio.sqlite3", ".env"):
        shutil.copy(source / name, target / name)
