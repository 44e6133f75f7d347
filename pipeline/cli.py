"""The command line: parses, calls one function, prints what came of it. Heavy imports stay inside commands."""

from __future__ import annotations

import atexit
import gc
import logging
import sys
from collections.abc import Sequence

import typer

from schemas.errors import ConfigError, WitnessmarkError

from .commands import asking, building, publishing

__all__ = ["app", "main"]

EXIT_CONFIG, EXIT_RUN, EXIT_INTERRUPTED = 2, 3, 130
app = typer.Typer(
    name="witnessmark",
    help="Build annotated datasets of real and AI-generated images, videos and documents that others can trust.",
    epilog=(
        "Exit codes: 0 done; 1 too many rejections, or verify found a defect; 2 wrong recipe or flags; "
        "3 the run cannot go on now, a rerun continues; 130 stopped by Ctrl-C, a rerun continues."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (building, asking, publishing):
    app.add_typer(group.commands)


@app.command()
def doctor() -> None:
    """Check the environment: Python, packages, decoders, names, keys (never their values)."""
    from .doctor import examine, lines

    checks = examine()
    print("\n".join(lines(checks)))
    if not all(check.ok for check in checks):
        raise typer.Exit(EXIT_CONFIG)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: our own errors become one line and an exit code; anything else is a defect and shows its trace."""
    _collect_seldom()
    _quiet_beam()
    try:
        app(args=arguments)
    except WitnessmarkError as error:
        print(f"witnessmark: {error}", file=sys.stderr)
        sys.exit(_exit_code(error))
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:  # all that typer makes of a KeyboardInterrupt
            print("witnessmark: stopped; run the same command again to go on", file=sys.stderr)
        raise


def _collect_seldom() -> None:
    """A command keeps most of what it makes to its end, and its end frees all: looking for cycles is a tenth of it."""
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)


def _quiet_beam() -> None:
    """Beam warns about a missing extra on import and thereby installs a root handler: log to nowhere first."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("apache_beam").setLevel(logging.ERROR)


def _exit_code(error: WitnessmarkError) -> int:
    from .drain import Interrupted

    if isinstance(error, ConfigError):
        return EXIT_CONFIG
    return EXIT_INTERRUPTED if isinstance(error, Interrupted) else EXIT_RUN
