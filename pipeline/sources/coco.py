"""Source ``coco``: images named by a COCO instances file, with its annotations as ground truth.

Every entry of ``images`` is an item. An annotation that cannot be used stays behind as a finding of its image, whose
ground truth then counts as incomplete. The file is read whole: JSON of this kind cannot be streamed in order, because
its annotations may stand before or after its images. It takes about ten times its size in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from schemas.candidate import Region
from schemas.errors import SampleError
from schemas.media.limits import Limits
from schemas.sample import Finding, Item

from ..filesystems import exists, name_of, printable
from ..strict_json import json_type, parse_json
from ._coco_regions import key_of, read_annotation
from ._paths import resolved
from .base import Container, ItemIds, Source, SourceConfig, SourcePlace, identified_items, refused

__all__ = ["Coco", "Config"]

MAX_PROBED = 16


class Config(SourceConfig):
    """Options of the coco source."""

    kind: Literal["coco"] = "coco"
    images: str | None = None
    """Folder of the images, absolute or relative to the COCO file. None: the first of ``.``, ``images``, ``SPLIT``,
    ``../images``, ``../images/SPLIT`` and ``../SPLIT`` that holds one of the first images, where SPLIT is what
    follows the last underscore of the file's name (``instances_val2017.json``: ``val2017``)."""
    category_map: Mapping[str, str] = {}
    """Category names, theirs to the taxonomy's; the others stay as they are."""
    unannotated_is_clean: bool = False
    """Whether an image without annotations is known to hold nothing; COCO itself cannot tell that from an image
    that nobody looked at."""


class Coco(Source):
    """Images of COCO files as items; takes ``.json``."""

    config: Config

    def accepts(self, uri: str) -> bool:
        """By the ending of the name."""
        return uri.lower().endswith(".json")

    def items(self, place: SourcePlace) -> Iterator[Item]:
        """One item per image, in the order of the file; a file that is no COCO file is one item with an error."""
        return identified_items(place, lambda container: self._items(container, place.limits))

    def _items(self, container: Container, limits: Limits) -> Iterator[Item]:
        try:
            content = _content(_document(container, limits), self.config.category_map)
        except SampleError as error:
            remedy = error.remedy or "mend the file, or exclude it from the input"
            yield refused(container.name, container.uri, f"{container.name}: {error.message}", remedy)
            return
        folder = self._folder(container, content)
        for number, image in enumerate(content.images):
            try:
                yield self._item(image, content, container.prefix, folder)
            except SampleError as error:
                where = f"{container.name}#images[{number}]"
                remedy = error.remedy or "mend this entry of the file"
                yield refused(where, container.uri, f"{where}: {error.message}", remedy)
        yield from _orphans(content, container)

    def _item(self, image: Any, content: _Content, prefix: str, folder: str) -> Item:
        if not isinstance(image, Mapping):
            raise SampleError(f"it is {json_type(image)}, not an object")
        key, stated = _image_key(image), image.get("file_name")
        if not isinstance(stated, str) or not stated:
            raise SampleError(f"its file_name is {json_type(stated) if stated != '' else 'empty'}")
        content.claim(key)
        size = _size(image)
        regions, findings = content.ground_truth(key, size)
        uri = printable(resolved(stated, folder))
        return Item(
            item_id=prefix + printable(stated),
            uri=uri,
            file_name=name_of(uri),
            origin=self.config.origin,
            source=self.stated(url=_text(image.get("coco_url")), licence=_licence(image, content)),
            ground_truth=regions,
            has_ground_truth=not findings and bool(regions or self.config.unannotated_is_clean),
            findings=findings,
            stated_width=size and size[0],
            stated_height=size and size[1],
        )

    def _folder(self, container: Container, content: _Content) -> str:
        """The configured folder, else the first candidate in which one of the first images lies."""
        here = container.folder
        if self.config.images is not None:
            return resolved(self.config.images, here, allow_outside=True)
        split = PurePosixPath(name_of(container.uri)).stem.rpartition("_")[2]
        candidates = [(".",), ("images",), (split,), ("..", "images"), ("..", "images", split), ("..", split)]
        names = [image.get("file_name") for image in content.images[:MAX_PROBED] if isinstance(image, Mapping)]
        for parts in candidates:
            folder = resolved("/".join(filter(None, parts)), here, allow_outside=True)
            if any(isinstance(name, str) and _is_there(name, folder) for name in names):
                return folder
        return here


