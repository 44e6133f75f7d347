"""What the reader of one format hands to ``measure``: everything but the hash of the bytes."""

from __future__ import annotations

from typing import NamedTuple

from ..sample import Finding, Provenance
from .types import Media

__all__ = ["SAMPLES", "Facts", "spread"]

SAMPLES = 8
"""Most frames or pages of one file that are hashed."""


class Facts(NamedTuple):
    """The measured medium, its hashes and what was noticed."""

    media: Media
    hashes: tuple[str, ...]
    provenance: Provenance
    findings: tuple[Finding, ...] = ()
    altered: tuple[str, ...] = ()
    """Hashes that mirrored and cropped copies would have."""


def spread(count: int, most: int = SAMPLES) -> tuple[int, ...]:
    """At most ``most`` indices of ``count``, evenly spread, the first and the last among them.

    >>> spread(3), spread(9, 3)
    ((0, 1, 2), (0, 4, 8))
    """
    if count <= most:
        return tuple(range(count))
    return tuple(round(step * (count - 1) / (most - 1)) for step in range(most))
