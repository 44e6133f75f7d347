"""``witnessmark estimate``: calls, tokens, dollars and hours of people, before anything is paid.

All items are listed; a sample of them, drawn by hash, is measured as in a run. From that follow the views that each
machine would be shown, and from those the tokens by its model family's rule (``models.tokens``). How long answers are
nobody knows before: a probe asks about a few samples, in the run folder, where the run then finds the answers paid.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import NonNegativeFloat, NonNegativeInt

from annotators.base import Annotator
from annotators.models.options import ModelOptions
from annotators.models.prices import usd
from annotators.models.tokens import rule_of
from annotators.sandbox import shared_sandbox
from schemas.base import Frozen, content_id
from schemas.errors import MediaError, SampleError, ServiceError
from schemas.media.types import Modality
from schemas.payment import Payment
from schemas.sample import Item, Sample
from schemas.taxonomy import Taxonomy

from .crew import Crew, Work, purse_of
from .ingest import measure_item
from .passes import taking_part
from .recipe import Recipe
from .stages import open_run, work_of
from .storage import RunFolder
from .transforms import read_items

__all__ = ["Estimate", "MachineEstimate", "Range", "estimate", "estimate_in", "lines", "total_of"]

MEASURED = 200
"""Items that are measured; the tokens of more hardly change the mean."""
ANSWER_TOKENS = (100, 350, 900)
"""Output tokens of an answer: low, likely, high, of what models gave to our prompts; a probe measures."""
REASKED = (1.0, 1.05, 1.3)
"""Calls per question, where some answers must be asked for again."""
RULE = (0.85, 1.15)
"""How far the rule of a known family is off, with the words around the pictures; an unknown one by three times."""
WORDS_OF_EARLIER = 400
"""Tokens of the proposals that a machine is shown which comes after others."""


class Range(Frozen):
    """A figure and what it may be in a good and in a bad case."""

    low: NonNegativeFloat
    """In a good case."""
    likely: NonNegativeFloat
    """The figure."""
    high: NonNegativeFloat
    """In a bad case."""

    def times(self, *factors: Range | float) -> Range:
        """The product, end by end."""
        low, likely, high = self.low, self.likely, self.high
        for factor in factors:
            each = factor if isinstance(factor, Range) else Range(low=factor, likely=factor, high=factor)
            low, likely, high = low * each.low, likely * each.likely, high * each.high
        return Range(low=low, likely=likely, high=high)


class MachineEstimate(Frozen):
    """What one machine will cost."""

    machine: str
    """Name in the recipe."""
    model: str
    """Model."""
    rule: str
    """How its pictures were counted, or ``probe``."""
    samples: NonNegativeInt
    """Samples that it takes part in."""
    calls: Range
    """Answers that will be paid."""
    input_tokens: Range
    """Tokens in, of all of them."""
    output_tokens: Range
    """Tokens out."""
    usd: Range | None
    """US dollars; None where the model has no known price."""


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


class _Asked(NamedTuple):
    """A machine and what it would be asked about the measured samples."""

    machine: Annotator
    options: ModelOptions
    calls: tuple[tuple[int, ...], ...]
    """Per measured sample that it takes part in, the input tokens of each request."""


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
        asked = [_asked(m, crew, samples, work.recipe.taxonomy) for m in crew.machines if m.needs_model]
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
        machines=tuple(_machine(each, scale, len(samples), probe, payments) for each in asked),
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


def total_of(costs: Sequence[Range | None]) -> Range | None:
    """The sum; None where one is unknown."""
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    return Range(
        low=sum(cost.low for cost in known),
        likely=sum(cost.likely for cost in known),
        high=sum(cost.high for cost in known),
    )


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


def _asked(machine: Annotator, crew: Crew, samples: Sequence[Sample], taxonomy: Taxonomy) -> _Asked:
    calls = []
    for sample in samples:
        if machine in taking_part(crew.machines, sample, taxonomy):
            with contextlib.suppress(SampleError):
                calls.append(machine.expected_tokens(sample))
    return _Asked(machine, machine.config, tuple(calls))


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


def _machine(asked: _Asked, scale: float, readable: int, probe: int, payments: Sequence[Payment]) -> MachineEstimate:
    options = asked.options
    mine = [payment for payment in payments if payment.machine == options.title]
    samples = round(len(asked.calls) * scale)
    if mine and all(map(_is_counted, mine)):
        share = len(asked.calls) / max(readable, 1)
        per_sample = _by_sample(mine, max(1, round(min(probe, readable) * share)), samples)
        rule, (calls, inside, outside) = "probe", (each.times(samples) for each in per_sample)
    else:
        rule = rule_of(options.model).name + (": the server counts no tokens" if mine else "")
        calls, inside, outside = (each.times(scale) for each in _guess(asked, samples))
    return MachineEstimate(
        machine=options.title,
        model=options.model,
        rule=rule,
        samples=samples,
        calls=calls,
        input_tokens=inside,
        output_tokens=outside,
        usd=_usd(options, inside, outside),
    )


def _is_counted(payment: Payment) -> bool:
    """Whether the server said what it counted: else an answer would seem to be free."""
    usage = payment.usage
    return usage.usd is not None or bool(usage.input_tokens + usage.output_tokens)


def _guess(asked: _Asked, samples: int) -> tuple[Range, Range, Range]:
    """Calls, tokens in and tokens out about the measured samples, by rule."""
    number = float(sum(len(calls) for calls in asked.calls))
    again = Range(low=REASKED[0], likely=REASKED[1], high=REASKED[2]).times(_rounds(asked.machine))
    off = 1 if rule_of(asked.options.model).is_known else 3
    rule = Range(low=1 - off * (1 - RULE[0]), likely=1.0, high=1 + off * (RULE[1] - 1))
    tokens = sum(map(sum, asked.calls)) + (WORDS_OF_EARLIER * number if asked.options.after else 0)
    noise = _noise([sum(calls) for calls in asked.calls], samples)
    calls = Range(low=number, likely=number, high=number).times(again)
    most = min(ANSWER_TOKENS[2], asked.options.max_tokens)
    length = Range(low=min(ANSWER_TOKENS[0], most), likely=min(ANSWER_TOKENS[1], most), high=most)
    return calls, Range(low=tokens, likely=tokens, high=tokens).times(again, rule, noise), calls.times(length)


def _rounds(machine: Annotator) -> Range:
    least, likely, most = machine.rounds
    return Range(low=least, likely=likely, high=most)


def _by_sample(payments: Sequence[Payment], probed: int, samples: int) -> tuple[Range, Range, Range]:
    """Calls, tokens in and tokens out per sample, with the 95 % interval of the mean over the probe's samples."""
    sums: dict[str, list[float]] = {}
    for payment in payments:
        row = sums.setdefault(payment.sample_id, [0.0, 0.0, 0.0])
        for at, value in enumerate((1, payment.usage.input_tokens, payment.usage.output_tokens)):
            row[at] += value
    rows = [*sums.values(), *([[0.0, 0.0, 0.0]] * (probed - len(sums)))]
    columns = [[row[at] for row in rows] for at in range(3)]
    calls, inside, outside = (_mean(column).times(_noise(column, samples)) for column in columns)
    return calls, inside, outside


