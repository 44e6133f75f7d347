"""Export ``xaigd``: Parquet with exactly the features that X-AIGD (arXiv 2601.19430) published.

Column by column as its card and its metrics' reader have them: flat polygons as ``labels``, one per entry, under the
exact label strings; ``generator`` and ``uid`` together are the key, ``uid`` being the pair's. What nobody annotated is
in the splits ``unlabeled_*``, with null labels, and never mistaken for clean. ``image_format``, ``jpeg_quality`` and
``chroma_subsampling`` describe the paired real image there, which a record does not know: they are null.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, Literal
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from schemas.candidate import Region
from schemas.geometry import Polygon
from schemas.published import files_to_arrow
from schemas.record import Record

from ..filesystems import join, list_files, open_uri, writing
from ..parquet_files import open_parquet
from ._coco_format import to_json
from ._media import with_media
from ._outlined import outlined
from ._refusals import no_flat_polygons, no_medium, refusal_of
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["Config", "Xaigd"]


class Config(ExportConfig):
    """Options of the xaigd export."""

    kind: Literal["xaigd"] = "xaigd"
    rows_per_group: int = Field(100, ge=1)
    """Rows of a Parquet row group."""
    derive_outlines: bool = False
    """Whether a region without polygons is written as the outline of its mask, or else as the corners of its box,
    instead of being refused."""


class Xaigd(Export):
    """``data/SPLIT-00000.parquet`` with split ``labeled_X`` or ``unlabeled_X``, ``README.md``, ``keys.jsonl``."""

    config: Config
    region_fields = ("category", "polygons")

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """``keys.jsonl`` says which sample each row is; a key that is taken twice is refused by name."""
        refused_uri, keys_uri = join(place.out_uri, "refused.jsonl"), join(place.out_uri, "keys.jsonl")
        with ExitStack() as stack:
            refused, keys = stack.enter_context(writing(refused_uri)), stack.enter_context(writing(keys_uri))
            splits: dict[str, _Split] = {}
            taken: dict[tuple[str, str], str] = {}
            for record, data in with_media(records, place):
                key = (_generator(record), _uid(record))
                shown = outlined(record) if self.config.derive_outlines else record
                if reason := no_medium(record) or _reason(shown, place) or _taken(key, taken.get(key)):
                    refused.write(canonical_line(refusal_of(record, reason)))
                    continue
                taken[key] = record.sample_id
                name = f"{'un' * (record.annotation_status == 'not_annotated')}labeled_{record.split}"
                if name not in splits:
                    splits[name] = _Split(stack, join(place.out_uri, "data", f"{_file_name(name)}-00000.parquet"))
                splits[name].add(_row(shown, key, data), self.config.rows_per_group)
                keys.write(to_json({"sample_id": record.sample_id, "split": name, "generator": key[0], "uid": key[1]}))
                keys.write(b"\n")
        card_uri = join(place.out_uri, "README.md")
        with writing(card_uri) as card:
            card.write(_card(sorted(splits)).encode())
        return tuple(sorted((refused_uri, keys_uri, card_uri, *(split.uri for split in splits.values()))))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """Split by split; one region per label."""
        import json

        with open_uri(join(out_uri, "keys.jsonl")) as file:
            samples = {(row["generator"], row["uid"]): row["sample_id"] for row in map(json.loads, file)}
        for uri, _ in list_files(join(out_uri, "data"), recursive=False):
            with open_parquet(uri) as parquet:
                for batch in parquet.iter_batches(columns=["generator", "uid", "labels"]):
                    for row in batch.to_pylist():
                        labels = enumerate(row["labels"] or (), 1)
                        yield samples[row["generator"], row["uid"]], tuple(_region(label, n) for n, label in labels)


GROUP_BYTES = 16 << 20
"""Bytes of images after which a row group ends, however few rows it has."""


class _Split:
    """The Parquet file of one split, written in row groups."""

    def __init__(self, stack: ExitStack, uri: str) -> None:
        self.uri = uri
        file: BinaryIO = stack.enter_context(writing(uri))
        # Media are compressed already, and a dictionary of them would be a second copy in memory.
        self._writer = stack.enter_context(pq.ParquetWriter(file, SCHEMA, compression="none", use_dictionary=False))
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        stack.push(self._end)

    def add(self, row: dict[str, Any], rows_per_group: int) -> None:
        """The next row."""
        self._rows.append(row)
        self._bytes += len(row["image"]["bytes"]) if row["image"] else 0
        if len(self._rows) >= rows_per_group or self._bytes >= GROUP_BYTES:
            self._flush()

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        """The last rows, but not into a file that took no more: the second error would hide the first."""
        if kind is None:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            small = pa.Table.from_pylist(self._rows, schema=SCHEMA.remove(0))
            images = files_to_arrow([row["image"] for row in self._rows])
            self._writer.write_table(pa.Table.from_arrays([images, *small.columns], schema=SCHEMA))
            self._rows, self._bytes = [], 0


TEXT, INTEGER, NUMBER = ({"dtype": dtype, "_type": "Value"} for dtype in ("string", "int64", "float64"))
FEATURES: dict[str, Any] = {
    "image": {"_type": "Image"},
    "generator": TEXT,
    "uid": TEXT,
    "labels": {
        "_type": "List",
        "feature": {"label": TEXT, "points": {"_type": "List", "feature": {"_type": "List", "feature": NUMBER}}},
    },
    "original_prompt": TEXT,
    "positive_prompt": TEXT,
    "negative_prompt": TEXT,
    "guidance_scale": NUMBER,
    "num_inference_steps": INTEGER,
    "scheduler": TEXT,
    "seed": INTEGER,
    "width": INTEGER,
    "height": INTEGER,
    "image_format": TEXT,
    "jpeg_quality": INTEGER,
    "chroma_subsampling": TEXT,
}
"""The published features, in their order."""


def _schema() -> pa.Schema:
    import json

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    label = pa.struct([("label", pa.string()), ("points", pa.list_(pa.list_(pa.float64())))])
    types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64()}
    fields = [
        pa.field(name, {"image": image, "labels": pa.list_(label)}.get(name) or types[feature["dtype"]])
        for name, feature in FEATURES.items()
    ]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})})


SCHEMA = _schema()
"""One explicit schema for every split: a split of nulls alone must not change the type of ``labels``."""


def _generator(record: Record) -> str:
    """What made the image; the origin's word where nobody named it."""
    return (record.generator.name if record.generator else None) or record.origin


