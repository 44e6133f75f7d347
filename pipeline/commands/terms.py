"""Options that several commands have, and what each does with a run folder before and after its work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import ConfigError

if TYPE_CHECKING:
    from ..storage import Manifest, RunFolder

__all__ = [
    "BEAM",
    "AcceptOption",
    "AnswersOption",
    "BudgetOption",
    "InputOption",
    "LimitOption",
    "RecipeArgument",
    "RunOption",
    "RunsOption",
    "SetOption",
    "exit_by_limit",
    "folder_of",
    "known",
    "print_counts",
    "say",
]

EXIT_REJECTIONS = 1
BEAM = {"allow_extra_args": True, "ignore_unknown_options": True}

RecipeArgument = Annotated[str, typer.Argument(help="Recipe file, or the name of one in configs/recipes.")]
InputOption = Annotated[
    list[str],
    typer.Option("--input", "-i", help="Folder, file, glob or manifest; any URI that Beam opens. May be repeated."),
]
RunOption = Annotated[str, typer.Option("--run", "-r", help="Run folder; the same command on it continues.")]
RunsOption = Annotated[
    list[str], typer.Option("--run", "-r", help="Run folder. May be repeated: all runs are set side by side.")
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", help="Override a recipe field: PATH=VALUE, e.g. machines.0.kind=vlm. May be repeated."),
]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N items: a pilot.")]
AnswersOption = Annotated[
    str | None, typer.Option("--answers", help="Folder of paid answers shared between runs; RUN/answers by default.")
]
BudgetOption = Annotated[
    float | None,
    typer.Option("--budget", min=0, help="US dollars that the run may cost over its whole life; it drains before."),
]
AcceptOption = Annotated[
    bool, typer.Option("--accept-recipe-change", help="Go on although recipe or input differ from the run's.")
]


def folder_of(uri: str) -> RunFolder:
    """The run folder at a path or URI."""
    from ..filesystems import absolute
    from ..storage import RunFolder

    return RunFolder(absolute(uri))


def known(folder: RunFolder) -> Manifest:
    """Its manifest. Raises ConfigError where there is none."""
    manifest = folder.read_manifest()
    if manifest is None:
        raise ConfigError(f"{folder.uri} holds no run", remedy="witnessmark run RECIPE --input ... --run DIR makes one")
    return manifest


def print_counts(manifest: Manifest, *stages: str) -> None:
    """A line for each of the stages."""
    for name, counts in manifest.stages.items():
        if name in stages:
            parts = [f"{field} {count:,}" for field, count in counts if count or field in ("found", "kept", "rejected")]
            print(f"{name}: {', '.join(parts)}")


def exit_by_limit(manifest: Manifest, folder: RunFolder) -> None:
    """Exits with 1 where more was rejected than the recipe allows."""
    from ..stages import recipe_of

    allowed = recipe_of(manifest).limits.max_rejected
    for name, counts in manifest.stages.items():
        if counts.rejected > allowed * counts.found:
            share = f"{counts.rejected:,} of {counts.found:,} rejected, the recipe allows {allowed:.0%}"
            say(f"{name}: {share}; see {folder.path('report.html')}")
            raise typer.Exit(EXIT_REJECTIONS)


def say(line: str) -> None:
    """A line for the person who waits."""
    print(line, file=sys.stderr, flush=True)
