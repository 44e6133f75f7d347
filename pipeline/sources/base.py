"""What every source shares: a source turns inputs into Items, one per thing found, in an order that never changes.

Nothing vanishes in a source: what cannot be read is an Item with ``error`` and ``remedy``, and becomes a Rejection.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from schemas.errors import ConfigError, SampleError
from schemas.plugins import PluginConfig
from schemas.sample import Item, Origin
from schemas.sample import Source as SourceOfMedium

from ..filesystems import (
    absolute,
    exists,
    has_glob,
    is_local,
    join,
    local_path,
    name_of,
    open_uri,
    parent_of,
    printable,
    scan,
    write_atomically,
)
from ..strict_json import decode_text

if TYPE_CHECKING:
    from schemas.media.limits import Limits

__all__ = [
    "Container",
    "ItemIds",
    "Source",
    "SourceConfig",
    "SourcePlace",
    "containers",
    "identified_items",
    "input_labels",
    "items_of",
    "refused",
    "route",
    "spool",
]


class SourceConfig(PluginConfig):
    """Options that every source has: what holds for each of its items unless the item itself says otherwise."""

    name: str | None = None
    """Name of the collection or source dataset."""
    url: str | None = None
    """Where it was found."""
    licence: str | None = None
    """Licence of everything in it, preferably an SPDX identifier."""
    origin: Origin | None = None
    """Origin of everything in it; None where that differs or is not known."""


@dataclass(frozen=True, kw_only=True)
class SourcePlace:
    """Where a source reads and where it may put bytes that lie inside of a container."""

    inputs: tuple[str, ...]
    """URIs of the inputs that this source takes: files, folders or globs."""
    spool_uri: str
    """Folder for spooled bytes, named by their sha256."""
    limits: Limits
    """The recipe's limits."""
    labels: tuple[str, ...] = ()
    """What the ids of each input's items start with, ``""`` for nothing; computed from ``inputs`` where empty."""

    def labeled_inputs(self) -> tuple[tuple[str, str], ...]:
        """``(label, uri)`` of every input."""
        return tuple(zip(self.labels or input_labels(self.inputs), self.inputs, strict=True))


class Source(ABC):
    """A source: options in, items out. Constructed anew in each worker; holds no connection."""

    needs_input: ClassVar[bool] = True
    """Whether it reads ``--input``; False for one that makes its items itself."""
    reads_content: ClassVar[bool] = False
    """Whether it accepts by what a file holds: it is asked before those that go by the name."""
    is_fallback: ClassVar[bool] = False
    """Whether it takes only what no other source of the recipe accepts."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def accepts(self, uri: str) -> bool:
        """Whether an ``--input`` is for this source, by its name alone unless ``reads_content``."""
        return False

    @abstractmethod
    def items(self, place: SourcePlace) -> Iterator[Item]:
        """Every item, in the same order each time, with ids unique within the call.

        Raises MediaError where an input does not exist, ServiceError where the storage fails.
        """

    def stated(self, **said: str | None) -> SourceOfMedium:
        """The source of one medium: what its row says, completed by this source's options."""
        given = {"name": self.config.name, "url": self.config.url, "licence": self.config.licence}
        return SourceOfMedium(**{**given, **{key: value for key, value in said.items() if value is not None}})


@dataclass(eq=False)
class ItemIds:
    """Item ids that were given out: a repeated one gets ``#2``, ``#3`` and so on."""

    seen: dict[str, int] = field(default_factory=dict)
    """How often each id was wanted."""

    def claim(self, wanted: str) -> str:
        """A printable id that was not given out before."""
        wanted = printable(wanted)
        self.seen[wanted] = times = self.seen.get(wanted, 0) + 1
        return wanted if times == 1 else self.claim(f"{wanted}#{times}")

    def identified(self, item: Item) -> Item:
        """The item under an id that was not given out before."""
        item_id = self.claim(item.item_id)
        return item if item_id == item.item_id else item.evolve(item_id=item_id)


def identified_items(place: SourcePlace, read: Callable[[Container], Iterable[Item]]) -> Iterator[Item]:
    """What ``read`` finds in each of the containers, in order, under ids that are unique over all of them."""
    ids = ItemIds()
    for container in containers(place):
        for item in read(container):
            yield ids.identified(item)


def spool(place: SourcePlace, data: bytes) -> str:
    """Put bytes under their sha256 unless they are there, and return their URI: ``spool_uri/ab/abcd...``."""
    digest = hashlib.sha256(data).hexdigest()
    uri = join(place.spool_uri, digest[:2], digest)
    if not exists(uri):
        write_atomically(uri, data)
    return uri


def input_labels(inputs: Sequence[str]) -> tuple[str, ...]:
    """What tells several inputs apart: as many of their last path parts as that takes; ``""`` for a single one.

    >>> input_labels(["/a/photos", "/b/scans"])
    ('photos', 'scans')
    >>> input_labels(["/a/photos", "/b/photos"])
    ('a/photos', 'b/photos')
    >>> input_labels(["/a/photos"])
    ('',)
    """
    if len(inputs) == 1:
        return ("",)
    paths = [printable(_plain(uri)).strip("/").split("/") for uri in inputs]
    for length in range(1, max(map(len, paths), default=1) + 1):
        labels = tuple("/".join(path[-length:]) for path in paths)
        if len(set(labels)) == len(labels):
            return labels
    return tuple(f"{number}/{'/'.join(path[-1:])}" for number, path in enumerate(paths, 1))


