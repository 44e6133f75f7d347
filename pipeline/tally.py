"""Counting what was published and what was not, in one pass and in bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest

from pydantic import NonNegativeInt

from schemas.base import Frozen, content_id
from schemas.media.types import Document
from schemas.record import Record, Rejection

__all__ = [
    "Count",
    "FindingGroup",
    "RecordCounts",
    "RejectionGroup",
    "SourceCount",
    "Tally",
    "choose_gallery",
    "group_rejections",
]

EXAMPLES = 5
SIZES = (0.01, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
"""Upper ends of the size histogram's bins in megapixels; the last bin has none."""


class Count(Frozen):
    """How often a value occurs."""

    name: str
    """The value."""
    count: NonNegativeInt
    """Rows (or regions) that have it."""


class SourceCount(Frozen):
    """Rows of one source under one licence."""

    name: str = ""
    """Name of the source; empty where none was stated."""
    licence: str = ""
    """Licence of the media as stated; empty where none was stated."""
    count: NonNegativeInt
    """Rows."""


class FindingGroup(Frozen):
    """Findings of one code."""

    code: str
    """The code, e.g. ``origin_disagrees``."""
    count: NonNegativeInt
    """How often it was noticed."""
    examples: tuple[tuple[str, str], ...] = ()
    """File name and message of the first of them."""


class RejectionGroup(Frozen):
    """Rejections for one reason."""

    first: Rejection
    """The first of them: its stage, error, machine and remedy are those of all."""
    reason: str
    """The messages' common shape: names and numbers of the single item are left out."""
    count: NonNegativeInt
    """How many there are."""
    examples: tuple[Rejection, ...]
    """The first of them."""


class RecordCounts(Frozen):
    """What the published rows are; each tuple is ordered by count, then name."""

    rows: NonNegativeInt = 0
    """Published rows."""
    regions: NonNegativeInt = 0
    """Regions of all rows."""
    modalities: tuple[Count, ...] = ()
    """Rows per modality."""
    modalities_by_split: tuple[tuple[str, tuple[Count, ...]], ...] = ()
    """For each split, rows per modality."""
    origins: tuple[Count, ...] = ()
    """Rows per origin."""
    verdicts: tuple[Count, ...] = ()
    """Rows per final verdict, ``none`` where there is no verdict."""
    annotation_status: tuple[Count, ...] = ()
    """Rows per annotation status."""
    review: tuple[Count, ...] = ()
    """Rows per state of review."""
    storage: tuple[Count, ...] = ()
    """Rows per place of their medium's bytes."""
    categories: tuple[Count, ...] = ()
    """Regions per category."""
    megapixels: tuple[Count, ...] = ()
    """Images and videos per size of a frame, in the order of size; empty bins within are kept."""
    sources: tuple[SourceCount, ...] = ()
    """Rows per source and licence."""
    findings: tuple[FindingGroup, ...] = ()
    """What was noticed."""


class Tally:
    """Counts records as they pass; ``counts`` says what was seen so far."""

    def __init__(self) -> None:
        self._columns: dict[str, Counter[str]] = {name: Counter() for name in _COLUMNS}
        self._splits: dict[str, Counter[str]] = {}
        self._categories: Counter[str] = Counter()
        self._sources: Counter[tuple[str, str]] = Counter()
        self._bins: Counter[int] = Counter()
        self._findings: dict[str, FindingGroup] = {}

    def add(self, record: Record) -> None:
        """Count one row."""
        for name, value_of in _COLUMNS.items():
            self._columns[name][value_of(record)] += 1
        self._splits.setdefault(record.split, Counter())[record.media.kind] += 1
        self._categories.update(region.category for region in record.regions)
        self._sources[record.source.name or "", record.source.licence or ""] += 1
        self._add_size(record)
        for finding in record.findings:
            self._add_finding(finding.code, (record.file_name, finding.message))

    @property
    def counts(self) -> RecordCounts:
        """The sums."""
        sources = sorted(self._sources.items(), key=lambda item: (-item[1], item[0]))
        return RecordCounts(
            rows=self._columns["modalities"].total(),
            regions=self._categories.total(),
            **{name: _ranked(counter) for name, counter in self._columns.items()},
            modalities_by_split=tuple((split, _ranked(counter)) for split, counter in _largest_first(self._splits)),
            categories=_ranked(self._categories),
            megapixels=tuple(self._histogram()),
            sources=tuple(SourceCount(name=n, licence=licence, count=count) for (n, licence), count in sources),
            findings=tuple(sorted(self._findings.values(), key=lambda group: (-group.count, group.code))),
        )

    def _add_size(self, record: Record) -> None:
        if not isinstance(record.media, Document):
            megapixels = record.media.width * record.media.height / 1e6
            self._bins[sum(megapixels >= end for end in SIZES)] += 1

    def _add_finding(self, code: str, example: tuple[str, str]) -> None:
        group = self._findings.get(code, FindingGroup(code=code, count=0))
        examples = (*group.examples, example)[:EXAMPLES]
        self._findings[code] = FindingGroup(code=code, count=group.count + 1, examples=examples)

    def _histogram(self) -> Iterator[Count]:
        if self._bins:
            for number in range(min(self._bins), max(self._bins) + 1):
                yield Count(name=_bin_name(number), count=self._bins[number])


