"""The recipes' pages cannot lie: their commands fit the recipes, and their recorded answers are read."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest

from annotators.models.recorded import Recorded
from pipeline.recipe import CONFIG_FOLDER, load_recipe

PAGES = sorted((CONFIG_FOLDER.parent / "docs" / "recipes").glob("*.md"))
FOUNDING = ["artifact-polygons", "authenticity-explain", "doc-evidence-qa", "grounded-artifacts"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def settings_in(text: str) -> tuple[str, ...]:
    """The values of ``--set`` in words of a shell."""
    return tuple(value for flag, value in itertools.pairwise(shlex.split(text)) if flag == "--set")


def test_every_founding_recipe_has_its_page() -> None:
    assert [page.stem for page in PAGES] == FOUNDING


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_fit_the_recipe(page: Path) -> None:
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("witnessmark")]
    assert commands
    for line in commands:
        assert shlex.split(line)[:3] == ["witnessmark", "run", page.stem]
        assert load_recipe(page.stem, settings_in(line)).name == page.stem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_in_the_text_and_in_the_recipe_fit_it(page: Path) -> None:
    comments = (CONFIG_FOLDER / "recipes" / f"{page.stem}.yaml").read_text()
    spans = re.findall(r"`(--set [^`]+)`", page.read_text())
    spans += [re.sub(r"\n#", " ", block) for block in re.findall(r"(?:^#\s+--set .*\n)+", comments, re.MULTILINE)]
    assert spans
    for span in spans:
        load_recipe(page.stem, settings_in(span.strip("# \n").partition("likewise")[0]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_recorded_answers_are_read_with_categories_of_the_taxonomy(page: Path) -> None:
    (block,) = blocks(page, "json")
    line, recipe = Recorded.model_validate(json.loads(block)), load_recipe(page.stem)
    assert isinstance(line.answer, dict)
    assert {region["category"] for region in line.answer["regions"]} <= set(recipe.taxonomy.names())
    assert set(line.answer.get("grades", {})) <= {attribute.name for attribute in recipe.task.attributes}
