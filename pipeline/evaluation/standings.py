"""What a bench of machines says: figures with their intervals, costs, and who beats whom."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt

from schemas.base import Frozen

from .costs import Costs
from .resampling import DRAWS

__all__ = ["Bench", "Bencher", "Difference", "Figure", "SecondPass"]


class Figure(Frozen):
    """One measure of one machine."""

    name: str
    """The measure, e.g. ``box_map``; pipeline/evaluation/measures.py says what each is."""
    value: float
    """Its value."""
    low: float | None = None
    """Lower end of the 95 % bootstrap interval; None where there is only one group of samples."""
    high: float | None = None
    """Upper end."""


class Bencher(Frozen):
    """One machine of the bench."""

    machine: str
    """Its name; RUN:NAME where several runs are compared."""
    answered: NonNegativeInt
    """Samples of the bench that it made a candidate for."""
    figures: tuple[Figure, ...]
    """The measures that say something."""
    costs: Costs
    """What its answers for these samples cost."""
    is_on_frontier: bool = False
    """Whether no other machine is as good for less money, or better for the same."""

    def figure(self, name: str) -> Figure | None:
        """The measure of that name."""
        return next((figure for figure in self.figures if figure.name == name), None)


class SecondPass(Frozen):
    """A machine that tried what others said: no competitor, its judgements are their faithfulness."""

    machine: str
    """Its name; RUN:NAME where several runs are compared."""
    answered: NonNegativeInt
    """Samples of the bench that it tried."""
    costs: Costs
    """What its answers for these samples cost, with what it tried."""


class Difference(Frozen):
    """One measure of two machines, over the same samples."""

    name: str
    """The measure."""
    one: str
    """The first machine."""
    other: str
    """The second machine."""
    difference: float
    """Its value for the first minus that for the second."""
    low: float | None = None
    """Lower end of the 95 % paired bootstrap interval."""
    high: float | None = None
    """Upper end."""
    p_value: float | None = Field(None, ge=0, le=1)
    """Two-sided p of the paired permutation test; not corrected for the number of comparisons."""


class Bench(Frozen):
    """All machines side by side."""

    samples: NonNegativeInt
    """Samples with known truth that every run holds."""
    left_out: NonNegativeInt
    """Samples with known truth that some run does not hold."""
    groups: NonNegativeInt
    """Groups that these samples form; they are what is drawn."""
    draws: NonNegativeInt = DRAWS
    """Draws behind each interval and test."""
    quality: str | None = None
    """The measure that stands for quality in the plot of cost and quality."""
    machines: tuple[Bencher, ...]
    """By name."""
    differences: tuple[Difference, ...]
    """Every two machines, measure by measure."""
    second_passes: tuple[SecondPass, ...] = ()
    """What ``faithfulness`` and ``reliance`` rest on, by name."""
