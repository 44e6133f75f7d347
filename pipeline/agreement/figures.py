"""How far the people of a run agree: by measure, category, pair and person, and whether that changes over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean, median

from pydantic import NonNegativeFloat, NonNegativeInt

from schemas.base import Frozen
from schemas.verification import Verification

from ..review import by_sample
from .alpha import Alpha, Level, alpha_of_distances, alpha_of_values
from .dawid_skene import Label, dawid_skene
from .kappa import cohen_kappa
from .likeness import region_likeness
from .pairs import MEASURES, Measure, independent

__all__ = ["AgreementFigures", "CategoryAgreement", "PairKappa", "Reliability", "ReviewerFigures", "agreement_figures"]

Answers = tuple[Verification, ...]
"""What people said independently about one sample."""

ENOUGH_FOR_DRIFT = 20
"""Compared answers of a person from which their first and last half are told apart."""


class Reliability(Frozen):
    """Krippendorff's alpha of one measure over all samples that two people or more looked at independently."""

    measure: str
    """The measure: those of a Record's ``agreement``, and ``votes`` (confidence votes on regions)."""
    alpha: float
    """1: full agreement; 0: what chance gives; below: people contradict each other."""
    low: float
    """Lower limit (bootstrap over samples)."""
    high: float
    """Upper limit."""
    samples: NonNegativeInt
    """Samples (for votes: regions) with two answers or more."""
    mean: float | None = None
    """Mean raw agreement of pairs, 0 to 1, without the correction for chance."""


class CategoryAgreement(Frozen):
    """Agreement on one category."""

    category: str
    """The category."""
    samples: NonNegativeInt
    """Samples in which somebody marked it, of those that two people or more looked at."""
    alpha: float | None = None
    """Nominal alpha of whether a sample holds it; None where all say the same everywhere."""
    low: float | None = None
    """Lower limit."""
    high: float | None = None
    """Upper limit."""
    regions: float
    """Mean soft F1 of its regions, over pairs of people of whom one marked it."""


class PairKappa(Frozen):
    """Two people who looked at the same samples."""

    one: str
    """Pseudonym."""
    other: str
    """Pseudonym."""
    samples: NonNegativeInt
    """Samples that both decided on."""
    kappa: float | None
    """Cohen's kappa of their decisions; None where both always decide the same thing."""


class ReviewerFigures(Frozen):
    """One person."""

    reviewer: str
    """Pseudonym."""
    answers: NonNegativeInt
    """Tasks answered, skips among them."""
    skipped: NonNegativeInt = 0
    """Of these, skipped."""
    median_lead_time_s: NonNegativeFloat | None = None
    """Median seconds for a task."""
    regions: float | None = None
    """Mean soft F1 with the others; None where nobody else looked at the same samples."""
    accuracy: float | None = None
    """How often the person's decision is the true one, as Dawid and Skene estimate it from all decisions."""
    first_half: float | None = None
    """Mean soft F1 with the others in the first half of the person's compared answers, by time."""
    last_half: float | None = None
    """The same in the last half: drift where it differs."""


class AgreementFigures(Frozen):
    """Everything about agreement; empty where nobody's work was looked at twice."""

    measures: tuple[Reliability, ...] = ()
    """By measure."""
    categories: tuple[CategoryAgreement, ...] = ()
    """By category, by name."""
    pairs: tuple[PairKappa, ...] = ()
    """By pair of people."""
    reviewers: tuple[ReviewerFigures, ...] = ()
    """By person."""


def agreement_figures(verifications: Iterable[Verification], *, confidence: float = 0.95) -> AgreementFigures:
    """All figures; the same answers in any order give the same."""
    ordered = sorted(verifications, key=lambda v: (v.sample_id, v.verification_id))
    units = [independent(group) for group in by_sample(ordered).values()]
    shared = [unit for unit in units if len(unit) > 1]
    return AgreementFigures(
        measures=tuple(_measures(shared, confidence)),
        categories=tuple(_categories(shared, confidence)),
        pairs=tuple(_pairs(shared)),
        reviewers=tuple(_reviewers(ordered, units)),
    )


def _measures(units: Sequence[Answers], confidence: float) -> Iterable[Reliability]:
    yield from _of_values("decision", [[v.verdict for v in unit] for unit in units], "nominal", units, confidence)
    words = [[v.origin_verdict for v in unit if v.origin_verdict] for unit in units]
    yield from _of_values("verdict", words, "nominal", units, confidence)
    kept = [tuple(v for v in unit if v.verdict != "rejected") for unit in units]
    for measure in _KEYS:
        likeness = MEASURES[measure]
        comparable = [tuple(v for v in unit if likeness(v, v) is not None) for unit in kept]
        found = alpha_of_distances(comparable, _distance(likeness), key=_KEYS[measure], confidence=confidence)
        if found:
            yield _reliability(measure, found, _mean(comparable, likeness))
    yield from _of_values("votes", _votes(units), "interval", (), confidence)


_KEYS: dict[Measure, Callable[[Verification], Hashable]] = {
    "categories": lambda v: frozenset(region.category for region in v.regions),
    "regions": lambda v: v.verification_id,
    "boundaries": lambda v: v.verification_id,
    "explanation": lambda v: v.explanation,
}
"""What each measure looks at: who gave the same is counted, and not compared by chance."""


