"""The published table: one explicit schema for every shard and split of a Hub config.

It is Record's (see ``schemas.arrow``), with ``media`` narrowed to the one class of its config and the media's bytes
in front. The schema, the Hub's features and the card's field table all follow from Record and its docstrings.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from .arrow import FORMAT_VERSION, arrow_type, encodable, members_of
from .base import Frozen
from .media.types import Document, Image, Modality, Video
from .record import Record
from .shapes import shape_of

__all__ = [
    "CONFIG_OF",
    "Config",
    "FieldRow",
    "dataset_schema",
    "field_table",
    "files_to_arrow",
    "hub_features",
    "record_from_row",
    "record_row",
]

Config = Literal["images", "videos", "documents"]
"""A Hub config: one per modality, because one table cannot have two kinds of media columns."""

CONFIG_OF: dict[Modality, Config] = {"image": "images", "video": "videos", "document": "documents"}


class _MediaColumn(NamedTuple):
    name: str
    feature: str
    """The Hub's name of the feature; ``Value`` is a plain string."""
    doc: str


_MEDIA: dict[Config, type[Frozen]] = {"images": Image, "videos": Video, "documents": Document}
_MEDIA_COLUMNS: dict[Config, tuple[_MediaColumn, ...]] = {
    "images": (
        _MediaColumn("image", "Image", "The original file: its untouched bytes, and its original name as the path."),
        _MediaColumn(
            "mask",
            "Image",
            "The regions as a palette PNG of the upright image's size: 0 is background, n the n-th category of the "
            "taxonomy.",
        ),
    ),
    "videos": (
        _MediaColumn(
            "video",
            "Video",
            "The original file: its untouched bytes, and its original name as the path; null where video_file is set.",
        ),
        _MediaColumn(
            "video_file", "Value", "Path of the original file in the dataset's folder, for a video too large to embed."
        ),
    ),
    "documents": (
        _MediaColumn("document", "Pdf", "The original file: its untouched bytes, and its original name as the path."),
    ),
}
PREVIEW = _MediaColumn(
    "preview",
    "Image",
    "A small JPEG with the regions drawn over it: the image, or the frame or page that has the most; null where it "
    "could not be drawn. To be looked at, not to be learnt from.",
)
"""Comes last of the media where the recipe asks for it."""
REFERENCE = _MediaColumn(
    "reference_image",
    "Image",
    "The original file of the second image, where the row compares two: its untouched bytes, and its original name.",
)
"""Follows the image where a source of the recipe reads pairs; with it comes Record's column ``reference``."""
_FILE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


def dataset_schema(config: Config, *, has_preview: bool = False, has_reference: bool = False) -> pa.Schema:
    """The one schema of every shard and split of a Hub config, with the Hub's features in its metadata."""
    features = hub_features(config, has_preview=has_preview, has_reference=has_reference)
    metadata = {
        "huggingface": json.dumps({"info": {"features": features}}),
        "witnessmark.table": config,
        "witnessmark.format_version": str(FORMAT_VERSION),
    }
    columns = [
        pa.field(column.name, pa.string() if column.feature == "Value" else _FILE)
        for column in _media_columns(config, has_preview, has_reference)
    ]
    columns += [
        pa.field(name, arrow_type(annotation)) for name, annotation in _published(config, has_reference).items()
    ]
    return pa.schema(columns, metadata=metadata)


def _media_columns(config: Config, has_preview: bool, has_reference: bool) -> tuple[_MediaColumn, ...]:
    reference = (REFERENCE,) if has_reference and config == "images" else ()
    first, *others = _MEDIA_COLUMNS[config]
    return (first, *reference, *others, *((PREVIEW,) if has_preview else ()))


def hub_features(config: Config, *, has_preview: bool = False, has_reference: bool = False) -> dict[str, Any]:
    """The features of a config as ``datasets.Features.to_dict`` spells them.

    Written out here because importing ``datasets`` costs a second and 160 MB in every worker; the
    tests hold it against the real one.
    """
    media = {
        column.name: _hub_feature(str) if column.feature == "Value" else {"_type": column.feature}
        for column in _media_columns(config, has_preview, has_reference)
    }
    return media | {name: _hub_feature(annotation) for name, annotation in _published(config, has_reference).items()}


