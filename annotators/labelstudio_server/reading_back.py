"""Annotations back as verifications: each is checked against the ledger and the sample, or refused by name.

Who it was: Label Studio Community lets any key write an annotation in anybody's name (``completed_by``), and lets
everybody change everybody's. What the server itself notes is who wrote last (``updated_by``): that is the reviewer,
and where the signature differs, both are kept.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from schemas.errors import ConfigError, VerdictError
from schemas.ledger import SubmittedTask
from schemas.record import Rejection
from schemas.verification import Verification

from ..base import Case, Collected, Desk
from ..labelstudio.label_config import LabelConfig, config_from_xml, label_config
from ..labelstudio.reviewed import reviewed
from .connection import Connection
from .pull import changed, identities, latest, numbers

if TYPE_CHECKING:
    from ..people.label_studio import Config

__all__ = ["ReadingBack"]

Annotation = Mapping[str, Any]


class ReadingBack:
    """One project's results."""

    def __init__(
        self, connection: Connection, config: Config, desk: Desk, project_id: int, rows: Sequence[SubmittedTask]
    ) -> None:
        self.connection, self.config, self.desk, self.project_id = connection, config, desk, project_id
        self.rows = {row.task_key: row for row in rows}

    def run(self, since: str) -> Collected:
        """What changed since that time of the server's clock; empty: everything."""
        labels = self._labels()
        tasks = self._tasks(since)
        moment = since
        for copies in tasks.values():
            for task in copies:
                moment = latest(moment, task)
        cases = self.desk.cases({self.rows[key].sample_id for key in tasks})
        verifications: list[Verification] = []
        rejections: list[Rejection] = []
        for key, copies in sorted(tasks.items()):
            row = self.rows[key]
            for task in copies:
                for annotation in task.get("annotations") or ():
                    try:
                        verifications.append(self._verification(annotation, task, row, cases, labels))
                    except VerdictError as error:
                        rejections.append(_rejection(row, annotation, error))
        gone = self._gone()
        return Collected(
            task_keys=frozenset(tasks) - gone,
            verifications=tuple(v for v in verifications if v.task_key not in gone),
            rejections=tuple(rejections),
            gone=gone,
            memory=json.dumps({str(self.project_id): moment}),
        )

    def _labels(self) -> LabelConfig:
        """The config that people work with now, also where somebody changed it by hand."""
        project = self.connection.find(f"/api/projects/{self.project_id}/")
        if project is None:
            titles = sorted({row.project for row in self.rows.values()})
            raise ConfigError(
                f"project {self.project_id} ({', '.join(titles)}) is no longer on {self.connection.url}",
                remedy="what was collected stays; `witnessmark submit` asks the unanswered anew, then collect again",
            )
        layout = next(iter(self.rows.values())).layout
        ours = label_config(
            self.desk.taxonomy, self.desk.task, layout, geometry=self.config.geometry, has_votes=self.config.votes
        )
        xml = str(project["label_config"])
        return ours if xml == ours.xml else config_from_xml(xml)

    def _tasks(self, since: str) -> dict[str, list[dict[str, Any]]]:
        """Changed tasks of the ledger by key; a key with copies comes with all of them, so that none hides another."""
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        strangers = 0
        for task in changed(self.connection, self.project_id, since):
            key = (task.get("data") or {}).get("sample_key")
            if isinstance(key, str) and key in self.rows:
                found[key].append(task)
            else:
                strangers += 1
        for key, copies in found.items():
            first = self.rows[key].task_id
            if first is not None and all(task["id"] != first for task in copies):
                original = self.connection.find(f"/api/tasks/{first}/")
                copies.extend([original] if original else [])
        if strangers:
            self.desk.say(f"project {self.project_id}: {strangers} tasks are not of this run's ledger and are left out")
        return dict(found)

    def _gone(self) -> frozenset[str]:
        there = numbers(self.connection, self.project_id)
        return frozenset(key for key, row in self.rows.items() if row.task_id not in there)

    def _verification(
        self,
        annotation: Annotation,
        task: Annotation,
        row: SubmittedTask,
        cases: Mapping[str, Case],
        labels: LabelConfig,
    ) -> Verification:
        case = cases.get(row.sample_id)
        if case is None:
            raise VerdictError(f"{row.item_id} is no longer in the run", remedy="propose its input again, then collect")
        asset = case.sample.primary
        if (asset.asset_id, asset.byte_size) != (row.asset_id, row.byte_size):
            raise VerdictError(f"{row.item_id} is not what was handed out", remedy="submit again, then ask people anew")
        candidate = case.candidates.get(row.candidate_id or "")
        if row.candidate_id and candidate is None:
            raise VerdictError(
                f"the candidate that was shown for {row.item_id} is no longer in the run",
                remedy="it stands in RUN/shown; bring that table back",
            )
        writer, signer = _person(annotation.get("updated_by")), _person(annotation.get("completed_by"))
        verification = reviewed(
            annotation,
            task.get("data") or {},
            case.sample,
            candidate,
            labels,
            reviewer=self._pseudonym(writer if writer is not None else signer),
            tool=self.config.title,
            pass_number=row.pass_number,
        )
        return verification.evolve(
            task_key=row.task_key,
            tool=self.config.title,
            purpose=row.purpose,
            annotation=str(annotation.get("id")),
            updated_at=str(annotation.get("updated_at") or ""),
            signed_by=self._pseudonym(signer) if None not in (writer, signer) and writer != signer else "",
        )

    def _pseudonym(self, person: int | None) -> str:
        if person is None:
            return self.desk.pseudonym("nobody knows who")
        return self.desk.pseudonym(self._emails.get(person) or f"user {person} of {self.connection.url}")

    @cached_property
    def _emails(self) -> dict[int, str]:
        return identities(self.connection)


def _person(value: Any) -> int | None:
    """A person's number, where the server gives it alone or inside of a mapping."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, int) else None


def _rejection(row: SubmittedTask, annotation: Annotation, error: VerdictError) -> Rejection:
    return Rejection(
        item_id=row.item_id,
        sample_id=row.sample_id,
        stage="collect",
        error=type(error).__name__,
        message=f"task {row.task_id}, annotation {annotation.get('id')}: {error.message}",
        remedy=error.remedy,
        is_final=False,
    )
