"""Seeded photographs-to-be: 1024 x 1024 JPEGs of about 200 KB, no two of them alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["write_corpus"]

SIDE = 1024


def write_corpus(folder: Path, count: int) -> Path:
    """Fill a folder with ``count`` pictures ``00000.jpg`` and so on; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    grain = np.random.default_rng(0).normal(0, 6, (SIDE, SIDE, 1)).astype(np.float32)
    for number in range(count):
        path = folder / f"{number:05d}.jpg"
        if not path.exists():
            _picture(number, grain).save(path, "JPEG", quality=86)
    return folder


def _picture(seed: int, grain: np.ndarray) -> Image.Image:
    """Soft random shapes under film grain that is rolled, so that every file differs everywhere."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )
    rolled = np.roll(grain, tuple(rng.integers(0, SIDE, 2)), axis=(0, 1))
    return Image.fromarray(np.clip(np.asarray(shapes, dtype=np.float32) + rolled, 0, 255).astype(np.uint8))
