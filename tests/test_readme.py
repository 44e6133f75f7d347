"""The README cannot lie: its commands, flags, targets, files and links exist, and CI runs its two commands."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest
import typer.main

from pipeline.cli import app
from pipeline.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def blocks(language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The words of every command line in the README's shell blocks."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line.strip()]


WITNESSMARK = [words for words in commands() if words[0] == "witnessmark"]


def subcommands() -> dict[str, Any]:
    """The subcommands by name, as the command line's parser sees them."""
    found: Any = typer.main.get_command(app)
    return dict(found.commands)


def test_every_block_holds_only_commands_that_are_checked_here() -> None:
    assert {words[0] for words in commands()} == {"make", ".", "export", "witnessmark"}


@pytest.mark.parametrize("words", WITNESSMARK, ids=" ".join)
def test_commands_and_flags_exist(words: list[str]) -> None:
    command = subcommands()[words[1]]
    flags = {flag for parameter in command.params for flag in parameter.opts}

    assert [word for word in words[2:] if word.startswith("-") and word not in flags] == []


@pytest.mark.parametrize("words", WITNESSMARK, ids=" ".join)
def test_recipes_exist_and_take_the_settings(words: list[str]) -> None:
    recipes = [word for word in words if word.endswith(".yaml")]
    settings = tuple(value for flag, value in itertools.pairwise(words) if flag == "--set")
    for recipe in recipes:
        load_recipe(ROOT / recipe, settings)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    asked = {words[1] for words in commands() if words[0] == "make"} | set(re.findall(r"`make ([a-z]+)`", README))

    assert asked
    assert asked <= targets


def test_modules_that_make_runs_exist() -> None:
    modules = set(re.findall(r"(?<=\s)-m ([\w.]+)", (ROOT / "Makefile").read_text()))

    assert {"benchmarks", "pytest", "pipeline.recipe_reference"} <= modules
    assert [module for module in sorted(modules) if not can_run(module)] == []
    assert not can_run("benchmark")
    assert not can_run("tests")


def can_run(module: str) -> bool:
    """Whether ``python -m`` finds the module, or the package's ``__main__``, from the checkout; imports nothing."""
    path = [str(ROOT), *sys.path]
    for part in [*module.split("."), "__main__"]:
        spec = PathFinder.find_spec(part, path)
        if spec is None:
            return False
        if spec.submodule_search_locations is None:
            return True
        path = list(spec.submodule_search_locations)
    return False


def test_python_blocks_are_python() -> None:
    assert blocks("python")
    for block in blocks("python"):
        ast.parse(block)


def test_ci_runs_the_commands_of_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text().splitlines()

    assert {"make demo", "make test"} <= set(ci)
    assert ".venv/bin/witnessmark verify --run runs/demo" in ci
    assert ["witnessmark", "verify", "--run", "runs/demo"] in WITNESSMARK


def test_every_command_is_mentioned() -> None:
    assert [name for name in subcommands() if not re.search(rf"\b{name}\b", README)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_path_in_the_map_exists() -> None:
    chapter = README.partition("## The map")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)/` \| (.*) \|$", chapter, flags=re.MULTILINE)

    assert [top for top, _ in rows] == ["schemas", "annotators", "pipeline", "configs", "docs"]
    for top, text in rows[:3]:
        for name in re.findall(r"`([\w/]+)`", text):
            path = ROOT / top / name
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"{top}/{name}"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text())

    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