def _plain(uri: str) -> str:
    return local_path(uri).replace("://", "/")


_HOLDS_NOTHING = {False: "holds no file", True: "matches no file"}
_LOOK_AGAIN = "check its name: * matches within one folder, ** over any depth, and a quoted ~ stays as it is"


def route(sources: Sequence[Source], inputs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The inputs of each source, in order: the first that accepts one takes it, a fallback only what is left.

    Sources that look into files are asked before those that go by a name. An input given twice is read once. Raises
    ConfigError where there is none and every source reads some, for an input that no source of the recipe accepts,
    and for a local one that does not exist or holds no file; a command calls it before any work. Nothing to read is
    wrong use, as it is to pytest and ESLint: an empty dataset that ends well would hide a misspelled glob.
    """
    if sources and not inputs and all(source.needs_input for source in sources):
        raise ConfigError(
            "nothing says what to read",
            remedy="give --input: a folder, a file or a glob; it may be given several times",
        )
    taken: list[list[str]] = [[] for _ in sources]
    preferred = sorted(range(len(sources)), key=lambda i: (sources[i].is_fallback, not sources[i].reads_content))
    for uri in dict.fromkeys(inputs):
        if is_local(uri) and not has_glob(uri) and not exists(uri):
            raise ConfigError(f"there is no input {printable(uri)!r}", remedy="check its name")
        if is_local(uri) and next(iter(scan(uri)), None) is None:
            raise ConfigError(f"the input {printable(uri)!r} {_HOLDS_NOTHING[has_glob(uri)]}", remedy=_LOOK_AGAIN)
        takers = (i for i in preferred if sources[i].accepts(uri))
        taken[_first(takers, uri, sources)].append(uri)
    return tuple(tuple(uris) for uris in taken)


def _first(takers: Iterator[int], uri: str, sources: Sequence[Source]) -> int:
    for taker in takers:
        return taker
    kinds = ", ".join(source.config.kind for source in sources) or "none"
    raise ConfigError(f"no source of the recipe takes the input {name_of(uri)!r}", remedy=f"the recipe has: {kinds}")


def items_of(sources: Sequence[Source], inputs: Sequence[str], spool_uri: str, limits: Limits) -> Iterator[Item]:
    """Every item of all sources, with ids unique over all of them. Raises what route and items raise."""
    given = tuple(dict.fromkeys(inputs))
    label_of = dict(zip(given, input_labels(given), strict=True))
    ids = ItemIds()
    for source, uris in zip(sources, route(sources, given), strict=True):
        if uris or not source.needs_input:
            labels = tuple(label_of[uri] for uri in uris)
            place = SourcePlace(inputs=uris, spool_uri=spool_uri, limits=limits, labels=labels)
            for item in source.items(place):
                yield ids.identified(item)


@dataclass(frozen=True)
class Container:
    """One input file that holds many items."""

    uri: str
    """Where it is."""
    name: str
    """What a person calls it; unique among the containers of one call."""
    prefix: str
    """What the ids of its items start with: empty where it is the only one."""
    problem: str = ""
    """Why it cannot be read; empty where it can."""

    def open(self) -> BinaryIO:
        """Its bytes. Raises SampleError where it cannot be read."""
        if self.problem:
            raise SampleError(f"cannot be read: {self.problem}", remedy="give a regular, readable file")
        return open_uri(self.uri)

    def text(self, limits: Limits) -> str:
        """All of it as text, for one that is a single JSON value. Raises SampleError, also where it is too large."""
        with self.open() as file:
            data = file.read(limits.max_in_memory_bytes + 1)
        if len(data) > limits.max_in_memory_bytes:
            raise SampleError(
                f"more than limits.max_in_memory_bytes = {limits.max_in_memory_bytes} bytes of JSON",
                remedy="export it in parts, or raise the limit",
            )
        return decode_text(data)

    @cached_property
    def folder(self) -> str:
        """URI of the folder that it lies in: what its relative paths start from."""
        return parent_of(self.uri)


def containers(place: SourcePlace) -> Iterator[Container]:
    """The files of all inputs of a source that reads containers, those of globs and folders among them, in order."""
    for label, uri in place.labeled_inputs():
        for found in scan(uri):
            is_input = found.uri == absolute(uri)
            name = (label or found.relative) if is_input else "/".join(filter(None, (label, found.relative)))
            yield Container(found.uri, name, "" if is_input and not label else f"{name}/", found.problem)


def refused(item_id: str, uri: str, error: str, remedy: str = "") -> Item:
    """The item of something that cannot be used, e.g. a torn row."""
    return Item(item_id=item_id, uri=uri, file_name=name_of(uri), error=error, remedy=remedy)
