"""``witnessmark estimate``: calls, tokens, dollars and hours of people, before anything is paid.

All items are listed; a sample of them, drawn by hash, is measured as in a run. From that follow the views that each
machine would be shown, and from those the tokens by its model family's rule (``models.tokens``). How long answers are
nobody knows before: a probe asks about a few samples, in the run folder, where the run then finds the answers paid.
"""

from __future__ import annotations

import contextlib
import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence

from pydantic import NonNegativeFloat, NonNegativeInt

from annotators.sandbox import shared_sandbox
from schemas.base import Frozen, content_id
from schemas.errors import MediaError, ServiceError
from schemas.media.types import Modality
from schemas.payment import Payment
from schemas.sample import Item, Sample

from .crew import Crew, Work, purse_of
from .ingest import measure_item
from .machine_estimate import MachineEstimate, machine_estimate, questions_of
from .ranges import Range, exactly, total_of
from .recipe import Recipe
from .stages import open_run, work_of
from .storage import RunFolder
from .transforms import read_items

__all__ = ["Estimate", "estimate", "estimate_in", "lines"]

MEASURED = 200
"""Items that are measured; the tokens of more hardly change the mean."""


class Estimate(Frozen):
    """What a recipe will cost on these inputs."""

    items: NonNegativeInt
    """Items found."""
    measured: NonNegativeInt
    """Items that were measured for this."""
    unreadable: NonNegativeInt
    """Of these, those that cannot be read."""
    modalities: dict[Modality, NonNegativeInt]
    """Samples of each modality, scaled up."""
    machines: tuple[MachineEstimate, ...]
    """Each machine that asks a model."""
    probed: NonNegativeInt = 0
    """Samples that the probe asked about."""
    probe_usd: NonNegativeFloat = 0.0
    """What the probe has cost; the run will not pay it again."""
    people_hours: Range
    """Hours of people that the recipe's routing asks for."""
    hours_per_thousand: Range
    """Hours of people for each thousand samples that they look at."""

    @property
    def usd(self) -> Range | None:
        """All machines; None where one has no known price."""
        return total_of([machine.usd for machine in self.machines])


def estimate(
    work: Work, *, probe: int = 0, measured: int = MEASURED, write: Callable[[str], None] = lambda line: None
) -> Estimate:
    """Estimates a run; with ``probe`` asks about so many samples for real, and pays.

    Raises ServiceError where the probe is not answered, BudgetReached where it would cost more than the budget.
    """
    if probe:
        purse_of(work).opened()
    num_items, chosen = _choose(read_items(work), max(measured, probe))
    samples = list(_measured(chosen, work.recipe))
    crew = Crew(work)
    try:
        asked = [questions_of(m, crew, samples, work.recipe.taxonomy) for m in crew.machines if m.needs_model]
        payments = _probe(crew, work, samples[:probe], write) if probe else ()
    finally:
        crew.close()
    scale = num_items / max(len(chosen), 1)
    counts: dict[Modality, int] = {}
    for sample in samples:
        counts[sample.modality] = counts.get(sample.modality, 0) + 1
    modalities = {modality: round(count * scale) for modality, count in sorted(counts.items())}
    return Estimate(
        items=num_items,
        measured=len(chosen),
        unreadable=len(chosen) - len(samples),
        modalities=modalities,
        machines=tuple(machine_estimate(each, scale, len(samples), probe, payments) for each in asked),
        probed=min(probe, len(samples)),
        probe_usd=sum(payment.usage.usd or 0.0 for payment in payments),
        people_hours=_people_hours(work.recipe, modalities),
        hours_per_thousand=_spread(1000 * _seconds(work.recipe, modalities) / 3600),
    )


def estimate_in(
    run: RunFolder | None,
    recipe: Recipe,
    inputs: Sequence[str],
    *,
    limit: int | None = None,
    answers_uri: str | None = None,
    budget: float | None = None,
    probe: int = 0,
    accept_change: bool = False,
    write: Callable[[str], None] = lambda line: None,
) -> Estimate:
    """Estimates what a recipe costs on the inputs. A probe is part of the ``run``; without a run nothing is left."""
    if run is not None:
        with run.locked():
            manifest = open_run(run, recipe, inputs, accept_change=accept_change)
            run.write_manifest(manifest)
            work = work_of(run, manifest, limit=limit, answers_uri=answers_uri, budget=budget)
            return estimate(work, probe=probe, write=write)
    with tempfile.TemporaryDirectory(prefix="witnessmark-estimate-") as folder:
        nowhere = RunFolder(folder)
        manifest = open_run(nowhere, recipe, inputs, accept_change=True)
        return estimate(work_of(nowhere, manifest, limit=limit, answers_uri=None, budget=None), write=write)


