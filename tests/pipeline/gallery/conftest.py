"""Rows of a gallery, made on the spot, and a browser to look at them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from pipeline.gallery.build import PartFacts, write_page
from pipeline.gallery.parts import Options, write_part
from pipeline.gallery.pictures import Source
from pipeline.gallery.rows import facets_of, layers_of, row_of
from schemas.candidate import Region
from schemas.geometry import Box
from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.types import Image
from schemas.record import Record
from schemas.taxonomy import Taxonomy
from tests.browser import browser  # noqa: F401 - a fixture

WIDTH, HEIGHT = 120, 80
Sources = dict[str, bytes]
"""Original bytes by sample id."""


def png(seed: int) -> bytes:
    """A PNG of one color, every seed another one."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:] = np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8)
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def sources() -> Sources:
    return {}


@pytest.fixture
def region() -> Callable[..., Region]:
    def make(name: str = "a", box: tuple[float, float, float, float] = (12, 8, 60, 40), **fields: Any) -> Region:
        corners = dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
        known = {"region_id": name, "category": "blur", "explanation": f"{name} is soft", "source": "machine"}
        return Region(box=Box(**corners), **{**known, **fields})

    return make


@pytest.fixture
def record(sources: Sources) -> Callable[..., Record]:
    def make(number: int = 0, **fields: Any) -> Record:
        data = png(number)
        asset_id, sample_id = hashlib.sha256(data).hexdigest(), hashlib.sha256(str(number).encode()).hexdigest()
        sources[sample_id] = data
        media = Image(format="PNG", mode="RGB", width=WIDTH, height=HEIGHT, stored_width=WIDTH, stored_height=HEIGHT)
        known: dict[str, Any] = {"file_name": f"picture {number}.png", "annotation_status": "not_annotated"}
        known |= {"group_id": sample_id, "split": "train", "taxonomy": "tiny@1"}
        ids = {"sample_id": sample_id, "asset_id": asset_id, "byte_size": len(data), "media": media}
        return Record(**{**ids, **known, **fields})

    return make


@pytest.fixture
def write(sources: Sources) -> Callable[..., str]:
    """Writes records as a gallery of some parts, and returns its page's path."""

    def write(
        place: str,
        records: list[Record],
        taxonomy: Taxonomy | None = None,
        side: int = 160,
        parts: int = 1,
        media: Mapping[str, Source] | None = None,
    ) -> str:
        facts = []
        for part in range(parts):
            own = records[part::parts]
            rows = (row_of(one, layers_of(one, None), {}, facets_of(one)) for one in own)
            given = {**sources, **(media or {})}
            shown = [(one.sample_id, given[one.sample_id]) for one in own]
            options = Options(side=side, limits=DEFAULT_LIMITS)
            facts.append(
                PartFacts(f"p{part}", write_part(f"{place}/parts/p{part}", f"p{part}", rows, iter(shown), options))
            )
        return write_page(place, facts, taxonomy, {"title": "Tiny", "mode": "gallery"})

    return write


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """A page of a desktop's size; whatever it says on its console, asks for or opens fails the test."""
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: request.url.startswith("file:") or said.append(request.url))
    yield page
    page.close()
    assert said == []
