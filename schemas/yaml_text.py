"""YAML that a person wrote, read strictly: a key that stands twice is an error, not a silent choice."""

from __future__ import annotations

from typing import Any

import yaml

from .errors import ConfigError

__all__ = ["mapping_from_yaml"]


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader keeps the last of two equal keys; this one refuses them, as YAML 1.2 section 3.2.1.3 asks."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def mapping_from_yaml(text: str, *, where: str) -> dict[str, Any]:
    """The mapping that the text holds; ``where`` names the file in messages. Raises ConfigError."""
    try:
        value = yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"{where}, line {mark.line + 1}" if mark else where
        raise ConfigError(f"{line}: {error.problem}", remedy="correct the YAML there") from error
    except ValueError as error:  # a date such as 2026-02-30, which the YAML library makes without a mark
        raise ConfigError(f"{where}: {error}", remedy="put it in quotes if it is text, or correct it") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: {error}", remedy="save it as UTF-8 text without control characters") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{where} holds no mapping", remedy="start with 'name: ...' on a line of its own")
    return value
