from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from annotators.labelstudio.config_changes import plan_change
from annotators.labelstudio.label_config import LabelConfig, config_from_xml, label_config
from schemas.errors import ConfigError
from schemas.ledger import Layout
from schemas.task import AskedAttribute, Criterion, Task
from schemas.taxonomy import Category, Level, Taxonomy

from .conftest import TAXONOMY

LAYOUTS: tuple[Layout, ...] = ("image", "video", "document", "pair")
TASKS = (
    Task(instructions='Mark <all> & "everything",\n it\'s $5.'),
    Task(kind="document_qa"),
    Task(kind="contrast", options=("A & B", "$C", "naïve")),
    Task(kind="rubric", criteria=(Criterion(name="hands", definition="Five fingers."),)),
    Task(
        kind="attributes",
        attributes=(
            AskedAttribute(name="look", definition="How?", values=("good", "<bad>"), scale_min=1, scale_max=5),
            AskedAttribute(name="depth", definition="How deep?", scale_min=0, scale_max=10),
        ),
    ),
)


def made(**options: Any) -> LabelConfig:
    return label_config(TAXONOMY, Task(), "image", **options)


def elements(config: LabelConfig, tag: str | None = None) -> Sequence[ElementTree.Element]:
    return list(ElementTree.fromstring(config.xml).iter(tag))  # noqa: S314 - our own


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("task", TASKS, ids=[task.kind for task in TASKS])
def test_every_config_is_one_for_label_studio_too(layout: Layout, task: Task) -> None:
    options: dict[str, Any] = {"geometry": ("box", "polygon", "brush", "bitmask"), "has_text": True, "has_votes": True}
    config = label_config(TAXONOMY, task, layout, **options)
    interface: Any = LabelInterface(config.xml)
    interface.validate()
    assert {control.name for control in interface.controls} == {control.name for control in config.controls}
    assert config_from_xml(config.xml) == config


def test_the_controls_of_an_image() -> None:
    config = made()
    rows = [(control.name, control.tag, control.to_names, control.labels) for control in config.controls]
    categories = ("texture", "shape")
    assert rows == [
        ("box", "RectangleLabels", ("image",), categories),
        ("polygon", "PolygonLabels", ("image",), categories),
        ("brush", "BrushLabels", ("image",), categories),
        ("region_explanation", "TextArea", ("image",), ()),
        ("verdict", "Choices", ("image",), ("real", "generated", "edited", "unclear")),
        ("decision", "Choices", ("image",), ("leave_out",)),
        ("explanation", "TextArea", ("image",), ()),
    ]
    assert [control.name for control in config.controls if control.is_per_region] == ["region_explanation"]


def test_definitions_are_hints_in_one_line_without_variables() -> None:
    label = elements(made(), "Label")[0]
    assert label.get("hint") == 'Looks "waxy" & <smooth>, costs $\u200b5.'


def test_every_key_is_used_once() -> None:
    for layout in LAYOUTS:
        config = label_config(TAXONOMY, Task(), layout, has_votes=True)
        keys = [e.get("hotkey") for e in elements(config) if e.get("hotkey")]
        assert len(keys) == len(set(keys))


def test_a_pair_has_one_single_medium_and_keys_for_both_pictures() -> None:
    config = label_config(TAXONOMY, Task(), "pair")
    images = [(e.get("name"), e.get("value"), e.get("valueList")) for e in elements(config, "Image")]
    assert images == [("image", "$image", None), ("image_2", None, "$image_2")]
    modifiers = ("", "shift+", "alt+", "alt+shift+", "ctrl+shift+", "ctrl+alt+")
    assert [e.get("hotkey") for e in elements(config, "Label")] == [m + digit for m in modifiers for digit in "12"]