@dataclass(eq=False)
class _Content:
    """A COCO document, its annotations by image."""

    images: list[Any]
    """Entries of ``images``, as they are."""
    annotations: dict[int | str, list[tuple[int, Any]]]
    """By image id: place in the file, and the annotation as it is."""
    lost: list[int]
    """Places of annotations that name no image id at all."""
    categories: Mapping[int | str, str]
    """Names by id, already mapped."""
    licences: Mapping[int | str, str]
    """Licence names by id."""
    shared: frozenset[int | str]
    """Ids that several files go by."""
    taken: set[int | str] = field(default_factory=set)
    """Ids of the images that were read."""

    def claim(self, key: int | str) -> None:
        """Take an image id. Raises SampleError where it was taken before, or is that of another file, too."""
        was_taken = key in self.taken
        self.taken.add(key)
        if key in self.shared:
            raise SampleError(f"its id {key!r:.80} is that of several files: nobody knows whose annotations are whose")
        if was_taken:
            raise SampleError(f"its id {key!r:.80} stands twice")

    def category_of(self, value: Any) -> str:
        """The name of a category id. Raises ValueError for an unknown one."""
        key = key_of(value)
        if key not in self.categories:
            raise ValueError(f"the id {key!r:.80} is none of the file's categories, or of two with different names")
        return self.categories[key]

    def ground_truth(
        self, key: int | str, size: tuple[int, int] | None
    ) -> tuple[tuple[Region, ...], tuple[Finding, ...]]:
        """Regions of an image, and what is wrong with its annotations."""
        regions, findings, ids = [], [], ItemIds()
        for place, annotation in self.annotations.get(key, ()):
            stated = annotation.get("id", f"at-{place}") if isinstance(annotation, Mapping) else f"at-{place}"
            name = printable(f"coco-{stated!s:.80}")
            read = read_annotation(annotation, ids.claim(name), self.category_of, size)
            if read.region is not None:
                regions.append(read.region)
            if read.defects:
                fate = "partly used" if read.region is not None else "left out"
                message = f"annotation {place} ({name}) is {fate}: {'; '.join(read.defects)[:500]}"
                findings.append(Finding(code="annotation_defect", message=message))
        return tuple(regions), tuple(findings)


def _document(container: Container, limits: Limits) -> Mapping[str, Any]:
    """The whole file as one object with images. Raises SampleError."""
    document = parse_json(container.text(limits))
    if not isinstance(document, Mapping) or not isinstance(document.get("images"), list):
        what = "an object without a list of images" if isinstance(document, Mapping) else json_type(document)
        raise SampleError(f"no COCO file: it holds {what}", remedy="give a COCO instances file")
    return document


def _content(document: Mapping[str, Any], category_map: Mapping[str, str]) -> _Content:
    by_image: dict[int | str, list[tuple[int, Any]]] = {}
    lost = []
    for place, annotation in enumerate(_list(document, "annotations")):
        try:
            key = key_of(annotation.get("image_id") if isinstance(annotation, Mapping) else None)
        except ValueError:
            lost.append(place)
        else:
            by_image.setdefault(key, []).append((place, annotation))
    return _Content(
        images=_list(document, "images"),
        annotations=by_image,
        lost=lost,
        categories={key: category_map.get(name, name) for key, name in _names(document, "categories").items()},
        licences=_names(document, "licenses"),
        shared=_shared(document),
    )


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key, [])
    if not isinstance(value, list):
        raise SampleError(f"no COCO file: {key!r} holds {json_type(value)}, not a list")
    return value


def _names(document: Mapping[str, Any], key: str) -> dict[int | str, str]:
    """``name`` by ``id``. An entry without either, and an id of two names, is left out: nobody finds it."""
    names = _values_by_id(_list(document, key), "name")
    return {key: printable(found.pop()) for key, found in names.items() if len(found) == 1}


def _shared(document: Mapping[str, Any]) -> frozenset[int | str]:
    files = _values_by_id(_list(document, "images"), "file_name")
    return frozenset(key for key, found in files.items() if len(found) > 1)


def _values_by_id(entries: list[Any], name: str) -> dict[int | str, set[str]]:
    """Every different text that entries of one id hold under a name."""
    found: dict[int | str, set[str]] = {}
    for entry in entries:
        value = entry.get(name) if isinstance(entry, Mapping) else None
        if isinstance(value, str) and value and type(entry.get("id")) in (int, str):
            found.setdefault(entry["id"], set()).add(value)
    return found


def _orphans(content: _Content, container: Container) -> Iterator[Item]:
    """One item with an error for all annotations that belong to no image of the file."""
    unknown = [key for key in content.annotations if key not in content.taken]
    number = sum(len(content.annotations[key]) for key in unknown) + len(content.lost)
    if number:
        shown = ", ".join(f"{key!r:.40}" for key in unknown[:5]) or "none"
        message = f"{container.name}: {number} annotations belong to no usable image of the file (image ids: {shown})"
        remedy = "add the images, or drop the annotations"
        yield refused(f"{container.name}#annotations", container.uri, message, remedy)


def _licence(image: Mapping[str, Any], content: _Content) -> str | None:
    key = image.get("license")
    return content.licences.get(key) if isinstance(key, int | str) else None


def _image_key(image: Mapping[str, Any]) -> int | str:
    """The id that annotations refer to. Raises SampleError where it is none."""
    try:
        return key_of(image.get("id"))
    except ValueError as error:
        raise SampleError(str(error)) from error


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height as the file states them; None where it states none that can be."""
    size = (image.get("width"), image.get("height"))
    return size if all(type(side) is int and 0 < side < 2**63 for side in size) else None  # type: ignore[return-value]


def _is_there(name: str, folder: str) -> bool:
    try:
        return exists(resolved(name, folder))
    except SampleError:
        return False


def _text(value: Any) -> str | None:
    return printable(value)[:2000] if isinstance(value, str) and value else None
