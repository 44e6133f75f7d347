"""What may leave with its bytes, what as a link, and what not at all."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from schemas.base import Frozen
from schemas.sample import Source

__all__ = ["Effect", "Gate", "effect_of"]

Effect = Literal["embedded", "link_only", "blocked"]


class Gate(Frozen):
    """Samples of one licence or source, and what of them may be published."""

    licence: str | None = None
    """Shell pattern of the medium's stated licence, in any case (``CC-BY-NC*``); an empty one fits media whose licence
    nobody states; None fits all."""
    source: str | None = None
    """Shell pattern of the stated source's name, likewise."""
    effect: Effect
    """embedded: the bytes; link_only: ``source.url`` and the hash, no bytes; blocked: no row, counted as excluded."""

    def fits(self, source: Source) -> bool:
        """Whether the gate is about a medium of this source."""
        return _fits(self.licence, source.licence) and _fits(self.source, source.name)


def effect_of(source: Source, gates: Sequence[Gate]) -> Effect:
    """What the first gate that fits says; a medium that none fits is embedded."""
    return next((gate.effect for gate in gates if gate.fits(source)), "embedded")


def _fits(pattern: str | None, value: str | None) -> bool:
    return pattern is None or fnmatchcase((value or "").lower(), pattern.lower())
