"""Frozen types as Arrow tables: one explicit schema per type, derived, never inferred from data.

A shard whose lists are all empty infers ``list<null>``, one without annotations ``null``, and
readers then refuse the whole dataset. So every table here has its schema before its first row.

=========================  ==========================================================
Python                     Arrow
=========================  ==========================================================
str, int, float, bool      string, int64, float64, bool
Literal[...]               the type of its values
X | None                   X (every column is nullable: Hub features know no other)
tuple[X, ...], (X, X)      list<X>; a missing tuple is ``[]``, never null
a Frozen type              struct
a union told by ``kind``   struct with one nullable member per kind, exactly one filled
=========================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import pyarrow as pa

from .base import Frozen
from .shapes import Shape, shape_of

__all__ = [
    "FORMAT_VERSION",
    "arrow_type",
    "encodable",
    "from_arrow",
    "members_of",
    "rows_to_arrow",
    "table_schema",
    "to_arrow",
]

FORMAT_VERSION = 1
"""Raised when a table's columns change their meaning; added columns do not raise it."""

T = TypeVar("T", bound=Frozen)
Rewrite = Callable[[Any], Any]

_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
}


def table_schema(model: type[Frozen], *, version: int = FORMAT_VERSION) -> pa.Schema:
    """The schema of a table of ``model``; its metadata name the table and the version of its format."""
    metadata = {"witnessmark.table": model.__name__.lower(), "witnessmark.format_version": str(version)}
    return pa.schema(list(arrow_type(model)), metadata=metadata)


def arrow_type(annotation: Any) -> pa.DataType:
    """The column type of an annotation, as in the table above."""
    shape, inner = shape_of(annotation)
    if shape == "scalar":
        return _SCALARS[inner]
    if shape == "list":
        return pa.list_(arrow_type(inner))
    return pa.struct([pa.field(name, arrow_type(member)) for name, member in members_of(shape, inner).items()])


def members_of(shape: Shape, inner: Any) -> dict[str, Any]:
    """Names and annotations below a struct or a union."""
    if shape == "union":
        return dict(inner)
    return {name: field.annotation for name, field in inner.model_fields.items()}


def to_arrow(instances: Sequence[Frozen], schema: pa.Schema) -> pa.Table:
    """The instances, all of one type, as a table of that schema; no instances are a table of no rows.

    Text that is not Unicode (lone surrogates, from file names that are not UTF-8 or a model's broken
    escapes) cannot stand in any table: it is written as its escape, e.g. ``\\udc80``.
    """
    return rows_to_arrow([_row(instance) for instance in instances], schema)


def rows_to_arrow(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Plain rows as a table of that schema; see to_arrow."""
    row_type = pa.struct(list(schema))
    try:
        structs = pa.array(rows, row_type)
    except UnicodeEncodeError:
        structs = pa.array([encodable(row) for row in rows], row_type)
    return pa.Table.from_arrays(structs.flatten(), schema=schema)


def from_arrow(row: Mapping[str, Any], model: type[T]) -> T:
    """A row of ``Table.to_pylist()`` as a validated instance. Raises pydantic's ValidationError."""
    return model.model_validate(_rewrite(model, _narrow)(row))


def _row(instance: Frozen) -> dict[str, Any]:
    widened: dict[str, Any] = _rewrite(type(instance), _widen)(instance.model_dump())
    return widened


def _widen(value: Mapping[str, Any]) -> dict[str, Any]:
    """A union's value under the name of its kind; Arrow reads the absent members as null."""
    return {value["kind"]: value}


def _narrow(members: Mapping[str, Any]) -> Any:
    """The one member that is filled; the whole mapping where that is not so, for pydantic to refuse."""
    filled = [value for value in members.values() if value is not None]
    return filled[0] if len(filled) == 1 else members


@cache
def _rewrite(model: type[Frozen], turn: Rewrite) -> Rewrite:
    """A function from row to row that applies ``turn`` to each union within, and touches nothing else."""
    return _rewrite_below(model, turn) or dict


def _rewrite_below(annotation: Any, turn: Rewrite) -> Rewrite | None:
    """None where there is no union below, so that nothing needs to be walked."""
    shape, inner = shape_of(annotation)
    if shape == "scalar":
        return None
    if shape == "union":
        return _or_none(turn)
    if shape == "list":
        each = _rewrite_below(inner, turn)
        return each and _or_none(lambda values: [each(value) for value in values])
    below = {name: _rewrite_below(field.annotation, turn) for name, field in inner.model_fields.items()}
    changes = {name: rewrite for name, rewrite in below.items() if rewrite}
    if not changes:
        return None
    return _or_none(lambda row: {**row, **{name: change(row.get(name)) for name, change in changes.items()}})


def _or_none(rewrite: Rewrite) -> Rewrite:
    return lambda value: None if value is None else rewrite(value)


def encodable(value: Any) -> Any:
    """The value with all text within as Arrow can hold it; see to_arrow."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {key: encodable(item) for key, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, (tuple, list)) else value
