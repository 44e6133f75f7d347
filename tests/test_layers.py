"""The layers hold: ``schemas <- annotators <- pipeline``, heavy libraries only where and when they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("schemas", "annotators", "pipeline")

FORBIDDEN = {
    "schemas": {"annotators", "pipeline", "apache_beam", "openai", "label_studio_sdk", "datasets"},
    "annotators": {"pipeline", "apache_beam", "datasets"},
    "pipeline": {"openai", "label_studio_sdk"},
}
HEAVY = {"apache_beam", "datasets", "cv2", "av", "skimage", "pypdfium2", "openai", "pandas", "torch"}
LONGEST = 400
LONG = 300


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", OURS)
def test_imports_point_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(package)
        for line, name in imports(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if name in FORBIDDEN[package]
    ]

    assert wrong == []


def test_the_vocabulary_is_imported_relatively_within() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules("schemas")
        for line, name in imports(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if name == "schemas"
    ]

    assert wrong == []


def test_the_command_starts_without_the_heavy_libraries() -> None:
    names = [f"pipeline.{name}" for name in ("cli", "__main__") if (ROOT / "pipeline" / f"{name}.py").exists()]

    loaded = modules_after(names)

    assert sorted(HEAVY & loaded) == []


def test_the_vocabulary_loads_without_the_heavy_libraries() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "schemas").glob("[!_]*.py")]

    loaded = modules_after(names)

    assert sorted((HEAVY | {"shapely", "pycocotools"}) & loaded) == []


def test_a_file_holds_one_idea(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for package in OURS
        for path in modules(package)
    }
    with capsys.disabled():
        for name, length in sorted(lengths.items()):
            if length > LONG:
                print(f"\n{name}: {length} lines, aim at {LONG}", end="")

    assert [f"{name}: {length} lines" for name, length in lengths.items() if length > LONGEST] == []


def imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every absolute import, also inside functions."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module.partition(".")[0]


def modules_after(names: list[str]) -> set[str]:
    """Top-level names that a fresh interpreter has loaded after importing ``names``."""
    code = "; ".join(["import sys", *(f"import {name}" for name in names), "print(*sys.modules)"])
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return {name.partition(".")[0] for name in loaded.split()}
