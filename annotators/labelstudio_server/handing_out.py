"""Samples into the project of their kind: what is missing is built, checked and sent; what is there is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from schemas.candidate import Candidate
from schemas.errors import SampleError, VerdictError
from schemas.ledger import SubmittedTask
from schemas.record import Rejection
from schemas.sample import Sample

from ..base import Assignment, Desk
from ..labelstudio.label_config import LabelConfig, label_config
from ..labelstudio.predictions import prediction
from ..labelstudio.tasks import question_of, task_data
from .connection import Connection
from .deliver import Parcel, Placed, deliver, placed, remove_copies, settled
from .media import UPLOAD_FILES, Exhibit, Placing, Shelf, exhibits, shelf_for, shown
from .projects import MODEL_VERSION, Kind, Project, open_project

if TYPE_CHECKING:
    from ..people.label_studio import Config

__all__ = ["HandingOut"]

AT_ONCE = UPLOAD_FILES
"""Samples whose media are moved together: an upload holds several files."""
Shelved = tuple[str, Assignment, tuple[Exhibit, ...] | SampleError]
"""A task's key, who it is about, and what lies on the shelf for it, or why nothing does."""


class HandingOut:
    """The work of one project. Nothing is kept between two calls but what stands on the server and in the ledger."""

    def __init__(self, connection: Connection, kind: Kind, config: Config, desk: Desk) -> None:
        self.connection, self.kind, self.config, self.desk = connection, kind, config, desk
        self.labels: LabelConfig = label_config(
            desk.taxonomy, desk.task, kind.layout, geometry=config.geometry, has_votes=config.votes
        )
        self.rejections: list[Rejection] = []
        self.built: dict[str, Assignment] = {}

    def run(
        self, assignments: Sequence[Assignment], ledger: Mapping[str, SubmittedTask]
    ) -> Iterator[SubmittedTask | Rejection]:
        """Hand out; yields a row or a Rejection for each assignment."""
        asked = {assignment.task_key(self.config.title): assignment for assignment in assignments}
        rows = {key: ledger[key] for key in asked if key in ledger}
        project, note = open_project(
            self.connection,
            self.kind,
            self.labels,
            self.desk.taxonomy,
            self.desk.task,
            reviewers=self.desk.reviewers,
            known={row.project_id for row in rows.values() if row.project_id},
        )
        if note:
            self.desk.say(note)
        elsewhere = dict(self._elsewhere(rows, project))
        yield from elsewhere.values()
        wanted = {key: assignment for key, assignment in asked.items() if key not in elsewhere}
        there = self._up_to_date(wanted, self._there(project, wanted))
        for key in wanted.keys() & there.keys():
            yield self._refreshed(project, wanted[key], there[key])
        missing = {key: assignment for key, assignment in wanted.items() if key not in there}
        delivered: dict[str, int] = {}
        for arrived in deliver(self.connection, project.id, self._parcels(project, missing)):
            delivered[arrived.key] = arrived.task_id
            yield self._row(project, self.built.pop(arrived.key), arrived)
        if not project.is_new:
            self._remove_late(project, delivered)
        yield from self.rejections

    def _elsewhere(self, rows: Mapping[str, SubmittedTask], project: Project) -> Iterator[tuple[str, SubmittedTask]]:
        """Tasks that stay in another project: of an earlier config, or deleted with their project after an answer."""
        others = {row.project_id for row in rows.values() if row.project_id not in (None, project.id)}
        gone = {number for number in others if self.connection.find(f"/api/projects/{number}/") is None}
        for number in sorted(gone - {None}, key=str):
            self.desk.say(f"project {number} was deleted: what was collected from it stays, the rest is asked anew")
        for key, row in rows.items():
            if row.is_lost or (row.project_id in gone and key in self.desk.answered):
                yield key, row.evolve(is_lost=True)
            elif row.project_id in others - gone:
                yield key, row

    def _there(self, project: Project, wanted: Mapping[str, Assignment]) -> dict[str, Placed]:
        """What lies in the project already, once nothing moves there any more and copies are gone."""
        if project.is_new:
            return {}
        if project.num_tasks >= len(wanted):  # all may be there: the look is dear, and then it is the only one
            found = placed(self.connection, project.id)
            if wanted.keys() <= found.keys() and all(len(copies) == 1 for copies in found.values()):
                return {key: copies[0] for key, copies in found.items()}
        settled(self.connection, project.id)
        found = placed(self.connection, project.id)
        self._remove_copies(project, found)
        return {key: copies[0] for key, copies in found.items()}

    def _remove_late(self, project: Project, delivered: Mapping[str, int]) -> None:
        """What a killed client's last request still brought beside the same tasks of ours, which stay."""
        if delivered:
            found = placed(self.connection, project.id)
            ours = {
                key: sorted(found.get(key, ()), key=lambda t: t.task_id != number) for key, number in delivered.items()
            }
            self._remove_copies(project, ours)

    def _remove_copies(self, project: Project, found: Mapping[str, Sequence[Placed]]) -> None:
        if removed := remove_copies(self.connection, project.id, found):
            self.desk.say(f"{project.title}: removed {removed} copies that an interrupted import left")

    def _up_to_date(self, wanted: Mapping[str, Assignment], there: Mapping[str, Placed]) -> dict[str, Placed]:
        """Without those that ask what no machine asks any more: unless somebody has begun, they are made anew."""

        def is_stale(key: str, task: Placed) -> bool:
            assignment = wanted.get(key)
            if assignment is None or task.is_touched:
                return False
            candidate = assignment.candidate
            is_other = task.candidate_id != (candidate.candidate_id if candidate else None)
            return is_other and task.question != question_of(assignment.sample, candidate)

        stale = {key: task for key, task in there.items() if is_stale(key, task)}
        for task in stale.values():
            self.connection.send("DELETE", f"/api/tasks/{task.task_id}/")
        return {key: task for key, task in there.items() if key not in stale}

    def _refreshed(self, project: Project, assignment: Assignment, there: Placed) -> SubmittedTask:
        """The row of a task that is there. A changed candidate takes the place of one that nobody has worked on."""
        candidate = assignment.candidate
        if candidate is None or candidate.candidate_id == there.candidate_id or there.is_touched:
            return self._row(project, assignment, there)
        data = self.connection.get(f"/api/tasks/{there.task_id}/")["data"]
        body = {**self._prediction(assignment.sample, candidate, data), "task": there.task_id}
        made = self.connection.send("POST", "/api/predictions/", body)
        self.connection.send("PATCH", f"/api/tasks/{there.task_id}/", {"meta": _meta(candidate)})
        if there.prediction_id is not None:
            self.connection.send("DELETE", f"/api/predictions/{there.prediction_id}/")
        now = there._replace(prediction_id=int(made["id"]), candidate_id=candidate.candidate_id)
        return self._row(project, assignment, now)

    def _parcels(self, project: Project, missing: Mapping[str, Assignment]) -> Iterator[Parcel]:
        """Tasks that are complete: their media lie on the shelf, their predictions hold."""
        if not missing:
            return
        placing = self._placing()
        shelf = shelf_for(self.connection, project.id, placing)
        for key, assignment, found in _shelved(missing, shelf, placing):
            try:
                if isinstance(found, SampleError):
                    raise found
                body = self._body(key, assignment, [shown(exhibit, shelf) for exhibit in found])
            except SampleError as error:
                self.rejections.append(_rejection(assignment.sample, error))
            else:
                self.built[key] = assignment
                yield Parcel(key, body)

    def _placing(self) -> Placing:
        return Placing(
            way=self.config.media,
            template=self.config.link,
            root=self.config.media_root,
            page_side=self.config.page_side,
            limits=self.desk.limits,
            open_uri=self.desk.open_uri,
            put=self.desk.put,
        )

    def _body(self, key: str, assignment: Assignment, pictures: Sequence[Any]) -> dict[str, Any]:
        candidate = assignment.candidate
        data = task_data(assignment.sample, pictures, self.labels, sample_key=key, candidate=candidate)
        if assignment.candidate is None:
            return {"data": data}
        made = self._prediction(assignment.sample, assignment.candidate, data)
        return {"data": data, "meta": _meta(assignment.candidate), "predictions": [made]}

    def _prediction(self, sample: Sample, candidate: Candidate, data: Mapping[str, Any]) -> dict[str, Any]:
        """Checked here: the server takes an invalid one without a word, and its page stays blank."""
        made = prediction(candidate, sample, self.labels, data, model_version=MODEL_VERSION)
        if wrong := self._interface().validate_prediction(made, return_errors=True):
            raise VerdictError(
                f"{sample.item_id}: the candidate makes no valid prediction: {'; '.join(map(str, wrong))[:500]}",
                remedy="see candidates/; this is a defect of Witnessmark or of the machine",
            )
        return made

    def _interface(self) -> Any:
        """The SDK's checker of the config; 1.6 s to import, so only where a prediction is made."""
        from label_studio_sdk.label_interface.interface import LabelInterface

        if not hasattr(self, "_checker"):
            self._checker = LabelInterface(self.labels.xml)
        return self._checker

    def _row(self, project: Project, assignment: Assignment, there: Placed) -> SubmittedTask:
        sample = assignment.sample
        return SubmittedTask(
            task_key=there.key,
            sample_id=sample.sample_id,
            item_id=sample.item_id,
            tool=self.config.title,
            purpose=assignment.purpose,
            pass_number=assignment.pass_number,
            candidate_id=there.candidate_id,
            layout=self.kind.layout,
            server=self.connection.url,
            project=project.title,
            project_id=project.id,
            task_id=there.task_id,
            prediction_id=there.prediction_id,
            model_version=MODEL_VERSION if there.prediction_id is not None else "",
            config_version=self.labels.version,
            asset_id=sample.primary.asset_id,
            byte_size=sample.primary.byte_size,
        )