_COLUMNS: dict[str, Callable[[Record], str]] = {
    "modalities": lambda record: record.media.kind,
    "origins": lambda record: record.origin,
    "verdicts": lambda record: record.verdict or "none",
    "annotation_status": lambda record: record.annotation_status,
    "review": lambda record: record.review,
    "storage": lambda record: record.storage,
}


def group_rejections(rejections: Iterable[Rejection]) -> tuple[RejectionGroup, ...]:
    """Rejections by stage, machine, error and reason: those that cost a sample first, then the most frequent."""
    groups: dict[tuple[object, ...], RejectionGroup] = {}
    for rejection in rejections:
        message = message_without_names(rejection)
        reason = re.sub(r"\d[\d,._]*\d|\d", "…", message)
        key = (rejection.stage, rejection.machine, rejection.error, rejection.is_final, reason)
        group = groups.get(key) or RejectionGroup(first=rejection, reason=message, count=0, examples=())
        groups[key] = RejectionGroup(
            first=group.first,
            reason=group.reason if group.reason == message else reason,
            count=group.count + 1,
            examples=(*group.examples, rejection)[:EXAMPLES],
        )
    return tuple(sorted(groups.values(), key=lambda group: (not group.first.is_final, -group.count, group.reason)))


def message_without_names(rejection: Rejection) -> str:
    """The message without what belongs to this one item: its names, hashes and quoted words."""
    names = {rejection.item_id, rejection.uri, re.split(r"[/\\]", rejection.item_id)[-1]}
    message = rejection.message[:2000]
    for name in sorted(names - {""}, key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", message)
    # A hash has letters: a long number is what the message is about, and group_rejections shortens it itself.
    message = re.sub(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\b(?=\d*[a-f])[0-9a-f]{12,}\b", "…", message)
    return message.strip(" :…") or rejection.error


def choose_gallery(records: Iterable[Record], limit: int) -> tuple[Record, ...]:
    """At most ``limit`` rows that show every kind of row: modality by status in turns, else by chance of the id."""
    strata: dict[tuple[str, bool], dict[str, Record]] = {}
    for record in records:
        stratum = strata.setdefault((record.media.kind, not record.regions), {})
        stratum[content_id(record.sample_id)] = record
        if len(stratum) > limit:
            del stratum[max(stratum)]
    rows = [[stratum[key] for key in sorted(stratum)] for _, stratum in sorted(strata.items(), key=_annotated_first)]
    turns = (record for turn in zip_longest(*rows) for record in turn if record is not None)
    return tuple(record for record, _ in zip(turns, range(limit), strict=False))


def _annotated_first(item: tuple[tuple[str, bool], Mapping[str, Record]]) -> tuple[bool, int]:
    (kind, is_empty), _ = item
    return is_empty, ("image", "video", "document").index(kind)


def _ranked(counter: Counter[str]) -> tuple[Count, ...]:
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(name=name, count=count) for name, count in ranked)


def _bin_name(number: int) -> str:
    if number == 0:
        return f"below {SIZES[0]:g} MP"
    return f"{SIZES[number - 1]:g} to {SIZES[number]:g} MP" if number < len(SIZES) else f"{SIZES[-1]:g} MP and more"


def _largest_first(splits: Mapping[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    return sorted(splits.items(), key=lambda item: (-item[1].total(), item[0]))
