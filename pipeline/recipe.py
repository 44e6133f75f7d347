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
from typing import Any, Literal, Self

import yaml
from pydantic import Field, SerializeAsAny, ValidationError, field_validator, model_validator

import annotators.machines
import annotators.people
import pipeline.exports
import pipeline.sources
from annotators.base import MachineConfig
from schemas.base import Frozen
from schemas.errors import ConfigError
from schemas.media.limits import Limits
from schemas.plugins import PluginConfig, configure, readable
from schemas.task import Task
from schemas.taxonomy import Taxonomy, load_taxonomy
from schemas.yaml_text import mapping_from_yaml

from .gates import Gate
from .passes import check_passes, with_repeats
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


class RecipeLimits(Limits):
    """Bounds on hostile files, and on how many rejections a run may end with."""

    max_rejected: float = Field(1.0, ge=0, le=1)
    """Share of items or samples that may be rejected before the command exits with 1."""


class Budget(Frozen):
    """What people may be asked, over the whole life of the run; one of the two. A bare number means tasks, ``12 h`` or
    ``12 hours`` hours."""

    hours: float | None = Field(None, gt=0)
    """Hours of people, all reviewers together."""
    tasks: int | None = Field(None, ge=1)
    """Samples that are looked at."""

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return {"tasks": value}
        short = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(h|hours?|tasks?)", value) if isinstance(value, str) else None
        return {"hours" if short[2].startswith("h") else "tasks": short[1]} if short else value

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.hours is None) == (self.tasks is None):
            raise ValueError("needs either 'hours' or 'tasks'")
        return self


class Effort(Frozen):
    """Seconds that one person takes for one sample, until 20 answers of its modality have said better."""

    image: float = Field(71.0, gt=0)
    """SynthScars: 240 hours for 12,236 images with polygons and explanations."""
    video: float = Field(450.0, gt=0)
    """Ivy-Fake's check of clips and long explanations: about 1,000 hours for 8,000 cases."""
    document: float = Field(180.0, gt=0)
    """A guess: nobody published a figure."""


class Signals(Frozen):
    """How much each signal weighs in the priority; 0 switches it off."""

    disagreement: float = Field(1.0, ge=0)
    """Machines differ in verdict or regions."""
    uncertainty: float = Field(0.5, ge=0)
    """The machines' own scores are low."""
    conditioning: float = Field(1.0, ge=0)
    """What a machine says with the label given differs from what it says blind."""
    rarity: float = Field(0.25, ge=0)
    """It holds a category that few samples hold."""
    flags: float = Field(0.5, ge=0)
    """An answer was repaired or asked for again, or ingest noticed a disagreement."""
    corrected_twin: float = Field(1.0, ge=0)
    """A look-alike, or another sample of its group, was corrected by a person."""
    cartography: float = Field(0.5, ge=0)
    """The probability of ``generated`` or ``edited`` varies between passes (Dataset Cartography, arXiv 2009.10795)."""
    overrides: float = Field(1.0, ge=0)
    """People overrode this machine in this category before."""


class Routing(Frozen):
    """Which samples people see. Empty: nobody is asked, and every record says ``not_routed``."""

    audit: float | None = Field(None, gt=0, le=1)
    """Inclusion probability of the random audit slice, from which the error rate of the rest is estimated; 1.0:
    everything is looked at. 0.05 where a budget or target is given. The audit comes first within the budget; an audit
    that alone exceeds the budget is refused."""
    budget: Budget | None = None
    """What people may be asked in all, audit and gold included. None: the audit, gold, and what ``max_error`` asks."""
    max_error: float | None = Field(None, gt=0, lt=1)
    """Highest error rate of what is published unreviewed. Once the audit is answered it says how far down the ranking
    people must look, or that the data do not support it."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Confidence of the published intervals and of ``max_error``."""
    signals: Signals = Signals()
    """How the samples are ranked."""
    effort_s: Effort = Effort()
    """Seconds per sample and person."""
    reviewers: int = Field(1, ge=1)
    """People who look at each routed sample; two or more give agreement figures."""
    gold: int = Field(0, ge=0)
    """Samples with known truth that are asked besides, so that people are measured too."""

    @property
    def asks_people(self) -> bool:
        """Whether anybody is asked anything."""
        return bool(self.audit or self.budget or self.max_error or self.gold)

    @property
    def audit_share(self) -> float:
        """The audit's inclusion probability, the default where none is stated."""
        return self.audit or 0.05


class DatasetOptions(Frozen):
    """What is published, and in which shape."""

    title: str = ""
    """Title of the dataset card; the recipe's name where empty."""
    description: str = ""
    """First paragraph of the dataset card."""
    licence: str = "other"
    """Licence of the annotations, as the Hub spells it (``cc-by-4.0``, ``apache-2.0``, ``other``)."""
    authors: tuple[str, ...] = ()
    """Who made it, people or groups, for CITATION.cff; without any there is none."""
    include: Literal["all", "annotated", "reviewed"] = "all"
    """all: everything but what a person rejected; annotated: only rows with an annotation; reviewed: only rows that a
    person looked at."""
    require: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Values that an attribute must have in a published row, e.g. `{quality: [acceptable]}`: a gate. A row whose
    attribute of that name has another value is excluded; one without it is not."""
    annotation: str = "first"
    """Whose annotation is published where no person decided: that of the machine with this name (one that takes others
    together, e.g. a ``consensus``), or ``first``: of the first machine of the recipe that says something, ``last``: of
    the last one, for machines that each add to what those before them said."""
    seed: int = 0
    """Seed of the split assignment."""
    group_by: tuple[Literal["prompt", "seed", "generator", "source"], ...] = ()
    """What samples of one group have in common beside media, near duplicates, pairs and stated groups: the prompt, the
    seed of one generator, the generator, the source. Spelling and spaces do not count."""
    near_duplicate_bits: int = Field(31, ge=0, le=31)
    """Perceptual hashes (256 bits) that differ in at most so many bits are near duplicates and share a group."""
    shard_bytes: int = Field(250_000_000, ge=1)
    """Target size of a shard; the number of shards is the next power of two, kept for the run's life."""
    row_group_bytes: int = Field(16_000_000, ge=1)
    """Most bytes of media in a Parquet row group. Its own rows decide where it ends, so that a row that comes or goes
    moves no other group."""
    preview: bool = False
    """Whether every row has a column ``preview``: a JPEG of at most 512 pixels a side with the regions drawn over it,
    which the Hub's viewer shows at once. It adds some 20 to 50 kB to every row."""
    max_embedded_video_bytes: int = Field(100_000_000, ge=0)
    """Videos above this size are written as files beside the shards (column ``video_file``)."""
    gates: tuple[Gate, ...] = ()
    """What may be published of media of some licence or source; the first that fits decides, else they are embedded."""


class Unseen(Frozen):
    """A test split of what no other split holds: whole groups with a member of one of these."""

    split: str
    """Name of the split, e.g. ``test_unseen_generator``."""
    generators: tuple[str, ...] = ()
    """Names of generators, or names and versions (``flux 1.1``), in any spelling."""
    sources: tuple[str, ...] = ()
    """Names of sources, i.e. domains."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.generators and not self.sources:
            raise ValueError("needs 'generators' or 'sources'")
        return self


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
