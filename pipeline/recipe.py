"""One YAML, one dataset: the recipe as one frozen model.

The recipe says *what*, the command line says *where*, the environment holds secrets. Everything a
worker needs (taxonomy, prompts) is read here, on the launcher, and travels inside the model.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import yaml
from pydantic import Field, SerializeAsAny, ValidationError, field_validator, model_validator

import annotators.machines
import annotators.people
import pipeline.exports
import pipeline.sources
from annotators.base import MachineConfig
from schemas.base import Frozen
from schemas.errors import ConfigError
from schemas.plugins import PluginConfig, configure, readable
from schemas.task import Task
from schemas.taxonomy import Taxonomy, load_taxonomy
from schemas.yaml_text import mapping_from_yaml

from .passes import check_passes, with_repeats
from .recipe_parts import Budget, DatasetOptions, Effort, RecipeLimits, Routing, Signals, Unseen
from .settings import apply, with_quoting_advice

__all__ = [
    "CONFIG_FOLDER",
    "Budget",
    "DatasetOptions",
    "Effort",
    "Recipe",
    "RecipeLimits",
    "Routing",
    "Signals",
    "Task",
    "Unseen",
    "load_recipe",
]

CONFIG_FOLDER = (Path(__file__).parent / "configs").resolve()
"""The shipped recipes, taxonomies and prompts: the checkout's ``configs/`` by a link, a copy of it in a wheel."""

_PLUGINS: dict[str, ModuleType] = {
    "sources": pipeline.sources,
    "machines": annotators.machines,
    "people": annotators.people,
    "exports": pipeline.exports,
}