def _shelved(missing: Mapping[str, Assignment], shelf: Shelf, placing: Placing) -> Iterator[Shelved]:
    """In order; while the tasks of some are built, the media of the next ones are on their way to the server.

    An upload is mostly waiting: SQLite writes each file's row to the disk before it takes the next one.
    """
    pending = list(missing.items())
    parts = [pending[start : start + AT_ONCE] for start in range(0, len(pending), AT_ONCE)]
    with ThreadPoolExecutor(1, "shelf") as mover:
        moving = mover.submit(_moved, parts[0], shelf, placing)
        for following in (*parts[1:], ()):
            moved = moving.result()
            moving = mover.submit(_moved, following, shelf, placing)
            yield from moved


def _moved(some: Sequence[tuple[str, Assignment]], shelf: Shelf, placing: Placing) -> list[Shelved]:
    moved: list[Shelved] = []
    for key, assignment in some:
        try:
            found = exhibits(assignment.sample, placing)
            for exhibit in found:
                shelf.stage(exhibit)
        except SampleError as error:
            moved.append((key, assignment, error))
        else:
            moved.append((key, assignment, found))
    shelf.flush()
    return moved


def _meta(candidate: Candidate) -> dict[str, str]:
    """What the task shows, told by the task itself: the ledger can be made again from the server."""
    return {"candidate_id": candidate.candidate_id}


def _rejection(sample: Sample, error: SampleError) -> Rejection:
    return Rejection(
        item_id=sample.item_id,
        sample_id=sample.sample_id,
        uri=sample.primary.uri,
        stage="submit",
        error=type(error).__name__,
        message=error.message,
        remedy=error.remedy,
        is_final=False,
    )
