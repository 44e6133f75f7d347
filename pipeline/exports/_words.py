"""What a record says over all, for formats that say beside it what each region shows."""

from __future__ import annotations

from schemas.record import Record

__all__ = ["over_all"]


def over_all(record: Record) -> str:
    """The explanation without the regions' own words, which stand in it as claims on them, in one line.

    Words that also belong to a claim about the whole stay.
    """
    whole = {n for claim in record.claims if claim.is_global for n in range(claim.start, claim.end)}
    words = {region.region_id: region.explanation for region in record.regions if region.explanation}
    said = set[int]()
    for claim in record.claims:
        stretch = record.explanation[claim.start : claim.end]
        if any(stretch.endswith(words[name]) for name in claim.region_ids if name in words):
            said.update(range(claim.start, claim.end))
    return " ".join("".join(c for n, c in enumerate(record.explanation) if n in whole or n not in said).split())
