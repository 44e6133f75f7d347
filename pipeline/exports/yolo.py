"""Export ``yolo``: instance segmentation labels as Ultralytics reads them.

Format: https://docs.ultralytics.com/datasets/segment/: one text file per image, a line per instance,
``class x1 y1 x2 y2 ...`` with coordinates from 0 to 1 of the upright image, and ``data.yaml`` with the class names.
An image without findings is an empty file; one that nobody has annotated is refused, for the two look alike there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal
from urllib.parse import quote, unquote

import yaml

from schemas.candidate import Region
from schemas.geometry import Polygon
from schemas.media.types import Image
from schemas.record import Record
from schemas.taxonomy import Taxonomy

from ..filesystems import join, list_files, open_uri, write_atomically, writing
from ._coco_format import to_json
from ._media import media_name, with_media
from ._outlined import outlined
from ._refusals import no_flat_polygons, no_medium, refusal_of
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["Config", "Yolo"]


class Config(ExportConfig):
    """Options of the yolo export."""

    kind: Literal["yolo"] = "yolo"
    derive_outlines: bool = False
    """Whether a region without polygons is written as the outline of its mask, or else as the corners of its box,
    instead of being refused."""


class Yolo(Export):
    """``data.yaml``, ``images/SPLIT/SHA256.EXT``, ``labels/SPLIT/SHA256.txt``, ``samples.jsonl``, ``refused.jsonl``."""

    config: Config
    region_fields = ("category", "polygons")

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """``samples.jsonl`` says of each label file which sample and which size of image it is."""
        written, splits = [join(place.out_uri, name) for name in ("refused.jsonl", "samples.jsonl")], set[str]()
        with writing(written[0]) as refused, writing(written[1]) as samples:
            for record, data in with_media(records, place):
                shown = outlined(record) if self.config.derive_outlines else record
                if reason := no_medium(record) or _reason(shown, place.taxonomy):
                    refused.write(canonical_line(refusal_of(record, reason)))
                    continue
                split = quote(record.split, safe="")
                splits.add(split)
                label = f"labels/{split}/{record.sample_id}.txt"
                samples.write(to_json(_sample(record, label)) + b"\n")
                written.append(join(place.out_uri, *label.split("/")))
                write_atomically(written[-1], _lines(shown, place.taxonomy).encode())
                if data is not None:
                    suffix = media_name(record).rpartition(".")[2]
                    written.append(join(place.out_uri, "images", split, f"{record.sample_id}.{suffix}"))
                    write_atomically(written[-1], data)
        written.append(join(place.out_uri, "data.yaml"))
        write_atomically(written[-1], _data(place.taxonomy, sorted(splits)).encode())
        return tuple(sorted(written))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """Label file by label file; regions are numbered, for the format has no names."""
        with open_uri(join(out_uri, "data.yaml")) as file:
            names = yaml.safe_load(file)["names"]
        known = {name: (width, height) for name, width, height in _samples(out_uri)}
        for uri, _ in list_files(join(out_uri, "labels")):
            sample_id = unquote(uri.rpartition("/")[2].removesuffix(".txt"))
            with open_uri(uri) as file:
                lines = file.read().decode().splitlines()
            yield sample_id, tuple(_region(line, n, names, *known[sample_id]) for n, line in enumerate(lines, 1))


def _reason(record: Record, taxonomy: Taxonomy) -> str:
    if record.annotation_status == "not_annotated":
        return "nobody has annotated it, and the format cannot tell that from an image without findings"
    several = [r.region_id for r in record.regions if len(r.polygons) > 1]
    parts = f"region {several[0]} has several parts" if several else ""
    return no_flat_polygons(record, taxonomy) or parts


def _sample(record: Record, label: str) -> dict[str, Any]:
    media = record.media
    size = (media.width, media.height) if isinstance(media, Image) else (0, 0)
    return {"sample_id": record.sample_id, "label": label, "width": size[0], "height": size[1]}


def _samples(out_uri: str) -> Iterator[tuple[str, int, int]]:
    import json

    with open_uri(join(out_uri, "samples.jsonl")) as file:
        for line in file:
            row = json.loads(line)
            yield row["sample_id"], row["width"], row["height"]


def _lines(record: Record, taxonomy: Taxonomy) -> str:
    names = taxonomy.names()
    media = record.media
    width, height = (media.width, media.height) if isinstance(media, Image) else (1, 1)
    return "".join(
        f"{names.index(region.category)} {_ring(polygon, width, height)}\n"
        for region in record.regions
        for polygon in region.polygons
    )


def _ring(polygon: Polygon, width: int, height: int) -> str:
    return " ".join(f"{x / width!r} {y / height!r}" for x, y in polygon.exterior)


def _region(line: str, number: int, names: dict[int, str], width: int, height: int) -> Region:
    category, *values = line.split()
    numbers = [float(value) for value in values]
    ring = tuple((x * width, y * height) for x, y in zip(numbers[::2], numbers[1::2], strict=True))
    return Region(
        region_id=str(number),
        category=names[int(category)],
        polygons=(Polygon(exterior=ring),),
        source="derived",
    )


def _data(taxonomy: Taxonomy, splits: list[str]) -> str:
    """The dataset's description; ``train`` and ``val`` must be there for the trainer to accept it."""
    folders = {split: f"images/{split}" for split in splits}
    named = {
        "train": folders.get("train", next(iter(folders.values()), "images/train")),
        "val": folders.get("validation", folders.get("val", folders.get("test", "images/validation"))),
        **({"test": folders["test"]} if "test" in folders else {}),
    }
    return yaml.safe_dump({"path": ".", **named, "names": dict(enumerate(taxonomy.names()))}, sort_keys=False)
