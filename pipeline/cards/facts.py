"""What the card is made from: equal facts give an equal card, and facts that do not add up are refused."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from schemas.base import Frozen
from schemas.published import Config
from schemas.taxonomy import Taxonomy

from ..quality import Quality
from ..shortcuts import Shortcut
from ..split_proof import SplitProof
from ..storage import StageCounts
from ..tally import Count, SourceCount

__all__ = ["CardFacts", "ConfigFacts", "MachineFacts", "SplitFacts"]


class SplitFacts(Frozen):
    """One split of one config, as written."""

    name: str
    """Name of the split."""
    num_rows: NonNegativeInt
    """Rows in all its shards."""
    num_bytes: NonNegativeInt
    """Size of all its shards in bytes."""
    num_files: PositiveInt
    """Number of its shards."""


class ConfigFacts(Frozen):
    """One config of the dataset: all samples of one modality."""

    name: Config
    """Name of the config and of its folder under ``data/``."""
    splits: tuple[SplitFacts, ...]
    """Its splits in order; a split without a file is not listed."""
    features: dict[str, Any]
    """Its columns as ``datasets.Features.to_dict`` spells them, as ``schemas.published.hub_features`` gives them."""

    @property
    def num_rows(self) -> int:
        """Rows of all splits."""
        return sum(split.num_rows for split in self.splits)


class MachineFacts(Frozen):
    """A machine whose candidates are behind the rows."""

    name: str
    """Name in the recipe and in ``lineage``."""
    kind: str
    """Plug-in."""
    model: str = ""
    """Model as asked for, or method and version."""
    prompt_sha256: str = ""
    """Hash of the rendered prompt; empty for machines that compute."""
    candidates: NonNegativeInt = 0
    """Candidates of its that are behind published rows."""


class CardFacts(Frozen):
    """Everything the card says; equal facts give equal bytes."""

    title: str
    """Title of the dataset."""
    description: str = ""
    """What it is, in paragraphs divided by empty lines."""
    licence: str = "other"
    """Licence of the annotations, preferably an identifier of the Hub."""
    recipe: str
    """Name of the recipe."""
    task: str
    """Kind of the task, e.g. ``artifacts``."""
    language: str = ""
    """Language of the explanations, in words."""
    taxonomy: Taxonomy
    """The categories."""
    configs: tuple[ConfigFacts, ...]
    """What is published."""
    stages: dict[str, StageCounts] = Field(default_factory=dict)
    """Counts of ingest, propose and finalize."""
    machines: tuple[MachineFacts, ...] = ()
    """Who proposed."""
    sources: tuple[SourceCount, ...] = ()
    """Rows per source and licence."""
    origins: tuple[Count, ...] = ()
    """Rows per origin."""
    annotation_status: tuple[Count, ...] = ()
    """Rows per annotation status."""
    review: tuple[Count, ...] = ()
    """Rows per state of review."""
    storage: tuple[Count, ...] = ()
    """Rows per place of their medium's bytes."""
    categories: tuple[Count, ...] = ()
    """Regions per category."""
    quality: Quality | None = None
    """What people's answers tell; None where nobody was asked."""
    num_reviews: NonNegativeInt = 0
    """Raw reviews that are published beside the rows."""
    proof: SplitProof | None = None
    """What was looked for across splits, and how the rows are divided."""
    shortcuts: tuple[Shortcut, ...] = ()
    """What the files alone tell about real and generated."""
    near_duplicate_groups: NonNegativeInt = 0
    """Groups of rows that are look-alikes of each other."""
    tags: tuple[str, ...] = ()
    """Further tags for the Hub."""

    @property
    def num_rows(self) -> int:
        """Rows of all configs."""
        return sum(config.num_rows for config in self.configs)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        for name in ("sources", "origins", "annotation_status", "review", "storage"):
            counts = [count.count for count in getattr(self, name)]
            if counts and sum(counts) != self.num_rows:
                raise ValueError(f"{name} count {sum(counts)} rows, the splits hold {self.num_rows}")
        for name, stage in self.stages.items():
            if not stage.adds_up:
                raise ValueError(f"stage {name} does not add up: {stage}")
        return self
