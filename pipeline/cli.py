"""The command line: parses, calls one function, prints what came of it. Heavy imports stay inside commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import ConfigError, WitnessmarkError

if TYPE_CHECKING:
    from .storage import Manifest, RunFolder

__all__ = ["app", "main"]

EXIT_REJECTIONS, EXIT_CONFIG, EXIT_RUN, EXIT_INTERRUPTED = 1, 2, 3, 130
BEAM = {"allow_extra_args": True, "ignore_unknown_options": True}

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


@app.command(context_settings=BEAM)
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
        _finalize(context.args, run_)


@app.command(context_settings=BEAM)
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


@app.command()
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
    from .estimate import estimate_in, lines
    from .recipe import load_recipe

    loaded = load_recipe(recipe, tuple(set_))
    found = estimate_in(
        _folder(run_) if probe else None,
        loaded,
        input_,
        limit=limit,
        answers_uri=answers,
        budget=budget,
        probe=probe,
        accept_change=accept_recipe_change,
        write=_say,
    )
    print(found.model_dump_json(indent=1) if json_ else "\n".join(lines(found)))


@app.command(context_settings=BEAM)
def finalize(context: typer.Context, run_: RunOption = "runs/latest") -> None:
    """Graph 2: shards, card, exports and report from what the run holds. Further options go to Beam."""
    _finalize(context.args, run_)


@app.command()
def submit(run_: RunOption = "runs/latest") -> None:
    """Hand the routed samples to people, each once; the same command again goes on. Keys come from the environment."""
    from .storage import clear_disk_errors
    from .submit import submit

    folder = _folder(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        print("\n".join(submit(folder, _known(folder), write=_say).lines()))


@app.command()
def collect(
    run_: RunOption = "runs/latest",
    everything: Annotated[bool, typer.Option("--all", help="Read all results anew, not only what changed.")] = False,
) -> None:
    """Fetch what people decided into verifications/; finalize then publishes it."""
    from .collect import collect
    from .storage import clear_disk_errors

    folder = _folder(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        print("\n".join(collect(folder, _known(folder), everything=everything, write=_say).lines()))


@app.command()
def demo(
    run_: RunOption = "runs/demo",
    people: Annotated[bool, typer.Option("--people", help="Let people look, in a local Label Studio.")] = False,
) -> None:
    """No key, no network: plant artifacts into real photos, a video and a PDF, find them, publish the dataset."""
    if people:
        from .people import demonstrate_people, until_interrupted

        folder = _folder("runs/demo-people" if run_ == "runs/demo" else run_)
        manifest = demonstrate_people(folder, _say, until_interrupted)
        print(f"dataset: {folder.path('dataset')}\nreport:  {folder.path('report.html')}")
        _exit_by_limit(manifest, folder)
        return
    from .demo import demonstrate

    _exit_by_limit(demonstrate(_folder(run_), _say), _folder(run_))


@app.command()
def verify(run_: RunOption = "runs/latest") -> None:
    """Read every published row back and check it against media, tables and manifest; exit 1 on any defect."""
    from .verify import verify_run

    folder = _folder(run_)
    defects = verify_run(folder, _known(folder))
    for defect in defects:
        print(defect)
    print(f"{len(defects)} defects" if defects else "no defect found")
    if defects:
        raise typer.Exit(1)


@app.command()
def evaluate(
    run_: RunsOption = ["runs/latest"],  # noqa: B006
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold machines against the known truth, of one run or of several side by side, with intervals, tests and costs."""
    from .evaluation.runs import printed
    from .stages import recipe_of

    folders = [_folder(uri) for uri in dict.fromkeys(run_)]
    print(printed([(folder, recipe_of(_known(folder))) for folder in folders], as_json=json_))


@app.command()
def report(run_: RunOption = "runs/latest") -> None:
    """Write report.html anew."""
    from .publication import rewrite_report

    folder = _folder(run_)
    with folder.locked():
        rewrite_report(folder, _known(folder))
    print(folder.path("report.html"))


@app.command(context_settings=BEAM)
def forget(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="sample_id, sha256 of the medium (8 digits will do), or item.")],
    run_: RunOption = "runs/latest",
    answers: AnswersOption = None,
) -> None:
    """Remove samples from tables, answers and dataset for good: a removal request. Further options go to Beam."""
    from .forget import forget
    from .storage import clear_disk_errors

    folder = _folder(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        manifest = forget(folder, _known(folder), names, answers_uri=answers or folder.path("answers"), write=_say)
    if "finalize" in manifest.stages:
        _finalize(context.args, run_)
    _say("published versions still hold it: publish again, then squash or delete what is older")


@app.command()
def gallery(
    run_: RunOption = "runs/latest",
    side: Annotated[int, typer.Option("--side", min=0, max=4096, help="Pixels of large pictures; 0: none.")] = 640,
) -> None:
    """Write or renew RUN/gallery: every row with its regions to look through, search and filter, without a server."""
    from .gallery.build import renew_gallery

    print(renew_gallery(_folder(run_), side=side, write=_say))


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="Run folder or dataset folder.")],
    new: Annotated[str, typer.Argument(help="Run folder or dataset folder.")],
    out: Annotated[str | None, typer.Option("--out", help="Folder of the page; NEW/diff where NEW is a run.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Rows that are printed with their fields.")] = 20,
) -> None:
    """What NEW adds, changes and removes: rows and fields, and a page with both versions' regions side by side."""
    from .gallery.differences import told

    print("\n".join(told(old, new, out=out, most=rows, write=_say)))


