"""The closed list of categories, from one YAML file: prompt, labels and card come from it."""

from __future__ import annotations

import colorsys
from typing import Self

from pydantic import Field, ValidationError, model_validator

from .base import Frozen
from .errors import ConfigError
from .media.types import Modality
from .plugins import readable
from .yaml_text import mapping_from_yaml

__all__ = ["Category", "Level", "Taxonomy", "load_taxonomy"]

ALL_MODALITIES: tuple[Modality, ...] = ("image", "video", "document")

_PALETTE = (
    *("#f3c300", "#875692", "#f38400", "#a1caf1", "#be0032", "#c2b280", "#008856", "#e68fac", "#0067a5", "#f99379"),
    *("#604e97", "#f6a600", "#b3446c", "#dcd300", "#882d17", "#8db600", "#654522", "#e25822", "#2b3d26"),
)
"""Kelly's colors of maximum contrast (1965), in his order, which keeps neighbors apart; without white, black, gray."""


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
    modalities: tuple[Modality, ...] = Field(ALL_MODALITIES, min_length=1)
    """Where the category can occur."""
    color: str | None = Field(None, pattern=r"^#[0-9a-fA-F]{6}$")
    """Display color; one is chosen where none is given."""


class Taxonomy(Frozen):
    """Levels and categories under a name and a version."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    """Identifier, e.g. ``artifacts``."""
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    """Version; a changed category list is a new version."""
    description: str = ""
    """What the taxonomy is for and where it comes from."""
    levels: tuple[Level, ...] = ()
    """The levels in order."""
    categories: tuple[Category, ...] = Field(min_length=1, max_length=255)
    """The categories in order: the n-th has the value n in the published mask pictures, whose pixels are bytes."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        levels = {level.name for level in self.levels}
        seen: dict[str, str] = {}
        for category in self.categories:
            if category.level not in levels:
                raise ValueError(f"category {category.name!r} names the unknown level {category.level!r}")
            for spelling in sorted({_plain(category.name), *map(_plain, category.aliases)}):
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
        wanted = _plain(spelling)
        for category in self.categories:
            if wanted == _plain(category.name) or wanted in map(_plain, category.aliases):
                return category.name
        return None

    def color_of(self, name: str) -> str:
        """``#rrggbb`` of a category: its own, else one that no other category has. Raises KeyError."""
        own = self._category(name).color
        if own:
            return own.lower()
        taken = {category.color.lower() for category in self.categories if category.color}
        free = [color for color in _PALETTE if color not in taken]
        position = [category.name for category in self.categories if not category.color].index(name)
        return free[position] if position < len(free) else _spun(position)

    def prompt_lines(self, modality: Modality) -> tuple[str, ...]:
        """One line per category that can occur in the modality, for models and people: name and definition."""
        return tuple(f"{c.name}: {' '.join(c.definition.split())}" for c in self.categories if modality in c.modalities)

    def _category(self, name: str) -> Category:
        for category in self.categories:
            if category.name == name:
                return category
        raise KeyError(f"{self.id} has no category {name!r}")


def load_taxonomy(text: str, *, where: str) -> Taxonomy:
    """A taxonomy from YAML; ``where`` names the file in messages. Raises ConfigError with a did-you-mean."""
    raw = mapping_from_yaml(text, where=where)
    try:
        return Taxonomy.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{where}: {readable(error, Taxonomy)}", remedy="see configs/taxonomies") from error


def _plain(spelling: str) -> str:
    return spelling.strip().casefold()


def _spun(position: int) -> str:
    """Beyond the palette: hues a golden angle apart, so that neighbors in the list differ most."""
    red, green, blue = colorsys.hls_to_rgb(position * 0.618033988749895 % 1, 0.45 + position % 3 * 0.1, 0.65)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
