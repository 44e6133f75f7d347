"""From boxes to pixels: earlier candidates again, with a mask and polygons for every box.

Name the machines to refine in ``after`` and publish the result with ``dataset.annotation``. The box, the words and the
region ids stay as they were, so claims still hold; a refined region's ``source`` is ``derived``. The mask is drawn from
the polygons by pycocotools, and the polygons leave the traced outline by at most ``max_error_px``, measured for every
region.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt, SerializeAsAny, field_validator

import annotators.segmenters
from schemas.base import canonical_json
from schemas.candidate import Candidate, Measurement, Region
from schemas.errors import AnswerError
from schemas.geometry import Box, Mask, box_from_mask, mask_area, mask_to_array
from schemas.media.types import Document, Modality, Video
from schemas.plugins import PluginConfig, configure, load
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

from ..base import Annotator, MachineConfig, Workbench
from ..outlining import Drawn, draw
from ..reworked import reworked
from ..segmenters.base import Patch, Place, Segmenter
from ..segmenters.grabcut import Config as GrabCutConfig

__all__ = ["Config", "Segment"]


class Config(MachineConfig):
    """Options of the segmenting machine."""

    kind: Literal["segment"] = "segment"
    """This machine."""
    modalities: tuple[Modality, ...] = ("image", "video")
    """Which samples this machine looks at; on documents the boxes of blocks are usually what is meant."""
    segmenter: SerializeAsAny[PluginConfig] = GrabCutConfig()
    """Who cuts: ``kind: grabcut`` (no weights), ``sam_onnx``, ``sam_transformers``, ``http``, with its options."""
    max_error_px: PositiveFloat = Field(1.0, le=100)
    """Pixels by which polygons may leave the traced outline."""
    min_part_share: float = Field(0.02, ge=0, lt=1)
    """Parts and holes smaller than this share of a region's largest part are left out as noise."""
    holes: bool = True
    """Whether holes stay open; without them outlines fit formats of flat polygons, and masks are filled likewise."""
    outlines: bool = False
    """Whether masks that came without polygons are outlined, too, and then drawn from their outlines."""
    max_regions: PositiveInt = 200
    """Most boxes of a candidate that are cut; further ones keep their box alone."""

    @field_validator("segmenter", mode="before")
    @classmethod
    def _by_kind(cls, value: Any) -> Any:
        known = isinstance(value, PluginConfig)
        return value if known else configure(annotators.segmenters, value, where="machines: segment: segmenter")

    @property
    def model_asked(self) -> str:
        return getattr(self.segmenter, "model", "") or self.segmenter.kind


class _Wanted(NamedTuple):
    """A box to cut out: equal ones of several candidates are cut once."""

    asset_id: str
    page_index: int | None
    frame_index: int | None
    box: Box


