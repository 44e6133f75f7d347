"""What one machine will cost: its questions by its model family's rule, or by what a probe of it was paid for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import NonNegativeInt

from annotators.base import Annotator
from annotators.models.options import ModelOptions
from annotators.models.prices import usd
from annotators.models.tokens import rule_of
from schemas.base import Frozen
from schemas.errors import SampleError
from schemas.payment import Payment
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

from .crew import Crew
from .passes import taking_part
from .ranges import Range, exactly, noise_of

__all__ = ["MachineEstimate", "Questions", "machine_estimate", "questions_of"]

ANSWER_TOKENS = (100, 350, 900)
"""Output tokens of an answer: low, likely, high, of what models gave to our prompts; a probe measures."""
REASKED = (1.0, 1.05, 1.3)
"""Calls per question, where some answers must be asked for again."""
RULE = (0.85, 1.15)
"""How far the rule of a known family is off, with the words around the pictures; an unknown one by three times."""
WORDS_OF_EARLIER = 400
"""Tokens of the proposals that a machine is shown which comes after others."""


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


class Questions(NamedTuple):
    """A machine and what it would be asked about the measured samples."""

    machine: Annotator
    options: ModelOptions
    calls: tuple[tuple[int, ...], ...]
    """Per measured sample that it takes part in, the input tokens of each request."""


def questions_of(machine: Annotator, crew: Crew, samples: Sequence[Sample], taxonomy: Taxonomy) -> Questions:
    """The questions of a machine about these samples, as far as it takes part in them."""
    calls = []
    for sample in samples:
        if machine in taking_part(crew.machines, sample, taxonomy):
            with contextlib.suppress(SampleError):
                calls.append(machine.expected_tokens(sample))
    return Questions(machine, machine.config, tuple(calls))


def machine_estimate(
    asked: Questions, scale: float, readable: int, probe: int, payments: Sequence[Payment]
) -> MachineEstimate:
    """From its questions; from the payments of a probe of ``probe`` samples where the server counted them.

    ``scale`` is samples of the run for each one measured, ``readable`` how many of these could be read.
    """
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


def _guess(asked: Questions, samples: int) -> tuple[Range, Range, Range]:
    """Calls, tokens in and tokens out about the measured samples, by rule."""
    number = float(sum(len(calls) for calls in asked.calls))
    again = Range(low=REASKED[0], likely=REASKED[1], high=REASKED[2]).times(_rounds(asked.machine))
    off = 1 if rule_of(asked.options.model).is_known else 3
    rule = Range(low=1 - off * (1 - RULE[0]), likely=1.0, high=1 + off * (RULE[1] - 1))
    tokens = sum(map(sum, asked.calls)) + (WORDS_OF_EARLIER * number if asked.options.after else 0)
    noise = noise_of([sum(calls) for calls in asked.calls], samples)
    calls = exactly(number).times(again)
    most = min(ANSWER_TOKENS[2], asked.options.max_tokens)
    length = Range(low=min(ANSWER_TOKENS[0], most), likely=min(ANSWER_TOKENS[1], most), high=most)
    return calls, exactly(tokens).times(again, rule, noise), calls.times(length)


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
    calls, inside, outside = (exactly(sum(column) / len(column)).times(noise_of(column, samples)) for column in columns)
    return calls, inside, outside


def _usd(options: ModelOptions, inside: Range, outside: Range) -> Range | None:
    factor = options.batch.price_factor if options.mode == "batch" else 1.0
    ends: dict[str, Any] = {}
    for end in ("low", "likely", "high"):
        tokens = round(getattr(inside, end)), round(getattr(outside, end))
        ends[end] = usd(options.model, *tokens, options.price_per_million)
    if ends["likely"] is None:
        return None
    return Range(**ends).times(factor)
