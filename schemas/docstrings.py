"""The string under an attribute, read from its class's source when somebody asks for it.

pydantic can do this while it makes a class (``use_attribute_docstrings``), at a quarter of the cost of importing us;
most commands never show one.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

__all__ = ["attribute_docstrings"]

Docstrings = dict[str, str]


def attribute_docstrings(owner: type) -> Docstrings:
    """The docstring of each annotated attribute that the class itself states; empty where it has no source."""
    return _of_module(owner.__module__).get(owner.__qualname__, {})


@cache
def _of_module(name: str) -> dict[str, Docstrings]:
    try:
        source = inspect.getsource(sys.modules[name])
    except (OSError, TypeError, KeyError):
        return {}
    return dict(_classes(ast.parse(source), ""))


def _classes(scope: ast.AST, prefix: str) -> Iterator[tuple[str, Docstrings]]:
    """Every class below a scope by its ``__qualname__``."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, dict(_attributes(node.body))
            yield from _classes(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(node, f"{prefix}{node.name}.<locals>.")
        else:
            yield from _classes(node, prefix)


def _attributes(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, below in pairwise(body):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
