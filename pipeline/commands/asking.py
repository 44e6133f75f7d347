"""People and models: tasks out and answers in, and what a model's numbers mean."""

from __future__ import annotations

from typing import Annotated

import typer

from .terms import (
    RunOption,
    SetOption,
    folder_of,
    known,
    say,
)

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def submit(run_: RunOption = "runs/latest") -> None:
    """Hand the routed samples to people, each once; the same command again goes on. Keys come from the environment."""
    from ..storage import clear_disk_errors
    from ..submit import submit

    folder = folder_of(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        print("\n".join(submit(folder, known(folder), write=say).lines()))


@commands.command()
def collect(
    run_: RunOption = "runs/latest",
    everything: Annotated[bool, typer.Option("--all", help="Read all results anew, not only what changed.")] = False,
) -> None:
    """Fetch what people decided into verifications/; finalize then publishes it."""
    from ..collect import collect
    from ..storage import clear_disk_errors

    folder = folder_of(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        print("\n".join(collect(folder, known(folder), everything=everything, write=say).lines()))


@commands.command()
def calibrate(
    model: Annotated[str | None, typer.Option(help="Model, as the server names it.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of its API, up to and with /v1.")] = None,
    recipe_: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="The same as --recipe.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe file whose machine is asked and told the winner.")] = None,
    set_: SetOption = [],  # noqa: B006
    convention: Annotated[str | None, typer.Option(help="What the model is said to answer in; exit 1 if not.")] = None,
    images: Annotated[int, typer.Option(min=1, max=10_000, help="How many pictures.")] = 64,
    answers: Annotated[str | None, typer.Option(help="Folder to keep and reuse paid answers in.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the pictures.")] = 0,
) -> None:
    """What the numbers of a model's boxes mean, measured on pictures with known boxes; exit 1 where it is not clear."""
    from ..calibrate_recipe import calibrate_recipe

    about = {"model": model, "base_url": base_url, "convention": convention}
    if not calibrate_recipe(recipe or recipe_, set_, **about, images=images, answers=answers, seed=seed, write=print):
        raise typer.Exit(1)