class Recipe(Frozen):
    """One dataset: what is read, who judges it, and what is written."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name of the recipe and, by default, of the dataset."""
    task: Task = Task()
    """What is asked of every sample; a bare word is its ``kind``."""
    taxonomy: Taxonomy
    """The categories: a name in configs/taxonomies, a path, or the mapping itself."""
    sources: tuple[SerializeAsAny[PluginConfig], ...] = Field(min_length=1)
    """Where items come from; each ``--input`` goes to the first source that accepts it."""
    limits: RecipeLimits = RecipeLimits()
    """Bounds on hostile files and on rejections."""
    machines: tuple[SerializeAsAny[MachineConfig], ...] = ()
    """Who proposes."""
    routing: Routing = Routing()
    """Which samples people see."""
    people: tuple[SerializeAsAny[PluginConfig], ...] = ()
    """Where people verify."""
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    """Weight of each split; groups are assigned whole."""
    unseen: tuple[Unseen, ...] = ()
    """Further test splits, of generators or sources that are in no other split; the first one that fits a group."""
    exports: tuple[SerializeAsAny[PluginConfig], ...] = ()
    """Further shapes of the dataset, under ``RUN/exports/KIND``."""
    dataset: DatasetOptions = DatasetOptions()
    """What is published."""

    @field_validator("task", mode="before")
    @classmethod
    def _task_may_be_a_word(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @field_validator("sources", "machines", "people", "exports", mode="before")
    @classmethod
    def _entries_by_kind(cls, value: Any, info: Any) -> Any:
        package = _PLUGINS[info.field_name]
        if not isinstance(value, list | tuple | None):
            return value  # refused by the field's type
        return tuple(
            entry if isinstance(entry, PluginConfig) else configure(package, entry, where=f"{info.field_name}.{i}")
            for i, entry in enumerate(value or ())
        )

    @field_validator("machines", mode="after")
    @classmethod
    def _repeats_are_machines(cls, value: tuple[MachineConfig, ...]) -> tuple[MachineConfig, ...]:
        return with_repeats(value)

    @field_validator("splits")
    @classmethod
    def _weights(cls, value: dict[str, float]) -> dict[str, float]:
        if not value or any(weight < 0 for weight in value.values()) or not sum(value.values()):
            raise ValueError("needs at least one split with a positive weight")
        for name in value:
            _check_split_name(name)
        return value

    @model_validator(mode="after")
    def _unseen_splits_are_their_own(self) -> Self:
        for unseen in self.unseen:
            _check_split_name(unseen.split)
            if unseen.split in self.splits:
                raise ValueError(f"unseen: {unseen.split!r} is one of 'splits' too; give it another name")
        return self

    @property
    def split_names(self) -> tuple[str, ...]:
        """Every split that the dataset may have, in order."""
        return tuple(dict.fromkeys((*self.splits, *(unseen.split for unseen in self.unseen))))

    @property
    def has_references(self) -> bool:
        """Whether a source may give pairs: samples of two images, the second one to compare with."""
        return any(getattr(source, "reference", None) for source in self.sources)

    @model_validator(mode="after")
    def _machines_have_names(self) -> Self:
        names = Counter(machine.title for machine in self.machines)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"machines: {twice[0]!r} stands twice; give each a 'name' of its own")
        check_passes(self.machines)
        return self

    @model_validator(mode="after")
    def _annotation_has_a_voice(self) -> Self:
        names = [machine.title for machine in self.machines]
        wanted = self.dataset.annotation
        if wanted not in ("first", "last", *names):
            near = difflib.get_close_matches(wanted, ["first", "last", *names], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are: first, last, {', '.join(names)}"
            raise ValueError(f"dataset.annotation: {wanted!r} is no machine of the recipe{hint}")
        return self

    def lines(self) -> list[str]:
        """The recipe as sorted text lines, for a diff that a person reads."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False).splitlines()

    def difference(self, other: Recipe) -> list[str]:
        """Unified diff from this recipe to another, without context; empty when they are equal."""
        lines = difflib.unified_diff(self.lines(), other.lines(), "the run's recipe", "the new recipe", "", "", 0, "")
        return list(lines)


def load_recipe(path: str | Path, settings: tuple[str, ...] = ()) -> Recipe:
    """Read, override and check a recipe. Raises ConfigError before any work.

    ``settings`` are ``PATH=VALUE`` with VALUE in YAML, e.g. ``machines.0.kind=vlm``.
    """
    path = _find(str(path), "recipes", ".yaml")
    raw = mapping_from_yaml(_text(path), where=str(path))
    task = raw.get("task")
    apply(raw, settings, {"task": lambda kind: {"kind": kind}, "taxonomy": partial(_taxonomy, path.parent)})
    if isinstance(task, dict) and isinstance(raw.get("task"), str):
        raw["task"] = {**task, "kind": raw["task"]}  # a bare word sets the kind and leaves the rest as it stands
    try:
        _resolve(raw, path.parent)
        return recipe_from(raw, where=str(path))
    except ConfigError as error:
        raise with_quoting_advice(error, settings) from error.__cause__


def recipe_from(raw: dict[str, Any], *, where: str) -> Recipe:
    """A recipe from its resolved mapping, e.g. the one a run's manifest holds."""
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{where}: {readable(error, Recipe)}", remedy="see docs/recipe.md") from error


def _check_split_name(name: str) -> None:
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        raise ValueError(f"{name!r} is no split name: letters, digits, underscores and dots only")


def _find(name: str, folder: str, suffix: str) -> Path:
    here, stem = Path(name), name.removesuffix(suffix)
    shipped = CONFIG_FOLDER / folder / f"{stem}{suffix}"
    if here.is_file():
        return here
    if shipped.is_file() and "/" not in name:
        return shipped
    known = sorted(p.stem for p in (CONFIG_FOLDER / folder).glob(f"*{suffix}"))
    near = difflib.get_close_matches(stem.rpartition("/")[2], known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"shipped: {', '.join(known)}"
    raise ConfigError(f"no file {name!r}", remedy=hint)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text", remedy="name a text file, or save it as UTF-8") from error


def _resolve(raw: dict[str, Any], folder: Path) -> None:
    """Put the named taxonomy and prompts into the mapping itself: workers read no local files."""
    taxonomy = raw.get("taxonomy")
    if isinstance(taxonomy, str):
        path = _beside(folder, taxonomy, "taxonomies", ".yaml")
        raw["taxonomy"] = load_taxonomy(_text(path), where=str(path))
    elif isinstance(taxonomy, dict):
        raw["taxonomy"] = load_taxonomy(yaml.safe_dump(taxonomy), where="taxonomy")
    machines = raw.get("machines")
    for machine in machines if isinstance(machines, list) else ():
        prompt = machine.get("prompt") if isinstance(machine, dict) else None
        if isinstance(prompt, str) and re.fullmatch(r"[\w./-]{1,200}", prompt):
            machine["prompt"] = _text(_beside(folder, prompt, "prompts", ".md"))


def _taxonomy(folder: Path, name: str) -> dict[str, Any]:
    """A named taxonomy as its mapping, not yet checked."""
    path = _beside(folder, name, "taxonomies", ".yaml")
    return mapping_from_yaml(_text(path), where=str(path))


def _beside(folder: Path, name: str, shipped: str, suffix: str) -> Path:
    """The file that a recipe in ``folder`` names: beside it, by its path, or the one that is shipped."""
    return folder / name if (folder / name).is_file() else _find(name, shipped, suffix)
