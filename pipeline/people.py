"""People within longer commands: ``run`` asks them as far as it can, ``demo --people`` brings a server of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from annotators.labelstudio_server.local import Login, find_program, local_server
from annotators.people.label_studio import KEY_VARIABLE, URL_VARIABLE
from schemas.errors import ConfigError

from .collect import collect
from .desk import people_of
from .ledger import has_rows
from .stages import finalize, open_run, propose, recipe_of
from .storage import Manifest, RunFolder
from .submit import submit

__all__ = ["ask_people", "demonstrate_people", "until_interrupted"]

RECIPE = "planted"
SETTINGS = ("people.0.kind=label_studio", "routing.audit=1.0")
Write = Callable[[str], None]


def ask_people(run: RunFolder, manifest: Manifest, write: Write) -> None:
    """Fetch what people have decided, then hand out what is new. Without people, or without their address, nothing.

    Raises ConfigError and ServiceError as submit and collect do; a rerun goes on.
    """
    recipe = recipe_of(manifest)
    if not recipe.people or not recipe.routing.asks_people:
        return
    if not all(tool.is_reachable for tool in people_of(recipe)):
        write(f"people: {URL_VARIABLE} or {KEY_VARIABLE} is not set, so nobody is asked; set them and run again")
        return
    if has_rows(run, "tasks"):
        _say(collect(run, manifest, write=write).lines(), write)
    _say(submit(run, manifest, write=write).lines(), write)


def demonstrate_people(run: RunFolder, write: Write, wait: Callable[[Login], None]) -> Manifest:
    """The demo with people: a local Label Studio holds its samples while ``wait`` lasts; then what was clicked counts.

    The same command on the same folder goes on with the same server's data. Raises ConfigError where Label Studio is
    not set up or the run is not on a local disk.
    """
    from .recipe import load_recipe
    from .uris import is_local, local_path

    program = find_program()
    if program is None:
        raise ConfigError("Label Studio is not set up", remedy="make label-studio, then the same command again")
    if not is_local(run.uri):
        raise ConfigError(f"{run.uri} is on no local disk", remedy="give the demo a --run folder of this machine")
    folder = Path(local_path(run.path("people", "server")))
    with run.locked():
        manifest = open_run(run, load_recipe(RECIPE, SETTINGS), (), accept_change=False)
        manifest = propose(run, manifest, arguments=(), limit=None, answers_uri=None, write=write)
    write("starting Label Studio; the first start takes half a minute")
    with _ended_like_ctrl_c(), local_server(program, folder, login=_login(folder)) as login:
        with _pointing_to(login), run.locked():
            _say(submit(run, manifest, write=write).lines(), write)
        wait(login)
        with _pointing_to(login), run.locked():
            _say(collect(run, manifest, write=write).lines(), write)
    with run.locked():
        return finalize(run, manifest, arguments=(), write=write)


def until_interrupted(login: Login, run: RunFolder) -> None:
    """Say how to get in, then wait for Ctrl-C."""
    print(
        f"\nopen      {login.url}\nemail     {login.email}\npassword  {login.password}\n\n"
        f"Elsewhere: {URL_VARIABLE}={login.url} {KEY_VARIABLE}={login.token} "
        f"witnessmark collect --run {shlex.quote(run.uri)}\n"
        "Ctrl-C here collects what was clicked, stops the server and writes the dataset.",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            signal.pause()


def _say(lines: list[str], write: Write) -> None:
    for line in lines:
        write(line)


def _login(folder: Path) -> Login:
    """The server's only user, made up once; the file is its owner's alone."""
    path = folder / "login.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        made = {
            "email": "reviewer@example.com",
            "password": secrets.token_urlsafe(12),
            "token": secrets.token_hex(20),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made, file)
    return Login(url="", **json.loads(path.read_text(encoding="utf-8")))


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """A closed terminal or a polite kill ends the block as Ctrl-C does: the server must not outlive the demo.

    A signal that is ignored (nohup) or handled already stays so.
    """
    deadly = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL]
    for number in deadly:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in deadly:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _pointing_to(login: Login) -> Iterator[None]:
    """The environment as if the user had set it."""
    before = {name: os.environ.get(name) for name in (URL_VARIABLE, KEY_VARIABLE)}
    os.environ.update({URL_VARIABLE: login.url, KEY_VARIABLE: login.token})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
