"""A small colored picture with texture everywhere, and a donor."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.planting.photos import Photo, Pixels
from schemas.sample import Source


@pytest.fixture(scope="session")
def pixels() -> Pixels:
    """``(160, 224, 3)``: waves of three colors under fine grain."""
    y, x = np.mgrid[:160, :224]
    waves = np.stack([np.sin(x / 9), np.sin(y / 7), np.sin((x + y) / 11)], axis=2)
    grain = np.random.default_rng(5).normal(0, 6, waves.shape)
    return np.clip(np.rint(128 + 70 * waves + grain), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photo(pixels: Pixels) -> Photo:
    return Photo("waves", pixels, Source(name="made", licence="CC0-1.0"))


@pytest.fixture(scope="session")
def checkers() -> Photo:
    """A donor smaller than some patches: it has to be repeated."""
    y, x = np.mgrid[:40, :40]
    gray = np.where((x // 5 + y // 5) % 2, 230, 20).astype(np.uint8)
    return Photo("checkers", np.repeat(gray[..., None], 3, axis=2), Source(name="checkers"))
