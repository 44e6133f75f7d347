"""Plug-ins by file name: a module's name is its ``kind``; no registry, no decorator.

A plug-in module holds one ``Config`` (a PluginConfig whose ``kind`` is the file's name) and one
class, named in ``__all__``, that is constructed from that Config.
"""

from __future__ import annotations

import difflib
import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from .base import Frozen
from .errors import ConfigError
from .shapes import member_of, shape_of

__all__ = ["PluginConfig", "available", "config_class", "configure", "load", "module_of", "readable"]


class PluginConfig(Frozen):
    """Options of one plug-in, picklable, free of secrets and connections."""

    kind: str
    """The plug-in: the name of its file."""


def available(package: ModuleType) -> tuple[str, ...]:
    """Kinds in a package of plug-ins, sorted; ``base`` and names with a leading underscore are none."""
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name for name in names if name != "base" and not name.startswith("_")))


def module_of(package: ModuleType, kind: str) -> ModuleType:
    """The plug-in's module, imported now. Raises ConfigError with a did-you-mean."""
    kinds = available(package)
    if kind not in kinds:
        near = difflib.get_close_matches(kind, kinds, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(kinds)}"
        raise ConfigError(f"unknown {package.__name__} kind {kind!r}", remedy=hint)
    return import_module(f"{package.__name__}.{kind}")


def config_class(package: ModuleType, kind: str) -> type[PluginConfig]:
    """The plug-in's Config class."""
    config: type[PluginConfig] = module_of(package, kind).Config
    return config


def configure(package: ModuleType, options: dict[str, Any], *, where: str) -> PluginConfig:
    """Options from a recipe as the plug-in's checked Config; ``where`` is the recipe path for messages."""
    if not isinstance(options, dict) or not isinstance(options.get("kind"), str):
        raise ConfigError(f"{where}: needs a mapping with a 'kind'", remedy=f"one of {', '.join(available(package))}")
    config = config_class(package, options["kind"])
    try:
        return config.model_validate(options)
    except ValidationError as error:
        raise ConfigError(f"{where}: {readable(error, config)}", remedy="see docs/recipe.md") from error


def load(package: ModuleType, config: PluginConfig) -> Any:
    """The plug-in itself, constructed from its Config."""
    module = module_of(package, config.kind)
    (name,) = (n for n in module.__all__ if n != "Config")
    return getattr(module, name)(config)


def readable(error: ValidationError, model: type[Frozen]) -> str:
    """A pydantic error as one line a person can act on, with a did-you-mean for unknown fields."""
    return "; ".join(_line(problem, model) for problem in error.errors(include_url=False))


_WORDS = {
    "tuple_type": "needs a list",
    "dict_type": "needs a mapping of fields",
    "model_type": "needs a mapping of fields",
}
"""What a recipe's author knows under another name than Python's, by pydantic's type of the error."""


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _line(problem: Any, model: type[Frozen]) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        message = _WORDS.get(problem["type"], str(problem["msg"])).removeprefix("Value error, ")
        if problem["type"] == "too_short":
            message = f"needs at least {_entries(problem['ctx']['min_length'])}, not {problem['ctx']['actual_length']}"
        return f"{path}: {message}" if path else message
    near = difflib.get_close_matches(str(problem["loc"][-1]), _fields_beside(problem["loc"], model), n=1)
    hint = f", did you mean '{near[0]}'?" if near else ""
    return f"unknown field '{path}'{hint}"


def _fields_beside(loc: tuple[Any, ...], model: type[Frozen]) -> list[str]:
    """Names that would have been right where ``loc`` ends; none where the path leaves the Frozen types."""
    annotation: Any = model
    try:
        for part in loc[:-1]:
            annotation = member_of(annotation, part)
        shape, inner = shape_of(annotation)
    except (TypeError, KeyError):
        return []
    return list(inner.model_fields) if shape == "struct" else []
