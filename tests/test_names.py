"""The import names are generic and strangers on PyPI have them too: here they are ours."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["schemas", "annotators", "pipeline"])
def test_the_import_name_is_ours(name: str) -> None:
    assert set(packages_distributions().get(name, ["witnessmark"])) == {"witnessmark"}
    assert import_module(name).__file__ == str(ROOT / name / "__init__.py")


def test_set_up_lists_every_package() -> None:
    (call,) = (
        node.value
        for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    )
    listed = next(ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "packages")
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for name in ("schemas", "annotators", "pipeline")
        for path in (ROOT / name).rglob("__init__.py")
    }

    assert sorted(listed) == sorted(found)
