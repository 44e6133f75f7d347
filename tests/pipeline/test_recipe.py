"""Recipes: checked before any work, overridden from the command line, clear about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.recipe import CONFIG_FOLDER, Budget, Recipe, load_recipe, recipe_from
from schemas.errors import ConfigError

SHIPPED = sorted(path.stem for path in (CONFIG_FOLDER / "recipes").glob("*.yaml"))
KEYS = {
    "name",
    "task",
    "taxonomy",
    "sources",
    "limits",
    "machines",
    "routing",
    "people",
    "splits",
    "unseen",
    "exports",
    "dataset",
}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntask: artifacts\ntaxonomy: artifacts\nsources: [{kind: folder}]\n"
        "machines: [{kind: forensic}]\nsplits: {train: 1}\n"
    )
    return path


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_load_and_survive_the_manifest(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe_from(recipe.model_dump(mode="json"), where="manifest") == recipe
    assert recipe.name == name


def test_top_keys_are_the_documented_ones() -> None:
    assert set(Recipe.model_fields) == KEYS


def test_scalars_and_mappings_are_set(written: Path) -> None:
    recipe = load_recipe(
        written,
        ("dataset.seed=7", "splits={train: 1, test: 3}", "task.instructions=look twice", "limits.max_rejected=0.5"),
    )
    assert recipe.dataset.seed == 7
    assert recipe.splits == {"train": 1.0, "test": 3.0}
    assert (recipe.task.kind, recipe.task.instructions) == ("artifacts", "look twice")
    assert recipe.limits.max_rejected == 0.5


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("machines.0.kind=vml", r"unknown annotators.machines kind 'vml' .did you mean 'vlm'\?"),
        ("machines.0.concurency=3", r"machines.0: unknown field 'concurency', did you mean 'concurrency'\?"),
        ("machines=3", "machines: needs a list"),
        ("machines=vlm", "machines: needs a list"),
        ("limits=5", "limits: needs a mapping of fields"),
        ("sources=[]", "sources: needs at least 1 entry, not 0"),
        ("splits={}", "at least one split"),
        ("splits={tra-in: 1}", "is no split name"),
        ("datset.seed=1", r"unknown field 'datset', did you mean 'dataset'\?"),
        ("taxonomy=artefacts", "did you mean 'artifacts'"),
    ],
)
def test_a_wrong_setting_is_named_before_any_work(written: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(written, (setting,))


def test_two_machines_of_one_kind_need_names(written: Path) -> None:
    with pytest.raises(ConfigError, match="'forensic' stands twice"):
        load_recipe(written, ("machines.1.kind=forensic",))
    named = load_recipe(written, ("machines.1.kind=forensic", "machines.1.name=second"))
    assert [getattr(machine, "name", None) for machine in named.machines] == [None, "second"]


def test_a_missing_recipe_gets_a_hint() -> None:
    with pytest.raises(ConfigError, match="did you mean 'artifact-polygons'"):
        load_recipe("artifact-polygon")


@pytest.mark.parametrize("name", ["artifacts.image", "artifacts.image.md"])
def test_a_shipped_prompt_goes_by_its_name_with_or_without_the_suffix(written: Path, name: str) -> None:
    recipe = load_recipe(written, ("machines.0.kind=vlm", f"machines.0.prompt={name}"))
    shipped = (CONFIG_FOLDER / "prompts" / "artifacts.image.md").read_text(encoding="utf-8")
    assert [getattr(machine, "prompt", None) for machine in recipe.machines] == [shipped]


def test_a_recipe_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="holds no mapping"):
        load_recipe(tmp_path / "list.yaml")
    (tmp_path / "torn.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"torn\.yaml, line 1: "):
        load_recipe(tmp_path / "torn.yaml")
    (tmp_path / "twice.yaml").write_text("name: a\nname: b\n")
    with pytest.raises(ConfigError, match=r"twice\.yaml, line 2: 'name' stands twice"):
        load_recipe(tmp_path / "twice.yaml")


@pytest.mark.parametrize("setting", ["taxonomy=picture.jpg", "taxonomy.version=x", "machines.0.prompt=picture.jpg"])
def test_a_file_that_is_no_text_is_named(written: Path, setting: str) -> None:
    written.with_name("picture.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    model = ("machines.0.kind=vlm", "machines.0.model=m")
    written.write_text(written.read_text().replace("taxonomy: artifacts", "taxonomy: picture.jpg"))
    if not setting.startswith("taxonomy"):
        model = (*model, "taxonomy=artifacts")
    with pytest.raises(ConfigError, match=r"picture\.jpg is not UTF-8 text"):
        load_recipe(written, (*model, setting))


def test_a_recipe_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"name: \xff")
    with pytest.raises(ConfigError, match=r"r\.yaml is not UTF-8 text"):
        load_recipe(tmp_path / "r.yaml")


def test_fields_of_a_named_taxonomy_can_be_set(written: Path) -> None:
    plain = load_recipe(written).taxonomy
    changed = load_recipe(written, ('taxonomy.version="2"', "taxonomy.categories.0.definition=mine")).taxonomy
    first = plain.categories[0].evolve(definition="mine")
    assert changed == plain.evolve(version="2", categories=(first, *plain.categories[1:]))
    assert load_recipe(written, ("taxonomy=artifacts", 'taxonomy.version="2"')).taxonomy == plain.evolve(version="2")


def test_a_number_where_text_is_wanted_is_to_be_quoted(written: Path) -> None:
    vlm = ("machines.0.kind=vlm", "machines.0.model=m")
    with pytest.raises(ConfigError) as wrong:
        load_recipe(written, (*vlm, "machines.0.model=4.10"))
    assert str(wrong.value) == (
        "machines.0: model: Input should be a valid string (quote it: --set machines.0.model='\"4.10\"')"
    )
    with pytest.raises(ConfigError) as wrong:
        load_recipe(written, ("taxonomy.version=2",))
    assert wrong.value.remedy == "quote it: --set taxonomy.version='\"2\"'"
    written.write_text(written.read_text().replace("name: mine", "name: 7"))
    with pytest.raises(ConfigError) as wrong:
        load_recipe(written)
    assert wrong.value.remedy == 'quote it: name: "7"'


def test_the_difference_of_two_recipes_is_short(written: Path) -> None:
    recipe = load_recipe(written)
    assert recipe.difference(recipe) == []
    changed = recipe.difference(load_recipe(written, ("dataset.seed=7",)))
    assert [line.strip() for line in changed if line[0] in "+-" and "recipe" not in line] == [
        '-  "seed": 0,',
        '+  "seed": 7,',
    ]


def test_a_budget_in_short_can_be_set() -> None:
    assert load_recipe("planted", ("routing.budget=40",)).routing.budget == Budget(tasks=40)
