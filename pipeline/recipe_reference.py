"""The recipe reference, from the recipe model and the plug-ins' Configs: a field's docstring is its documentation.

``python -m pipeline.recipe_reference docs/recipe.md`` (``make docs``) writes the page; a test compares it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import annotators.machines
import annotators.people
import annotators.segmenters
import pipeline.exports
import pipeline.sources
from schemas.base import Frozen
from schemas.plugins import available, config_class, module_of

from .recipe import Recipe

__all__ = ["main", "reference"]

ENTRIES = ("PluginConfig", "MachineConfig")
"""What stands for an entry of any kind; the kinds have tables of their own."""

Schema = dict[str, Any]
PLUGINS: dict[str, ModuleType] = {
    "sources": pipeline.sources,
    "machines": annotators.machines,
    "segmenter": annotators.segmenters,
    "people": annotators.people,
    "exports": pipeline.exports,
}
PATHS = {"segmenter": "machines.N.segmenter"}
"""Where entries stand in a recipe, if not in a list at its top."""
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
WORDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "null"}
OPENING = """\
# The recipe

<!-- Written by `make docs` from the fields' own docstrings; a test compares it. Do not edit by hand. -->

A recipe is one YAML file that says *what* a dataset is. *Where* it reads and writes is said on the command line,
and secrets live in the environment. Unknown fields are refused with a did-you-mean, before any work.

`--set PATH=VALUE` overrides any field: `--set dataset.seed=7`, `--set machines.0.model=NAME`. The value is YAML.
Setting a `kind` resets that entry, but for its `name`, to the new kind's defaults first; an index equal to the list's
length appends."""


def reference() -> str:
    """The whole page as Markdown."""
    return "\n\n".join((OPENING, *_model_sections(Recipe, ""), *_plugin_chapters())) + "\n"


def main(arguments: list[str]) -> None:
    """Write the page to the file that is named."""
    (target,) = arguments
    Path(target).write_text(reference(), encoding="utf-8")


def _plugin_chapters() -> Iterator[str]:
    for key, package in PLUGINS.items():
        kinds = available(package)
        folder = package.__name__.replace(".", "/")
        yield f"## {key}: the kinds\n\nA file of `{folder}/` is a kind.{'' if kinds else ' There are none yet.'}"
        for kind in kinds:
            yield f"### {key}: `{kind}`\n\n{_paragraph(module_of(package, kind))}".rstrip()
            yield from _model_sections(config_class(package, kind), PATHS.get(key, f"{key}.N"))


def _model_sections(model: type[Frozen], path: str) -> Iterator[str]:
    """A table of the model's fields, then one of each model nested in it, headed by its path in the recipe."""
    schema = model.model_json_schema()
    if not path:
        yield f"## The top\n\n{_summary(schema)}"
    yield _table(schema, schema.get("$defs", {}))
    yield from _nested(schema, schema.get("$defs", {}), path, set())


def _nested(schema: Schema, known: Schema, path: str, seen: set[str]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        reference_name = _reference_in(field)
        nested = known.get(reference_name, {})
        if "properties" not in nested or reference_name in seen or reference_name in ENTRIES:
            continue
        seen.add(reference_name)
        here = ".".join(part for part in (path, name, "N" if field.get("type") == "array" else "") if part)
        level = "###" if not path else "####"
        yield f"{level} `{here}`\n\n{_summary(nested)}"
        yield _table(nested, known)
        yield from _nested(nested, known, here, seen)


def _table(schema: Schema, known: Schema) -> str:
    required = schema.get("required", ())
    fields = {name: field for name, field in schema.get("properties", {}).items() if name != "kind" or "enum" in field}
    rows = [_row(name, field, name in required, known) for name, field in fields.items()]
    if not rows:
        return "It has no fields yet."
    return "\n".join(("| field | type | default | meaning |", "|---|---|---|---|", *rows))


def _row(name: str, field: Schema, is_required: bool, known: Schema) -> str:
    default = "required" if is_required else _default(field)
    cells = (f"`{name}`", _type(field, known), default, field.get("description", ""))
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _default(field: Schema) -> str:
    """The default as it would be written in YAML; nested options have their own table."""
    value = field.get("default")
    if isinstance(value, str) and len(value) > 60:
        return "see the file"
    if isinstance(value, dict) and _reference_in(field):
        return "see below"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(field: Schema, known: Schema) -> str:
    """A JSON schema as words: ``integer ≥ 1``, ``list of text``, ``"a" or "b"``."""
    if "$ref" in field:
        return _named(field["$ref"].rpartition("/")[2], known)
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(option, known) for option in field["anyOf"]))
    if "allOf" in field:
        return _type(field["allOf"][0], known)
    if choices := _choices(field):
        return " or ".join(f"`{choice}`" for choice in choices)
    return _plain(field, known)


def _plain(field: Schema, known: Schema) -> str:
    kind = field.get("type", "")
    if kind == "array":
        return f"list of {_type(field.get('items', {}), known)}"
    if kind == "object":
        return f"mapping of text to {_type(field.get('additionalProperties', {}), known)}"
    bounds = [f"{sign} {field[key]}" for key, sign in BOUNDS.items() if key in field]
    return " ".join((WORDS.get(kind, "anything"), ", ".join(bounds))).strip()


def _named(name: str, known: Schema) -> str:
    target = known.get(name, {})
    if name in ENTRIES:
        return "entry with a `kind`"
    return "mapping" if "properties" in target else _type(target, known)


def _choices(field: Schema) -> tuple[str, ...]:
    return (str(field["const"]),) if "const" in field else tuple(str(choice) for choice in field.get("enum", ()))


def _reference_in(field: Schema) -> str:
    """The name of the model that a field holds, itself, as list items or as an option; empty for none."""
    inner = (field, field.get("items", {}), *field.get("anyOf", ()), *field.get("allOf", ()))
    return next((part["$ref"].rpartition("/")[2] for part in inner if isinstance(part, dict) and "$ref" in part), "")


def _summary(schema: Schema) -> str:
    return " ".join(schema.get("description", "").split()).replace("``", "`")


def _paragraph(module: ModuleType) -> str:
    """A module's first paragraph, without reStructuredText's double backticks."""
    return " ".join((module.__doc__ or "").strip().partition("\n\n")[0].split()).replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    main(sys.argv[1:])
