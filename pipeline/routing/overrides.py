"""Where people override machines: region by region, for each machine and category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import NonNegativeInt

from schemas.base import Frozen
from schemas.candidate import Region
from schemas.verification import Verification

__all__ = ["OVERRIDDEN", "OverrideRate", "override_rates", "ranking_rates", "region_outcomes"]

DOUBT = 4
"""Regions that are taken to have been left as they were, beside those that were seen: few answers rank little."""
OVERRIDDEN = ("moved", "relabeled", "removed")
"""Changes after which a region is no longer what and where the machine said."""


class OverrideRate(Frozen):
    """How often people changed a machine's regions of one category."""

    machine: str
    """Name of the machine in the recipe."""
    model: str = ""
    """Its model, or method and version."""
    category: str
    """The category."""
    shown: NonNegativeInt
    """Regions that people decided on."""
    moved: NonNegativeInt = 0
    """Of these, moved or reshaped."""
    relabeled: NonNegativeInt = 0
    """Of these, given another category."""
    removed: NonNegativeInt = 0
    """Of these, taken away."""
    added: NonNegativeInt = 0
    """Regions of the category that people added to what the machine had."""

    @property
    def overridden(self) -> int:
        """Regions that did not stay what and where they were."""
        return self.moved + self.relabeled + self.removed

    @property
    def rate(self) -> float:
        """Share of the shown regions that was overridden."""
        return self.overridden / self.shown if self.shown else 0.0


Shown = tuple[str, str, Sequence[Region], Verification]
"""Machine, model, the regions that it proposed, and what a person made of them."""


def override_rates(seen: Iterable[Shown]) -> tuple[OverrideRate, ...]:
    """Rates by machine, model and category, in that order. Samples that were rejected or skipped say nothing."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for machine, model, regions, verification in seen:
        for category, change in region_outcomes(regions, verification):
            count = counts.setdefault((machine, model, category), Counter())
            count[change] += 1
            count["shown"] += change != "added"
    fields = ("shown", "moved", "relabeled", "removed", "added")
    return tuple(
        OverrideRate(machine=machine, model=model, category=category, **{field: count[field] for field in fields})
        for (machine, model, category), count in sorted(counts.items())
    )


def ranking_rates(rates: Iterable[OverrideRate]) -> Mapping[tuple[str, str], float]:
    """For each machine and category, the rate drawn towards 0 where few regions were shown; models are joined."""
    shown, overridden = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for rate in rates:
        shown[rate.machine, rate.category] += rate.shown
        overridden[rate.machine, rate.category] += rate.overridden
    return {key: overridden[key] / (count + DOUBT) for key, count in shown.items()}


def region_outcomes(regions: Sequence[Region], verification: Verification) -> Iterator[tuple[str, str]]:
    """Category and change of every region that the machine had, then of those that the person added.

    The change is the one that the tool's reader noted; without a note it is told from id and category.
    """
    if verification.verdict in ("rejected", "skipped"):
        return
    noted: dict[str, str] = {}
    for each in verification.changes:
        noted.setdefault(each.region_id, each.change)  # of several the first weighs most: moved, then reworded
    kept = {region.region_id: region for region in verification.regions}
    for region in regions:
        after = kept.get(region.region_id)
        if after is None:
            yield region.category, "removed"
        elif after.category != region.category:
            yield region.category, "relabeled"
        else:
            yield region.category, noted.get(region.region_id, "kept")
    had = {region.region_id for region in regions}
    yield from ((region.category, "added") for region in verification.regions if region.region_id not in had)
