"""Export ``coco``: one COCO instances file per split, for images.

Format: https://cocodataset.org/#format-data. Coordinates are those of the upright image (EXIF orientation applied).
An image stands in the file with all of its regions or not at all: what COCO cannot hold is in ``refused.jsonl``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from shutil import copyfileobj
from typing import BinaryIO, Literal, cast
from urllib.parse import quote

from schemas.candidate import Region
from schemas.errors import ConfigError
from schemas.media.types import Image
from schemas.record import Record
from schemas.taxonomy import Taxonomy

from ..filesystems import join, list_files, name_of, open_uri, write_atomically, writing
from ._coco_format import annotation_of, file_name, image_of, regions_of, to_json
from .base import Export, ExportConfig, ExportPlace, Refusal
from .jsonl import canonical_line

__all__ = ["Coco", "Config"]

IMAGES_AT_ONCE = 4
INFO = "Coordinates in pixels of the upright image (EXIF orientation applied); attributes name region and source."


class Config(ExportConfig):
    """Options of the coco export."""

    kind: Literal["coco"] = "coco"
    images: bool = False
    """Whether the image files are written beside, under ``images/``; the file names in the JSON are theirs."""


class Coco(Export):
    """``instances_SPLIT.json``, ``refused.jsonl`` and, if asked for, ``images/SHA256.EXT``."""

    config: Config

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """Polygons as flat lists, masks and polygons with holes as compressed RLE, image and annotation ids from 1."""
        if self.config.images and not place.dataset_uri:
            raise ConfigError("coco export: 'images: true' needs a dataset to take them from", remedy="finalize first")
        refused_uri, kept = join(place.out_uri, "refused.jsonl"), set[str]()
        with ExitStack() as stack:
            splits = _Splits(stack, place)
            refused = stack.enter_context(writing(refused_uri))
            for record in records:
                reason = reason_to_refuse(record, place.taxonomy)
                if reason:
                    refusal = Refusal(sample_id=record.sample_id, file_name=record.file_name, reason=reason)
                    refused.write(canonical_line(refusal))
                else:
                    splits.of(record.split).add(record)
                    kept.add(record.asset_id)
        images = _write_images(place, kept) if self.config.images else ()
        return tuple(sorted((*splits.uris, refused_uri, *images)))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """Split by split. Polygons with holes come back as masks; a missing box comes back as the outline's."""
        for uri, _ in list_files(out_uri, recursive=False):
            if name_of(uri).startswith("instances_"):
                with open_uri(uri) as file:
                    yield from regions_of(json.load(file))


def reason_to_refuse(record: Record, taxonomy: Taxonomy) -> str:
    """What of a record COCO cannot hold; empty where it holds everything that matters."""
    if not isinstance(record.media, Image):
        return f"a {record.media.kind}: COCO holds still images only"
    if record.annotation_status == "not_annotated":
        return "nobody has annotated it, and COCO cannot tell that from an image without findings"
    reasons = (_reason(region, record, taxonomy) for region in record.regions)
    return "; ".join(filter(None, reasons))


def _reason(region: Region, record: Record, taxonomy: Taxonomy) -> str:
    size = (record.media.width, record.media.height) if isinstance(record.media, Image) else None
    held = {
        "a time span": region.span is None,
        "a track": not region.track,
        "a page": region.page_index is None,
        "a frame after the first": not region.frame_index,
        "a place in another asset": region.asset_id in ("", record.asset_id),
        f"the category {region.category!r}, which the taxonomy lacks": region.category in taxonomy.names(),
        "a mask of another size than the image": not region.mask or (region.mask.width, region.mask.height) == size,
        "no box, polygon or mask": bool(region.box or region.polygons or region.mask),
    }
    missing = [name for name, is_held in held.items() if not is_held]
    return f"region {region.region_id} has {', '.join(missing)}" if missing else ""


class _Splits:
    """One open file per split; all appear together when the stack closes well, none when it does not."""

    def __init__(self, stack: ExitStack, place: ExportPlace) -> None:
        self._stack, self._place = stack, place
        self._writers: dict[str, _Writer] = {}
        self.uris: list[str] = []

    def of(self, split: str) -> _Writer:
        """The file of a split, opened when its first record comes."""
        if split not in self._writers:
            uri = join(self._place.out_uri, f"instances_{quote(split, safe='')}.json")
            file = self._stack.enter_context(writing(uri))
            later = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            writer = self._writers[split] = _Writer(file, cast(BinaryIO, later), self._place.taxonomy)
            self._stack.callback(writer.finish)
            self.uris.append(uri)
        return self._writers[split]


class _Writer:
    """One COCO file as a stream: images go to the file, annotations wait in a temporary one until the end."""

    def __init__(self, file: BinaryIO, later: BinaryIO, taxonomy: Taxonomy) -> None:
        self._file, self._later, self._names = file, later, taxonomy.names()
        self._images = self._annotations = 0
        categories = [
            {"id": number, "name": category.name, "supercategory": category.level}
            for number, category in enumerate(taxonomy.categories, 1)
        ]
        head = to_json(
            {"categories": categories, "info": {"description": INFO, "version": taxonomy.id}, "licenses": []}
        )
        file.write(head[:-1] + b',"images":[')

    def add(self, record: Record) -> None:
        """One image and its regions."""
        self._file.write((b",\n" if self._images else b"\n") + to_json(image_of(record, self._images + 1)))
        self._images += 1
        for region in record.regions:
            annotation = annotation_of(region, record, self._names.index(region.category) + 1)
            row = {**annotation, "id": self._annotations + 1, "image_id": self._images}
            self._later.write((b",\n" if self._annotations else b"\n") + to_json(row))
            self._annotations += 1

    def finish(self) -> None:
        """The annotations behind the images, and the closing brackets."""
        self._file.write(b'],"annotations":[')
        self._later.seek(0)
        copyfileobj(self._later, self._file)
        self._file.write(b"]}\n")


def _write_images(place: ExportPlace, kept: set[str]) -> tuple[str, ...]:
    """The original bytes of every exported image, from the dataset's shards."""
    from ..dataset import config_of, read_rows, shard_uris

    written = []
    for shard in shard_uris(place.dataset_uri):
        if config_of(shard) == "images":
            for row in read_rows(shard, ["asset_id", "image", "media", "storage"], at_once=IMAGES_AT_ONCE):
                if row["asset_id"] in kept and row["storage"] == "embedded":
                    kept.discard(row["asset_id"])
                    uri = join(place.out_uri, "images", file_name(row["asset_id"], row["media"]["format"]))
                    write_atomically(uri, row["image"]["bytes"])
                    written.append(uri)
    return tuple(written)
