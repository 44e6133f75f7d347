"""Label Studio without a server of ours: files to import there, and its exports read back.

For teams with a hosted or an air-gapped Label Studio. ``submit`` writes tasks and the labelling config of each
kind of work under ``RUN/people/TOOL``; somebody makes a project with the config and imports the tasks.
``collect`` reads the JSON exports that ``results`` names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple, cast

from pydantic import Field, field_validator

from schemas.base import content_id
from schemas.errors import ConfigError, MediaError, SampleError, VerdictError
from schemas.ledger import Layout, SubmittedTask
from schemas.record import Rejection
from schemas.verification import Verification

from ..base import Assignment, Case, Collected, Desk, PeopleConfig, Verifier
from ..labelstudio.controls import Geometry
from ..labelstudio.export_files import ExportedTask, read_export
from ..labelstudio.label_config import LabelConfig, label_config
from ..labelstudio.predictions import prediction
from ..labelstudio.reviewed import reviewed
from ..labelstudio.tasks import layout_of, task_data
from ..labelstudio_server.connection import Connection
from ..labelstudio_server.media import Exhibit, Placing, Shelf, exhibits, shelf_for, shown

__all__ = ["Config", "Files"]

MODEL_VERSION = "witnessmark"
"""Of every prediction: the project must be given the same, then predictions open as annotations."""
MAX_EXPORT_BYTES = 2_000_000_000
"""Of one export; more is split by Label Studio's own filters."""


class Config(PeopleConfig):
    """Options of Label Studio by files."""

    kind: Literal["files"] = "files"
    """This tool."""
    link: str = "{name}"
    """Address under which the team serves a medium, e.g. ``https://media.example.org/{asset_id}`` or
    ``/data/local-files/?d=media/{name}``; ``{name}`` is by content, with extension and page, ``{file_name}`` the
    original one."""
    copy_media: bool = False
    """Whether every medium is copied to ``RUN/people/TOOL/shown``; rendered pages are there in any case."""
    page_side: int = Field(1584, ge=400, le=4096)
    """Longer side in pixels at which pages of documents are shown: 1584 is 144 dpi of a letter page."""
    geometry: tuple[Geometry, ...] = Field(("box", "polygon", "brush"), min_length=1)
    """What people draw with: box, polygon, brush, bitmask."""
    tasks_per_file: int = Field(200, ge=1, le=10_000)
    """Tasks of one file: Label Studio takes at most 250 MB at once."""
    results: tuple[str, ...] = ()
    """JSON exports to collect from: paths or URIs, older and newer ones together."""

    @field_validator("link")
    @classmethod
    def _has_known_words(cls, link: str) -> str:
        try:
            link.format_map({"asset_id": "a", "name": "a.png", "file_name": "a.png"})
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise ValueError("only {asset_id}, {name} and {file_name} may stand in it") from error
        return link


class Kind(NamedTuple):
    """What makes tasks belong into one project."""

    layout: Layout
    round: str
    pass_number: int

    @property
    def title(self) -> str:
        """Start of its file names."""
        return f"{self.layout}-{self.round}-{self.pass_number}"


class Files(Verifier):
    """Assignments as import files, exports as verifications."""

    config: Config

    def submit(
        self, assignments: Iterable[Assignment], ledger: Collection[SubmittedTask], desk: Desk
    ) -> Iterator[SubmittedTask | Rejection]:
        """One config and some files of tasks per kind of work; what the ledger has is not written again."""
        rows = {row.task_key: row for row in ledger if row.tool == self.config.title}
        ordered = sorted(assignments, key=lambda assignment: (_kind(assignment), assignment.sample.sample_id))
        for kind, group in groupby(ordered, key=_kind):
            work = {assignment.task_key(self.config.title): assignment for assignment in group}
            yield from (rows[key] for key in work if key in rows)
            missing = [(key, assignment) for key, assignment in work.items() if key not in rows]
            if missing:
                yield from _Writing(self.config, kind, desk).run(missing)

    def collect(self, ledger: Collection[SubmittedTask], desk: Desk, *, memory: str) -> Collected:
        """Everything in the exports that the recipe names; of a decision in several of them, the latest."""
        if not self.config.results:
            desk.say(f"{self.config.title}: nothing to collect; name the exports in 'results'")
        rows = {row.task_key: row for row in ledger if row.tool == self.config.title}
        tasks = [task for uri in self.config.results for task in _exported(uri, desk)]
        ours = [(rows[key], task) for task in tasks if (key := _key_of(task)) in rows]
        if len(ours) < len(tasks):
            desk.say(f"{self.config.title}: {len(tasks) - len(ours)} tasks are not of this run and are left out")
        return _Reading(self.config, desk).run(ours)


