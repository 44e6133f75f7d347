"""Regions, candidates and samples without files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.candidate import Candidate, Region
from schemas.geometry import Box
from schemas.media.types import Image, Media
from schemas.sample import Asset, Sample

WIDTH, HEIGHT = 40, 30
PICTURE = Image(format="PNG", mode="RGB", width=WIDTH, height=HEIGHT, stored_width=WIDTH, stored_height=HEIGHT)


def boxed(xyxy: tuple[float, float, float, float], category: str = "blur", **fields: Any) -> Region:
    x1, y1, x2, y2 = xyxy
    values = {"region_id": f"r-{x1}-{y1}-{category}", "source": "machine", **fields}
    return Region(box=Box(x1=x1, y1=y1, x2=x2, y2=y2), category=category, **values)


@pytest.fixture
def sample() -> Callable[..., Sample]:
    def make(media: Media = PICTURE, **fields: Any) -> Sample:
        asset = Asset(asset_id="asset", uri="x", file_name="x", byte_size=1, media=media)
        return Sample(sample_id="s", item_id="x", assets=(asset,), **fields)

    return make


@pytest.fixture
def candidate() -> Callable[..., Candidate]:
    def make(machine: str, *regions: Region, number: int = 1, **fields: Any) -> Candidate:
        named = tuple(region.evolve(region_id=f"{machine}-{i}") for i, region in enumerate(regions, 1))
        fields = {"candidate_id": f"{machine}/{number}", "kind": "vlm", **fields}
        return Candidate(sample_id="s", machine=machine, regions=named, **fields)

    return make
