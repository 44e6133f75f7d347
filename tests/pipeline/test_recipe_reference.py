"""The recipe reference is derived, complete, and the committed page is the derived one."""

from __future__ import annotations

from pathlib import Path

import annotators.machines
import annotators.people
import pipeline.exports
import pipeline.sources
from pipeline.recipe import Recipe
from pipeline.recipe_reference import main, reference
from schemas.plugins import available, config_class

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = {
    "sources": pipeline.sources,
    "machines": annotators.machines,
    "people": annotators.people,
    "exports": pipeline.exports,
}


def test_the_committed_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8") == reference(), "run: make docs"


def test_every_field_of_every_plugin_is_documented_with_its_meaning() -> None:
    page = reference()
    for key, package in PLUGINS.items():
        for kind in available(package):
            section = page.partition(f"### {key}: `{kind}`\n")[2].partition("\n### ")[0]
            fields = set(config_class(package, kind).model_fields) - {"kind"}
            assert not [name for name in fields if f"\n| `{name}` | " not in section], f"{key} {kind}"
            assert " |  |" not in section, f"{key} {kind}: a field without a docstring"


def test_the_top_level_fields_stand_first() -> None:
    top = reference().partition("## The top\n")[2].partition("\n### ")[0]

    assert [line.split("`")[1] for line in top.splitlines() if line.startswith("| `")] == list(Recipe.model_fields)
    assert "| `name` | text | required | Name of the recipe" in top


def test_types_defaults_and_bounds_are_words() -> None:
    page = reference()

    assert "| `max_rejected` | number ≥ 0, ≤ 1 | `1.0` | " in page
    assert '| `include` | `all` or `annotated` or `reviewed` | `"all"` | ' in page
    assert "| `splits` | mapping of text to number | " in page


def test_main_writes_the_page(tmp_path: Path) -> None:
    main([str(tmp_path / "recipe.md")])

    assert (tmp_path / "recipe.md").read_text(encoding="utf-8") == reference()
