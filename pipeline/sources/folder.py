"""Source ``folder``: every file below a folder, of a glob, or a single file, is one item.

Hidden files, files that are no media and files that cannot be read are items too: they end as Rejections, so
that ``found`` counts what is there. Manifests and annotations beside the media are just files here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from schemas.sample import Item, Origin

from ..filesystems import FoundFile, glob_pattern, name_of, scan
from .base import ItemIds, Source, SourceConfig, SourcePlace

__all__ = ["Config", "Folder"]


class Config(SourceConfig):
    """Options of the folder source."""

    kind: Literal["folder"] = "folder"
    recursive: bool = True
    """Whether folders below the input are read, too."""
    include: tuple[str, ...] = ()
    """Globs over paths relative to the input, e.g. ``**/*.png``; only what matches one is an item. Empty: all."""
    exclude: tuple[str, ...] = ()
    """Globs over paths relative to the input; what matches one is no item. It wins over ``include``."""
    origin_by_folder: Mapping[str, Origin] = {}
    """Origin by folder name, e.g. ``{real: real, 1_fake: generated}``; the innermost named folder decides."""


class Folder(Source):
    """Files as items; takes every input that no other source of the recipe accepts."""

    is_fallback: ClassVar[bool] = True
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._include = tuple(map(glob_pattern, config.include))
        self._exclude = tuple(map(glob_pattern, config.exclude))

    def accepts(self, uri: str) -> bool:
        """Any name: a file of any kind is an item."""
        return True

    def items(self, place: SourcePlace) -> Iterator[Item]:
        """One item per file, in the byte order of their paths, input after input."""
        ids = ItemIds()
        for label, uri in place.labeled_inputs():
            for found in scan(uri, self.config.recursive):
                if self._is_wanted(found.relative):
                    item_id = ids.claim(f"{label}/{found.relative}" if label else found.relative)
                    yield self._item(item_id, found, name_of(uri))

    def _is_wanted(self, relative: str) -> bool:
        if any(glob.fullmatch(relative) for glob in self._exclude):
            return False
        return not self._include or any(glob.fullmatch(relative) for glob in self._include)

    def _item(self, item_id: str, found: FoundFile, input_name: str) -> Item:
        return Item(
            item_id=item_id,
            uri=found.uri,
            file_name=name_of(found.uri),
            origin=self._origin((input_name, *found.relative.split("/")[:-1])),
            source=self.stated(),
            error=f"cannot read {name_of(found.uri)!r}: {found.problem}" if found.problem else None,
            remedy="give a regular, readable file or exclude it" if found.problem else "",
        )

    def _origin(self, folders: tuple[str, ...]) -> Origin | None:
        known = self.config.origin_by_folder
        return next((known[name] for name in reversed(folders) if name in known), self.config.origin)
