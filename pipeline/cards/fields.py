"""The columns of the dataset for its card: as YAML for ``datasets``, as tables for people.

The meaning of a field is the docstring under it; nothing is said twice.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from schemas.base import Frozen
from schemas.published import Config, FieldRow, field_table
from schemas.record import Record, Reference

from ..untrusted import as_code, as_markdown

__all__ = ["field_tables", "yaml_features"]

Row = tuple[str, str, str]
"""Field, type and meaning, each as Markdown."""

_NAMES = {str: "text", int: "integer", float: "number", bool: "true or false", bytes: "bytes"}


def yaml_features(features: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Features as the list that ``dataset_info`` of a card wants, from the form of ``Features.to_dict``.

    The same as ``datasets.Features._to_yaml_list``, which is private and costs 1.5 s of imports.
    """
    return [{"name": name, **_yaml(feature)} for name, feature in features.items()]


def _yaml(feature: Any) -> dict[str, Any]:
    if isinstance(feature, list):
        return _yaml_list("list", feature[0])
    if "_type" not in feature:
        return {"struct": yaml_features(feature)}
    kind, options = feature["_type"], {key: value for key, value in feature.items() if key != "_type"}
    if kind == "Value":
        return options
    if kind in ("List", "LargeList"):
        return {**_yaml_list(_snake(kind), options.pop("feature")), **options}
    if kind == "ClassLabel":
        options["names"] = {str(number): name for number, name in enumerate(options["names"])}
    return {"dtype": {_snake(kind): options} if options else _snake(kind)}


def _yaml_list(key: str, element: Any) -> dict[str, Any]:
    inner = _yaml(element)
    return {key: next(iter(inner.values())) if list(inner) in (["dtype"], ["struct"]) else inner}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def field_tables(
    configs: Sequence[Config], *, has_preview: bool = False, has_reference: bool = False
) -> Iterator[tuple[str, list[Row]]]:
    """Titles and rows: first the columns of these configs, then one table for each type that stands within them."""
    columns: dict[str, tuple[FieldRow, list[Config]]] = {}
    for config in configs:
        for row in field_table(Record, config=config, has_preview=has_preview, has_reference=has_reference):
            name = row.name.removesuffix("[]")
            if name.isidentifier():  # nested ones have tables of their own
                columns.setdefault(name, (row, []))[1].append(config)
    yield "Columns", [_column(name, row, where, configs) for name, (row, where) in columns.items()]
    for model in _types_within(Record):
        if model is Reference and not has_reference:
            continue
        yield model.__name__, [_field(model, name) for name in model.model_fields]


def _column(name: str, row: FieldRow, where: Sequence[Config], configs: Sequence[Config]) -> Row:
    if name in Record.model_fields:
        return _field(Record, name)
    only = "" if len(where) == len(configs) else f" (only in {', '.join(where)})"
    return f"`{name}`", row.type, _meaning(row.doc) + only


def _field(model: type[Frozen], name: str) -> Row:
    annotation, doc = model.model_fields[name].annotation, model.field_docs().get(name, "")
    return f"`{name}`", _type_name(annotation), _meaning(doc)


def _meaning(docstring: str) -> str:
    """The docstring with its ``literals`` as code."""
    parts = re.split(r"(``.+?``)", docstring)
    shown = (as_code(part[2:-2]) if part.startswith("``") else as_markdown(part) for part in parts)
    return re.sub(r" (?=[,;:)]|\.(?!\.))", "", " ".join(part for part in shown if part)).replace("( `", "(`")


def _type_name(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(args[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in args)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(arg) for arg in args if arg is not type(None))
    if origin is tuple:
        return f"list of {_type_name(args[0])}"
    return _NAMES.get(annotation) or str(annotation.__name__)


def _types_within(model: type[Frozen]) -> list[type[Frozen]]:
    """Every type below a type, in the order of first mention."""
    found: dict[type[Frozen], None] = {}
    for field in model.model_fields.values():
        _collect(field.annotation, found)
    return list(found)


def _collect(annotation: Any, found: dict[type[Frozen], None]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        if annotation not in found:
            found[annotation] = None
            for field in annotation.model_fields.values():
                _collect(field.annotation, found)
        return
    for argument in get_args(annotation):
        _collect(argument, found)
