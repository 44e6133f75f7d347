"""Sample, candidates and verifications become the published row: pure, no Beam, no files."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.candidate import Candidate
from schemas.media.types import Image
from schemas.record import AnnotationStatus, Lineage, Record, Reference
from schemas.sample import Finding, Sample
from schemas.taxonomy import Taxonomy

__all__ = ["assemble", "join_duplicates", "preferred"]


def assemble(
    sample: Sample,
    candidates: Sequence[Candidate],
    *,
    machines: Sequence[str],
    taxonomy: Taxonomy,
    split: str,
    annotation: str = "first",
) -> Record:
    """The record of a sample nobody reviewed: the annotation is that of the preferred candidate.

    ``machines`` are the recipe's machine names in order; every candidate stays in the lineage. ``annotation``
    says whose is preferred. The sample's ``group_id`` is the one that the plan gave it.
    """
    asset, chosen = sample.primary, preferred(candidates, machines, annotation)
    return Record(
        sample_id=sample.sample_id,
        asset_id=asset.asset_id,
        file_name=asset.file_name,
        byte_size=asset.byte_size,
        media=asset.media,
        role=asset.role,
        perceptual_hashes=asset.perceptual_hashes,
        reference=_reference(sample),
        origin=sample.origin,
        origin_statements=sample.origin_statements,
        generator=sample.generator,
        source=sample.source,
        findings=sample.findings,
        task_input=sample.task_input,
        group_id=sample.group_id or sample.sample_id,
        pair_id=sample.pair_id,
        split=split,
        taxonomy=taxonomy.id,
        annotation_status=_status(sample, chosen),
        verdict=chosen.verdict if chosen else None,
        explanation=chosen.explanation if chosen else "",
        claims=chosen.claims if chosen else (),
        regions=chosen.regions if chosen else (),
        attributes=chosen.attributes if chosen else (),
        answers=chosen.answers if chosen else (),
        ground_truth=sample.ground_truth,
        has_ground_truth=sample.has_ground_truth,
        lineage=tuple(_lineage(c, chosen) for c in _in_order(candidates, machines)),
        machine_agreement=chosen.agreement if chosen else None,
    )


def preferred(candidates: Sequence[Candidate], machines: Sequence[str], annotation: str = "first") -> Candidate | None:
    """The candidate whose annotation is published.

    With ``first``, by the recipe's order of machines, the first that says something: a verdict, region, attribute or
    answer; where none does, the first at all. ``last`` is the same from the end.
    With a machine's name, the same among that machine's candidates alone:
    where it failed on a sample nothing is published in its place, since nobody asked for another's word.
    """
    ordered = [c for c in _in_order(candidates, machines) if annotation in ("first", "last", c.machine)]
    if annotation == "last":
        ordered.sort(key=lambda c: -machines.index(c.machine))
    return next((c for c in ordered if _says_something(c)), ordered[0] if ordered else None)


def join_duplicates(samples: Sequence[Sample]) -> Sample:
    """One sample for all items that hold the same media and task: that of the first item by name.

    What the others say differently is a finding, never lost: origin, generator, source, pair, truth.
    """
    first, *others = sorted(samples, key=lambda s: s.item_id)
    said = ("origin", "generator", "source", "pair_id", "ground_truth")
    findings = list(first.findings)
    for other in others:
        differing = [name for name in said if getattr(other, name) != getattr(first, name)]
        if differing:
            message = f"the same content as {other.item_id!r} says otherwise about: {', '.join(differing)}"
            findings.append(Finding(code="duplicate_disagrees", message=message))
    return first.evolve(findings=tuple(findings))


def _reference(sample: Sample) -> Reference | None:
    asset = sample.compared_with
    if asset is None or not isinstance(asset.media, Image):
        return None
    return Reference(
        asset_id=asset.asset_id,
        role=asset.role,
        file_name=asset.file_name,
        byte_size=asset.byte_size,
        media=asset.media,
        perceptual_hashes=asset.perceptual_hashes,
    )


def _in_order(candidates: Sequence[Candidate], machines: Sequence[str]) -> list[Candidate]:
    rank = {name: i for i, name in enumerate(machines)}
    unique = {c.candidate_id: c for c in candidates if c.machine in rank}
    return sorted(unique.values(), key=lambda c: (rank[c.machine], c.candidate_id))


def _status(sample: Sample, chosen: Candidate | None) -> AnnotationStatus:
    if chosen and _says_something(chosen):
        return "annotated"
    if not sample.has_ground_truth:
        return "not_annotated"
    return "annotated" if sample.ground_truth else "annotated_clean"


def _says_something(candidate: Candidate) -> bool:
    return bool(candidate.regions or candidate.verdict or candidate.attributes or candidate.answers)


def _lineage(candidate: Candidate, chosen: Candidate | None) -> Lineage:
    return Lineage(
        candidate_id=candidate.candidate_id,
        machine=candidate.machine,
        kind=candidate.kind,
        model=candidate.model,
        prompt_sha256=candidate.prompt_sha256,
        conditioning=candidate.conditioning,
        parse_status=candidate.parse_status,
        verdict=candidate.verdict,
        parent_ids=candidate.parent_ids,
        is_published=candidate is chosen,
    )
