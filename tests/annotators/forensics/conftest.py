"""Free photographs of scikit-image's wheel, and an area to plant in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Bits = NDArray[np.bool_]


class Photos:
    """Photos as RGB uint8, and IoU of what was found with what was planted."""

    @staticmethod
    def load(name: str) -> Pixels:
        path = Path(skimage.__file__).parent / "data" / name
        return np.ascontiguousarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))

    @staticmethod
    def disc(shape: tuple[int, ...], x: int, y: int, radius: int) -> Bits:
        canvas = np.zeros(shape[:2], np.uint8)
        return cv2.circle(canvas, (x, y), radius, 1, -1).astype(np.bool_)

    @staticmethod
    def iou(found: list[Any], finding: str, bits: Bits) -> float:
        both = np.zeros_like(bits)
        for item in found:
            if item.finding == finding:
                both |= item.mask
        return float((both & bits).sum() / (both | bits).sum())


@pytest.fixture(scope="session")
def photos() -> type[Photos]:
    return Photos
