"""Fewer regions: what is too small, too large, or says the same as another one is left out. No model, no key.

Earlier candidates again, one for each, with the regions that stay under their own ids; what is left out stands in
``measurements`` with the number that decided. Two boxes of one category are nested by the share of the smaller one that
lies in the larger one, as BBox-DocVQA (arXiv 2511.15090) does it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.base import canonical_json
from schemas.candidate import Candidate, Measurement, Region
from schemas.errors import AnswerError, ConfigError
from schemas.geometry import Box, box_from_mask, box_from_polygons
from schemas.media.types import Document
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

from ..base import Annotator, MachineConfig, Reads
from ..consensus.keeping import recited_answers, recited_claims
from ..reworked import reworked

__all__ = ["Config", "Sift"]

VERSION = "1"
"""Raised whenever equal candidates are sifted otherwise than before."""
Kept = Literal["smaller", "larger"]
LeftOut = dict[str, tuple[str, float, float]]
"""By region id: which number decided, its value, and the bound."""


class Config(MachineConfig):
    """Options of the sieve."""

    kind: Literal["sift"] = "sift"
    """This machine."""
    min_area_share: float = Field(0.0, ge=0, lt=1)
    """Smallest box, as a share of its picture or page."""
    max_area_share: float = Field(1.0, gt=0, le=1)
    """Largest box, as a share of its picture or page."""
    padding_px: float = Field(0.0, ge=0)
    """Margin that is put around each box that stays, within the picture, in the medium's pixels (a PDF's points);
    regions with outlines or masks keep their box."""
    max_nesting: float | None = Field(None, gt=0, le=1)
    """Of two boxes of one category whose overlap reaches this share of the smaller one, one is left out; null keeps
    both."""
    keep: dict[str, Kept] = Field(default_factory=dict)
    """Which of two nested boxes stays, by category: smaller or larger; larger where a category is not named."""

    @model_validator(mode="after")
    def _lets_something_through(self) -> Self:
        if self.min_area_share >= self.max_area_share:
            raise ValueError("min_area_share must lie below max_area_share")
        return self


class Sift(Annotator):
    """Proposes earlier candidates with the regions that stay."""

    config: Config
    reads_earlier: ClassVar[Reads] = "always"

    def check(self, taxonomy: Taxonomy) -> None:
        """Raises ConfigError for a category that the taxonomy has not."""
        for name in self.config.keep:
            if name not in taxonomy.names():
                raise ConfigError(
                    f"keep: {name!r} is no category of taxonomy {taxonomy.id}",
                    remedy=f"there are: {', '.join(taxonomy.names())}",
                )

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: there is nothing to sift."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate for each earlier one, in order."""
        return tuple(self._sifted(sample, candidate) for candidate in earlier)

    def _sifted(self, sample: Sample, earlier: Candidate) -> Candidate:
        start = time.perf_counter()
        config, model = self.config, f"sift-{VERSION}"
        parameters = canonical_json(
            config.model_dump(include=set(Config.model_fields) - set(MachineConfig.model_fields))
        )
        left_out = self._by_size(sample, earlier.regions)
        left_out |= self._nested(earlier.regions, left_out)
        kept = [region for region in earlier.regions if region.region_id not in left_out]
        names = {region.region_id: region.region_id for region in kept}
        return reworked(
            earlier,
            config,
            model=model,
            parameters=parameters,
            latency_s=time.perf_counter() - start,
            seed=None,
            claims=recited_claims(earlier, names),
            answers=recited_answers(earlier, names),
            regions=tuple(self._padded(region, sample) for region in kept),
            measurements=tuple(
                _measured(region, left_out) for region in earlier.regions if region.region_id in left_out
            ),
        )

    def _by_size(self, sample: Sample, regions: Sequence[Region]) -> LeftOut:
        found: LeftOut = {}
        for region in regions:
            if box := _box(region):
                width, height = _size(sample, region)
                share = _area(box) / (width * height)
                if share < self.config.min_area_share:
                    found[region.region_id] = ("area_share", share, self.config.min_area_share)
                elif share > self.config.max_area_share:
                    found[region.region_id] = ("area_share", share, self.config.max_area_share)
        return found

    def _nested(self, regions: Sequence[Region], gone: Mapping[str, object]) -> LeftOut:
        """The preferred boxes first; each that nests with one that already stays is left out."""
        if self.config.max_nesting is None:
            return {}
        placed = [(region, box) for region in regions if region.region_id not in gone and (box := _box(region))]
        placed.sort(key=lambda pair: self._rank(*pair))
        stay: list[tuple[Region, Box]] = []
        found: LeftOut = {}
        for region, box in placed:
            nesting = max((_nesting(box, other) for one, other in stay if _is_alike(region, one)), default=0.0)
            if nesting >= self.config.max_nesting - 1e-9:
                found[region.region_id] = ("nesting", nesting, self.config.max_nesting)
            else:
                stay.append((region, box))
        return found

    def _rank(self, region: Region, box: Box) -> tuple[float, str]:
        sign = 1 if self.config.keep.get(region.category) == "smaller" else -1
        return sign * _area(box), region.region_id

    def _padded(self, region: Region, sample: Sample) -> Region:
        margin, box = self.config.padding_px, region.box
        if not margin or box is None or region.polygons or region.mask:
            return region
        width, height = _size(sample, region)
        x1, y1 = max(0.0, box.x1 - margin), max(0.0, box.y1 - margin)
        return region.evolve(box=Box(x1=x1, y1=y1, x2=min(width, box.x2 + margin), y2=min(height, box.y2 + margin)))


def _box(region: Region) -> Box | None:
    if region.box or not (region.polygons or region.mask):
        return region.box
    return box_from_polygons(region.polygons) if region.polygons else box_from_mask(region.mask)  # type: ignore[arg-type]


def _size(sample: Sample, region: Region) -> tuple[float, float]:
    """Width and height of the picture or page that a region lies in."""
    wanted = region.asset_id or sample.primary.asset_id
    media = next((asset for asset in sample.assets if asset.asset_id == wanted), sample.primary).media
    if isinstance(media, Document):
        page = media.pages[region.page_index or 0]
        return page.width, page.height
    return media.width, media.height


def _is_alike(one: Region, other: Region) -> bool:
    """Whether two regions could say the same: one category in one picture, at one time."""
    spots = [(r.category, r.asset_id, r.page_index, r.frame_index, r.span) for r in (one, other)]
    return spots[0] == spots[1]


def _nesting(one: Box, other: Box) -> float:
    """Intersection over the smaller of the two areas."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    return max(0.0, width) * max(0.0, height) / min(_area(one), _area(other))


def _area(box: Box) -> float:
    return (box.x2 - box.x1) * (box.y2 - box.y1)


def _measured(region: Region, left_out: LeftOut) -> Measurement:
    name, value, bound = left_out[region.region_id]
    return Measurement(
        finding="left_out",
        name=name,
        value=round(value, 4),
        threshold=bound,
        box=_box(region),
        page_index=region.page_index,
        text=f"{region.region_id}: {region.category}",
    )
