"""The consensus of several candidates for one sample: what they say together, and how far they agree.

Every machine has one vote; where it answered several times, its candidates share it. The order in which
candidates come does not matter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from schemas.candidate import Answer, Attribute, Candidate, Claim, Region, Verdict
from schemas.judgement import Agreement, RegionAgreement
from schemas.media.types import Document
from schemas.sample import Asset, Sample

from .cartography import Cartography, cartography, probability_of, region_f1
from .clusters import clustered
from .fusing import Size, entropy, fused_region, spread
from .keeping import recited_claims
from .matching import MIN_IOU, content_of
from .overlap import region_ious
from .voting import agreed_answers, agreed_attributes, winner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Consensus", "consensus"]


class Consensus(NamedTuple):
    """What several candidates say together; the fields of a Candidate."""

    verdict: Verdict | None
    verdict_score: float | None
    explanation: str
    claims: tuple[Claim, ...]
    regions: tuple[Region, ...]
    attributes: tuple[Attribute, ...]
    answers: tuple[Answer, ...]
    agreement: Agreement


def consensus(
    sample: Sample,
    candidates: Sequence[Candidate],
    *,
    min_iou: float = MIN_IOU,
    min_share: float = 0.0,
    min_region_share: float | None = None,
    prefix: str = "consensus",
) -> Consensus:
    """What the candidates, of any number of machines, say together about the sample.

    Regions that reach an IoU of ``min_iou`` are the same place. Regions, attribute values and answers that less than
    ``min_share`` of the machines give are left out: 0 keeps all, 1 asks for unanimity; ``min_region_share`` is
    another bar for regions. The explanation is that of the candidate closest to the consensus. Region ids start with
    ``prefix``. Raises ValueError without candidates, and for masks that do not fit their picture.
    """
    voices = _Voices(sample, candidates)
    found = _fused(voices, min_iou, min_share if min_region_share is None else min_region_share, prefix)
    verdict, share = _verdict(voices)
    agreement, probabilities = _agreement(voices, found, verdict, share, min_iou)
    speaker = _speaker(voices, verdict, probabilities)
    new_ids = _new_ids(found, speaker)
    explanation, claims = _words(voices.candidates[speaker], new_ids)
    ids = {voices.candidates[v].candidate_id: _new_ids(found, v) for v in range(len(voices.candidates))}
    return Consensus(
        verdict=verdict,
        verdict_score=_verdict_score(voices, verdict),
        explanation=explanation,
        claims=claims,
        regions=tuple(place.region for place in found),
        attributes=agreed_attributes(voices.candidates, voices.weights, min_share),
        answers=agreed_answers(voices.candidates, voices.weights, min_share, ids),
        agreement=agreement,
    )


def _verdict(voices: _Voices) -> tuple[Verdict | None, float | None]:
    """The verdict that most machines give, and the share of those with a verdict that do."""
    chosen, share = winner([candidate.verdict for candidate in voices.candidates], voices.weights)
    return next((c.verdict for c in voices.candidates if c.verdict == chosen), None), share


class _Voices:
    """The candidates in an order that depends on them alone, and the weight of each."""

    def __init__(self, sample: Sample, candidates: Sequence[Candidate]) -> None:
        unique = {candidate.candidate_id: candidate for candidate in candidates}
        self.candidates = sorted(unique.values(), key=lambda c: (c.machine, c.candidate_id))
        if not self.candidates:
            raise ValueError("a consensus of no candidates")
        self.sample = sample
        self.primary = sample.primary.asset_id
        answered = Counter(candidate.machine for candidate in self.candidates)
        self.machines = tuple(sorted(answered))
        self.weights = [1 / answered[candidate.machine] for candidate in self.candidates]

    def share(self, voices: Sequence[int]) -> float:
        """Share of the machines that these voices are."""
        return min(1.0, math.fsum(self.weights[voice] for voice in voices) / len(self.machines))


@dataclass(frozen=True)
class _Place:
    """A fused region, how far it is agreed on, and the id that each voice gave it."""

    region: Region
    agreement: RegionAgreement
    own_ids: Mapping[int, str]


def _fused(voices: _Voices, min_iou: float, min_share: float, prefix: str) -> tuple[_Place, ...]:
    owned = [
        (voice, region)
        for voice, candidate in enumerate(voices.candidates)
        for region in sorted(candidate.regions, key=content_of)
    ]
    regions, owners = [region for _, region in owned], [voice for voice, _ in owned]
    ious = region_ious(regions, regions, primary=voices.primary)
    clusters = clustered(ious, owners, [region.category for region in regions], min_iou)
    shares = {cluster: voices.share([owners[i] for i in cluster]) for cluster in clusters}
    kept = [cluster for cluster in clusters if shares[cluster] >= min_share - 1e-9]
    kept.sort(key=lambda cluster: (-shares[cluster], cluster))
    return tuple(
        _place(voices, regions, owners, cluster, ious, f"{prefix}-{number}", shares[cluster])
        for number, cluster in enumerate(kept, 1)
    )


def _place(
    voices: _Voices,
    regions: Sequence[Region],
    owners: Sequence[int],
    cluster: tuple[int, ...],
    ious: NDArray[np.float64],
    region_id: str,
    share: float,
) -> _Place:
    members = [regions[i] for i in cluster]
    who = [voices.candidates[owners[i]] for i in cluster]
    pairs = [float(ious[i, j]) for i, j in combinations(cluster, 2)]
    agreement = RegionAgreement(
        region_id=region_id,
        machines=tuple(sorted({candidate.machine for candidate in who})),
        candidate_ids=tuple(sorted(candidate.candidate_id for candidate in who)),
        share=share,
        category_entropy=entropy([r.category for r in members], [voices.weights[owners[i]] for i in cluster]),
        score_spread=spread([r.score for r in members if r.score is not None]),
        mean_iou=min(1.0, math.fsum(pairs) / len(pairs)) if pairs else None,
    )
    region = fused_region(members, share=share, region_id=region_id, size_of=_size_in(voices.sample))
    return _Place(region, agreement, {owners[i]: regions[i].region_id for i in cluster})


def _agreement(
    voices: _Voices, found: Sequence[_Place], verdict: Verdict | None, share: float | None, min_iou: float
) -> tuple[Agreement, list[float]]:
    """The figures, and what each voice gives the reference that they are taken against."""
    reference = voices.sample.origin if voices.sample.origin != "unknown" else verdict
    given = [probability_of(c, reference) for c in voices.candidates] if reference else []
    known = [p for p in given if p is not None]
    said = [(c.verdict, w) for c, w in zip(voices.candidates, voices.weights, strict=True) if c.verdict]
    matched = _region_scores(voices, found, min_iou)
    at: Cartography | None = cartography(known) if known else cartography(matched) if found else None
    agreement = Agreement(
        machines=voices.machines,
        num_candidates=len(voices.candidates),
        verdict_share=share,
        verdict_entropy=entropy([v for v, _ in said], [w for _, w in said]) if said else None,
        basis=("origin" if voices.sample.origin != "unknown" else "verdict") if known else "regions" if found else None,
        confidence=at.confidence if at else None,
        variability=at.variability if at else None,
        regions=tuple(place.agreement for place in found),
    )
    return agreement, matched


def _region_scores(voices: _Voices, found: Sequence[_Place], min_iou: float) -> list[float]:
    fused = [place.region for place in found]
    return [region_f1(c.regions, fused, min_iou=min_iou, primary=voices.primary) for c in voices.candidates]


def _speaker(voices: _Voices, verdict: Verdict | None, matched: Sequence[float]) -> int:
    """The voice whose words stand for all: it gives the verdict, and its regions are closest to the fused ones."""
    ranked = [
        (c.verdict != verdict, not c.explanation, -matched[i], -(c.verdict_score or 0.0), i)
        for i, c in enumerate(voices.candidates)
    ]
    return min(ranked)[-1]


def _new_ids(found: Sequence[_Place], voice: int) -> dict[str, str]:
    """From the ids that a voice gave its regions to those of the consensus."""
    return {place.own_ids[voice]: place.region.region_id for place in found if voice in place.own_ids}


def _words(speaker: Candidate, new_ids: Mapping[str, str]) -> tuple[str, tuple[Claim, ...]]:
    """The explanation, and its claims on what is left: one that rested on regions that are gone is none any more."""
    return speaker.explanation, recited_claims(speaker, new_ids)


def _verdict_score(voices: _Voices, verdict: Verdict | None) -> float | None:
    """Mean probability that the machines with a verdict give the chosen one."""
    if verdict is None:
        return None
    given = [(probability_of(c, verdict), w) for c, w in zip(voices.candidates, voices.weights, strict=True)]
    known = [(p, w) for p, w in given if p is not None]
    return min(1.0, math.fsum(p * w for p, w in known) / math.fsum(w for _, w in known))


def _size_in(sample: Sample) -> Size:
    def size_of(region: Region) -> tuple[int, int]:
        media = _asset(sample, region.asset_id).media
        if not isinstance(media, Document):
            return media.width, media.height
        page = media.pages[region.page_index or 0]
        return ceil(page.width), ceil(page.height)

    return size_of


def _asset(sample: Sample, asset_id: str) -> Asset:
    return next((asset for asset in sample.assets if asset.asset_id == asset_id), sample.primary)
