"""How well machines find what is known to be there: recall, precision, pixel and time IoU.

Only samples whose truth is complete are looked at (``Sample.has_ground_truth``). A region counts as
found when a proposal of the same category overlaps it by an IoU of at least the threshold, one
proposal for one region. COCO asks for 0.5; the default here is 0.25, because what is planted has
an exact outline and what people and models point at is a box.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, NonNegativeInt

from annotators.models.relocating import KIND
from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.media.types import Modality
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

from ..overlaps import Place, ious, matched_rows, place_of, shared_extents

__all__ = ["Evaluation", "MachineScores", "Pair", "Score", "evaluate", "evaluate_run", "lines"]

Pair = tuple[Sample, tuple[Candidate, ...]]
"""A sample, and all candidates that any machine made for it."""

IOU_THRESHOLD = 0.25

Scope = Literal["category", "level", "overall"]


class Score(Frozen):
    """What one machine did about one category, one level of the taxonomy, or everything."""

    scope: Scope
    """What the row sums over; in a level and overall, found still asks for the right category."""
    name: str
    """Category or level; ``overall``."""
    planted: NonNegativeInt
    """Regions that are known to be there, those of unanswered samples included."""
    found: NonNegativeInt
    """Of these, matched one to one by a proposal of the same category."""
    located: NonNegativeInt
    """Of these, matched one to one by a proposal of any category."""
    proposed: NonNegativeInt
    """Regions that the machine proposed."""
    recall: float | None
    """found / planted; None where nothing was planted."""
    precision: float | None
    """found / proposed; None where nothing was proposed."""
    pixel_iou: float | None
    """Pixels in both truth and proposals over pixels in either, summed over all samples, clean ones too.
    In a level and overall, pixels of different categories count alike. None without pixels."""
    time_iou: float | None
    """The same for seconds of clips."""
    clean_samples: NonNegativeInt
    """Answered samples, of a modality in which this can occur, that hold none of it."""
    alarmed_samples: NonNegativeInt
    """Of these, the ones for which the machine proposed some of it."""


class MachineScores(Frozen):
    """One machine's scores."""

    machine: str
    """Its name in the recipe."""
    answered: NonNegativeInt
    """Samples with known truth for which it made a candidate."""
    categories: tuple[Score, ...]
    """Categories that were planted or proposed, in the taxonomy's order."""
    levels: tuple[Score, ...]
    """Levels that hold such a category, in the taxonomy's order."""
    overall: Score
    """Everything."""


class Evaluation(Frozen):
    """Proposals held against the truth."""

    samples: NonNegativeInt
    """Samples with known, complete truth."""
    unknown_samples: NonNegativeInt
    """Samples without; nothing is said about them."""
    iou_threshold: float = Field(ge=0, le=1)
    """IoU from which a region counts as matched."""
    machines: tuple[MachineScores, ...]
    """By name."""

    @property
    def criterion(self) -> str:
        """When a region counts as found, in words."""
        return f"found: same category and IoU of at least {self.iou_threshold:g}, one proposal for one region"


def evaluate(pairs: Iterable[Pair], taxonomy: Taxonomy, iou_threshold: float = IOU_THRESHOLD) -> Evaluation:
    """Score every machine that says something of its own, which a second pass does not.

    Raises RunError for a region that does not fit its medium.
    """
    pairs = list(pairs)
    known = [(sample, candidates) for sample, candidates in pairs if sample.has_ground_truth]
    machines = sorted({c.machine for _, candidates in known for c in candidates if c.kind != KIND})
    return Evaluation(
        samples=len(known),
        unknown_samples=len(pairs) - len(known),
        iou_threshold=iou_threshold,
        machines=tuple(_scores(machine, known, taxonomy, iou_threshold) for machine in machines),
    )


def evaluate_run(
    samples: Iterable[Sample], candidates: Iterable[Candidate], taxonomy: Taxonomy, iou_threshold: float = IOU_THRESHOLD
) -> Evaluation:
    """The same from the two tables of a run, in any order; a candidate of an unknown sample is left out."""
    by_sample: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_sample[candidate.sample_id].append(candidate)
    return evaluate(((s, tuple(by_sample.get(s.sample_id, ()))) for s in samples), taxonomy, iou_threshold)


def lines(evaluation: Evaluation) -> list[str]:
    """The evaluation as a plain table, 96 characters wide where no name is longer than 16."""
    text = [f"{evaluation.samples} samples with known truth; {evaluation.criterion}", *_LEGEND]
    for scores in evaluation.machines:
        text += ["", f"{scores.machine}: {scores.answered} of {evaluation.samples} samples answered", _line(_HEADS)]
        text += [_line(_cells(score)) for score in (*scores.categories, *scores.levels, scores.overall)]
    return text


_LEGEND = (
    "located: found, or matched under another category; [level]: its categories together",
    "alarms: of the answered samples that could hold it and do not, those for which some was proposed",
)
_HEADS = ("", "planted", "found", "recall", "located", "proposed", "precision", "pixel IoU", "time IoU", "alarms")
_WIDTHS = (16, 8, 6, 7, 8, 9, 10, 10, 9, 11)


