"""JSON from strangers: what the standard reader lets pass silently is an error here.

Duplicate keys, NaN and Infinity, endless nesting and numbers of thousands of digits end as one SampleError.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from schemas.errors import SampleError

__all__ = ["decode_text", "encoding_of", "json_type", "parse_json"]

_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def decode_text(data: bytes) -> str:
    """Text by its byte order mark, else UTF-8; bytes that are not UTF-8 become surrogates, as in file names.

    Raises SampleError for UTF-16 or UTF-32 that is cut or broken.
    """
    encoding = encoding_of(data[:4])
    try:
        return data.decode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "strict")
    except UnicodeDecodeError as error:
        raise SampleError(f"broken {encoding.upper()} text at byte {error.start}", remedy="save it as UTF-8") from error


def encoding_of(head: bytes) -> str:
    """The encoding that the first four bytes announce; ``utf-8-sig`` (UTF-8 with or without a mark) by default."""
    return next((encoding for mark, encoding in _BOMS if head.startswith(mark)), "utf-8-sig")


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises SampleError with the place and what is wrong."""
    try:
        return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, " if "\n" in text else ""
        raise SampleError(f"no valid JSON: {error.msg} at {where}column {error.colno}") from error
    except RecursionError as error:
        raise SampleError("no usable JSON: it is nested too deeply") from error
    except ValueError as error:  # the only other one: int() refuses thousands of digits
        raise SampleError("no usable JSON: a number has thousands of digits") from error


def json_type(value: Any) -> str:
    """What JSON calls a value, with its article, for messages."""
    if value is None:
        return "null"
    names = {bool: "a boolean", str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise SampleError(f"no usable JSON: the key {twice!r} stands twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise SampleError(f"no valid JSON: {name} is no JSON number")
