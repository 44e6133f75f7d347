from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.errors import ConfigError
from schemas.taxonomy import Category, Level, Taxonomy, load_taxonomy

SHIPPED = Path(__file__).parent.parent.parent / "configs" / "taxonomies"

SMALL = """
name: small
version: "1"
levels: [{name: pixel}]
categories:
  - {name: blur, level: pixel, definition: Out of focus., aliases: [Soft]}
"""


def test_a_taxonomy_from_yaml() -> None:
    assert load_taxonomy(SMALL, where="small.yaml") == Taxonomy(
        name="small",
        version="1",
        levels=(Level(name="pixel"),),
        categories=(Category(name="blur", level="pixel", definition="Out of focus.", aliases=("Soft",)),),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("definition:", "definiton:", "unknown field 'categories.0.definiton', did you mean 'definition'?"),
        ("levels:", "level:", "unknown field 'level', did you mean 'levels'?"),
        ('"1"', "1", "version: Input should be a valid string"),
        ("level: pixel", "level: pixels", "category 'blur' names the unknown level 'pixels'"),
        ("[Soft]", "[BLUR, soft, blur ]", None),
        ("name: small", "name: small\nname: other", "small.yaml, line 3: 'name' stands twice"),
        ("{name: blur,", "{name: blur, name: noise,", "small.yaml, line 6: 'name' stands twice"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, message: str | None) -> None:
    text = SMALL.replace(old, new, 1)
    if message is None:
        assert load_taxonomy(text, where="small.yaml").names() == ("blur",)
        return

    with pytest.raises(ConfigError) as caught:
        load_taxonomy(text, where="small.yaml")

    assert message in caught.value.message
    assert caught.value.message.startswith("small.yaml")
    assert caught.value.remedy


def test_one_spelling_cannot_mean_two_categories(taxonomy: Taxonomy) -> None:
    twin = Category(name="SOFT", level="pixel", definition="another")

    with pytest.raises(ValidationError, match="'soft' names both 'blur' and 'SOFT'"):
        taxonomy.evolve(categories=(*taxonomy.categories, twin))


def test_as_many_categories_as_a_byte_counts(taxonomy: Taxonomy) -> None:
    many = tuple(Category(name=f"c{i}", level="pixel", definition="d") for i in range(256))

    assert len(taxonomy.evolve(categories=many[:255]).categories) == 255
    with pytest.raises(ValidationError, match="at most 255"):
        taxonomy.evolve(categories=many)


def test_names_by_modality(taxonomy: Taxonomy) -> None:
    assert taxonomy.names() == ("blur", "freeze")
    assert taxonomy.names("image") == ("blur",)
    assert taxonomy.names("video") == ("blur", "freeze")


@pytest.mark.parametrize(
    ("spelling", "name"), [("blur", "blur"), (" BLURRED\n", "blur"), ("Soft", "blur"), ("blurry", None), ("", None)]
)
def test_resolve(spelling: str, name: str | None, taxonomy: Taxonomy) -> None:
    assert taxonomy.resolve(spelling) == name


def test_prompt_lines(taxonomy: Taxonomy) -> None:
    assert taxonomy.prompt_lines("image") == ("blur: Out of focus.",)


def test_a_color_is_that_of_a_category(taxonomy: Taxonomy) -> None:
    with pytest.raises(KeyError, match="tiny@1 has no category 'noise'"):
        taxonomy.color_of("noise")


def test_colors_are_given_or_chosen_and_never_equal(taxonomy: Taxonomy) -> None:
    categories = tuple(
        Category(name=f"c{i}", level="pixel", definition="d", color="#F3C300" if i == 3 else None) for i in range(60)
    )
    many = taxonomy.evolve(categories=categories)
    colors = [many.color_of(name) for name in many.names()]

    assert taxonomy.color_of("freeze") == "#abcdef"
    assert colors[3] == "#f3c300"
    assert colors[:2] == ["#875692", "#f38400"]
    assert len(set(colors)) == 60
    assert all(len(color) == 7 for color in colors)


X_AIGD = {
    "low-level-edge_shape": "low-level",
    "low-level-texture": "low-level",
    "low-level-color": "low-level",
    "low-level-symbol": "low-level",
    "high-level-semantics": "high-level",
    "cognitive-level-commonsense": "cognitive-level",
    "cognitive-level-physics": "cognitive-level",
}


def test_artifacts_begins_with_the_labels_of_x_aigd() -> None:
    text = (SHIPPED / "artifacts.yaml").read_text(encoding="utf-8")

    artifacts = load_taxonomy(text, where="artifacts.yaml")

    assert artifacts.id == "artifacts@1.0"
    assert {category.name: category.level for category in artifacts.categories[:7]} == X_AIGD
    assert artifacts.names("image") == tuple(X_AIGD)
    assert [name for name in artifacts.names("video") if name.startswith("temporal-")] == [
        "temporal-frozen",
        "temporal-flicker",
        "temporal-motion",
    ]
    assert "document-pasted_region" in artifacts.names("document")
    assert len({artifacts.color_of(name) for name in artifacts.names()}) == len(artifacts.names())


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_taxonomy_loads_and_defines_its_words(path: Path) -> None:
    taxonomy = load_taxonomy(path.read_text(encoding="utf-8"), where=path.name)

    assert taxonomy.name == path.stem
    assert all(len(category.definition) > 20 for category in taxonomy.categories)
    assert {category.level for category in taxonomy.categories} == {level.name for level in taxonomy.levels}
