"""The two halves of a run as commands see them: propose, finalize, and the manifest between them."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import annotators.machines
import pipeline.sources
from annotators.base import Annotator
from annotators.models.purse import Purse
from schemas.errors import ConfigError, RunError, ServiceError
from schemas.plugins import load
from schemas.record import Assignment, Duplicate

from .batching import Batches
from .counting import count_finalize, count_ingest, count_propose
from .crew import Work, close_crews, purse_of
from .drain import GO_ON
from .filesystems import absolute, exists, is_local, local_path
from .listing import split_glob
from .passes import check_readers
from .plan import assignments, plan_of
from .progress import COUNTERS, watched
from .recipe import Recipe, recipe_from
from .sources.base import route
from .spend import pay
from .stop import forget_stop, stop_reason
from .storage import Manifest, RunFolder

__all__ = ["finalize", "open_run", "propose", "recipe_of", "work_of"]

PACKAGES = (
    "witnessmark",
    "apache-beam",
    "pyarrow",
    "pillow",
    "av",
    "pypdfium2",
    "opencv-python-headless",
    "numpy",
    "pycocotools",
)

Write = Callable[[str], None]
TRANSLATED = "the graph was translated, nothing was run (--dry_run)"


def open_run(run: RunFolder, recipe: Recipe, inputs: Sequence[str], *, accept_change: bool) -> Manifest:
    """The run's manifest, new or to be continued. Raises ConfigError with a diff where recipe or inputs changed."""
    where = tuple(absolute(uri) for uri in inputs)
    _check_inputs(run, recipe, where)
    old = run.read_manifest()
    stored: dict[str, Any] = recipe.model_dump(mode="json")
    if old is None:
        return Manifest(run_id=uuid.uuid4().hex, recipe=stored, inputs=where, versions=_versions())
    changed = recipe_of(old).difference(recipe)
    changed += [f"- input {uri}" for uri in old.inputs if uri not in where]
    changed += [f"+ input {uri}" for uri in where if uri not in old.inputs]
    if changed and not accept_change:
        diff = "\n".join(changed)
        raise ConfigError(
            f"{run.uri} was made with another recipe or input:\n{diff}",
            remedy="--accept-recipe-change goes on with the new one, or name another --run folder",
        )
    return old.evolve(recipe=stored, inputs=where, versions=_versions())


def recipe_of(manifest: Manifest) -> Recipe:
    """The recipe that the run was made with."""
    return recipe_from(manifest.recipe, where="manifest.json")


def work_of(
    run: RunFolder, manifest: Manifest, *, limit: int | None, answers_uri: str | None, budget: float | None
) -> Work:
    """What the workers of a run must know."""
    return Work(
        recipe=recipe_of(manifest),
        run_uri=run.uri,
        run_id=manifest.run_id,
        answers_uri=answers_uri or run.path("answers"),
        inputs=manifest.inputs,
        limit=limit,
        budget=budget,
    )


def propose(
    run: RunFolder,
    manifest: Manifest,
    *,
    arguments: Sequence[str],
    limit: int | None,
    answers_uri: str | None,
    write: Write,
    budget: float | None = None,
) -> Manifest:
    """Run graph 1 and count, with batches between its passes where machines want them.

    Raises RunError where the counts do not add up, BudgetReached where the run would cost more than ``budget`` US
    dollars over its whole life, ConfigError where there was nothing to read.
    """
    from .graphs import beam_options, is_dry_run, run_graph
    from .propose import build_propose

    work = work_of(run, manifest, limit=limit, answers_uri=answers_uri, budget=budget)
    _check_machines(work, write)
    options = beam_options(arguments)
    if is_dry_run(options):
        run_graph(lambda root: build_propose(root, work), options, stage="propose", write=write)
        write(TRANSLATED)
        return manifest
    if budget is not None:
        for config in work.recipe.machines:
            load(annotators.machines, config).check_price()
    # No stage is finished until its counts stand here: a killed pass cannot be published.
    run.write_manifest(manifest.evolve(stages={}))
    purse = purse_of(work).opened()
    try:
        with watched(purse):
            counters = _run_passes(work, run, options, purse, write)
    finally:  # what was paid is said also of a run that stops here
        manifest = manifest.evolve(stages={}, spend=pay(run, purse))
        run.write_manifest(manifest)
    if reason := stop_reason(run):
        raise ServiceError(f"propose: {reason}", remedy=GO_ON)
    counts = {"ingest": count_ingest(run, counters.get("items")), "propose": count_propose(run, work.recipe)}
    if not counts["ingest"].found:
        raise ConfigError(
            f"there is no item in {', '.join(manifest.inputs) or 'what the sources make'}",
            remedy="a manifest needs rows, a container members; see the sources of docs/recipe.md",
        )
    manifest = manifest.evolve(stages=counts)
    run.write_manifest(manifest)
    Batches(run, purse, write).forget()
    return manifest


