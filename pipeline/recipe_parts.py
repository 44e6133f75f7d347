"""The parts of a recipe that are mappings of their own: limits, routing with its budget and signals, the dataset."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.base import Frozen
from schemas.media.limits import Limits

from .gates import Gate

__all__ = ["Budget", "DatasetOptions", "Effort", "RecipeLimits", "Routing", "Signals", "Unseen"]


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
