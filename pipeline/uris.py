"""How files are named: a local path, or anything with a scheme.

A URI is a local path (absolute or relative), ``file://`` and a path, ``file+bytes://`` and a percent-encoded
path (only for names that are not UTF-8, so that a URI is always text), or anything that Beam's filesystems
open (gs, s3, hdfs). Percent signs are literal everywhere but in ``file+bytes``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

__all__ = ["absolute", "is_local", "join", "local_path", "local_uri", "name_of", "parent_of", "printable"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_FILE, _BYTES = "file://", "file+bytes://"
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_local(uri: str) -> bool:
    """Whether plain ``open`` reads it."""
    return not _SCHEME.match(uri) or uri.startswith((_FILE, _BYTES))


def local_path(uri: str) -> str:
    """The path of a local URI; bytes that are not UTF-8 as surrogates, as ``os.fsdecode`` gives them."""
    if uri.startswith(_BYTES):
        return os.fsdecode(unquote_to_bytes(uri.removeprefix(_BYTES)))
    return uri.removeprefix(_FILE)


def local_uri(path: str) -> str:
    """The URI of a local path: the path itself, unless its bytes are not UTF-8 or it reads like a scheme."""
    if _SURROGATE.search(path) or _SCHEME.match(path):
        return _BYTES + quote_from_bytes(path.encode("utf-8", "surrogateescape"))
    return path


def absolute(uri: str) -> str:
    """A URI that means the same in every working directory; symbolic links stay as they are."""
    return local_uri(os.path.abspath(local_path(uri))) if is_local(uri) else uri  # noqa: PTH100 - Path keeps ``..``


def join(base: str, *parts: str) -> str:
    """A URI below another. Parts are names or relative paths with ``/``; nothing is decoded or resolved."""
    if is_local(base):
        return local_uri(str(Path(local_path(base), *(part.lstrip("/") for part in parts))))
    return "/".join((base.rstrip("/"), *(part.strip("/") for part in parts)))


def name_of(uri: str) -> str:
    """The last part of a URI, printable: what a person calls the file."""
    return printable(_path_of(uri).rstrip("/").rpartition("/")[2])


def parent_of(uri: str) -> str:
    """The folder that a URI lies in."""
    if is_local(uri):
        return local_uri(str(Path(local_path(uri)).parent))
    return uri.rstrip("/").rpartition("/")[0]


def _path_of(uri: str) -> str:
    return local_path(uri) if is_local(uri) else _SCHEME.sub("", uri)


def printable(text: str) -> str:
    r"""Text that every encoder takes: a byte that was not UTF-8 becomes ``\xe9``, a lone surrogate ``\ud800``."""
    return _SURROGATE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
