"""Whether the files alone tell real from generated, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..shortcuts import Shortcut
from ..untrusted import as_code, as_markdown
from .facts import CardFacts
from .markdown import table

__all__ = ["shortcuts_section"]


def shortcuts_section(facts: CardFacts) -> str:
    """The section; empty where nothing was looked at."""
    if not facts.shortcuts:
        return ""
    opening = (
        "Can real and generated media (edited ones among them) be told apart without looking at what they show? A "
        "small decision tree gets one property of the files and is tried on groups that it has not seen; 0.5 is "
        "guessing. A detector that is trained on a shortcut learns the shortcut."
    )
    parts = ["## Shortcuts", opening]
    for config in dict.fromkeys(row.config for row in facts.shortcuts):
        parts += _config(config, [row for row in facts.shortcuts if row.config == config])
    return "\n\n".join(parts)


def _config(config: str, rows: Sequence[Shortcut]) -> Iterator[str]:
    first, flagged = rows[0], [row for row in rows if row.finding == "shortcut"]
    seen = f"{as_code(config)}: {first.real:,} real and {first.generated:,} generated rows in {first.groups:,} groups"
    if first.finding == "not_enough":
        yield f"{seen}: not enough of both to say anything."
        return
    named = ", ".join(f"**{row.feature}**" for row in flagged)
    yield f"{seen}. " + (f"Warning: they can be told by {named}." if flagged else "No feature tells them.")
    yield table(
        ("Feature", "Balanced accuracy", "95 % limits", "AUC", "Bits (by chance)", "Values"),
        [
            (row.feature, _two(row.balanced_accuracy), _limits(row), _two(row.auc), _bits(row), as_markdown(row.values))
            for row in rows
        ],
    )
    remedies = dict.fromkeys(row.remedy for row in flagged if row.remedy)
    yield from (f"- {', '.join(r.feature for r in flagged if r.remedy == text)}: {text}." for text in remedies)


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _limits(row: Shortcut) -> str:
    return f"{_two(row.low)} to {_two(row.high)}"


def _bits(row: Shortcut) -> str:
    return "" if row.bits is None else f"{_two(row.bits)} ({_two(row.bits_by_chance)})"
