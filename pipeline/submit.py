"""Routed samples to people: idempotent, in one process, the ledger in ``tasks/`` written whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pydantic import NonNegativeInt

from annotators.base import Assignment, Desk, Verifier
from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.errors import ConfigError, RunError
from schemas.ledger import Purpose, SubmittedTask
from schemas.record import Rejection
from schemas.route import Route
from schemas.verification import Verification

from .assembly import preferred
from .desk import cases_of, desk_for, distinct, people_of
from .ledger import refresh_files, write_rejections
from .recipe import Recipe
from .relay import Legs
from .stages import recipe_of
from .storage import Manifest, RunFolder
from .tables import read_batches, read_rows, write_table

__all__ = ["Submitted", "assignments_of", "hand_out", "submit"]

Write = Callable[[str], None]


class Submitted(Frozen):
    """What one submission came to."""

    tasks: NonNegativeInt = 0
    """Tasks that lie with people now."""
    new: NonNegativeInt = 0
    """Of these, not in the ledger before."""
    rejected: NonNegativeInt = 0
    """Samples that cannot be shown; each is a row of ``rejections/``."""
    unasked: NonNegativeInt = 0
    """Routed samples that no tool of the recipe takes."""
    projects: tuple[str, ...] = ()
    """Where the tasks lie: titles, with the number of tasks."""

    def lines(self) -> list[str]:
        """The same in words."""
        counts = f"submit: {self.tasks:,} tasks with people, {self.new:,} of them new"
        counts += f", {self.rejected:,} cannot be shown" if self.rejected else ""
        counts += f", {self.unasked:,} routed samples that no people take" if self.unasked else ""
        return [counts, *(f"  {project}" for project in self.projects)]


def submit(run: RunFolder, manifest: Manifest, *, write: Write) -> Submitted:
    """Decide routes, then hand out the routed samples. Raises ConfigError, ServiceError; a rerun goes on."""
    from .adjudicate import with_adjudications
    from .routing.table import routed, update_routes

    if "propose" not in manifest.stages:
        raise RunError(f"{run.uri}: propose has not finished", remedy="witnessmark propose, or run, goes on with it")
    recipe = recipe_of(manifest)
    tools = people_of(recipe)
    if not tools:
        raise ConfigError("the recipe names no people", remedy="add e.g. --set people.0.kind=label_studio")
    if not recipe.routing.asks_people:
        raise ConfigError("the recipe's routing asks nobody", remedy="e.g. --set routing.audit=1.0: everything")
    answered = _answered(run)
    desks = [(tool, desk_for(run, manifest, recipe, tool, write=write, answered=answered)) for tool in tools]
    for tool, desk in desks:
        tool.check(desk)
    for line in update_routes(run, recipe).lines():
        write(line)
    assignments, unasked = assignments_of(run, recipe, tools, routed(run))
    assignments = with_adjudications(run, recipe, tools, assignments)
    done = hand_out(run, manifest, desks, assignments)
    return done.evolve(unasked=unasked)


def hand_out(
    run: RunFolder,
    manifest: Manifest,
    desks: Sequence[tuple[Verifier, Desk]],
    assignments: Sequence[tuple[Assignment, ...]],
) -> Submitted:
    """Give each tool its assignments and keep the ledger, also of what was handed out before an error.

    Samples that stand in the ledger and are not assigned now keep their rows: what lies with people is theirs.
    """
    before = {row.task_key: row for row in read_rows(run, "tasks", SubmittedTask)}
    now, rejections = dict(before), list[Rejection]()
    try:
        _keep_shown(run, assignments)
        for (tool, desk), group in zip(desks, assignments, strict=True):
            for outcome in tool.submit(group, tuple(before.values()), desk):
                if isinstance(outcome, Rejection):
                    rejections.append(outcome)
                else:
                    now[outcome.task_key] = outcome
    finally:
        write_table(run, "tasks", (now[key] for key in sorted(now)), SubmittedTask)
        write_rejections(run, "submit", rejections)
        refresh_files(run, manifest, ("tasks", "shown", "routes", "rejections"))
    return Submitted(
        tasks=len(now), new=len(now.keys() - before.keys()), rejected=len(rejections), projects=_projects(now.values())
    )


def assignments_of(
    run: RunFolder, recipe: Recipe, tools: Sequence[Verifier], routes: Sequence[Route]
) -> tuple[list[tuple[Assignment, ...]], int]:
    """For each tool its assignments, in the routes' order, pass by pass; and how many routes no tool takes."""
    cases = cases_of(run, {route.sample_id for route in routes})
    machines = [config.title for config in recipe.machines]
    current = {c for batch in read_batches(run, "candidates", ("candidate_id",)) for c in batch.column(0).to_pylist()}
    groups: list[list[Assignment]] = [[] for _ in tools]
    legs = Legs(read_rows(run, "verifications", Verification) if any(tool.config.relay for tool in tools) else ())
    unasked = 0
    for route in routes:
        sample, found = cases[route.sample_id]
        taker = next((i for i, tool in enumerate(tools) if tool.accepts(sample)), None)
        if taker is None:
            unasked += 1
            continue
        proposed = [candidate for candidate in found.values() if candidate.candidate_id in current]
        purpose: Purpose = "gold" if route.is_gold else "review"
        chosen = preferred(proposed, machines, recipe.dataset.annotation)
        for pass_number in range(1, tools[taker].config.passes + 1):
            if pass_number > 1 and tools[taker].config.relay:
                chosen = legs.start(route.sample_id, pass_number, found)
                if chosen is None:
                    break
            groups[taker].append(Assignment(sample=sample, candidate=chosen, purpose=purpose, pass_number=pass_number))
    return [tuple(group) for group in groups], unasked


def _keep_shown(run: RunFolder, assignments: Iterable[Iterable[Assignment]]) -> None:
    """What people are shown stays in ``shown/``, whatever a later propose makes of ``candidates/``."""
    new = [a.candidate for group in assignments for a in group if a.candidate is not None]
    write_table(run, "shown", distinct((*read_rows(run, "shown", Candidate), *new)), Candidate)


def _answered(run: RunFolder) -> frozenset[str]:
    columns = read_batches(run, "verifications", ("task_key",))
    return frozenset(key for batch in columns for key in batch.column(0).to_pylist() if key)


def _projects(rows: Iterable[SubmittedTask]) -> tuple[str, ...]:
    return tuple(_counted(rows))


def _counted(rows: Iterable[SubmittedTask]) -> Iterator[str]:
    counts: dict[tuple[str, str, int | None], int] = {}
    for row in rows:
        place = (row.server, row.project, row.project_id)
        counts[place] = counts.get(place, 0) + 1
    for (server, project, number), count in sorted(counts.items(), key=str):
        address = f"{server}/projects/{number}/data" if number is not None else server
        yield f"{project}: {count:,} tasks, {address}"
