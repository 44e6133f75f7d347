"""COCO's compressed counts, read safely.

pycocotools reads a damaged string without complaint: counts cut short decode into memory that was
never written, other bytes reach past the string's end. So the string is read here, whole and
checked, and pycocotools is left what it does well: drawing polygons and writing counts.

Format (pycocotools ``maskApi.c``, ``rleToString``): run lengths, zeros first, in column-major order;
from the fourth on as the difference to the run two before; each number in groups of 5 bits, least
significant first, sign-extended, 0x20 marking that more follow, plus 48 to be printable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["mask_runs"]

_MOST_GROUPS = 12
"""Groups of 5 bits that fit 64 bits; no run of a real picture needs more than 7."""


def mask_runs(counts: str) -> NDArray[np.int64]:
    """Run lengths, background first, ``(number of runs,)``. Raises ValueError for damaged counts."""
    import numpy as np

    if not counts.isascii():
        raise ValueError("mask counts hold a character outside COCO's alphabet")
    groups = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - 48
    if groups.size == 0 or groups.min() < 0 or groups.max() > 63 or groups[-1] & 32:
        raise ValueError("mask counts are cut off or hold a character outside COCO's alphabet")
    runs = _undifferenced(_numbers(groups))
    if runs.min() < 0:
        raise ValueError("mask counts hold a negative run")
    return runs


def _numbers(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np

    last = np.flatnonzero((groups & 32) == 0)
    first = np.concatenate(([0], last[:-1] + 1))
    lengths = last - first + 1
    if lengths.max() > _MOST_GROUPS:
        raise ValueError("mask counts hold a number beyond 60 bits")
    place = np.arange(groups.size) - np.repeat(first, lengths)
    magnitude = np.add.reduceat((groups & 31) << (5 * place), first)
    return np.where(groups[last] & 16, magnitude - (np.int64(1) << (5 * lengths)), magnitude)


def _undifferenced(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np

    runs = numbers.copy()
    runs[1::2] = np.cumsum(numbers[1::2])
    runs[2::2] = np.cumsum(numbers[2::2])
    return runs
