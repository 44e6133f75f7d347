"""What the audit found: a row of ``shortcuts/`` for each feature of each config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from schemas.base import Frozen

from ..storage import RunFolder
from ..tables import read_rows

__all__ = ["FLAGGED", "Finding", "Shortcut", "read_shortcuts", "warnings_of"]

Finding = Literal["shortcut", "none", "not_enough"]

FLAGGED = 0.6
"""Balanced accuracy that the lower limit has to reach for a warning; guessing has 0.5."""


class Shortcut(Frozen):
    """How well one feature of the files alone tells real from generated media; never what they show."""

    config: str
    """The config: images, videos or documents."""
    feature: str
    """The feature, or ``all together``."""
    rank: PositiveInt
    """1 is the feature that tells most, by the lower limit of its balanced accuracy; equals stand in the order format,
    quality, tables, subsampling, metadata and so on."""
    finding: Finding
    """shortcut: a warning; none: no more than the limits allow; not_enough: too few groups of a class to say."""
    real: NonNegativeInt
    """Rows of origin real that were looked at."""
    generated: NonNegativeInt
    """Rows of origin generated or edited that were looked at."""
    groups: NonNegativeInt
    """Groups that these rows are of; they are never cut between what a model learns from and what it is tried on."""
    bits: float | None = Field(None, ge=0)
    """Mutual information of feature and class in bits, numbers cut into tenths; 1 where the feature decides it and the
    classes are equally large."""
    bits_by_chance: float | None = Field(None, ge=0)
    """What 95 of 100 permutations of the classes stay below: a feature of many values seems to tell something."""
    p_value: float | None = Field(None, ge=0, le=1)
    """Share of permutations that tell at least as much."""
    balanced_accuracy: float | None = Field(None, ge=0, le=1)
    """Mean of the shares of real and of generated rows that a small decision tree, trained on other groups, tells."""
    low: float | None = Field(None, ge=0, le=1)
    """Lower limit, 95 %."""
    high: float | None = Field(None, ge=0, le=1)
    """Upper limit, 95 %."""
    auc: float | None = Field(None, ge=0, le=1)
    """Area under the ROC curve of the same tree."""
    auc_low: float | None = Field(None, ge=0, le=1)
    """Lower limit, 95 %."""
    auc_high: float | None = Field(None, ge=0, le=1)
    """Upper limit, 95 %."""
    values: str = ""
    """The most frequent values of each class, or their medians."""
    remedy: str = ""
    """What can be done, where it is a shortcut."""


def read_shortcuts(run: RunFolder) -> tuple[Shortcut, ...]:
    """The audit of a run, in order; empty where none was made."""
    rows = read_rows(run, "shortcuts", Shortcut)
    return tuple(sorted(rows, key=lambda row: (row.config, row.rank)))


def warnings_of(shortcuts: Sequence[Shortcut]) -> Iterator[str]:
    """A line for every config whose classes can be told by the files alone, the worst features first."""
    for config in dict.fromkeys(row.config for row in shortcuts):
        flagged = [row for row in shortcuts if row.config == config and row.finding == "shortcut"]
        if flagged:
            named = ", ".join(f"{row.feature} ({row.balanced_accuracy:.2f})" for row in flagged)
            yield f"{config}: real and generated can be told without looking, by {named}: see the card for remedies"
