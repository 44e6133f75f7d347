"""Reading a source the way the pipeline does, over files made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline.sources
from pipeline.sources.base import SourcePlace
from schemas.media.limits import Limits
from schemas.plugins import configure, load
from schemas.sample import Item


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Item]]:
    """``read(kind, *inputs, limits=..., **options)``: every item of one source."""

    def items(kind: str, *inputs: Path | str, limits: Limits | None = None, **options: Any) -> list[Item]:
        source = load(pipeline.sources, configure(pipeline.sources, {"kind": kind, **options}, where="sources.0"))
        place = SourcePlace(
            inputs=tuple(map(str, inputs)), spool_uri=str(tmp_path / "spool"), limits=limits or Limits()
        )
        return list(source.items(place))

    return items