def lines(found: Estimate) -> Iterator[str]:
    """The estimate for a person."""
    kinds = ", ".join(f"{count:,} {modality}s" for modality, count in found.modalities.items())
    measured = f"{found.measured:,} measured, {found.unreadable:,} unreadable"
    yield f"{found.items:,} items ({kinds or 'none readable'}; {measured})"
    for machine in found.machines:
        yield f"{machine.machine}: model {machine.model}, {machine.samples:,} samples, {_shown(machine.calls)} calls"
        yield f"  tokens in  {_shown(machine.input_tokens)}  ({machine.rule})"
        yield f"  tokens out {_shown(machine.output_tokens)}"
        yield f"  cost       {_dollars(machine.usd)}"
    if not found.machines:
        yield "no machine asks a model: nothing will be paid"
    elif len(found.machines) > 1:
        yield f"all machines: {_dollars(found.usd)}"
    if found.probed:
        yield f"the probe asked about {found.probed:,} samples for ${found.probe_usd:,.4f}; the run finds its answers"
    elif found.machines:
        yield "lengths of answers are a guess: --probe 20 measures them"
    if found.people_hours.likely:
        yield f"people: {_shown(found.people_hours, '.1f')} hours, as the recipe's routing asks"
    yield f"each 1,000 samples that a person looks at: {_shown(found.hours_per_thousand, '.0f')} hours"


def _choose(items: Iterable[Item], count: int) -> tuple[int, list[Item]]:
    """How many items there are, and ``count`` of them by the hash of their id: the same ones every time."""
    total = 0

    def ranked() -> Iterator[tuple[str, int, Item]]:
        nonlocal total
        for item in items:
            total += 1
            yield content_id("estimate", item.item_id), total, item

    chosen = [item for _, _, item in heapq.nsmallest(count, ranked())]
    return total, chosen


def _measured(items: Sequence[Item], recipe: Recipe) -> Iterator[Sample]:
    """The samples of the items that can be read."""
    sandbox = shared_sandbox(recipe.limits)
    futures = [sandbox.submit(measure_item, item, recipe.limits) for item in items if item.error is None]
    for future in futures:
        with contextlib.suppress(MediaError):
            yield future.result()


def _probe(crew: Crew, work: Work, samples: Sequence[Sample], write: Callable[[str], None]) -> tuple[Payment, ...]:
    """Asks for real; what this has paid, and what an earlier probe of the same samples had."""
    write(f"probe: asking about {len(samples)} samples")
    wanted = {sample.sample_id for sample in samples}
    proposed = [future.result() for future in [crew.propose(sample) for sample in samples]]
    payments = tuple(payment for payment in purse_of(work) if payment.sample_id in wanted)
    failed = [rejection for each in proposed for rejection in each.rejections]
    if not payments and failed:
        raise ServiceError(f"the probe brought no answer: {failed[0].message}", remedy=failed[0].remedy)
    return payments


def _seconds(recipe: Recipe, modalities: dict[Modality, int]) -> float:
    """Seconds of one person per sample, over this mix of modalities."""
    total = sum(modalities.values())
    effort = recipe.routing.effort_s
    if not total:
        return effort.image
    return sum(getattr(effort, modality) * count for modality, count in modalities.items()) / total


def _people_hours(recipe: Recipe, modalities: dict[Modality, int]) -> Range:
    """What routing asks of people: its budget where it states one, else its audit; each reviewer's time counts."""
    routing, total = recipe.routing, sum(modalities.values())
    if not recipe.people or not routing.asks_people:
        return exactly(0)
    if routing.budget is not None and routing.budget.hours is not None:
        return Range(low=0, likely=routing.budget.hours, high=routing.budget.hours)
    audited = routing.audit_share * total
    asked = min(total, routing.budget.tasks or 0) if routing.budget is not None else audited
    hours = (asked + routing.gold) * routing.reviewers * _seconds(recipe, modalities) / 3600
    return _spread(hours)


def _spread(hours: float) -> Range:
    """Published efforts for one kind of medium differ by a factor of two either way."""
    return Range(low=hours / 2, likely=hours, high=hours * 2)


def _shown(found: Range, form: str = ",.0f") -> str:
    return f"{found.likely:{form}} ({found.low:{form}} to {found.high:{form}})"


def _dollars(found: Range | None) -> str:
    if found is None:
        return "unknown: the model has no listed price; set the machine's price_per_million"
    digits = 2 if found.likely >= 1 else 4
    return f"${found.likely:,.{digits}f} (${found.low:,.{digits}f} to ${found.high:,.{digits}f})"
