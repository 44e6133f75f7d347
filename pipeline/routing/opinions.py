"""What each machine thinks of a sample, as far as routing needs it: small, and read in one pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from schemas.arrow import from_arrow
from schemas.candidate import Candidate, ParseStatus, Region, Verdict
from schemas.geometry import Keyframe, box_from_polygons

from ..storage import RunFolder
from ..tables import read_batches

__all__ = ["Opinion", "opinion_of", "opinions_by_sample", "published_opinion"]

COLUMNS = (
    "candidate_id", "sample_id", "machine", "model", "conditioning", "verdict", "verdict_score", "regions",
    "attributes", "answers", "parse_status", "attempts", "parent_ids",
)  # fmt: skip
FAULTY = frozenset(get_args(ParseStatus)) - {"ok"}
"""Statuses of answers that were mended, or asked for again."""


class Opinion(NamedTuple):
    """One candidate without its words and outlines."""

    candidate_id: str
    machine: str
    model: str
    conditioning: Literal["blind", "label_given"]
    verdict: Verdict | None
    verdict_score: float | None
    regions: tuple[Region, ...]
    """Each by its box where it has one: outlines would cost a kilobyte each."""
    says_something: bool
    """Whether it has a verdict, regions, attributes or answers."""
    is_flagged: bool
    """Whether its answer was repaired, cut off, or asked for again."""
    is_derived: bool
    """Whether it was made from other candidates: no voice of its own."""


def opinions_by_sample(run: RunFolder, machines: Sequence[str]) -> dict[str, tuple[Opinion, ...]]:
    """All opinions of the recipe's machines by sample, in the recipe's order of machines."""
    rank = {name: i for i, name in enumerate(machines)}
    found: defaultdict[str, dict[str, Opinion]] = defaultdict(dict)
    for batch in read_batches(run, "candidates", COLUMNS):
        for row in batch.to_pylist():
            if row["machine"] in rank:
                found[row["sample_id"]][row["candidate_id"]] = _from_row(row)
    return {
        sample_id: tuple(sorted(opinions.values(), key=lambda o: (rank[o.machine], o.candidate_id)))
        for sample_id, opinions in found.items()
    }


def published_opinion(opinions: Sequence[Opinion], annotation: str = "first") -> Opinion | None:
    """The one whose annotation is published where nobody looks: the rule of ``assembly.preferred``."""
    voices = [opinion for opinion in opinions if annotation in ("first", "last", opinion.machine)]
    if annotation == "last":
        ranks = {name: rank for rank, name in enumerate(dict.fromkeys(opinion.machine for opinion in voices))}
        voices.sort(key=lambda opinion: -ranks[opinion.machine])
    return next((o for o in voices if o.says_something), voices[0] if voices else None)


def opinion_of(candidate: Candidate) -> Opinion:
    """A candidate as an opinion."""
    said = candidate.regions or candidate.verdict or candidate.attributes or candidate.answers
    return Opinion(
        candidate_id=candidate.candidate_id,
        machine=candidate.machine,
        model=candidate.model,
        conditioning=candidate.conditioning,
        verdict=candidate.verdict,
        verdict_score=candidate.verdict_score,
        regions=tuple(map(_spot, candidate.regions)),
        says_something=bool(said),
        is_flagged=_is_flagged(candidate.parse_status, [attempt.status for attempt in candidate.attempts]),
        is_derived=bool(candidate.parent_ids),
    )


def _from_row(row: Mapping[str, Any]) -> Opinion:
    said = row["regions"] or row["verdict"] or row["attributes"] or row["answers"]
    return Opinion(
        candidate_id=row["candidate_id"],
        machine=row["machine"],
        model=row["model"],
        conditioning=row["conditioning"],
        verdict=row["verdict"],
        verdict_score=row["verdict_score"],
        regions=tuple(_spot(from_arrow(region, Region)) for region in row["regions"]),
        says_something=bool(said),
        is_flagged=_is_flagged(row["parse_status"], [attempt["status"] for attempt in row["attempts"]]),
        is_derived=bool(row["parent_ids"]),
    )


def _is_flagged(parse_status: str, tried: Iterable[str]) -> bool:
    """By the answers alone: a judge asks twice, and what the service did tells nothing about them."""
    return any(status in FAULTY for status in (parse_status, *tried))


def _spot(region: Region) -> Region:
    """The region by its box alone where it has one, without words."""
    box = region.box or (box_from_polygons(region.polygons) if region.polygons else None)
    if box is None:
        return region.evolve(explanation="")
    return region.evolve(box=box, polygons=(), mask=None, explanation="", track=_ends(region.track))


def _ends(track: tuple[Keyframe, ...]) -> tuple[Keyframe, ...]:
    return (track[0], track[-1]) if len(track) > 2 else track