def test_labels_are_shown_without_their_level_where_that_is_clear() -> None:
    def names(*categories: tuple[str, str]) -> list[tuple[str | None, str | None]]:
        levels = tuple(Level(name=level) for level in dict.fromkeys(level for _, level in categories))
        made = tuple(Category(name=name, level=level, definition="x") for name, level in categories)
        taxonomy = Taxonomy(name="t", version="1", levels=levels, categories=made)
        config = label_config(taxonomy, Task(), "image", geometry=("box",))
        return [(label.get("value"), label.get("alias")) for label in elements(config, "Label")]

    assert names(("low-edge_shape", "low"), ("other", "low")) == [("edge shape", "low-edge_shape"), ("other", None)]
    assert names(("low-edge", "low"), ("high-edge", "high")) == [("low-edge", None), ("high-edge", None)]


def test_a_shown_word_means_a_label_only_where_it_is_the_words_of_one() -> None:
    labels = '<Label value="A" alias="a"/><Label value="B" alias="A"/><Label value="C" alias="c"/>'
    more = '<Label value="C" alias="d"/><Label value="e"/>'
    rectangles = f'<RectangleLabels name="r" toName="i">{labels}{more}</RectangleLabels>'
    (control,) = config_from_xml(f'<View><Image name="i" value="$i"/>{rectangles}</View>').controls
    assert control.labels == ("a", "A", "c", "d", "e")
    assert control.stored(("B", "A", "C", "e", "b")) == ("A", "A", "C", "e", "b")


def test_equal_configs_have_equal_versions() -> None:
    assert made() == made()
    assert made().version != made(geometry=("box",)).version


def test_a_taxonomy_without_categories_for_the_layout_is_refused() -> None:
    only = TAXONOMY.evolve(categories=TAXONOMY.categories[2:])
    with pytest.raises(ConfigError, match="taxonomy made@1 has no category for a document"):
        label_config(only, Task(), "document")
    with pytest.raises(ConfigError, match="no geometry to draw with"):
        made(geometry=())


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        ("<View>", "is no XML"),
        ("<html/>", "begins with <html>"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><View/>', "with a document type"),
    ],
)
def test_what_is_no_config_is_refused(xml: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        config_from_xml(xml)


def test_a_config_of_somebody_else() -> None:
    xml = '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="A"/></Choices></View>'
    config = config_from_xml(xml)
    assert config.layout is None
    assert [(control.name, control.labels) for control in config.controls] == [("c", ("A",))]


# Changes


def grown() -> Taxonomy:
    more = Category(name="glyphs", level="all", definition="No letters.")
    return TAXONOMY.evolve(version="2", categories=(*TAXONOMY.categories, more))


def test_an_added_category_is_compatible() -> None:
    plan = plan_change(made().xml, label_config(grown(), Task(), "image").xml, None)
    assert (plan.is_compatible, plan.reasons) == (True, ())
    assert "new label 'glyphs' of 'brush'" in plan.changes


def test_a_category_in_use_that_goes_needs_a_new_project() -> None:
    new = made().xml.replace('"shape"', '"form"')
    used = {"box": {"shape"}, "explanation": set[str]()}
    plan = plan_change(made().xml, new, used)
    assert (plan.is_compatible, plan.reasons) == (False, ("label 'shape' of 'box' is in use and would be gone",))
    assert plan_change(made().xml, new, {"box": {"texture"}}).is_compatible
    assert not plan_change(made().xml, new, None).is_compatible


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('name="explanation"', 'name="words"', "control 'explanation' is in use and would be gone"),
        ("PolygonLabels", "BrushLabels", "control 'polygon' is in use as PolygonLabels and would become BrushLabels"),
        ('name="box" toName="image"', 'name="box" toName="other"', "'box' is in use on image and would leave it"),
    ],
)
def test_a_control_in_use_keeps_its_meaning(old: str, new: str, why: str) -> None:
    used = {"explanation": (), "polygon": ("shape",), "box": ("shape",)}
    plan = plan_change(made().xml, made().xml.replace(old, new), used)
    assert not plan.is_compatible
    assert why in plan.reasons[0]


def test_results_of_a_control_that_nobody_knows_are_not_given_up() -> None:
    assert plan_change(made().xml, made().xml, {"old_box": ("x",)}).reasons == (
        "control 'old_box' is in use, but the old config has none of that name",
    )
