"""Small records, taxonomy and place of the export tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.exports.base import ExportPlace
from schemas.media.types import Image
from schemas.record import Record
from schemas.taxonomy import Category, Level, Taxonomy


@pytest.fixture
def place(tmp_path: Path) -> ExportPlace:
    taxonomy = Taxonomy(
        name="tiny",
        version="1",
        levels=(Level(name="pixel"), Level(name="meaning")),
        categories=(
            Category(name="blur", level="pixel", definition="out of focus"),
            Category(name="hand", level="meaning", definition="wrong fingers"),
        ),
    )
    return ExportPlace(out_uri=str(tmp_path / "out"), taxonomy=taxonomy)


@pytest.fixture
def record() -> Callable[..., Record]:
    """``record("a", regions=...)``: an annotated image of 10 x 8 px."""

    def make(name: str = "a", **fields: Any) -> Record:
        known: dict[str, Any] = {
            "sample_id": f"sample-{name}",
            "asset_id": name * 64,
            "file_name": f"{name}.png",
            "byte_size": 3,
            "media": Image(format="PNG", mode="RGB", width=10, height=8, stored_width=10, stored_height=8),
            "group_id": name,
            "split": "train",
            "taxonomy": "tiny@1",
            "annotation_status": "annotated",
        }
        return Record(**{**known, **fields})

    return make