def _distance(
    likeness: Callable[[Verification, Verification], float | None],
) -> Callable[[Verification, Verification], float]:
    def distance(one: Verification, other: Verification) -> float:
        alike = likeness(one, other)
        return 1.0 if alike is None else 1 - alike

    return distance


def _of_values(
    measure: str, values: Sequence[Sequence[object]], level: Level, units: Sequence[Answers], confidence: float
) -> Iterable[Reliability]:
    found = alpha_of_values(values, level, confidence=confidence)
    if found:
        likeness = next((like for name, like in MEASURES.items() if name == measure), None)
        yield _reliability(measure, found, _mean(units, likeness) if likeness else None)


def _reliability(measure: str, found: Alpha, mean: float | None) -> Reliability:
    return Reliability(
        measure=measure, alpha=found.alpha, low=found.low, high=found.high, samples=found.units, mean=mean
    )


def _mean(units: Sequence[Answers], likeness: Callable[[Verification, Verification], float | None]) -> float | None:
    found = [likeness(one, other) for unit in units for one, other in combinations(unit, 2)]
    values = [value for value in found if value is not None]
    return fmean(values) if values else None


def _votes(units: Sequence[Answers]) -> list[list[float]]:
    """The votes on each region, by people who looked independently."""
    votes: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for unit in units:
        for verification in unit:
            for vote in verification.votes:
                votes[verification.sample_id, vote.region_id].append(vote.confidence)
    return [votes[key] for key in sorted(votes)]


def _categories(units: Sequence[Answers], confidence: float) -> Iterable[CategoryAgreement]:
    kept = [unit for unit in units if all(v.verdict != "rejected" for v in unit)]
    for category in sorted({region.category for unit in kept for v in unit for region in v.regions}):
        holds = [[any(r.category == category for r in v.regions) for v in unit] for unit in kept]
        found = alpha_of_values(holds, "nominal", confidence=confidence)
        yield CategoryAgreement(
            category=category,
            samples=sum(any(unit) for unit in holds),
            alpha=found.alpha if found else None,
            low=found.low if found else None,
            high=found.high if found else None,
            regions=fmean(_likenesses(kept, category)),
        )


def _likenesses(units: Sequence[Answers], category: str) -> list[float]:
    found = []
    for unit in units:
        of_category = [tuple(r for r in v.regions if r.category == category) for v in unit]
        found += [region_likeness(one, other) for one, other in combinations(of_category, 2) if one or other]
    return found


def _pairs(units: Sequence[Answers]) -> Iterable[PairKappa]:
    decisions: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for unit in units:
        for one, other in combinations(sorted(unit, key=lambda v: v.reviewer), 2):
            decisions[one.reviewer, other.reviewer].append((one.verdict, other.verdict))
    for (one_name, other_name), found in sorted(decisions.items()):
        kappa = cohen_kappa([ours for ours, _ in found], [theirs for _, theirs in found])
        yield PairKappa(one=one_name, other=other_name, samples=len(found), kappa=kappa)


def _reviewers(verifications: Sequence[Verification], units: Sequence[Answers]) -> Iterable[ReviewerFigures]:
    answers, skips = Counter(v.reviewer for v in verifications), Counter[str]()
    times: defaultdict[str, list[float]] = defaultdict(list)
    for verification in verifications:
        skips[verification.reviewer] += verification.verdict == "skipped"
        if verification.lead_time_s:
            times[verification.reviewer].append(verification.lead_time_s)
    compared, accuracy = _compared(units), _accuracy(units)
    for reviewer in sorted(answers):
        alike = [value for _, value in sorted(compared.get(reviewer, []))]
        half = len(alike) // 2
        shows_drift = len(alike) >= ENOUGH_FOR_DRIFT
        yield ReviewerFigures(
            reviewer=reviewer,
            answers=answers[reviewer],
            skipped=skips[reviewer],
            median_lead_time_s=median(times[reviewer]) if times[reviewer] else None,
            regions=fmean(alike) if alike else None,
            accuracy=accuracy.get(reviewer),
            first_half=fmean(alike[:half]) if shows_drift else None,
            last_half=fmean(alike[-half:]) if shows_drift else None,
        )


def _compared(units: Sequence[Answers]) -> Mapping[str, list[tuple[tuple[str, str], float]]]:
    """For each person, when they answered and how alike their regions are to the others', sample by sample."""
    found: defaultdict[str, list[tuple[tuple[str, str], float]]] = defaultdict(list)
    for unit in units:
        for one in unit:
            others = [region_likeness(one.regions, other.regions) for other in unit if other is not one]
            if others:
                found[one.reviewer].append(((one.updated_at, one.verification_id), fmean(others)))
    return found


def _accuracy(units: Sequence[Answers]) -> Mapping[str, float]:
    labels = [Label(v.sample_id, v.reviewer, v.verdict) for unit in units if len(unit) > 1 for v in unit]
    if not labels:
        return {}
    estimate = dawid_skene(labels)
    return {person: min(1.0, estimate.accuracy(person)) for person in estimate.people}