def _uid(record: Record) -> str:
    """The pair, else eight letters made from the sample's id."""
    return record.pair_id or base64.urlsafe_b64encode(bytes.fromhex(_hex(record.sample_id)))[:8].decode()


def _hex(sample_id: str) -> str:
    import hashlib

    return hashlib.sha256(sample_id.encode()).hexdigest()


def _taken(key: tuple[str, str], other: str | None) -> str:
    return f"generator {key[0]!r} and uid {key[1]!r} are the key of sample {other}" if other else ""


def _reason(record: Record, place: ExportPlace) -> str:
    return no_flat_polygons(record, place.taxonomy)


def _row(record: Record, key: tuple[str, str], data: bytes | None) -> dict[str, Any]:
    made = record.generator
    return {
        "image": None if data is None else {"bytes": data, "path": record.file_name},
        "generator": key[0],
        "uid": key[1],
        "labels": None if record.annotation_status == "not_annotated" else _labels(record),
        "original_prompt": record.task_input.prompt or (made.prompt if made else None),
        "positive_prompt": made.prompt if made else None,
        "negative_prompt": made.negative_prompt if made else None,
        "guidance_scale": made.guidance_scale if made else None,
        "num_inference_steps": made.steps if made else None,
        "scheduler": made.scheduler if made else None,
        "seed": made.seed if made else None,
        "width": record.media.width,  # type: ignore[union-attr]  # only images come here
        "height": record.media.height,  # type: ignore[union-attr]
    }


def _labels(record: Record) -> list[dict[str, Any]]:
    """One entry per polygon: a region of several parts becomes several entries, as published."""
    return [
        {"label": region.category, "points": [list(point) for point in polygon.exterior]}
        for region in record.regions
        for polygon in region.polygons
    ]


def _region(label: dict[str, Any], number: int) -> Region:
    points = tuple((x, y) for x, y in label["points"])
    return Region(
        region_id=str(number), category=label["label"], polygons=(Polygon(exterior=points),), source="derived"
    )


def _file_name(split: str) -> str:
    return quote(split, safe="")


def _card(splits: list[str]) -> str:
    import yaml

    files = [{"split": name, "path": f"data/{_file_name(name)}-*.parquet"} for name in splits]
    head = {"configs": [{"config_name": "default", "data_files": files}]}
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n"
