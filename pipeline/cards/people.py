"""What people said, in figures: error rates with their limits, agreement, and how to read the raw reviews."""

from __future__ import annotations

from collections.abc import Iterator

from ..error_rate import ErrorEstimate
from ..quality import Quality
from ..reviews import REVIEWS
from ..untrusted import as_code
from .facts import CardFacts
from .markdown import table

__all__ = ["people_section"]

_SCOPES = {
    "unreviewed": "rows that nobody looked at",
    "published": "all published rows",
    "machines": "the machines' annotations, before people",
}


def people_section(facts: CardFacts) -> str:
    """The section; empty where nobody was asked."""
    quality = facts.quality
    if quality is None:
        return ""
    parts = ["## What people found", *_errors(quality), *_agreement(quality), *_reviews(facts)]
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _errors(quality: Quality) -> Iterator[str]:
    if not quality.errors:
        return
    first = quality.errors[0]
    yield (
        f"A random slice of what is published without review was reviewed all the same: {first.audited:,} rows, "
        f"{first.errors:,} of them found wrong. From it, with {first.confidence:.0%} confidence:"
    )
    rows = [(_scope(e), e.population, _percent(e.rate), _range(e)) for e in quality.errors if e.scope in _SCOPES]
    yield table(("Share of wrong rows in", "Rows", "Estimate", "Limits"), rows)
    found = [e for e in quality.errors if e.scope not in _SCOPES]
    if found:
        yield "By category, of the rows that nobody looked at (each line by itself):"
        lines = [(as_code(e.name), _WRONG[e.scope], e.population, _percent(e.rate), _range(e)) for e in found]
        yield table(("Category", "Wrong where people would", "Rows", "Estimate", "Limits"), lines)
    if first.open:
        yield (
            f"{first.open:,} reviews of the slice are open; were every one of them an error, the upper limit for "
            f"unreviewed rows would be {first.worst:.2%}."
        )
    if quality.target:
        yield f"Asked for: at most {quality.target.max_error:.2%} wrong rows unreviewed. {quality.target.words}."


def _scope(estimate: ErrorEstimate) -> str:
    but = f" but {estimate.undecided:,} that people have not decided" if estimate.undecided else ""
    return _SCOPES[estimate.scope] + but


_WRONG = {"category": "remove, relabel or move one", "missed": "add one"}


def _agreement(quality: Quality) -> Iterator[str]:
    measures = quality.agreement.measures
    if measures:
        yield "Independent reviewers, Krippendorff's alpha (1: full agreement, 0: chance) with a bootstrap interval:"
        yield table(
            ("Agreement on", "Samples", "Alpha", "Interval", "Raw"),
            [
                (m.measure, m.samples, f"{m.alpha:.3f}", f"{m.low:.3f} to {m.high:.3f}", _number(m.mean))
                for m in measures
            ],
        )
    if quality.disputes:
        yield f"{len(quality.disputes):,} samples on which reviewers differ wait for a judge."


def _reviews(facts: CardFacts) -> Iterator[str]:
    if facts.num_reviews:
        yield (
            f"The rows hold what was decided; all {facts.num_reviews:,} reviews behind them, each as its person left "
            f"it, are the config `reviews` (`{REVIEWS}`), joined by `sample_id`. Reviewers are pseudonyms."
        )


def _percent(share: float | None) -> str:
    return "not known" if share is None else f"{share:.2%}"


def _range(estimate: ErrorEstimate) -> str:
    return f"{estimate.low:.2%} to {estimate.high:.2%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