@app.command()
def publish(
    repo: Annotated[str, typer.Option("--repo", help="Dataset repository on the Hub, ORG/NAME.")],
    run_: RunOption = "runs/latest",
    tag: Annotated[str | None, typer.Option("--tag", help="Name of the version; v1, v2, ... where none.")] = None,
    note: Annotated[str, typer.Option("--note", help="A sentence for the dataset's changelog.")] = "",
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; private by default.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
) -> None:
    """One atomic commit on the Hub with the run's dataset; the token comes from HF_TOKEN."""
    from .publish import lines, publish

    folder = _folder(run_)
    with folder.locked():
        done = publish(folder, _known(folder), repo, is_public=public, tag=tag, note=note, is_dry=dry_run, write=_say)
    print("\n".join(lines(done)))


@app.command()
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
    from .calibrate import calibrate_recipe

    about = {"model": model, "base_url": base_url, "convention": convention}
    if not calibrate_recipe(recipe or recipe_, set_, **about, images=images, answers=answers, seed=seed, write=print):
        raise typer.Exit(1)


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
    try:
        app(args=arguments)
    except WitnessmarkError as error:
        print(f"witnessmark: {error}", file=sys.stderr)
        sys.exit(_exit_code(error))
    except KeyboardInterrupt:
        print("witnessmark: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


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
    from .graphs import beam_options, is_dry_run
    from .recipe import load_recipe
    from .stages import open_run, propose
    from .storage import clear_disk_errors

    loaded = load_recipe(recipe, tuple(settings))
    folder = _folder(run_)
    options = beam_options(arguments)
    open_run(folder, loaded, inputs, accept_change=accept)  # refused here, nothing has been touched yet
    with clear_disk_errors(folder.uri), folder.locked():
        manifest = open_run(folder, loaded, inputs, accept_change=accept)
        manifest = propose(
            folder, manifest, arguments=arguments, limit=limit, answers_uri=answers, write=_say, budget=budget
        )
    _print_counts(manifest, "ingest", "propose")
    return not is_dry_run(options)


def _ask_people(run_: str) -> None:
    folder = _folder(run_)
    if not _known(folder).recipe.get("people"):
        return
    from .people import ask_people
    from .storage import clear_disk_errors

    with clear_disk_errors(folder.uri), folder.locked():
        ask_people(folder, _known(folder), _say)


def _finalize(arguments: list[str], run_: str) -> None:
    from .stages import finalize
    from .storage import clear_disk_errors

    folder = _folder(run_)
    with clear_disk_errors(folder.uri), folder.locked():
        manifest = finalize(folder, _known(folder), arguments=arguments, write=_say)
    _print_counts(manifest, "finalize")
    print(f"dataset: {folder.path('dataset')}\nreport:  {folder.path('report.html')}")
    _exit_by_limit(manifest, folder)


def _folder(uri: str) -> RunFolder:
    from .filesystems import absolute
    from .storage import RunFolder

    return RunFolder(absolute(uri))


def _known(folder: RunFolder) -> Manifest:
    manifest = folder.read_manifest()
    if manifest is None:
        raise ConfigError(f"{folder.uri} holds no run", remedy="witnessmark run RECIPE --input ... --run DIR makes one")
    return manifest


def _print_counts(manifest: Manifest, *stages: str) -> None:
    for name, counts in manifest.stages.items():
        if name in stages:
            parts = [f"{field} {count:,}" for field, count in counts if count or field in ("found", "kept", "rejected")]
            print(f"{name}: {', '.join(parts)}")


def _exit_by_limit(manifest: Manifest, folder: RunFolder) -> None:
    from .stages import recipe_of

    allowed = recipe_of(manifest).limits.max_rejected
    for name, counts in manifest.stages.items():
        if counts.rejected > allowed * counts.found:
            share = f"{counts.rejected:,} of {counts.found:,} rejected, the recipe allows {allowed:.0%}"
            _say(f"{name}: {share}; see {folder.path('report.html')}")
            raise typer.Exit(EXIT_REJECTIONS)


def _exit_code(error: WitnessmarkError) -> int:
    from .drain import Interrupted

    if isinstance(error, ConfigError):
        return EXIT_CONFIG
    return EXIT_INTERRUPTED if isinstance(error, Interrupted) else EXIT_RUN


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
