"""What every export shares: Records in, files of another shape out, whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from schemas.base import Frozen
from schemas.candidate import Region
from schemas.plugins import PluginConfig
from schemas.record import Record
from schemas.taxonomy import Taxonomy

__all__ = ["Export", "ExportConfig", "ExportPlace", "Refusal"]


class ExportConfig(PluginConfig):
    """Options that every export has."""


@dataclass(frozen=True, kw_only=True)
class ExportPlace:
    """Where an export writes, and what it may look up."""

    out_uri: str
    """Folder of this export; its files are replaced."""
    taxonomy: Taxonomy
    """The recipe's categories."""
    dataset_uri: str = ""
    """Folder of the published dataset, where the media are; empty where there is none."""


class Refusal(Frozen):
    """A record that the format cannot hold without saying less than is known: a line of ``refused.jsonl``."""

    sample_id: str
    """The record."""
    file_name: str
    """Its original file name."""
    reason: str
    """What the format cannot hold."""


class Export(ABC):
    """A shape of the dataset: options in, files out. Streams: memory does not grow with the records."""

    region_fields: ClassVar[tuple[str, ...]] = tuple(Region.model_fields)
    """What of a Region comes back from ``read``; a format of others has no place for the rest."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """Write all records and return the URIs of the written files, sorted.

        Equal records give equal bytes. A record that the format cannot hold is a line of ``refused.jsonl``, never
        a silent loss. Raises ConfigError where the options ask for what the place lacks, RunError on a full disk.
        """

    @abstractmethod
    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """``(sample_id, regions)`` of every record that was written and not refused, in that order per file."""
