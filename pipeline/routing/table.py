"""The table ``routes/``: every sample's way, decided anew from what the run holds; equal tables, equal routes.

What was handed out stays: a sample with a task or an answer is never taken back, and counts against the budget.
What measures never steers: the ranking learns from people's corrections of the samples that it chose itself,
never from the audit's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, NonNegativeInt

from schemas.base import Frozen
from schemas.route import Reason, Route, Signal

from ..recipe import Recipe, Routing
from ..review import finding_of
from ..storage import RunFolder
from ..tables import read_rows, write_table
from .effort import seconds_by_modality
from .facts import RunFacts, read_facts, shown_to_people
from .overrides import override_rates, ranking_rates
from .selection import Bools, Floats, Selection, chances, ranked, select
from .signals import Surroundings, priority_of, reasons_of, signals_of
from .target import Standing, Target, aim

__all__ = ["RoutingSummary", "routed", "update_routes"]


class RoutingSummary(Frozen):
    """What routing decided, in figures."""

    samples: NonNegativeInt = 0
    """Samples that were looked at."""
    routed: NonNegativeInt = 0
    """Of these, those that people are asked about."""
    audit: NonNegativeInt = 0
    """Of these, chosen by chance."""
    gold: NonNegativeInt = 0
    """Of these, with known truth, to measure the people."""
    hours: NonNegativeFloat = 0.0
    """Hours of people that the routed ones are expected to take."""
    target: Target | None = None
    """What the audit says about ``routing.max_error``, where that is set."""

    def lines(self) -> list[str]:
        """The same in words."""
        asked = f"routing: {self.routed:,} of {self.samples:,} samples go to people, about {self.hours:,.1f} hours"
        chosen = f"{self.audit:,} of them by chance" + (f", {self.gold:,} with known truth" if self.gold else "")
        return [f"{asked}; {chosen}", *([f"target: {self.target.words}"] if self.target else [])]


def update_routes(run: RunFolder, recipe: Recipe) -> RoutingSummary:
    """Decide every sample's route and write ``routes/``. Raises ConfigError where the audit exceeds the budget.

    A recipe that asks nobody gives an empty table.
    """
    if not recipe.routing.asks_people:
        write_table(run, "routes", (), Route)
        return RoutingSummary()
    routes, target = decide_routes(read_facts(run, recipe), recipe.routing)
    write_table(run, "routes", routes, Route)
    asked = [route for route in routes if route.is_routed]
    return RoutingSummary(
        samples=len(routes),
        routed=len(asked),
        audit=sum(route.is_audit for route in asked),
        gold=sum(route.is_gold for route in asked),
        hours=sum(route.effort_s for route in asked) / 3600,
        target=target,
    )


def routed(run: RunFolder) -> tuple[Route, ...]:
    """The samples that people are asked about, in the order to hand them out.

    The audit comes first, in an order of its own chance: the part that is answered at any moment is again a random
    sample. Then gold, then the ranking.
    """
    found = [route for route in read_rows(run, "routes", Route) if route.is_routed]
    turns = chances((route.sample_id for route in found), "turn").tolist()
    turn = {route.sample_id: number for route, number in zip(found, turns, strict=True)}

    def key(route: Route) -> tuple[bool, bool, float, float]:
        return not route.is_audit, not route.is_gold, 0.0 if route.is_audit else -route.priority, turn[route.sample_id]

    return tuple(sorted(found, key=key))


def decide_routes(facts: RunFacts, routing: Routing) -> tuple[tuple[Route, ...], Target | None]:
    """Every sample's route, by ascending id, and what the audit says about the target. Raises ConfigError."""
    share, gold = _shares(facts, routing.audit_share), _gold(facts, routing.gold)
    draws = np.array([facts.draws[i] for i in facts.ids], np.float64)
    certain = np.array([i in gold or _is_settled(facts, i) for i in facts.ids], np.bool_)
    standings = _ranking(facts, routing, draws < share)
    target = _target(facts, routing, standings.priority, draws < share, certain)
    seconds = _seconds(facts, routing)
    effort, budget, unit = _budget(routing, seconds)
    order = _asked_in_turn(facts, routing, standings.priority, target)
    selection = select(order, effort, draws, share, certain, budget, unit)
    return tuple(_routes(facts, routing, standings, selection, seconds, gold)), target


class _Ranking(NamedTuple):
    signals: list[dict[Signal, float]]
    priority: Floats


