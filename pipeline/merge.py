"""The published row where people had a word: machines, people, and what people were shown earlier, field by field.

A three-way merge. The common ancestor of a person's decision is the candidate that they were shown, and the
machines may have changed their minds since (another model, another prompt):

======================================  =============  ==============================================
the person, compared with what was shown  field source   published
======================================  =============  ==============================================
changed it                              ``human``      the person's
let it stand, machines still say so     ``confirmed``  the same
let it stand, machines say otherwise    ``earlier``    what the person let stand, with a finding
was not asked about it                  ``machine``    the machines'
======================================  =============  ==============================================

A person's decision is never replaced by a machine's newer word, so a later answer changes only the row it is
about. Pure: no Beam, no files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from schemas.base import Frozen
from schemas.candidate import Answer, Attribute, Candidate, Claim, Region, Verdict
from schemas.record import AnnotationField, AnnotationStatus, FieldOrigin, FieldSource, Record, Storage
from schemas.route import Route
from schemas.sample import Finding, Sample
from schemas.verification import Verification

from .agreement.pairs import review_agreement
from .assembly import assemble
from .gates import Effect, effect_of
from .recipe import Recipe
from .relay import proposed_by
from .review import Decision, decide

__all__ = ["merge_people", "published_record"]


def published_record(
    sample: Sample,
    candidates: Sequence[Candidate],
    verifications: Sequence[Verification],
    routes: Sequence[Route],
    shown: Sequence[Candidate],
    recipe: Recipe,
    *,
    split: str,
) -> tuple[Record, bool]:
    """The record of a sample from all that the run holds of it, and whether people or a gate keep it out.

    ``shown`` are the candidates that people were shown, whether or not the machines still say so.
    """
    record = assemble(
        sample,
        candidates,
        machines=[config.title for config in recipe.machines],
        taxonomy=recipe.taxonomy,
        split=split,
        annotation=recipe.dataset.annotation,
    )
    decision = decide(verifications)
    is_routed = any(route.is_routed for route in routes)
    merged = merge_people(record, (*candidates, *shown), decision, is_routed=is_routed)
    effect = effect_of(sample.source, recipe.dataset.gates)
    is_kept_out = effect == "blocked" or (decision is not None and decision.is_rejected)
    return merged.evolve(storage=_storage(merged, effect, recipe.dataset.max_embedded_video_bytes)), is_kept_out


def merge_people(
    record: Record, candidates: Sequence[Candidate], decision: Decision | None, *, is_routed: bool
) -> Record:
    """The record with what people decided; ``record`` is the one that machines alone would give.

    ``candidates`` are all of the sample, older ones too. Without a decision only ``review`` may change: a sample
    that people are asked about and have not answered is ``pending``.
    """
    if decision is None:
        return record.evolve(review="pending") if is_routed else record
    named = record.evolve(
        review=decision.review,
        verification_ids=tuple(v.verification_id for v in decision.verifications),
        reviewers=tuple(sorted({v.reviewer for v in decision.verifications})),
        agreement=review_agreement(decision.verifications),
    )
    if decision.chosen is None:
        return named
    return _merged(named, candidates, decision.chosen, decision)


def _storage(record: Record, effect: Effect, max_embedded_video_bytes: int) -> Storage:
    if effect == "link_only":
        return "link_only"
    is_large = record.media.kind == "video" and record.byte_size > max_embedded_video_bytes
    return "beside" if is_large else "embedded"


class _Shown(NamedTuple):
    """What the person was shown."""

    verdict: Verdict | None
    explanation: str
    claims: tuple[Claim, ...]
    regions: tuple[Region, ...]
    attributes: tuple[Attribute, ...] = ()
    answers: tuple[Answer, ...] = ()


def _shown(candidates: Sequence[Candidate], person: Verification) -> _Shown:
    """From the candidate; where a newer recipe has replaced it, what the person's own notes say of it."""
    for candidate in candidates:
        if candidate.candidate_id == person.candidate_id:
            said = candidate.verdict, candidate.explanation, candidate.claims, candidate.regions
            return _Shown(*said, candidate.attributes, candidate.answers)
    if person.candidate_id is None:
        return _Shown(None, "", (), ())
    if person.verdict == "accepted":
        said = person.origin_verdict, person.explanation, (), person.regions
        return _Shown(*said, person.attributes, person.answers)
    kept = {change.region_id for change in person.changes if change.change == "kept"}
    return _Shown(None, "", (), tuple(region for region in person.regions if region.region_id in kept))


