"""One field of a recipe's machine changed in the text itself: comments, order and quoting stay as a person wrote them.

No library serves: PyYAML writes a document anew, ruamel.yaml keeps comments but reflows lines that it did not change.
PyYAML's nodes tell where everything stands, so the change is a cut in the text, and the result is read back.
"""

from __future__ import annotations

import re

import yaml

from schemas.errors import ConfigError
from schemas.yaml_text import mapping_from_yaml

__all__ = ["set_machine_field"]

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""Values that need no quotes and are no other type than text."""


def set_machine_field(text: str, machine: int, field: str, value: str, *, where: str) -> str:
    """The recipe's text with ``machines[machine][field]`` set to a plain word. Raises ConfigError."""
    if not PLAIN.fullmatch(value):
        raise ValueError(f"{value!r} is no plain word")
    entry = _entry(text, machine, where)
    known = next((node for key, node in entry.value if key.value == field), None)
    if known is not None:
        changed = text[: known.start_mark.index] + value + text[known.end_mark.index :]
    elif entry.flow_style:
        end = entry.end_mark.index - 1
        changed = f"{text[:end].rstrip()}, {field}: {value}{text[end:]}"
    else:
        changed = _inserted(text, entry, f"{field}: {value}")
    _check(text, changed, machine, field, value, where)
    return changed


def _entry(text: str, machine: int, where: str) -> yaml.MappingNode:
    mapping_from_yaml(text, where=where)  # raises in our words
    root = yaml.compose(text, yaml.SafeLoader)
    machines = next((node for key, node in getattr(root, "value", ()) if key.value == "machines"), None)
    entries = machines.value if isinstance(machines, yaml.SequenceNode) else []
    entry = entries[machine] if machine < len(entries) else None
    if not isinstance(entry, yaml.MappingNode) or not entry.value:
        raise ConfigError(f"{where} has no machine {machine}", remedy="name a recipe whose 'machines' list it")
    return entry


def _inserted(text: str, entry: yaml.MappingNode, line: str) -> str:
    """After the line of ``model``, else of the entry's first key, which hold plain words; at the keys' column."""
    after = next((key for key, _ in entry.value if key.value == "model"), entry.value[0][0])
    end = text.find("\n", after.start_mark.index)
    indent = " " * after.start_mark.column
    head, tail = (text + "\n", "") if end < 0 else (text[: end + 1], text[end + 1 :])
    return f"{head}{indent}{line}\n{tail}"


def _check(text: str, changed: str, machine: int, field: str, value: str, where: str) -> None:
    """The change is exactly the one that was meant, as YAML reads it."""
    wanted = mapping_from_yaml(text, where=where)
    wanted["machines"][machine][field] = value
    try:
        is_meant = mapping_from_yaml(changed, where=where) == wanted
    except ConfigError:
        is_meant = False
    if not is_meant:
        raise ConfigError(
            f"{where}: '{field}: {value}' cannot be written into machine {machine} without changing more",
            remedy=f"write it yourself: {field}: {value}",
        )
