"""Machines side by side, of one run or of several: how well, how surely, what it costs, and who beats whom.

Only samples that every run holds are looked at, so that each figure is about the same work. Truth is what came
with the sample, else what people made of it; a person who started from one machine's candidate favors
that machine, so planted truth is the fairer judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from annotators.models.relocating import HIDDEN, KIND, RELOCATED
from schemas.candidate import Candidate
from schemas.judgement import Judgement
from schemas.record import Rejection
from schemas.sample import Sample
from schemas.verification import Verification

from .costs import Costs, costs_of
from .measures import VERDICTS, Measure, measures_of
from .resampling import DRAWS, drawn, grouped, interval, p_value
from .scores import IOU_THRESHOLD
from .standings import Bench, Bencher, Difference, Figure, SecondPass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BenchRun", "bench", "with_human_truth"]


@dataclass(frozen=True)
class BenchRun:
    """What the tables of one run say."""

    name: str
    samples: Sequence[Sample]
    """Each sample once."""
    candidates: Sequence[Candidate]
    rejections: Sequence[Rejection] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    """Group of each sample; a sample that is not named is its own."""
    drawn_from: int = 0
    """Of how many samples these were drawn; 0 where all are there."""


@dataclass(frozen=True)
class _Entrant:
    """One machine over the samples of the bench."""

    name: str
    answered: int
    measures: Mapping[str, Measure]
    values: Mapping[str, float]
    """What the measures say; one that says nothing is left out."""
    draws: Mapping[str, tuple[float | None, ...]]
    """What they say of each draw, the same draws for every machine."""
    costs: Costs


QUALITY = ("region_f1", "verdict_f1", "box_map")
"""The first of these that every machine has is the quality of the plot."""


def bench(runs: Sequence[BenchRun], iou_threshold: float = IOU_THRESHOLD, *, draws: int = DRAWS) -> Bench:
    """Compare every machine of every run. Raises RunError for a region that does not fit its medium."""
    import numpy as np

    known = [{s.sample_id: s for s in run.samples if s.has_ground_truth or s.origin in VERDICTS} for run in runs]
    shared = sorted(set.intersection(*(set(samples) for samples in known))) if known else []
    samples = [known[0][sample_id] for sample_id in shared]
    groups = grouped([runs[0].groups.get(sample_id, sample_id) for sample_id in shared])
    contest = _Contest(samples, groups, iou_threshold, draws, is_of_many=len(runs) > 1)
    entrants = sorted((e for run in runs for e in contest.entrants(run)), key=lambda entrant: entrant.name)
    quality = next((q for q in QUALITY if entrants and all(q in e.values for e in entrants)), None)
    machines = [_bencher(entrant) for entrant in entrants]
    frontier = _frontier(machines, quality)
    return Bench(
        samples=len(samples),
        left_out=len(set().union(*known)) - len(samples),
        groups=len(np.unique(groups)),
        draws=draws,
        quality=quality,
        machines=tuple(m.evolve(is_on_frontier=m.machine in frontier) for m in machines),
        differences=tuple(d for a, b in combinations(entrants, 2) for d in contest.differences(a, b)),
        second_passes=tuple(sorted((p for run in runs for p in contest.second_passes(run)), key=lambda p: p.machine)),
    )


def with_human_truth(samples: Iterable[Sample], verifications: Iterable[Verification]) -> list[Sample]:
    """Samples without a known truth get what a person made of them: an adjudication first, else the latest round.

    Rejected and skipped ones stay unknown.
    """
    decided: defaultdict[str, list[Verification]] = defaultdict(list)
    for verification in verifications:
        if verification.verdict in ("accepted", "fixed_and_accepted") and verification.purpose != "gold":
            decided[verification.sample_id].append(verification)
    return [_with_truth(sample, decided.get(sample.sample_id, [])) for sample in samples]


def _with_truth(sample: Sample, decided: Sequence[Verification]) -> Sample:
    if sample.has_ground_truth or not decided:
        return sample
    best = max(decided, key=lambda v: (v.purpose == "adjudication", v.pass_number, v.updated_at, v.verification_id))
    verdict = best.origin_verdict if best.origin_verdict != "unclear" else None
    origin = sample.origin if sample.origin != "unknown" else verdict or "unknown"
    return sample.evolve(ground_truth=best.regions, has_ground_truth=True, origin=origin)


@dataclass(frozen=True)
class _Contest:
    """The samples that all are held against, and how surely."""

    samples: Sequence[Sample]
    groups: NDArray[np.int64]
    iou_threshold: float
    draws: int
    is_of_many: bool

    def entrants(self, run: BenchRun) -> Iterator[_Entrant]:
        """Every machine of a run."""
        wanted = {sample.sample_id for sample in self.samples}
        known = {c.candidate_id: c for c in run.candidates if c.sample_id in wanted}
        judgements = _judgements(known.values())
        failed = [rejection for rejection in run.rejections if rejection.sample_id in wanted]
        for machine, said in _by_machine(known, is_second_pass=False).items():
            answers = [(sample, said.get(sample.sample_id, [])) for sample in self.samples]
            measures = measures_of(answers, judgements, self.iou_threshold)
            costs = _costs(said, known, [rejection for rejection in failed if rejection.machine == machine])
            yield self._entrant(self._name(run, machine), len(said), measures, costs)

    def second_passes(self, run: BenchRun) -> Iterator[SecondPass]:
        """The machines of a run that try what others said."""
        wanted = {sample.sample_id for sample in self.samples}
        known = {c.candidate_id: c for c in run.candidates if c.sample_id in wanted}
        for machine, said in _by_machine(known, is_second_pass=True).items():
            failed = [r for r in run.rejections if r.machine == machine and r.sample_id in wanted]
            costs = _costs(said, known, failed)
            yield SecondPass(machine=self._name(run, machine), answered=len(said), costs=costs)

    def _name(self, run: BenchRun, machine: str) -> str:
        return f"{run.name}:{machine}" if self.is_of_many else machine

    def differences(self, one: _Entrant, other: _Entrant) -> Iterator[Difference]:
        """Measure by measure, where both say something."""
        for name in one.measures:
            if name in one.values and name in other.values:
                yield self._difference(name, one, other)

    def _entrant(self, name: str, answered: int, measures: Mapping[str, Measure], costs: Costs) -> _Entrant:
        import numpy as np

        at_all = {measure: m.at(np.ones(len(self.groups))) for measure, m in measures.items()}
        values = {measure: value for measure, value in at_all.items() if value is not None}
        draws = {measure: drawn(measures[measure].at, self.groups, draws=self.draws) for measure in values}
        return _Entrant(name, answered, measures, values, draws, costs)

    def _difference(self, name: str, one: _Entrant, other: _Entrant) -> Difference:
        mixed = one.measures[name].paired(other.measures[name])

        def swapped(swaps: NDArray[np.float64]) -> float | None:
            return _minus(mixed(1 - swaps, swaps), mixed(swaps, 1 - swaps))

        at = interval([_minus(a, b) for a, b in zip(one.draws[name], other.draws[name], strict=True)])
        return Difference(
            name=name,
            one=one.name,
            other=other.name,
            difference=one.values[name] - other.values[name],
            low=at.low if at else None,
            high=at.high if at else None,
            p_value=p_value(swapped, self.groups, draws=self.draws) if at else None,
        )


def _by_machine(known: Mapping[str, Candidate], *, is_second_pass: bool) -> dict[str, dict[str, list[Candidate]]]:
    """The candidates of each machine by sample, those of one sample by their ids."""
    found: dict[str, dict[str, list[Candidate]]] = {}
    for _, candidate in sorted((key, c) for key, c in known.items() if (c.kind == KIND) is is_second_pass):
        found.setdefault(candidate.machine, {}).setdefault(candidate.sample_id, []).append(candidate)
    return dict(sorted(found.items()))


def _judgements(candidates: Iterable[Candidate]) -> dict[str, list[list[Judgement]]]:
    """What each second pass said about each candidate's claims, by the candidate's id."""
    found: dict[str, dict[str, list[Judgement]]] = {}
    for candidate in candidates:
        for judgement in candidate.judgements:
            if judgement.name in (RELOCATED, HIDDEN):
                by_pass = found.setdefault(judgement.candidate_id, {})
                by_pass.setdefault(candidate.candidate_id, []).append(judgement)
    return {judged: list(by_pass.values()) for judged, by_pass in found.items()}


def _costs(
    said: Mapping[str, Sequence[Candidate]], known: Mapping[str, Candidate], failed: Sequence[Rejection]
) -> Costs:
    looked_at = {*said, *(rejection.sample_id for rejection in failed)}
    return costs_of([c for own in said.values() for c in own], known, failed, len(looked_at))


def _bencher(entrant: _Entrant) -> Bencher:
    figures = []
    for name, value in entrant.values.items():
        at = interval(entrant.draws[name])
        figures.append(Figure(name=name, value=value, low=at.low if at else None, high=at.high if at else None))
    return Bencher(machine=entrant.name, answered=entrant.answered, figures=tuple(figures), costs=entrant.costs)


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _frontier(machines: Sequence[Bencher], quality: str | None) -> set[str]:
    """Machines that nobody dominates in money and quality; those without a known price are not compared."""
    points = []
    for machine in machines:
        figure = machine.figure(quality) if quality else None
        if figure and machine.costs.usd_per_sample is not None:
            points.append((machine.costs.usd_per_sample, figure.value, machine.machine))
    return {
        name
        for usd, value, name in points
        if not any(u <= usd and v >= value and (u, v) != (usd, value) for u, v, _ in points)
    }
