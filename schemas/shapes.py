"""What an annotation of a Frozen type is made of: the one place that reads Python's type hints."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .base import Frozen

__all__ = ["Shape", "member_of", "shape_of"]

Shape = Literal["scalar", "list", "union", "struct"]
SCALARS = (str, int, float, bool, bytes)


def shape_of(annotation: Any) -> tuple[Shape, Any]:
    """The shape of an annotation and what it is made of; ``X | None`` has the shape of X.

    ========  ===========================  ==================================
    scalar    the Python type              ``str``, ``Literal["a", "b"]``
    list      the annotation of its items  ``tuple[X, ...]``, ``tuple[X, X]``
    union     a dict from kind to type     ``Image | Video``, told by ``kind``
    struct    the Frozen type
    ========  ===========================  ==================================

    Raises TypeError for anything else (``dict``, mixed unions): it would have no fixed column type.
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(args[0])
    if origin in (Union, types.UnionType):
        return _union(annotation, [arg for arg in args if arg is not type(None)])
    if origin is Literal:
        return shape_of(_only(annotation, {type(arg) for arg in args}))
    if origin is tuple:
        return "list", _only(annotation, {arg for arg in args if arg is not Ellipsis})
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return "struct", annotation
    if annotation in SCALARS:
        return "scalar", annotation
    raise TypeError(f"{annotation!r} has no fixed column type")


def member_of(annotation: Any, part: str | int) -> Any:
    """The annotation one step below: of a field, of a union's kind, of a list's items. Raises KeyError, TypeError."""
    shape, inner = shape_of(annotation)
    if shape == "list":
        return inner
    if shape == "union":
        return inner[part]
    if shape == "struct":
        return inner.model_fields[part].annotation
    raise KeyError(part)


def _union(annotation: Any, members: list[Any]) -> tuple[Shape, Any]:
    if len(members) == 1:
        return shape_of(members[0])
    if all(isinstance(member, type) and issubclass(member, Frozen) for member in members):
        return "union", {member.model_fields["kind"].default: member for member in members}
    raise TypeError(f"{annotation!r} has no fixed column type: its members are not told apart by a kind")


def _only(annotation: Any, kinds: set[Any]) -> Any:
    if len(kinds) != 1:
        raise TypeError(f"{annotation!r} has no fixed column type: its members differ")
    return kinds.pop()
