"""Samples of real pictures made of arrays."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from schemas.media.types import Image
from schemas.sample import Asset, Sample, TaskInput, sample_id_of


@pytest.fixture
def picture_sample(tmp_path: Path) -> Callable[[np.ndarray], Sample]:
    """A sample of a PNG with these pixels, ``(H, W, 3)``."""

    def make(pixels: np.ndarray) -> Sample:
        buffer = io.BytesIO()
        Picture.fromarray(pixels).save(buffer, "PNG")
        data = buffer.getvalue()
        height, width = pixels.shape[:2]
        path = tmp_path / f"{hashlib.sha256(data).hexdigest()[:8]}.png"
        path.write_bytes(data)
        asset = Asset(
            asset_id=hashlib.sha256(data).hexdigest(),
            uri=str(path),
            file_name=path.name,
            byte_size=len(data),
            media=Image(format="PNG", mode="RGB", width=width, height=height, stored_width=width, stored_height=height),
        )
        return Sample(sample_id=sample_id_of((asset,), TaskInput()), item_id=path.name, assets=(asset,))

    return make