def _kind(assignment: Assignment) -> Kind:
    round_of = "adjudication" if assignment.purpose == "adjudication" else "pass"
    return Kind(layout_of(assignment.sample), round_of, assignment.pass_number)


# Out


class _Writing:
    """The files of one kind of work."""

    def __init__(self, config: Config, kind: Kind, desk: Desk) -> None:
        self.config, self.kind, self.desk = config, kind, desk
        self.labels = label_config(
            desk.taxonomy, desk.task, kind.layout, geometry=config.geometry, has_votes=config.votes
        )
        self.placing = Placing(
            way="link",
            template=config.link,
            root="",
            page_side=config.page_side,
            limits=desk.limits,
            open_uri=desk.open_uri,
            put=desk.put,
        )
        # Links move nothing and ask no server.
        self.shelf: Shelf = shelf_for(cast(Connection, None), 0, self.placing)

    def run(self, work: Sequence[tuple[str, Assignment]]) -> Iterator[SubmittedTask | Rejection]:
        """A file is whole on disk before its rows are told."""
        config_uri = self.desk.put(f"{self.kind.title}-{self.labels.version[:8]}.config.xml", self.labels.xml.encode())
        for start in range(0, len(work), self.config.tasks_per_file):
            batch = work[start : start + self.config.tasks_per_file]
            tasks, told = [], []
            for key, assignment in batch:
                try:
                    tasks.append(self._task(key, assignment))
                    told.append((key, assignment))
                except SampleError as error:
                    yield _rejection("submit", assignment.sample.item_id, assignment.sample.sample_id, error)
            if tasks:
                uri = self.desk.put(self._file_name(told), _json(tasks))
                self.desk.say(f"import {uri} into a project with the config {config_uri}")
                yield from (self._row(key, assignment, uri) for key, assignment in told)

    def _file_name(self, told: Sequence[tuple[str, Assignment]]) -> str:
        """By content, so that an interrupted run writes the same file again."""
        return f"{self.kind.title}-{content_id([key for key, _ in told])[:8]}.tasks.json"

    def _task(self, key: str, assignment: Assignment) -> dict[str, Any]:
        sample, candidate = assignment.sample, assignment.candidate
        found = exhibits(sample, self.placing)
        for exhibit in found:
            self.shelf.stage(exhibit)
            if self.config.copy_media and not exhibit.is_rendered:
                self._copy(exhibit)
        pictures = [shown(exhibit, self.shelf) for exhibit in found]
        data = task_data(sample, pictures, self.labels, sample_key=key, candidate=candidate)
        if candidate is None:
            return {"data": data, "meta": {}}
        made = prediction(candidate, sample, self.labels, data, model_version=MODEL_VERSION)
        return {"data": data, "meta": {"candidate_id": candidate.candidate_id}, "predictions": [made]}

    def _copy(self, exhibit: Exhibit) -> None:
        asset = exhibit.asset
        with self.desk.open_uri(asset.uri) as stream:
            content = stream.read(asset.byte_size + 1)
        if hashlib.sha256(content).hexdigest() != asset.asset_id:
            raise MediaError(
                f"{asset.file_name} has changed since it was measured", remedy="propose again, then submit"
            )
        self.desk.put(f"shown/{exhibit.name}", content)

    def _row(self, key: str, assignment: Assignment, uri: str) -> SubmittedTask:
        sample, candidate = assignment.sample, assignment.candidate
        return SubmittedTask(
            task_key=key,
            sample_id=sample.sample_id,
            item_id=sample.item_id,
            tool=self.config.title,
            purpose=assignment.purpose,
            pass_number=assignment.pass_number,
            candidate_id=candidate.candidate_id if candidate else None,
            layout=self.kind.layout,
            server=uri,
            project=self.kind.title,
            model_version=MODEL_VERSION if candidate else "",
            config_version=self.labels.version,
            asset_id=sample.primary.asset_id,
            byte_size=sample.primary.byte_size,
        )


