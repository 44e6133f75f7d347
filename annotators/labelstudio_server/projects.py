"""The project of one kind of work: found again by its mark, made where there is none, kept in step with its config."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from schemas.base import content_id
from schemas.errors import ConfigError
from schemas.ledger import Layout
from schemas.taxonomy import Taxonomy

from ..labelstudio.config_changes import plan_change
from ..labelstudio.label_config import LabelConfig
from .connection import Connection

__all__ = ["MODEL_VERSION", "Kind", "Project", "instructions", "open_project", "used_labels"]

MODEL_VERSION = "witnessmark"
"""Of every prediction and project: Label Studio shows a prediction only where the two are equal, and one project
holds candidates of several machines. Which machine it was stands in the ledger."""
TITLE_CHARS = 50
"""Label Studio takes titles of 3 to 50 characters."""


class Kind(NamedTuple):
    """What makes tasks belong into one project."""

    dataset: str
    run_id: str
    tool: str
    layout: Layout
    is_adjudication: bool
    pass_number: int

    @property
    def mark(self) -> str:
        """Eight characters that stand in the title and the description: what the project is found by."""
        return content_id("project", self.run_id, self.tool, self.layout, self.round, self.pass_number)[:8]

    @property
    def round(self) -> str:
        """Gold tasks lie unmarked among the reviews of their pass: who knows them is not measured by them."""
        return "adjudication" if self.is_adjudication else "pass"

    def title(self, generation: int) -> str:
        """``DATASET image pass 1 3f2a9c01``; a later generation, after an incompatible change, adds its number."""
        end = f" {self.layout} {self.round} {self.pass_number} {self.mark}" + (f".{generation}" if generation else "")
        return self.dataset[: TITLE_CHARS - len(end)] + end


class Project(NamedTuple):
    """A project as it is on the server."""

    id: int
    title: str
    xml: str
    config_version: str
    num_tasks: int
    is_new: bool


def open_project(
    connection: Connection,
    kind: Kind,
    config: LabelConfig,
    taxonomy: Taxonomy,
    task: Any,
    *,
    reviewers: int,
    known: Collection[int] = (),
) -> tuple[Project, str]:
    """The project that takes such tasks now, and a note where its config changed; empty where nothing did.

    An existing one gets the new config where every result in it keeps its meaning; else it stays untouched, with
    its work, and a new one is made beside it. ``known`` are project numbers of the ledger: a renamed project is
    found by them.
    """
    found = sorted(_candidates(connection, kind, known), key=lambda project: -project["id"])
    note = ""
    for project in found:
        if project["label_config"] == config.xml:
            return _as_project(project, config), note
        plan = plan_change(project["label_config"], config.xml, used_labels(connection, project))
        if plan.is_compatible:
            note = f"{project['title']}: takes the new categories ({'; '.join(plan.changes) or 'no label is lost'})"
            changed = connection.send("PATCH", f"/api/projects/{project['id']}/", {"label_config": config.xml})
            return _as_project(changed, config), note
        note = note or f"{project['title']} stays as it is ({'; '.join(plan.reasons)}): a new project takes the tasks"
    body = _body(kind, config, taxonomy, task, reviewers, generation=len(found))
    return _as_project(connection.send("POST", "/api/projects/", body), config, is_new=True), note


def used_labels(connection: Connection, project: Mapping[str, Any]) -> Mapping[str, Collection[str]] | None:
    """Labels in use per control; None, which counts everything as used, where predictions may use any."""
    if project.get("total_predictions_number") != 0:
        return None
    summary = connection.find(f"/api/projects/{project['id']}/summary/") or {}
    results, labels, drafts = (summary.get(f"created_{name}") for name in ("annotations", "labels", "labels_drafts"))
    if not (isinstance(results, dict) and isinstance(labels, dict) and isinstance(drafts, dict)):
        return None
    controls = {*(str(name).partition("|")[0] for name in results), *labels, *drafts}
    return {name: {*labels.get(name, {}), *drafts.get(name, {})} for name in sorted(controls)}


def instructions(taxonomy: Taxonomy, task: Any, layout: Layout) -> str:
    """What annotators read first, as HTML: the recipe's words and every category's definition, all escaped."""
    modality = "image" if layout == "pair" else layout
    lines = "".join(f"<li>{escape(line)}</li>" for line in taxonomy.prompt_lines(modality))
    words = f"<p>{escape(task.instructions)}</p>" if task.instructions else ""
    language = f"<p>Write explanations in {escape(task.language)}.</p>"
    return f"{words}{language}<ul>{lines}</ul>"


def _candidates(connection: Connection, kind: Kind, known: Collection[int]) -> Iterator[dict[str, Any]]:
    seen: set[int] = set()
    for project in _listed(connection, kind.mark):
        if _is_of(project, kind) and project["id"] not in seen:
            seen.add(project["id"])
            yield project
    for number in sorted(set(known) - seen):
        renamed = connection.find(f"/api/projects/{number}/")
        if renamed is not None and _is_of(renamed, kind):
            yield renamed


def _listed(connection: Connection, mark: str) -> Iterator[dict[str, Any]]:
    page = 1
    while True:
        found = connection.get("/api/projects/", title=mark, page=page, page_size=100)
        if not isinstance(found, dict) or not isinstance(found.get("results"), list):
            raise ConfigError(
                f"{connection.url} does not list projects as Label Studio does", remedy="check the address"
            )
        yield from found["results"]
        if not found.get("next"):
            return
        page += 1


def _is_of(project: Mapping[str, Any], kind: Kind) -> bool:
    """The description holds the whole mark, whatever people make of the title."""
    return f"[{kind.run_id} {kind.mark}]" in (project.get("description") or "")


def _as_project(project: Mapping[str, Any], config: LabelConfig, *, is_new: bool = False) -> Project:
    return Project(
        id=int(project["id"]),
        title=str(project["title"]),
        xml=str(project["label_config"]),
        config_version=config.version,
        num_tasks=int(project.get("task_number") or 0),
        is_new=is_new,
    )


def _body(
    kind: Kind, config: LabelConfig, taxonomy: Taxonomy, task: Any, reviewers: int, *, generation: int
) -> dict[str, Any]:
    return {
        "title": kind.title(generation),
        "description": f"Made by Witnessmark; leave this line, it is found by it: [{kind.run_id} {kind.mark}]",
        "label_config": config.xml,
        "expert_instruction": instructions(taxonomy, task, kind.layout),
        "show_instruction": True,
        "show_skip_button": True,
        "enable_empty_annotation": True,
        "maximum_annotations": reviewers,
        "show_collab_predictions": True,
        "model_version": MODEL_VERSION,
        "sampling": "Sequential sampling",
        "skip_queue": "REQUEUE_FOR_OTHERS",
    }
