"""The closed list of categories, from one YAML file: prompt, labels and card come from it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from .base import Frozen
from .media.types import Modality

__all__ = ["Category", "Level", "Taxonomy"]

ALL_MODALITIES: tuple[Modality, ...] = ("image", "video", "document")


class Level(Frozen):
    """A group of categories."""

    name: str
    """Identifier of the level."""
    definition: str = ""
    """What the level holds, in a sentence."""


class Category(Frozen):
    """One kind of artifact or evidence."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    """The exact label string that is published."""
    level: str
    """The level that it belongs to."""
    definition: str
    """What counts as this category, in own words; shown to models and people."""
    aliases: tuple[str, ...] = ()
    """Other spellings that mean this category; matched without regard to case."""
    modalities: tuple[Modality, ...] = ALL_MODALITIES
    """Where the category can occur."""
    color: str | None = Field(None, pattern=r"^#[0-9a-fA-F]{6}$")
    """Display color; one is chosen where none is given."""


class Taxonomy(Frozen):
    """Levels and categories under a name and a version."""

    name: str
    """Identifier, e.g. ``artifacts``."""
    version: str
    """Version; a changed category list is a new version."""
    description: str = ""
    """What the taxonomy is for and where it comes from."""
    levels: tuple[Level, ...] = ()
    """The levels in order."""
    categories: tuple[Category, ...] = Field(min_length=1)
    """The categories in order; this order is the order of the published class labels."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        levels = {level.name for level in self.levels}
        seen: dict[str, str] = {}
        for category in self.categories:
            if category.level not in levels:
                raise ValueError(f"category {category.name!r} names the unknown level {category.level!r}")
            for spelling in {category.name.lower(), *(alias.lower() for alias in category.aliases)}:
                if spelling in seen:
                    raise ValueError(f"{spelling!r} names both {seen[spelling]!r} and {category.name!r}")
                seen[spelling] = category.name
        return self

    @property
    def id(self) -> str:
        """``name@version``, as it stands in every Record."""
        return f"{self.name}@{self.version}"

    def names(self, modality: Modality | None = None) -> tuple[str, ...]:
        """Category names in order, all or those that can occur in one modality."""
        return tuple(c.name for c in self.categories if modality is None or modality in c.modalities)

    def resolve(self, spelling: str) -> str | None:
        """The category that a name or alias means, or None; case and outer blanks do not matter."""
        wanted = spelling.strip().lower()
        for category in self.categories:
            if wanted == category.name.lower() or wanted in (alias.lower() for alias in category.aliases):
                return category.name
        return None
