"""The error rate of what nobody looked at, from the random audit slice, with an interval that covers.

Given how many samples below the cut were audited, these are a simple random sample of them. So the number of wrong
ones among them is hypergeometric, and its test inverted gives limits that hold for every finite population and
every count, 0 included (Clopper-Pearson for finite populations; Buonaccorsi 1987): at least the stated
confidence, never less. The design is described in ``routing.selection``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from schemas.base import Frozen

__all__ = ["ErrorEstimate", "Judged", "Stratum", "estimate_errors", "wrong_limits"]

Share = Annotated[float, Field(ge=0, le=1)]
Scope = Literal["unreviewed", "published", "machines", "category", "missed"]


class ErrorEstimate(Frozen):
    """How much is wrong in a part of the dataset, as far as the audit can say."""

    scope: Scope
    """unreviewed: rows that nobody looked at; published: all rows but those that people left out, what they settled
    counted as right; machines: what the machines said, before people; category: unreviewed rows with a region of it,
    wrong where people would remove, relabel or move one; missed: unreviewed rows without one, wrong where people
    would add it."""
    name: str = ""
    """The category; empty for the others."""
    population: NonNegativeInt
    """Rows that it speaks of."""
    undecided: NonNegativeInt = 0
    """Of published and machines: rows that people were certain to be asked about and have not decided. The ranking
    chose them, so nothing is known of them: they are in no population."""
    audited: NonNegativeInt
    """Answered random reviews behind it."""
    errors: NonNegativeInt
    """Of these, those in which people found the machine wrong."""
    open: NonNegativeInt = 0
    """Random reviews without an answer: pending, or skipped. The estimate takes them to be like the answered ones."""
    rate: Share | None = None
    """Estimated share of wrong rows; None where nothing was audited."""
    low: Share = 0.0
    """Lower limit of the share."""
    high: Share = 1.0
    """Upper limit of the share."""
    worst: Share = 1.0
    """Upper limit if every open review found an error."""
    wrong_rows: NonNegativeFloat | None = None
    """Unbiased estimate of the number of wrong rows (Horvitz-Thompson: every error found, over its inclusion
    probability, less those that were corrected); None while reviews are open."""
    confidence: Annotated[float, Field(gt=0, lt=1)]
    """Confidence of the limits."""


class Judged(NamedTuple):
    """One routed or unrouted sample and what became of it."""

    inclusion_probability: float
    is_audit: bool
    is_answered: bool
    """Whether a person decided; a skip is no answer."""
    is_error: bool = False
    """Whether the person found the machine wrong."""
    categories: tuple[str, ...] = ()
    """Categories of the machine's regions."""
    wrong_categories: tuple[str, ...] = ()
    """Of these, those with a region that the person removed, relabeled or moved."""
    added_categories: tuple[str, ...] = ()
    """Categories that the person added where the machine had none."""
    is_left_out: bool = False
    """Whether the person keeps the sample out of the dataset."""


class Stratum(NamedTuple):
    """Rows with one inclusion probability."""

    probability: float
    population: int
    audited: int
    answered: int
    errors: int


def estimate_errors(
    judged: Iterable[Judged], *, confidence: float, categories: Sequence[str] = (), looks: int = 1
) -> tuple[ErrorEstimate, ...]:
    """The rates of what is unreviewed, published and said by machines, then of every category.

    ``looks`` is how many cuts of the ranking were tried on the same audit (see ``routing.target``): the limits are
    widened so that they hold for the one that was chosen (Bonferroni).
    """
    rows = list(judged)
    below = [row for row in rows if row.inclusion_probability < 1]
    sure = [row for row in rows if row.inclusion_probability == 1 and row.is_answered]
    whole = _strata(below, lambda row: row.is_error)
    unseen = _rate("unreviewed", "", whole, confidence, looks)
    decided = [*(row for row in below if row.is_answered), *sure]
    undecided = sum(row.inclusion_probability == 1 and not row.is_answered for row in rows)
    kept, wrong = (sum(not row.is_left_out for row in decided), sum(row.is_error for row in decided))
    every = [
        unseen,
        _diluted(unseen, "published", kept, 0).evolve(undecided=undecided),
        _diluted(unseen, "machines", len(decided), wrong).evolve(undecided=undecided),
    ]
    for name in categories:
        every += _of_category(name, below, confidence, looks)
    return tuple(every)