def _run_passes(work: Work, run: RunFolder, options: Any, purse: Purse, write: Write) -> dict[str, int]:
    """Graph 1 until it lacks no answer of a batch: once, where nothing is in batch mode."""
    from .graphs import run_graph
    from .propose import build_propose

    batches = Batches(run, purse, write)
    COUNTERS.share(run.uri, is_reader=True)
    while True:
        batches.settle()
        forget_stop(run)
        counters = run_graph(lambda root: build_propose(root, work), options, stage="propose", write=write)
        close_crews()
        if not batches.were_collected():
            return counters


def finalize(run: RunFolder, manifest: Manifest, *, arguments: Sequence[str], write: Write) -> Manifest:
    """Run graph 2 and write everything that is published. Raises RunError where the counts do not add up."""
    from .finalize import build_finalize, read_written
    from .graphs import beam_options, is_dry_run, run_graph
    from .leftovers import forget_theirs
    from .partition import cut, shards_of
    from .publication import publication
    from .tables import write_table

    if "propose" not in manifest.stages:
        raise RunError(f"{run.uri}: propose has not finished", remedy="witnessmark propose, or run, goes on with it")
    recipe = recipe_of(manifest)
    options = beam_options(arguments)
    plan = plan_of(run, recipe, shards=manifest.shards)
    shards = shards_of(plan)
    if is_dry_run(options):
        run_graph(lambda root: build_finalize(root, run.uri, recipe, shards), options, stage="finalize", write=write)
        write(TRANSLATED)
        return manifest
    write_table(run, "duplicates", plan.duplicates, Duplicate)
    write_table(run, "splits", assignments(plan, recipe), Assignment)
    for table in ("samples", "candidates", "routes", "shown", "verifications"):
        cut(run, table, plan, shards)
    COUNTERS.share(run.uri, is_reader=True)
    run_graph(
        lambda root: build_finalize(root, run.uri, recipe, shards),
        options,
        stage="finalize",
        write=write,
        expected=len(plan.places),
    )
    written = read_written(run, shards)
    _forget_work(run)
    counts = count_finalize(len(plan.places), written)
    manifest = manifest.evolve(shards=dict(plan.shards), stages={**manifest.stages, "finalize": counts})
    manifest = publication(run, manifest, recipe, plan, written, write)
    run.write_manifest(manifest)
    forget_theirs(run)
    return manifest


def _check_inputs(run: RunFolder, recipe: Recipe, inputs: tuple[str, ...]) -> None:
    route([load(pipeline.sources, config) for config in recipe.sources], inputs)
    for uri in inputs:
        if is_local(run.uri) and is_local(uri) and _lies_inside(run.uri, uri):
            raise ConfigError(
                f"the run folder {run.uri} lies inside the input {uri}", remedy="name a --run folder elsewhere"
            )


def _lies_inside(run_uri: str, uri: str) -> bool:
    """Whether listing a local input, a folder or a glob over any depth, would come upon the run folder."""
    folder, glob = (local_path(uri), "**") if exists(uri) else split_glob(local_path(uri))
    return "**" in glob and Path(local_path(run_uri)).resolve().is_relative_to(Path(folder).resolve())


def _check_machines(work: Work, write: Write) -> None:
    machines: list[Annotator] = [load(annotators.machines, config) for config in work.recipe.machines]
    check_readers(machines)
    for machine in machines:
        machine.check(work.recipe.taxonomy)
        for line in machine.prepare(work.recipe.task):
            write(line)


def _forget_work(run: RunFolder) -> None:
    if is_local(run.uri):
        shutil.rmtree(Path(local_path(run.uri)) / ".work", ignore_errors=True)


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