def _hub_feature(annotation: Any) -> dict[str, Any]:
    shape, inner = shape_of(annotation)
    if shape == "scalar":
        return {"dtype": str(arrow_type(inner)).replace("double", "float64"), "_type": "Value"}
    if shape == "list":
        return {"feature": _hub_feature(inner), "_type": "List"}
    return {name: _hub_feature(member) for name, member in members_of(shape, inner).items()}


def _published(config: Config, has_reference: bool) -> dict[str, Any]:
    """Record's columns and their annotations, ``media`` narrowed to the config's class."""
    columns = members_of("struct", Record) | {"media": _MEDIA[config]}
    if not has_reference or config != "images":
        del columns["reference"]
    return columns


def files_to_arrow(files: Sequence[Mapping[str, Any] | None]) -> pa.ChunkedArray:
    """A media column of dataset_schema from its rows, ``{bytes, path}`` or None each; the bytes are not copied.

    One chunk a row: together they are read like any other column, and written as the same pages.
    """
    return pa.chunked_array([_file_to_arrow(file) for file in files], _FILE)


def _file_to_arrow(file: Mapping[str, Any] | None) -> pa.Array:
    if file is None:
        return pa.nulls(1, _FILE)
    offsets = pa.py_buffer(struct.pack("=2i", 0, len(file["bytes"])))
    data = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(file["bytes"])])
    return pa.StructArray.from_arrays([data, pa.array([encodable(file["path"])], pa.string())], fields=list(_FILE))


def record_row(record: Record) -> dict[str, Any]:
    """The record's columns of dataset_schema, as a plain row; the media columns are the writer's to add."""
    return record.model_dump()


def record_from_row(row: Mapping[str, Any], config: Config) -> Record:
    """A published row as a validated Record; the media columns are left out.

    Raises pydantic's ValidationError for a row that is not a Record, e.g. because its media are of another config.
    """
    columns = _published(config, has_reference=True)
    media = _MEDIA[config].model_validate(row["media"])
    return Record.model_validate({name: value for name, value in row.items() if name in columns} | {"media": media})


class FieldRow(NamedTuple):
    """One line of the card's field table."""

    name: str
    """Path of the column, e.g. ``regions[].box.x1``."""
    type: str
    """``string``, ``int64``, ``float64``, ``bool``, a Hub feature, or ``struct``."""
    doc: str
    """The field's docstring; empty where the path says it."""


def field_table(
    model: type[Frozen], *, config: Config | None = None, has_preview: bool = False, has_reference: bool = False
) -> tuple[FieldRow, ...]:
    """Every column of a type, nested ones below their parents; with a config, Record's as they are published."""
    if config is None:
        return tuple(_field_rows(model, "", {}))
    shown = _media_columns(config, has_preview, has_reference)
    media = tuple(FieldRow(c.name, c.feature.replace("Value", "string"), c.doc) for c in shown)
    columns = _published(config, has_reference)
    rows = _field_rows(model, "", {"media": _MEDIA[config]})
    return media + tuple(row for row in rows if row.name.partition(".")[0].removesuffix("[]") in columns)


def _field_rows(model: type[Frozen], prefix: str, narrowed: Mapping[str, Any]) -> Iterator[FieldRow]:
    docs = model.field_docs()
    for name, field in model.model_fields.items():
        annotation = narrowed.get(name, field.annotation)
        yield from _rows_of(annotation, prefix + name, " ".join(docs.get(name, "").split()))


def _rows_of(annotation: Any, path: str, doc: str) -> Iterator[FieldRow]:
    shape, inner = shape_of(annotation)
    if shape == "list":
        yield from _rows_of(inner, f"{path}[]", doc)
    elif shape == "scalar":
        yield FieldRow(path, _hub_feature(inner)["dtype"], doc)
    else:
        yield FieldRow(path, "struct", doc)
        for name, member in inner.items() if shape == "union" else ():
            yield from _rows_of(member, f"{path}.{name}", "")
        if shape == "struct":
            yield from _field_rows(inner, f"{path}.", {})