def _routes(
    facts: RunFacts, routing: Routing, ranking: _Ranking, selection: Selection, seconds: Floats, gold: frozenset[str]
) -> list[Route]:
    return [
        Route(
            sample_id=sample_id,
            modality=facts.modality(sample_id),
            is_routed=bool(selection.is_routed[i]),
            is_audit=bool(selection.is_audit[i]),
            is_gold=sample_id in gold,
            inclusion_probability=float(selection.inclusion[i]),
            priority=float(ranking.priority[i]),
            effort_s=float(seconds[i]),
            reasons=(
                *((Reason(signal="audit"),) if selection.is_audit[i] else ()),
                *((Reason(signal="gold"),) if sample_id in gold else ()),
                *reasons_of(ranking.signals[i], routing.signals),
            ),
            categories=facts.categories(sample_id),
        )
        for i, sample_id in enumerate(facts.ids)
    ]


def _shares(facts: RunFacts, share: float) -> Floats:
    """The audit's probability of each sample; once tasks are out it never falls: who was audited stays audited."""
    earlier = facts.earlier if facts.submitted else {}
    return np.array([max(share, _below_cut(earlier, i)) for i in facts.ids], np.float64)


def _below_cut(earlier: Mapping[str, Route], sample_id: str) -> float:
    """The earlier share of a sample that was left to chance, else 0."""
    probability = earlier[sample_id].inclusion_probability if sample_id in earlier else 1.0
    return probability if probability < 1 else 0.0


def _is_settled(facts: RunFacts, sample_id: str) -> bool:
    """Whether it was handed out or answered for another reason than as the audit of what lies below the cut."""
    if sample_id not in facts.submitted and sample_id not in facts.decisions:
        return False
    earlier = facts.earlier.get(sample_id)
    return not (earlier and earlier.is_audit and earlier.inclusion_probability < 1)


def _gold(facts: RunFacts, count: int) -> frozenset[str]:
    known = sorted(facts.with_truth & facts.places.keys())
    return frozenset(known[i] for i in np.argsort(chances(known, "gold"), kind="stable")[:count].tolist())


def _ranking(facts: RunFacts, routing: Routing, is_audit: Bools) -> _Ranking:
    audited = {sample_id for sample_id, chosen in zip(facts.ids, is_audit, strict=True) if chosen}
    steering = {i: decision for i, decision in facts.decisions.items() if i not in audited}
    counts: dict[str, int] = {}
    for sample_id in facts.ids:
        for category in facts.categories(sample_id):
            counts[category] = counts.get(category, 0) + 1
    rates = ranking_rates(override_rates(shown_to_people(facts, steering)))
    around = Surroundings(category_samples=counts, override_rates=rates)
    corrected = {i for i, decision in steering.items() if decision.is_error}
    signals = [
        signals_of(
            facts.of(i),
            facts.shown(i),
            around,
            has_finding=i in facts.with_finding,
            has_corrected_twin=any(j in corrected for j in facts.groups[facts.places[i].group_id] if j != i),
        )
        for i in facts.ids
    ]
    return _Ranking(signals, np.array([priority_of(found, routing.signals) for found in signals], np.float64))


def _target(facts: RunFacts, routing: Routing, priority: Floats, is_audit: Bools, certain: Bools) -> Target | None:
    if routing.max_error is None:
        return None
    standings = [
        Standing(float(priority[i]), bool(is_audit[i]), finding_of(facts.decisions.get(sample_id)), bool(certain[i]))
        for i, sample_id in enumerate(facts.ids)
    ]
    return aim(standings, max_error=routing.max_error, confidence=routing.confidence)


def _seconds(facts: RunFacts, routing: Routing) -> Floats:
    modalities = {sample_id: facts.modality(sample_id) for sample_id in facts.ids}
    each = seconds_by_modality(routing.effort_s, facts.verifications, modalities)
    return np.array([each[modalities[i]] * routing.reviewers * facts.passes for i in facts.ids], np.float64)


def _budget(routing: Routing, seconds: Floats) -> tuple[Floats, float, str]:
    """What each sample costs, what may be spent, and in which unit; without a budget everything may."""
    if routing.budget and routing.budget.hours is not None:
        return seconds / 3600, routing.budget.hours, "hours of people"
    tasks = routing.budget.tasks if routing.budget else None
    return np.ones_like(seconds), np.inf if tasks is None else float(tasks), "tasks"


def _asked_in_turn(facts: RunFacts, routing: Routing, priority: Floats, target: Target | None) -> NDArray[np.int64]:
    """Positions that may be asked for their rank, best first.

    With a target: down to its threshold; none while the audit is not answered, so that nothing is spent before it is
    known what is needed. Where the audit does not support the target, or there is none, as far as the budget goes.
    """
    order = ranked(priority, chances(facts.ids, "rank"))
    if target is not None and target.is_supported:
        return order[priority[order] >= (target.threshold or 0.0)]
    if routing.budget is None or (target is not None and target.is_waiting):
        return order[:0]
    return order