def _line(cells: Sequence[str]) -> str:
    first, *others = (f"{cell:{'<' if i == 0 else '>'}{_WIDTHS[i]}}" for i, cell in enumerate(cells))
    return (first + "".join(others)).rstrip()


def _cells(score: Score) -> tuple[str, ...]:
    counts = (score.planted, score.found), (score.located, score.proposed)
    return (
        f"[{score.name}]" if score.scope == "level" else score.name,
        *map(str, counts[0]),
        _share(score.recall),
        *map(str, counts[1]),
        _share(score.precision),
        _share(score.pixel_iou),
        _share(score.time_iou),
        f"{score.alarmed_samples} of {score.clean_samples}",
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


@dataclass(frozen=True)
class _Outcome:
    """One sample: its truth, what was proposed, and which truths were matched (by index)."""

    modality: Modality
    is_answered: bool
    truths: tuple[Place, ...]
    proposals: tuple[Place, ...]
    found: frozenset[int]
    located: frozenset[int]


@dataclass
class _Tally:
    """Sums over the samples, for one row of the table."""

    scope: Scope
    name: str
    categories: frozenset[str]
    modalities: frozenset[Modality]
    counts: Counter[str] = field(default_factory=Counter)
    extents: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, outcome: _Outcome) -> None:
        """Count one sample."""
        truths = [i for i, place in enumerate(outcome.truths) if place.category in self.categories]
        proposals = [place for place in outcome.proposals if place.category in self.categories]
        is_clean = outcome.is_answered and not truths and outcome.modality in self.modalities
        self.counts.update(
            planted=len(truths),
            found=len(outcome.found.intersection(truths)),
            located=len(outcome.located.intersection(truths)),
            proposed=len(proposals),
            clean_samples=int(is_clean),
            alarmed_samples=int(is_clean and bool(proposals)),
        )
        for shared in shared_extents([outcome.truths[i] for i in truths], proposals):
            self.extents[f"{shared.unit} both"] += shared.both
            self.extents[f"{shared.unit} either"] += shared.either

    def score(self) -> Score:
        """The finished row."""
        counts, extents = self.counts, self.extents
        return Score(
            scope=self.scope,
            name=self.name,
            **counts,
            recall=_ratio(counts["found"], counts["planted"]),
            precision=_ratio(counts["found"], counts["proposed"]),
            pixel_iou=_ratio(extents["pixels both"], extents["pixels either"]),
            time_iou=_ratio(extents["seconds both"], extents["seconds either"]),
        )


def _scores(machine: str, pairs: Sequence[Pair], taxonomy: Taxonomy, threshold: float) -> MachineScores:
    outcomes = [_outcome(sample, [c for c in given if c.machine == machine], threshold) for sample, given in pairs]
    scores = [_score(tally, outcomes) for tally in _tallies(taxonomy, outcomes)]
    return MachineScores(
        machine=machine,
        answered=sum(outcome.is_answered for outcome in outcomes),
        categories=tuple(score for score in scores if score.scope == "category"),
        levels=tuple(score for score in scores if score.scope == "level"),
        overall=scores[-1],
    )


def _outcome(sample: Sample, candidates: Sequence[Candidate], threshold: float) -> _Outcome:
    import numpy as np

    truths = tuple(place_of(region, sample) for region in sample.ground_truth)
    proposals = tuple(place_of(region, sample) for candidate in candidates for region in candidate.regions)
    overlap = ious(truths, proposals)
    is_same = np.array([[t.category == p.category for p in proposals] for t in truths], bool).reshape(overlap.shape)
    found, located = matched_rows(np.where(is_same, overlap, 0), threshold), matched_rows(overlap, threshold)
    return _Outcome(sample.modality, bool(candidates), truths, proposals, found, located)


def _tallies(taxonomy: Taxonomy, outcomes: Sequence[_Outcome]) -> Iterator[_Tally]:
    """One per category that occurs (strangers to the taxonomy last), one per level that holds one, one for all."""
    seen = {place.category for outcome in outcomes for place in (*outcome.truths, *outcome.proposals)}
    known = [category for category in taxonomy.categories if category.name in seen]
    everywhere: frozenset[Modality] = frozenset(("image", "video", "document"))
    for category in known:
        yield _Tally("category", category.name, frozenset([category.name]), frozenset(category.modalities))
    for name in sorted(seen.difference(category.name for category in known)):
        yield _Tally("category", name, frozenset([name]), everywhere)
    for level in taxonomy.levels:
        if members := [category for category in known if category.level == level.name]:
            modalities = frozenset(modality for category in members for modality in category.modalities)
            yield _Tally("level", level.name, frozenset(category.name for category in members), modalities)
    yield _Tally("overall", "overall", frozenset(seen), everywhere)


def _score(tally: _Tally, outcomes: Sequence[_Outcome]) -> Score:
    for outcome in outcomes:
        tally.add(outcome)
    return tally.score()


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
