"""Files to dataset, in one go or by its halves, and what it will cost."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from .terms import (
    BEAM,
    AcceptOption,
    AnswersOption,
    BudgetOption,
    InputOption,
    LimitOption,
    RecipeArgument,
    RunOption,
    SetOption,
    exit_by_limit,
    folder_of,
    known,
    print_counts,
    say,
)

__all__ = ["commands", "finalize_run"]

commands = typer.Typer()


@commands.command(context_settings=BEAM)
def run(
    context: typer.Context,
    recipe: RecipeArgument,
    input_: InputOption = [],  # noqa: B006 - typer reads the default once
    run_: RunOption = "runs/latest",
    set_: SetOption = [],  # noqa: B006
    limit: LimitOption = None,
    answers: AnswersOption = None,
    accept_recipe_change: AcceptOption = False,
    budget: BudgetOption = None,
) -> None:
    """Files to dataset: propose, ask people as far as the recipe does, finalize. Further options go to Beam."""
    if _propose(context.args, recipe, input_, run_, set_, limit, answers, accept_recipe_change, budget):
        _ask_people(run_)
        finalize_run(context.args, run_)


@commands.command(context_settings=BEAM)
def propose(
    context: typer.Context,
    recipe: RecipeArgument,
    input_: InputOption = [],  # noqa: B006
    run_: RunOption = "runs/latest",
    set_: SetOption = [],  # noqa: B006
    limit: LimitOption = None,
    answers: AnswersOption = None,
    accept_recipe_change: AcceptOption = False,
    budget: BudgetOption = None,
) -> None:
    """Graph 1: measure every file and ask the machines. Further options go to Beam."""
    _propose(context.args, recipe, input_, run_, set_, limit, answers, accept_recipe_change, budget)


@commands.command()
def estimate(
    recipe: RecipeArgument,
    input_: InputOption = [],  # noqa: B006
    run_: RunOption = "runs/latest",
    set_: SetOption = [],  # noqa: B006
    limit: LimitOption = None,
    answers: AnswersOption = None,
    accept_recipe_change: AcceptOption = False,
    budget: BudgetOption = None,
    probe: Annotated[int, typer.Option("--probe", min=0, help="Ask about so many samples for real, and pay.")] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Before anything is paid: calls, tokens, dollars and hours of people, each with an interval."""
    from ..estimate import estimate_in, lines
    from ..recipe import load_recipe

    loaded = load_recipe(recipe, tuple(set_))
    found = estimate_in(
        folder_of(run_) if probe else None,
        loaded,
        input_,
        limit=limit,
        answers_uri=answers,
        budget=budget,
        probe=probe,
        accept_change=accept_recipe_change,
        write=say,
    )
    print(found.model_dump_json(indent=1) if json_ else "\n".join(lines(found)))


@commands.command(context_settings=BEAM)
def finalize(context: typer.Context, run_: RunOption = "runs/latest") -> None:
    """Graph 2: shards, card, exports and report from what the run holds. Further options go to Beam."""
    finalize_run(context.args, run_)


@commands.command()
def demo(
    run_: RunOption = "runs/demo",
    people: Annotated[bool, typer.Option("--people", help="Let people look, in a local Label Studio.")] = False,
) -> None:
    """No key, no network: plant artifacts into real photos, a video and a PDF, find them, publish the dataset."""
    if people:
        from ..people import demonstrate_people, until_interrupted

        folder = folder_of("runs/demo-people" if run_ == "runs/demo" else run_)
        manifest = demonstrate_people(folder, say, partial(until_interrupted, run=folder))
        print(f"dataset: {folder.path('dataset')}\nreport:  {folder.path('report.html')}")
        exit_by_limit(manifest, folder)
        return
    from ..demo import demonstrate

    exit_by_limit(demonstrate(folder_of(run_), say), folder_of(run_))


def _propose(
    arguments: list[str],
    recipe: str,
    inputs: list[str],
    run_: str,
    settings: list[str],
    limit: int | None,
    answers: str | None,
    accept: bool,
    budget: float | None,
) -> bool:
    """Whether there is something to finalize: nothing, where the graph was only translated."""
    from annotators.sandbox import shared_sandbox

    from ..recipe import load_recipe

    loaded = load_recipe(recipe, tuple(settings))
    shared_sandbox(loaded.limits)  # its children start while Beam is imported, which takes seconds
    from ..graphs import beam_options, is_dry_run
    from ..stages import open_run, propose
    from ..storage import clear_disk_errors

    folder = folder_of(run_)
    options = beam_options(arguments)
    open_run(folder, loaded, inputs, accept_change=accept)  # refused here, nothing has been touched yet
    with clear_disk_errors(folder.uri), folder.locked():
        manifest = open_run(folder, loaded, inputs, accept_change=accept)
        manifest = propose(
            folder, manifest, arguments=arguments, limit=limit, answers_uri=answers, write=say, budget=budget
        )
    print_counts(manifest, "ingest", "propose")
    return not is_dry_run(options)


def _ask_people(run_: str) -> None:
    folder = folder_of(run_)
    if not known(folder).recipe.get("people"):
        return
    from ..people import ask_people
    from ..storage import clear_disk_errors

    with clear_disk_errors(folder.uri), folder.locked():
        ask_people(folder, known(folder), say)


def finalize_run(arguments: list[str], run_: str) -> None:
    """Graph 2 under the run's lock, and what it made. Exits with 1 where more was rejected than is allowed."""
    from ..stages import finalize
    from ..storage import clear_disk_errors

    folder = folder_of(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        manifest = finalize(folder, known(folder), arguments=arguments, write=say)
    print_counts(manifest, "finalize")
    if "finalize" not in manifest.stages:
        return  # the graph was only translated
    print(f"dataset: {folder.path('dataset')}\nreport:  {folder.path('report.html')}")
    exit_by_limit(manifest, folder)
