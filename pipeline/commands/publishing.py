"""A finished run: checked, measured, looked at, compared, published, and rid of what must go."""

from __future__ import annotations

from typing import Annotated

import typer

from .building import finalize_run
from .terms import (
    BEAM,
    AnswersOption,
    RunOption,
    RunsOption,
    folder_of,
    known,
    say,
)

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def verify(run_: RunOption = "runs/latest") -> None:
    """Read every published row back and check it against media, tables and manifest; exit 1 on any defect."""
    from ..verify import verify_run

    folder = folder_of(run_)
    defects = verify_run(folder, known(folder))
    for defect in defects:
        print(defect)
    print({0: "no defect found", 1: "1 defect"}.get(len(defects), f"{len(defects):,} defects"))
    if defects:
        raise typer.Exit(1)


@commands.command()
def evaluate(
    run_: RunsOption = ["runs/latest"],  # noqa: B006
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold machines against the known truth, of one run or of several side by side, with intervals, tests and costs."""
    from ..evaluation.runs import printed
    from ..stages import recipe_of

    folders = [folder_of(uri) for uri in dict.fromkeys(run_)]
    print(printed([(folder, recipe_of(known(folder))) for folder in folders], as_json=json_))


@commands.command()
def report(run_: RunOption = "runs/latest") -> None:
    """Write report.html anew."""
    from ..reporting import rewrite_report

    folder = folder_of(run_)
    with folder.locked():
        rewrite_report(folder, known(folder))
    print(folder.path("report.html"))


@commands.command()
def gallery(
    run_: RunOption = "runs/latest",
    side: Annotated[int, typer.Option("--side", min=0, max=4096, help="Pixels of large pictures; 0: none.")] = 640,
) -> None:
    """Write or renew RUN/gallery: every row with its regions to look through, search and filter, without a server."""
    from ..gallery.build import renew_gallery

    print(renew_gallery(folder_of(run_), side=side, write=say))


@commands.command()
def diff(
    old: Annotated[str, typer.Argument(help="Run folder or dataset folder.")],
    new: Annotated[str, typer.Argument(help="Run folder or dataset folder.")],
    out: Annotated[str | None, typer.Option("--out", help="Folder of the page; NEW/diff where NEW is a run.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Rows that are printed with their fields.")] = 20,
) -> None:
    """What NEW adds, changes and removes: rows and fields, and a page with both versions' regions side by side."""
    from ..gallery.differences import told

    print("\n".join(told(old, new, out=out, most=rows, write=say)))


@commands.command()
def publish(
    repo: Annotated[str, typer.Option("--repo", help="Dataset repository on the Hub, ORG/NAME.")],
    run_: RunOption = "runs/latest",
    tag: Annotated[str | None, typer.Option("--tag", help="Name of the version; v1, v2, ... where none.")] = None,
    note: Annotated[str, typer.Option("--note", help="A sentence for the dataset's changelog.")] = "",
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; private by default.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
) -> None:
    """One atomic commit on the Hub with the run's dataset; the token comes from HF_TOKEN."""
    from ..publish import lines, publish

    folder = folder_of(run_)
    with folder.locked():
        done = publish(folder, known(folder), repo, is_public=public, tag=tag, note=note, is_dry=dry_run, write=say)
    print("\n".join(lines(done)))


@commands.command(context_settings=BEAM)
def forget(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="sample_id, sha256 of the medium (8 digits will do), or item.")],
    run_: RunOption = "runs/latest",
    answers: AnswersOption = None,
) -> None:
    """Remove samples from tables, answers and dataset for good: a removal request. Further options go to Beam."""
    from ..forget import forget
    from ..storage import clear_disk_errors

    folder = folder_of(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        manifest = forget(folder, known(folder), names, answers_uri=answers or folder.path("answers"), write=say)
    if "finalize" in manifest.stages:
        finalize_run(context.args, run_)
    say("published versions still hold it: publish again, then squash or delete what is older")
