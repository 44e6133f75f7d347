"""What the run's tables say about every sample, as far as routing and the error rate need it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from annotators.base import RELAY
from schemas.candidate import Candidate
from schemas.media.types import Modality
from schemas.route import Route
from schemas.verification import Verification

from ..plan import Place, plan_of
from ..recipe import Recipe
from ..relay import credited, proposed_by
from ..review import Decision, by_sample, decide
from ..storage import RunFolder
from ..tables import read_batches, read_rows
from .opinions import Opinion, opinion_of, opinions_by_sample, published_opinion
from .overrides import Shown
from .selection import chances

__all__ = ["RunFacts", "read_facts", "shown_to_people"]

MODALITIES: dict[str, Modality] = {"images": "image", "videos": "video", "documents": "document"}


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """Facts by sample; ``ids`` are all that are not rejected, and fix the order of every array."""

    ids: tuple[str, ...]
    annotation: str
    """Whose annotation is published where no person decided (``dataset.annotation``)."""
    places: Mapping[str, Place]
    opinions: Mapping[str, tuple[Opinion, ...]]
    shown_to: Mapping[str, Opinion]
    """What people were shown, by candidate; the machines may say otherwise by now."""
    begun_with: Mapping[str, str | None]
    """For each candidate of a relay, the machines' proposal that the relay began with."""
    passes: int
    """Tasks for each routed sample."""
    verifications: tuple[Verification, ...]
    with_finding: frozenset[str]
    """Samples about which ingest noticed a disagreement."""
    with_truth: frozenset[str]
    """Samples whose truth is known."""
    submitted: frozenset[str]
    """Samples that have a task."""
    earlier: Mapping[str, Route]
    """The routes as they were decided last."""

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """What people's answers come to, for the samples that are still here."""
        grouped = by_sample(v for v in self.verifications if v.sample_id in self.places)
        found = {sample_id: decide(group) for sample_id, group in grouped.items()}
        return {
            sample_id: credited(decision, grouped[sample_id], self.begun_with)
            for sample_id, decision in found.items()
            if decision
        }

    @cached_property
    def draws(self) -> dict[str, float]:
        """The audit's number of each sample."""
        return dict(zip(self.ids, chances(self.ids, "audit").tolist(), strict=True))

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """Samples of each group: look-alikes, pairs, stated groups."""
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for sample_id in self.ids:
            groups[self.places[sample_id].group_id].append(sample_id)
        return groups

    def of(self, sample_id: str) -> tuple[Opinion, ...]:
        """What machines think of it."""
        return self.opinions.get(sample_id, ())

    def shown(self, sample_id: str) -> Opinion | None:
        """The opinion that is published where no person decides."""
        return published_opinion(self.of(sample_id), self.annotation)

    def categories(self, sample_id: str) -> tuple[str, ...]:
        """Categories of that opinion's regions, sorted."""
        shown = self.shown(sample_id)
        return tuple(sorted({region.category for region in shown.regions})) if shown else ()

    def modality(self, sample_id: str) -> Modality:
        """Of its primary medium."""
        return MODALITIES[self.places[sample_id].config]


def read_facts(run: RunFolder, recipe: Recipe) -> RunFacts:
    """Read the tables once each."""
    places = plan_of(run, recipe).places
    noticed, known = set[str](), set[str]()
    for batch in read_batches(run, "samples", ("sample_id", "findings", "has_ground_truth")):
        for row in batch.to_pylist():
            if any(finding["code"].endswith("disagrees") for finding in row["findings"]):
                noticed.add(row["sample_id"])
            if row["has_ground_truth"]:
                known.add(row["sample_id"])
    shown = tuple(read_rows(run, "shown", Candidate))
    return RunFacts(
        ids=tuple(sorted(places)),
        annotation=recipe.dataset.annotation,
        places=places,
        opinions=opinions_by_sample(run, [config.title for config in recipe.machines]),
        shown_to={c.candidate_id: opinion_of(c) for c in shown},
        begun_with={c.candidate_id: proposed_by(shown, c.candidate_id) for c in shown if c.kind == RELAY},
        passes=max((getattr(config, "passes", 1) for config in recipe.people), default=1),
        verifications=tuple(read_rows(run, "verifications", Verification)),
        with_finding=frozenset(noticed),
        with_truth=frozenset(known),
        submitted=frozenset(_column(run, "tasks", "sample_id")),
        earlier={route.sample_id: route for route in read_rows(run, "routes", Route)},
    )


def shown_to_people(facts: RunFacts, decisions: Mapping[str, Decision]) -> Iterator[Shown]:
    """Machine, model and regions of each candidate that people started from, with what was decided."""
    for sample_id, decision in decisions.items():
        wanted = decision.chosen.candidate_id if decision.chosen else None
        found = (opinion for opinion in facts.of(sample_id) if opinion.candidate_id == wanted)
        shown = next(found, facts.shown_to.get(wanted or ""))
        if decision.chosen and shown:
            yield shown.machine, shown.model, shown.regions, decision.chosen


def _column(run: RunFolder, table: str, name: str) -> Iterator[str]:
    for batch in read_batches(run, table, (name,)):
        yield from batch.column(0).to_pylist()
