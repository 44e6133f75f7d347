"""One generator from taxonomy and task to Label Studio's ``<View>`` XML.

Every name in it comes from controls.py, every category with its color and definition from the taxonomy,
so that prompt, page and published labels cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from schemas.base import Frozen, content_id
from schemas.errors import ConfigError
from schemas.task import Task
from schemas.taxonomy import Taxonomy

from . import controls
from .controls import GEOMETRY_TAGS, OBJECTS, Geometry, Layout
from .page import MODALITY, Page

__all__ = ["Control", "Geometry", "LabelConfig", "Layout", "config_from_xml", "label_config"]

Element = ElementTree.Element


class Control(Frozen):
    """One control of a config: what a result's ``from_name`` may name."""

    name: str
    """Name, unique in the config."""
    tag: str
    """XML tag, e.g. ``RectangleLabels``."""
    to_names: tuple[str, ...]
    """Objects that it marks."""
    labels: tuple[str, ...] = ()
    """Labels or choices as they are stored, in order; empty where it has none (text, ratings, bare shapes)."""
    shown: tuple[str, ...] = ()
    """The same as the page shows them: other words where a label has an alias."""
    is_per_region: bool = False
    """Whether it says something of one region."""

    def stored(self, words: Sequence[str]) -> tuple[str, ...]:
        """Words with what is stored in the place of what is only shown, as programs write it; others as they are."""
        return tuple(self._stored(word) for word in words)

    def _stored(self, word: str) -> str:
        meant = [label for label, shown in zip(self.labels, self.shown, strict=False) if shown == word]
        return word if word in self.labels or len(meant) != 1 else meant[0]


class LabelConfig(Frozen):
    """A labelling config and what it lets people say."""

    xml: str
    """The ``<View>``, as the server takes it."""
    version: str
    """sha256 of the XML: equal configs, equal version."""
    layout: Layout | None = None
    """What it shows; None for a config of somebody else."""
    controls: tuple[Control, ...] = ()
    """Its controls, in order."""

    def control(self, name: str) -> Control | None:
        """The control of that name; None where there is none."""
        return next((control for control in self.controls if control.name == name), None)


def label_config(
    taxonomy: Taxonomy,
    task: Task,
    layout: Layout,
    *,
    geometry: Sequence[Geometry] = ("box", "polygon", "brush"),
    has_text: bool = False,
    has_votes: bool = False,
) -> LabelConfig:
    """The config for samples of one layout.

    ``geometry`` are the tools for pictures and pages, in the order shown; clips have tracks and a timeline
    instead. ``has_text`` adds the text layer of documents, with spans. ``has_votes`` asks of every region
    whether it is what it claims to be. Raises ConfigError where the taxonomy has no category for the layout.
    """
    if not taxonomy.names(MODALITY[layout]):
        raise ConfigError(
            f"taxonomy {taxonomy.id} has no category for a {MODALITY[layout]}", remedy="give a category the modality"
        )
    if layout != "video" and not geometry:
        raise ConfigError("no geometry to draw with", remedy=f"name some of {', '.join(GEOMETRY_TAGS)}")
    page = Page(taxonomy, task, layout, tuple(dict.fromkeys(geometry)), has_text, has_votes)
    root = page.view()
    ElementTree.indent(root)
    return _config(ElementTree.tostring(root, encoding="unicode"), root, layout)


def config_from_xml(xml: str) -> LabelConfig:
    """Somebody's config, e.g. the one that a server holds. Raises ConfigError for what is no config."""
    root = _parsed(xml)
    layouts = (layout for layout, names in OBJECTS.items() if _object_names(root) - {controls.TEXT} == set(names))
    return _config(xml, root, next(layouts, None))


def _config(xml: str, root: Element, layout: Layout | None) -> LabelConfig:
    return LabelConfig(xml=xml, version=content_id("label_config", xml), layout=layout, controls=tuple(_controls(root)))


def _parsed(xml: str) -> Element:
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise ConfigError("labelling config with a document type", remedy="Label Studio's configs have none")
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314 - entities are refused above
    except ElementTree.ParseError as error:
        raise ConfigError(f"labelling config is no XML: {error}", remedy="export the config again") from error
    if root.tag != "View":
        raise ConfigError(f"labelling config begins with <{root.tag}>", remedy="it must begin with <View>")
    return root


def _object_names(root: Element) -> set[str]:
    """Tags with a name and data of their own, that mark nothing."""
    objects = (e for e in root.iter() if e.get("name") and (e.get("value") or e.get("valueList")))
    return {e.get("name", "") for e in objects if not e.get("toName")}


def _controls(root: Element) -> Iterator[Control]:
    for element in root.iter():
        name, to_name = element.get("name"), element.get("toName")
        if name and to_name:
            children = [child for child in element.iter() if child is not element]
            shown = tuple(child.get("value") or "" for child in children)
            labels = tuple(child.get("alias") or child.get("value") or "" for child in children)
            is_per_region = element.get("perRegion") == "true"
            to_names = tuple(part.strip() for part in to_name.split(","))
            yield Control(
                name=name, tag=element.tag, to_names=to_names, labels=labels, shown=shown, is_per_region=is_per_region
            )
