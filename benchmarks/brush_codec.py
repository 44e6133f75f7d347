"""``python -m benchmarks.brush_codec``: Label Studio's brush masks against label-studio-sdk's codec, in one run.

Each mask is encoded and decoded by both; a figure is the best of some tries, printed as a ratio. The bytes must be
equal: a difference ends the run with an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from annotators.labelstudio.brush import mask_from_rle, rle_from_mask

T = TypeVar("T")

SIDE = 1024


class Ratio(NamedTuple):
    """How many times faster than the SDK."""

    name: str
    encode: float
    decode: float

    def __str__(self) -> str:
        return f"{self.name:<28} encode {self.encode:5.1f} x   decode {self.decode:5.1f} x"


def main() -> None:
    """Measure and print; exits with an error only where the bytes differ."""
    for name, mask in masks(SIDE):
        print(measure(name, mask), flush=True)


def masks(side: int) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """What is measured: 200 blobs, one disk, and noise, each ``(side, side)``."""
    random, (y, x) = np.random.default_rng(0), np.mgrid[:side, :side]
    blobs = np.zeros((side, side), np.bool_)
    for center_x, center_y, radius in random.integers(4, side, (200, 3)) // (1, 1, 25):
        blobs |= (x - center_x) ** 2 + (y - center_y) ** 2 < radius**2
    yield f"200 blobs, {side} x {side}", blobs
    yield f"one disk, {side} x {side}", (x - side // 2) ** 2 + (y - side // 2) ** 2 < (side // 4) ** 2
    yield f"noise, {side // 4} x {side // 4}", random.random((side // 4, side // 4)) < 0.5


def measure(name: str, mask: NDArray[np.bool_], tries: int = 5) -> Ratio:
    """Both codecs on one mask. Raises RuntimeError where they disagree."""
    from label_studio_sdk.converter import brush

    sdk: Any = brush
    alpha, (height, width) = mask.astype(np.uint8) * 255, mask.shape
    ours_s, ours = _best(lambda: rle_from_mask(mask), tries)
    theirs_s, theirs = _best(lambda: sdk.mask2rle(alpha), 2)
    read_s, read = _best(lambda: mask_from_rle(theirs, width, height), tries)
    decoded_s, decoded = _best(lambda: sdk.decode_rle(theirs).reshape(height, width, 4)[:, :, 3], 2)
    if ours != theirs or not np.array_equal(read, decoded == 255):
        raise RuntimeError(f"{name}: the two codecs disagree")
    return Ratio(name, theirs_s / ours_s, decoded_s / read_s)


def _best(work: Callable[[], T], tries: int) -> tuple[float, T]:
    """Seconds of the fastest try, and its result."""
    seconds = []
    for _ in range(tries):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


if __name__ == "__main__":
    main()