class Segment(Annotator):
    """Proposes earlier candidates with pixels in the place of boxes."""

    config: Config
    reads_earlier = "always"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._segmenter: Segmenter = load(annotators.segmenters, config.segmenter)

    def check(self, taxonomy: Taxonomy) -> None:
        """Raises ConfigError as the segmenter does: a missing package, file or key."""
        self._segmenter.check()

    async def connect(self, bench: Workbench) -> None:
        await super().connect(bench)
        await self._segmenter.connect(bench)

    async def close(self) -> None:
        await self._segmenter.close()

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Raises AnswerError: alone there is no box to look into."""
        raise AnswerError(f"{self.config.title} was given no candidates", remedy="name machines in 'after'")

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """One candidate for each earlier one, in order. Raises MediaError, AnswerError, ServiceError."""
        start = time.perf_counter()
        wanted = [_wanted(c.regions, sample, self.config.max_regions) for c in earlier]
        drawn = await self._drawn(sample, list(dict.fromkeys(w for some in wanted for w in some.values())))
        outlined = [await asyncio.to_thread(self._outlined, c.regions) for c in earlier]
        latency_s = (time.perf_counter() - start) / len(earlier)
        return tuple(
            self._candidate(c, {region_id: drawn[w] for region_id, w in some.items()} | masks, latency_s)
            for c, some, masks in zip(earlier, wanted, outlined, strict=True)
        )

    def _outlined(self, regions: Sequence[Region]) -> dict[str, tuple[Patch, Drawn] | None]:
        """The masks without polygons as outlines, where they are wanted; a mask that none fits is left as it is."""
        masked = [r for r in regions if r.mask and not r.polygons] if self.config.outlines else []
        found = {region.region_id: self._traced(region.mask) for region in masked if region.mask}
        return {region_id: outline for region_id, outline in found.items() if outline}

    def _traced(self, mask: Mask) -> tuple[Patch, Drawn] | None:
        if not mask_area(mask):
            return None
        box, bits = box_from_mask(mask), mask_to_array(mask)
        part = bits[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)].astype("float32")
        patch = Patch(part, box.x1, box.y1, 1.0, 1.0)
        drawn = self._draw((mask.width, mask.height), box, patch)
        return (patch, drawn) if drawn else None

    async def _drawn(self, sample: Sample, wanted: Sequence[_Wanted]) -> dict[_Wanted, tuple[Patch, Drawn] | None]:
        """Everything that is to be cut, place by place."""
        found: dict[_Wanted, tuple[Patch, Drawn] | None] = {}
        for place in dict.fromkeys(w[:3] for w in wanted):
            here = [w for w in wanted if w[:3] == place]
            where = _place(sample, here[0])
            patches = await self._segmenter.segment(where, tuple(w.box for w in here))
            for w, patch in zip(here, patches, strict=True):
                drawn = await asyncio.to_thread(self._draw, where.size, w.box, patch) if patch else None
                found[w] = (patch, drawn) if patch and drawn else None
        return found

    def _draw(self, size: tuple[float, float], box: Box, patch: Patch) -> Drawn | None:
        width, height = size
        config = self.config
        return draw(
            patch,
            box,
            round(width),
            round(height),
            max_error_px=config.max_error_px,
            min_part_share=config.min_part_share,
            has_holes=config.holes,
        )

    def _candidate(
        self, earlier: Candidate, drawn: Mapping[str, tuple[Patch, Drawn] | None], latency_s: float
    ) -> Candidate:
        config = self.config
        names = {"segmenter", "max_error_px", "min_part_share", "max_regions", "holes", "outlines"}
        options = config.model_dump(mode="json", include=names)
        parameters = canonical_json({**options, "identity": self._segmenter.identity, "rasterizer": "pycocotools"})
        model = self._segmenter.model
        return reworked(
            earlier,
            config,
            model=model,
            parameters=parameters,
            latency_s=latency_s,
            seed=getattr(config.segmenter, "seed", None),
            regions=tuple(_refined(region, drawn.get(region.region_id)) for region in earlier.regions),
            measurements=tuple(m for region_id, found in drawn.items() for m in _measured(region_id, found)),
        )


def _wanted(regions: Sequence[Region], sample: Sample, most: int) -> dict[str, _Wanted]:
    """What is to be cut, by region id: boxes that have no pixels yet, where it is known which picture they lie in."""
    found: dict[str, _Wanted] = {}
    for region in regions:
        if region.box and not region.mask and not region.polygons and _is_still(region, sample) and len(found) < most:
            asset_id = region.asset_id or sample.primary.asset_id
            found[region.region_id] = _Wanted(asset_id, region.page_index, region.frame_index, region.box)
    return found


def _is_still(region: Region, sample: Sample) -> bool:
    media = next((a.media for a in sample.assets if a.asset_id == (region.asset_id or sample.primary.asset_id)), None)
    if isinstance(media, Video):
        return region.frame_index is not None
    return media is not None and (not isinstance(media, Document) or region.page_index is not None)


def _place(sample: Sample, wanted: _Wanted) -> Place:
    asset = next(a for a in sample.assets if a.asset_id == wanted.asset_id)
    return Place(asset, wanted.page_index, wanted.frame_index)


def _refined(region: Region, found: tuple[Patch, Drawn] | None) -> Region:
    if not found:
        return region
    _, drawn = found
    return region.evolve(polygons=drawn.polygons, mask=drawn.mask, source="derived")


def _measured(region_id: str, found: tuple[Patch, Drawn] | None) -> list[Measurement]:
    """What is known of a cut; a region that kept its box says so."""
    if not found:
        return [Measurement(finding="segment", name="is_cut", value=0.0, region_id=region_id)]
    patch, drawn = found
    numbers = {
        "outline_deviation": (drawn.deviation_px, "px"),
        "outline_iou": (drawn.outline_iou, ""),
        "map_scale": (max(patch.scale_x, patch.scale_y), "px"),
        "is_guess": (float(patch.is_guess), ""),
    }
    if patch.score is not None:
        numbers["segmenter_score"] = (patch.score, "")
    return [
        Measurement(finding="segment", name=name, value=round(value, 4), unit=unit, region_id=region_id)
        for name, (value, unit) in numbers.items()
    ]
