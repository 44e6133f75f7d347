"""The strings under attributes, as this file's own classes state them."""

from __future__ import annotations

import types

from schemas.base import Frozen
from schemas.docstrings import attribute_docstrings


class Plain(Frozen):
    """A class's own docstring is no attribute's."""

    side: int = 1
    """Pixels,
    on the longer side."""
    bare: int = 2
    name: str = ""
    "One line in plain quotes."

    class Inner(Frozen):
        depth: int = 0
        """How deep."""


class Derived(Plain):
    name: str = "other"
    more: Plain = Plain()
    """A type of its own."""


def test_an_attributes_docstring_is_the_string_under_it_without_its_indent() -> None:
    assert attribute_docstrings(Plain) == {"side": "Pixels,\non the longer side.", "name": "One line in plain quotes."}
    assert attribute_docstrings(Plain.Inner) == {"depth": "How deep."}


def test_classes_of_functions_and_of_branches_are_found_by_their_qualified_names() -> None:
    if Plain.__name__:

        class Local(Frozen):
            width: int = 0
            """In a branch, in a function."""

    assert attribute_docstrings(Local) == {"width": "In a branch, in a function."}


def test_a_class_without_source_has_none() -> None:
    assert attribute_docstrings(types.new_class("Made")) == {}
    assert attribute_docstrings(int) == {}


def test_a_type_has_its_bases_docstrings_too() -> None:
    assert Derived.field_docs() == {
        "side": "Pixels,\non the longer side.",
        "name": "One line in plain quotes.",
        "more": "A type of its own.",
    }


def test_the_json_schema_describes_each_field_by_its_docstring() -> None:
    schema = Derived.model_json_schema()

    assert {name: field.get("description") for name, field in schema["properties"].items()} == {
        "side": "Pixels,\non the longer side.",
        "bare": None,
        "name": "One line in plain quotes.",
        "more": "A type of its own.",
    }
    assert schema["$defs"]["Plain"]["properties"]["side"]["description"] == "Pixels,\non the longer side."
