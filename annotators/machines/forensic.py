"""Measured evidence without a model, a key or a network.

A baseline of hand-made measurements: it compares a medium with itself, states its numbers, and says
where something differs from its surroundings. It does not judge whether a model made the medium.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from schemas.base import content_id
from schemas.candidate import Candidate, Claim, Measurement, Region
from schemas.errors import ConfigError
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

from ..base import Annotator, MachineConfig, Workbench
from ..forensics.examine import Examination, examine
from ..forensics.findings import FINDINGS
from ..forensics.placed import Placed
from ..forensics.thresholds import Thresholds

__all__ = ["Config", "Forensic"]

VERSION = "1"
"""Raised whenever a measurement answers otherwise than before: it is part of the candidate's identity."""
UNMEASURED = ("glyphs",)
"""Findings that a recipe may map and that nothing here measures yet."""
MOST_SENTENCES = 8
"""Findings of one kind that the explanation words one by one."""
HONESTY = (
    "This is a baseline of hand-made measurements that compare the medium with itself: it does not detect "
    "AI-generated media, and finding nothing proves nothing."
)


class Config(Thresholds, MachineConfig):
    """Options of the keyless machine."""

    kind: Literal["forensic"] = "forensic"
    """This machine."""
    category_map: dict[str, str] = Field(default={})
    """Finding to category of the taxonomy; findings that are not named stay evidence (measurements).
    Images: blur, smoothing, noise, color_shift, splice, copy_move (glyphs may be named, but is not measured yet).
    Videos: frozen_frames, flicker. Documents: text_block, table, figure, pasted_region."""


class Forensic(Annotator):
    """Proposes the places whose measured numbers differ from what lies around them."""

    config: Config

    def check(self, taxonomy: Taxonomy) -> None:
        """Raises ConfigError for a finding or category that does not exist, or that cannot occur in the modality."""
        _categories(self.config.category_map, taxonomy)

    async def connect(self, bench: Workbench) -> None:
        """Raises ConfigError as ``check`` does."""
        await super().connect(bench)
        self._categories = _categories(self.config.category_map, bench.taxonomy)

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """One candidate. Raises MediaError where the medium cannot be decoded."""
        start = time.perf_counter()
        thresholds = Thresholds(**{name: getattr(self.config, name) for name in Thresholds.model_fields})
        examination = await self.bench.sandbox.run(
            examine, sample.primary, thresholds, self.bench.open_uri, self.bench.limits
        )
        return (self._candidate(sample, examination, thresholds, time.perf_counter() - start),)

    def _candidate(
        self, sample: Sample, examination: Examination, thresholds: Thresholds, latency_s: float
    ) -> Candidate:
        machine, model = self.config.title, f"forensic-{VERSION}"
        parameters = json.dumps(
            {**thresholds.model_dump(), "category_map": self._categories}, sort_keys=True, separators=(",", ":")
        )
        regions, measurements = self._evidence(sample, examination.placed, machine)
        explanation, claims = _explained(examination, regions)
        return Candidate(
            candidate_id=content_id(sample.sample_id, machine, model, parameters),
            sample_id=sample.sample_id,
            machine=machine,
            kind=self.config.kind,
            model=model,
            model_snapshot=model,
            parameters=parameters,
            explanation=explanation,
            claims=claims,
            regions=tuple(regions.values()),
            measurements=measurements,
            latency_s=latency_s,
        )

    def _evidence(
        self, sample: Sample, placed: tuple[Placed, ...], machine: str
    ) -> tuple[dict[int, Region], tuple[Measurement, ...]]:
        """Regions by the finding's position among ``placed``, and every measured number."""
        regions: dict[int, Region] = {}
        measurements: list[Measurement] = []
        numbers: dict[str, int] = {}
        for position, item in enumerate(placed):
            numbers[item.finding] = numbers.get(item.finding, 0) + 1
            category = self._categories.get(item.finding)
            if category:
                region_id = f"{machine}-{item.finding}-{numbers[item.finding]}"
                regions[position] = _region(item, region_id, sample.primary.asset_id, category)
            measurements += _measured(item, regions.get(position))
        return regions, tuple(measurements)


def _categories(category_map: dict[str, str], taxonomy: Taxonomy) -> dict[str, str]:
    """Finding to the category that its spelling means. Raises ConfigError."""
    return {finding: _category(finding, spelling, taxonomy) for finding, spelling in category_map.items()}


def _category(finding: str, spelling: str, taxonomy: Taxonomy) -> str:
    known = (*FINDINGS, *UNMEASURED)
    if finding not in known:
        raise ConfigError(f"category_map: unknown finding {finding!r}", remedy=_nearest(finding, known))
    category = taxonomy.resolve(spelling)
    if category is None:
        raise ConfigError(
            f"category_map: {finding}: {spelling!r} is no category of taxonomy {taxonomy.id}",
            remedy=_nearest(spelling, taxonomy.names()),
        )
    modality = FINDINGS.get(finding, "image")  # type: ignore[call-overload]
    if category not in taxonomy.names(modality):
        raise ConfigError(
            f"category_map: {finding} is found in the modality {modality}, where category {category!r} cannot occur",
            remedy=f"choose one of {', '.join(taxonomy.names(modality)) or 'none'}, or leave it out",
        )
    return category


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"


def _region(item: Placed, region_id: str, asset_id: str, category: str) -> Region:
    return Region(
        region_id=region_id,
        asset_id=asset_id,
        page_index=item.page_index,
        frame_index=item.frame_index,
        pts_s=item.pts_s,
        span=item.span,
        box=item.box,
        mask=item.mask,
        category=category,
        explanation=item.text,
        score=item.score,
        source="machine",
    )


def _measured(item: Placed, region: Region | None) -> Iterator[Measurement]:
    for measure in item.measures:
        yield Measurement(
            finding=item.finding,
            name=measure.name,
            value=round(measure.value, 4),
            unit=measure.unit,
            threshold=None if measure.threshold is None else round(measure.threshold, 4),
            region_id=region.region_id if region else None,
            box=None if region else item.box,
            page_index=item.page_index,
            text=item.words,
        )


def _explained(examination: Examination, regions: dict[int, Region]) -> tuple[str, tuple[Claim, ...]]:
    """The whole explanation, and a claim for each sentence that regions stand behind."""
    sentences = [(f"Measured {examination.looked_at}.", ()), *_sentences(examination.placed, regions)]
    sentences += [(note, ()) for note in examination.notes] + [(HONESTY, ())]
    claims: list[Claim] = []
    words = ""
    for sentence, region_ids in sentences:
        start = len(words) + 1 if words else 0
        words = f"{words} {sentence}" if words else sentence
        if region_ids:
            claims.append(Claim(start=start, end=len(words), region_ids=region_ids))
    return words, tuple(claims)


def _sentences(placed: tuple[Placed, ...], regions: dict[int, Region]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if not placed:
        yield "Nothing differs from its surroundings beyond the thresholds.", ()
    for finding in dict.fromkeys(item.finding for item in placed):
        positions = [i for i, item in enumerate(placed) if item.finding == finding]
        ids = tuple(regions[i].region_id for i in positions if i in regions)
        if len(positions) > MOST_SENTENCES:
            yield f"{finding}: found in {len(positions)} places.", ids
        else:
            for i in positions:
                yield f"{finding}: {placed[i].text}", (regions[i].region_id,) if i in regions else ()