# Back


class _Reading:
    """Exported tasks of the run, each with its row."""

    def __init__(self, config: Config, desk: Desk) -> None:
        self.config, self.desk = config, desk
        self.labels: dict[Layout, LabelConfig] = {}

    def run(self, tasks: Sequence[tuple[SubmittedTask, ExportedTask]]) -> Collected:
        cases = self.desk.cases({row.sample_id for row, _ in tasks})
        latest: dict[str, Verification] = {}
        rejections: list[Rejection] = []
        for row, task in tasks:
            for annotation in task.annotations:
                try:
                    verification = self._verification(annotation, task, row, cases)
                except VerdictError as error:
                    rejections.append(_rejection("collect", row.item_id, row.sample_id, error))
                    continue
                before = latest.get(verification.verification_id)
                if before is None or before.updated_at <= verification.updated_at:
                    latest[verification.verification_id] = verification
        keys = frozenset(row.task_key for row, _ in tasks)
        return Collected(task_keys=keys, verifications=tuple(latest.values()), rejections=tuple(rejections))

    def _verification(
        self, annotation: Mapping[str, Any], task: ExportedTask, row: SubmittedTask, cases: Mapping[str, Case]
    ) -> Verification:
        if task.is_min:
            raise VerdictError(
                f"{row.item_id}: JSON-MIN has lost the regions' ids", remedy="export the project as JSON"
            )
        case = cases.get(row.sample_id)
        if case is None:
            raise VerdictError(f"{row.item_id} is no longer in the run", remedy="propose its input again, then collect")
        candidate = case.candidates.get(row.candidate_id or "")
        if row.candidate_id and candidate is None:
            raise VerdictError(f"the candidate shown for {row.item_id} is no longer in the run", remedy="propose again")
        writer, signer = _person(annotation.get("updated_by")), _person(annotation.get("completed_by"))
        verification = reviewed(
            annotation,
            task.data,
            case.sample,
            candidate,
            self._labels(row.layout),
            reviewer=self.desk.pseudonym(writer or signer or "nobody knows who"),
            tool=self.config.title,
            pass_number=row.pass_number,
        )
        is_other = writer and signer and writer != signer
        return verification.evolve(purpose=row.purpose, signed_by=self.desk.pseudonym(signer) if is_other else "")

    def _labels(self, layout: Layout) -> LabelConfig:
        if layout not in self.labels:
            desk = self.desk
            self.labels[layout] = label_config(
                desk.taxonomy, desk.task, layout, geometry=self.config.geometry, has_votes=self.config.votes
            )
        return self.labels[layout]


def _exported(uri: str, desk: Desk) -> tuple[ExportedTask, ...]:
    try:
        with desk.open_uri(uri) as stream:
            content = stream.read(MAX_EXPORT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{uri} cannot be read: {error}", remedy="correct 'results'") from error
    if len(content) > MAX_EXPORT_BYTES:
        raise ConfigError(f"{uri} is larger than {MAX_EXPORT_BYTES:,} bytes", remedy="export the project in parts")
    return read_export(content, where=uri)


def _key_of(task: ExportedTask) -> str:
    key = task.data.get("sample_key")
    return key if isinstance(key, str) else ""


def _person(value: Any) -> str:
    """What an export calls a person: the address where it tells it, else the number there."""
    if isinstance(value, Mapping):
        value = value.get("email") or value.get("id")
    return "" if value is None else str(value)


def _rejection(stage: Literal["submit", "collect"], item_id: str, sample_id: str, error: SampleError) -> Rejection:
    return Rejection(
        item_id=item_id,
        sample_id=sample_id,
        stage=stage,
        error=type(error).__name__,
        message=error.message,
        remedy=error.remedy,
        is_final=False,
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