def _mean(values: Sequence[float]) -> Range:
    mean = sum(values) / len(values)
    return Range(low=mean, likely=mean, high=mean)


def _noise(values: Sequence[float], population: int) -> Range:
    """The relative 95 % interval of a mean over ``population`` values of which these are known.

    By the normal approximation with the correction for a finite population (Cochran 1977, section 2.5): who knows all
    values knows the mean. A tenth where there is but one value.
    """
    count, total = len(values), sum(values)
    if count >= population or not total:
        return Range(low=1.0, likely=1.0, high=1.0)
    if count < 2:
        return Range(low=0.9, likely=1.0, high=1.1)
    mean = total / count
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    half = 1.96 * math.sqrt(variance / count * (1 - count / population)) / mean
    return Range(low=max(0.0, 1 - half), likely=1.0, high=1 + half)


def _usd(options: ModelOptions, inside: Range, outside: Range) -> Range | None:
    factor = options.batch.price_factor if options.mode == "batch" else 1.0
    ends: dict[str, Any] = {}
    for end in ("low", "likely", "high"):
        tokens = round(getattr(inside, end)), round(getattr(outside, end))
        ends[end] = usd(options.model, *tokens, options.price_per_million)
    if ends["likely"] is None:
        return None
    return Range(**ends).times(factor)


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
        return Range(low=0, likely=0, high=0)
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
