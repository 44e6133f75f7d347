"""``--set PATH=VALUE``: single fields of a recipe changed on the command line, before the recipe is checked."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from schemas.errors import ConfigError

__all__ = ["apply", "with_quoting_advice"]

Meaning = Callable[[str], dict[str, Any]]


class _Setting(NamedTuple):
    text: str
    path: tuple[str, ...]
    value: Any


def apply(raw: dict[str, Any], settings: Sequence[str], words: Mapping[str, Meaning] | None = None) -> None:
    """Change the mapping in place, setting by setting, in their order.

    A ``kind`` empties its entry, but for the ``name`` that others may call it by, and therefore comes before the
    entry's other settings. An index equal to a list's
    length appends. ``words`` tells what a bare word at a top key stands for, so that fields below it can be set.
    Raises ConfigError for a setting that is not ``PATH=VALUE`` in YAML or does not fit the mapping.
    """
    for setting in _in_order([_parsed(text) for text in settings]):
        _override(raw, setting, words or {})


def with_quoting_advice(error: ConfigError, settings: Sequence[str]) -> ConfigError:
    """The error, with a better remedy where YAML read as a number or date what should be text (``4.1``)."""
    if not isinstance(error.__cause__, ValidationError):
        return error
    for problem in error.__cause__.errors(include_url=False):
        if problem["type"] == "string_type" and isinstance(problem["input"], int | float | datetime.date):
            field = ".".join(str(part) for part in problem["loc"])
            return ConfigError(error.message, remedy=f"quote it: {_quoted(field, problem['input'], settings)}")
    return error


def _quoted(field: str, value: Any, settings: Sequence[str]) -> str:
    for setting in reversed(settings):
        path, _, text = setting.partition("=")
        if f".{path}".endswith(f".{field}"):
            return f"--set {path}='\"{text}\"'"
    return f'{field.rpartition(".")[2]}: "{value}"'


def _parsed(text: str) -> _Setting:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {text!r} is not PATH=VALUE", remedy="for example --set machines.0.model=NAME")
    try:
        return _Setting(text, tuple(path.split(".")), yaml.safe_load(value))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-02-30
        raise ConfigError(f"--set {text!r}: the value is not YAML", remedy=f"quote it: '\"{value}\"'") from error


def _in_order(settings: Sequence[_Setting]) -> list[_Setting]:
    """As given, but a kind stands before the other settings of its entry.

    It never passes an earlier setting of the same kind, or of anything that holds the entry (``machines=[]``).
    """
    ordered: list[_Setting] = []
    for setting in settings:
        at = len(ordered)
        if _is_kind(setting):
            entry = setting.path[:-1]
            held = [i + 1 for i, other in enumerate(ordered) if _holds(other.path, entry) or other.path == setting.path]
            start = max(held, default=0)
            at = next((i for i in range(start, at) if _holds(entry, ordered[i].path)), at)
        ordered.insert(at, setting)
    return ordered


def _is_kind(setting: _Setting) -> bool:
    return len(setting.path) > 1 and setting.path[-1] == "kind"


def _holds(outer: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    return inner[: len(outer)] == outer


def _override(raw: dict[str, Any], setting: _Setting, words: Mapping[str, Meaning]) -> None:
    first, *below = setting.path
    if below and first in words and isinstance(raw.get(first), str):
        raw[first] = words[first](raw[first])
    node: Any = raw
    for part, following in zip(setting.path, below, strict=False):
        node = _child(node, part, following, setting)
    if _is_kind(setting) and isinstance(node, dict):
        name = node.get("name")
        node.clear()
        node.update({"name": name} if name is not None else {})
    _assign(node, setting)


def _child(node: Any, part: str, following: str, setting: _Setting) -> Any:
    if isinstance(node, dict):
        if not isinstance(node.get(part), dict | list):
            node[part] = [] if _is_index(following) else {}
        return node[part]
    index = _index(node, part, setting)
    if index == len(node):
        node.append({})
    return node[index]


def _assign(node: Any, setting: _Setting) -> None:
    last = setting.path[-1]
    if isinstance(node, dict):
        node[last] = setting.value
        return
    index = _index(node, last, setting)
    node[index : index + 1] = [setting.value]


def _index(node: Any, part: str, setting: _Setting) -> int:
    if not isinstance(node, list) or not _is_index(part) or int(part) > len(node):
        size = f"a list of {len(node)}" if isinstance(node, list) else "not a list"
        raise ConfigError(
            f"--set {setting.text!r}: {part!r} does not fit, there is {size}",
            remedy="an index equal to the length appends",
        )
    return int(part)


def _is_index(part: str) -> bool:
    return re.fullmatch("[0-9]{1,6}", part) is not None