def _merged(record: Record, candidates: Sequence[Candidate], person: Verification, decision: Decision) -> Record:
    """What a relay's last round decided is compared with what it was shown, and credited against the proposal."""
    shown = _shown(candidates, person)
    proposed = _shown(candidates, person.evolve(candidate_id=proposed_by(candidates, person.candidate_id)))
    regions = tuple(_voted(_regions(shown, person), decision))
    known = {region.region_id for region in regions}
    verdict, sources = _sources(record, proposed, person, regions)
    told = shown if shown.claims else record
    merged = record.evolve(
        verdict=verdict,
        explanation=person.explanation,
        claims=tuple(_claims(told.claims, told.explanation, person.explanation, known)),
        regions=regions,
        attributes=person.attributes or record.attributes,
        answers=tuple(_answer(answer, known) for answer in person.answers or record.answers),
        field_sources=tuple(FieldSource(field=name, source=source) for name, source in sources.items()),
        findings=(*record.findings, *_findings(sources, decision)),
    )
    return merged.evolve(annotation_status=_status(merged))


def _sources(
    record: Record, shown: _Shown, person: Verification, regions: Sequence[Region]
) -> tuple[Verdict | None, dict[AnnotationField, FieldOrigin]]:
    """The published verdict, and whose word each field is; a person who says nothing of the verdict was not asked."""
    places = _places(regions), _places(shown.regions), _places(record.regions)
    sources: dict[AnnotationField, FieldOrigin] = {
        "verdict": "machine",
        "explanation": _source(person.explanation, shown.explanation, record.explanation),
        "regions": _source(*places),
    }
    if person.attributes or record.attributes:
        sources["attributes"] = _asked(person.attributes, shown.attributes, record.attributes)
    if person.answers or record.answers:
        sources["answers"] = _asked(person.answers, shown.answers, record.answers)
    if person.origin_verdict is None:
        return record.verdict, sources
    sources["verdict"] = _source(person.origin_verdict, shown.verdict, record.verdict)
    return person.origin_verdict, sources


def _asked(decided: tuple[Frozen, ...], shown: object, now: object) -> FieldOrigin:
    """As ``_source``; a person who leaves nothing at all was not asked."""
    return _source(decided, shown, now) if decided else "machine"


def _source(decided: object, shown: object, now: object) -> FieldOrigin:
    if decided != shown:
        return "human"
    return "confirmed" if decided == now else "earlier"


def _regions(shown: _Shown, person: Verification) -> Iterator[Region]:
    """The person's regions; one that was left as it was is the machine's own, to the last digit."""
    before = {region.region_id: region for region in shown.regions}
    change = {change.region_id: change.change for change in person.changes}
    for region in person.regions:
        old = before.get(region.region_id)
        if old is not None and (change.get(region.region_id) == "kept" or _same(old, region)):
            yield old
        else:
            yield region.evolve(source="human")


def _voted(regions: Iterable[Region], decision: Decision) -> Iterator[Region]:
    """The regions with the mean of people's votes as score, where there are votes."""
    given = defaultdict[str, list[float]](list)
    for vote in (vote for verification in decision.verifications for vote in verification.votes):
        given[vote.region_id].append(vote.confidence)
    for region in regions:
        votes = given[region.region_id]
        yield region.evolve(score=fmean(votes)) if votes else region


def _same(one: Region, other: Region) -> bool:
    return one.model_dump(exclude={"source", "score"}) == other.model_dump(exclude={"source", "score"})


def _places(regions: Sequence[Region]) -> Mapping[str, dict[str, Any]]:
    """What the regions say, whoever drew them and in whatever order."""
    return {region.region_id: region.model_dump(exclude={"source", "score"}) for region in regions}


def _claims(claims: Sequence[Claim], before: str, after: str, known: set[str]) -> Iterator[Claim]:
    """Claims whose words still stand, where they stand now, on what is left of their evidence."""
    for claim in claims:
        words = before[claim.start : claim.end]
        start = claim.start if after[claim.start : claim.end] == words else _only_place(words, after)
        region_ids = tuple(i for i in claim.region_ids if i in known)
        if start is not None and (region_ids or claim.stands_alone or not claim.region_ids):
            yield claim.evolve(start=start, end=start + len(words), region_ids=region_ids)


def _only_place(words: str, text: str) -> int | None:
    return text.index(words) if text.count(words) == 1 else None


def _answer(answer: Answer, known: set[str]) -> Answer:
    """The answer without evidence that people took away."""
    return answer.evolve(region_ids=tuple(i for i in answer.region_ids if i in known))


def _findings(sources: Mapping[AnnotationField, FieldOrigin], decision: Decision) -> Iterator[Finding]:
    stale = sorted(name for name, source in sources.items() if source == "earlier")
    if stale:
        words = f"the machines now say otherwise about what a person let stand: {', '.join(stale)}"
        yield Finding(code="machine_changed_after_review", message=words)
    if decision.is_disputed:
        yield Finding(code="reviewers_disagree", message="reviewers disagree, and nobody has adjudicated")


def _status(record: Record) -> AnnotationStatus:
    """A person who leaves no region, answer or attribute, and calls the medium nothing but real, says it is clean."""
    said = record.regions or record.answers or record.attributes or record.ground_truth
    return "annotated" if said or record.verdict not in (None, "real") else "annotated_clean"