def _of_category(name: str, below: Sequence[Judged], confidence: float, looks: int) -> Iterator[ErrorEstimate]:
    def is_wrong(row: Judged) -> bool:
        return name in row.wrong_categories

    def is_missed(row: Judged) -> bool:
        return name in row.added_categories

    yield _rate("category", name, _strata((r for r in below if name in r.categories), is_wrong), confidence, looks)
    yield _rate("missed", name, _strata((r for r in below if name not in r.categories), is_missed), confidence, looks)


def wrong_limits(population: int, sampled: int, wrong: int, confidence: float) -> tuple[int, int]:
    """Limits of the number of wrong rows in the population, those found included.

    ``sampled`` of the ``population`` were drawn without replacement, ``wrong`` of them are wrong. Each limit is
    missed with a probability of at most half of what is left to ``confidence``.
    """
    from scipy.stats import hypergeom

    tail = (1 - confidence) / 2
    least, most = wrong, population - sampled + wrong

    def is_too_few(count: int) -> bool:
        return float(hypergeom.sf(wrong - 1, population, count, sampled)) <= tail

    def is_not_too_many(count: int) -> bool:
        return float(hypergeom.cdf(wrong, population, count, sampled)) > tail

    low = _first(least, most, lambda count: not is_too_few(count))
    high = _first(low, most + 1, lambda count: count > most or not is_not_too_many(count)) - 1
    return low, max(low, high)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first integer of a range, its end included, from which on it holds; it holds at the end."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _strata(rows: Iterable[Judged], is_wrong: Callable[[Judged], bool]) -> list[Stratum]:
    counts: defaultdict[float, Counter[str]] = defaultdict(Counter)
    for row in rows:
        count = counts[row.inclusion_probability]
        count["population"] += 1
        count["audited"] += row.is_audit
        if row.is_audit and row.is_answered:
            count["answered"] += 1
            count["errors"] += is_wrong(row)
    return [
        Stratum(share, count["population"], count["audited"], count["answered"], count["errors"])
        for share, count in sorted(counts.items())
    ]


def _rate(scope: Scope, name: str, strata: Sequence[Stratum], confidence: float, looks: int) -> ErrorEstimate:
    """The rate among the rows of the strata that were not answered."""
    population = sum(s.population - s.answered for s in strata)
    answered, errors = sum(s.answered for s in strata), sum(s.errors for s in strata)
    unanswered = sum(s.audited - s.answered for s in strata)
    # Of several strata each gets its share of what may be missed, so that all limits hold together.
    each = 1 - (1 - confidence) / (looks * max(1, len(strata)))
    limits = [_left(s, s.errors, s.answered, each) for s in strata]
    worst = [_left(s, s.errors + s.audited - s.answered, s.audited, each)[1] + s.audited - s.answered for s in strata]
    is_known = answered > 0 and all(s.answered for s in strata if s.population > s.answered)
    expected = sum((s.population - s.answered) * s.errors / s.answered for s in strata if s.answered)
    unbiased = sum(s.errors / s.probability - s.errors for s in strata)
    return ErrorEstimate(
        scope=scope,
        name=name,
        population=population,
        audited=answered,
        errors=errors,
        open=unanswered,
        rate=expected / population if population and is_known else None if population else 0.0,
        low=sum(low for low, _ in limits) / population if population else 0.0,
        high=sum(high for _, high in limits) / population if population else 0.0,
        worst=min(1.0, sum(worst) / population) if population else 0.0,
        wrong_rows=None if unanswered else unbiased,
        confidence=confidence,
    )


def _left(stratum: Stratum, wrong: int, sampled: int, confidence: float) -> tuple[int, int]:
    """Limits of the number of wrong rows among those that were not sampled."""
    low, high = wrong_limits(stratum.population, sampled, wrong, confidence)
    return low - wrong, high - wrong


def _diluted(unseen: ErrorEstimate, scope: Scope, rows: int, wrong: int) -> ErrorEstimate:
    """The same errors among more rows, of which ``rows`` are known and ``wrong`` of those are wrong."""
    population = unseen.population + rows

    def share(value: float) -> float:
        return min(1.0, (value * unseen.population + wrong) / population) if population else 0.0

    return unseen.evolve(
        scope=scope,
        population=population,
        rate=None if unseen.rate is None else share(unseen.rate),
        low=share(unseen.low),
        high=share(unseen.high),
        worst=share(unseen.worst),
        wrong_rows=None if unseen.wrong_rows is None else unseen.wrong_rows + wrong,
    )
