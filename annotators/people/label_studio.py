"""Label Studio, Community or Enterprise, at ``LABEL_STUDIO_URL`` with ``LABEL_STUDIO_API_KEY``.

The key is a personal access token or a legacy token; it is read from the environment and never written anywhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any, Literal

from pydantic import Field, model_validator

from schemas.errors import ConfigError
from schemas.ledger import SubmittedTask
from schemas.record import Rejection

from ..base import Assignment, Collected, Desk, PeopleConfig, Verifier
from ..labelstudio.label_config import Geometry
from ..labelstudio.tasks import layout_of
from ..labelstudio_server.connection import Connection
from ..labelstudio_server.handing_out import HandingOut
from ..labelstudio_server.media import MediaWay
from ..labelstudio_server.projects import Kind
from ..labelstudio_server.reading_back import ReadingBack

__all__ = ["Config", "LabelStudio"]

URL_VARIABLE, KEY_VARIABLE = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"


class Config(PeopleConfig):
    """Options of Label Studio."""

    kind: Literal["label_studio"] = "label_studio"
    """This tool."""
    media: MediaWay = "upload"
    """How media reach the browser. upload: a copy in the server; local_files: files below ``media_root``, which the
    server sees, too; cloud: ``s3://`` and ``gs://`` as they are, the server signs; link: by ``link``."""
    media_root: str = ""
    """Folder of local_files, the server's LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT; inputs and run folder lie in it."""
    link: str = ""
    """Address of a medium for ``media: link``, e.g. ``https://media.example.org/{asset_id}``; also ``{name}`` (by
    content, with extension and page) and ``{file_name}``. Rendered pages stand in ``RUN/people/TOOL/shown``."""
    page_side: int = Field(1584, ge=400, le=4096)
    """Longer side in pixels at which pages of documents are shown: 1584 is 144 dpi of a letter page."""
    geometry: tuple[Geometry, ...] = Field(("box", "polygon", "brush"), min_length=1)
    """What people draw with: box, polygon, brush, bitmask."""

    @model_validator(mode="after")
    def _way_is_complete(self) -> Config:
        if self.media == "link":
            try:
                self.link.format_map({"asset_id": "a", "name": "a.png", "file_name": "a.png"})
            except (KeyError, ValueError, IndexError, AttributeError) as error:
                raise ValueError("link: only {asset_id}, {name} and {file_name} may stand in it") from error
            if not self.link.startswith(("https://", "http://", "/")):
                raise ValueError("media: link needs 'link', an address such as https://media.example.org/{asset_id}")
        if self.media == "local_files" and not self.media_root:
            raise ValueError("media: local_files needs 'media_root'")
        return self


class LabelStudio(Verifier):
    """Samples as tasks with pre-annotations, annotations as verifications."""

    config: Config

    @property
    def is_reachable(self) -> bool:
        """Whether an address and a key are set."""
        return bool(os.environ.get(URL_VARIABLE) and os.environ.get(KEY_VARIABLE))

    def check(self, desk: Desk) -> None:
        """Raises ConfigError where address or key are missing or wrong, ServiceError where nobody answers."""
        with self._connection() as connection:
            connection.get("/api/current-user/whoami")

    def submit(
        self, assignments: Iterable[Assignment], ledger: Collection[SubmittedTask], desk: Desk
    ) -> Iterator[SubmittedTask | Rejection]:
        """Project by project; see ``labelstudio_server.handing_out``."""
        sorted_out = sorted(((self._kind(assignment, desk), assignment) for assignment in assignments), key=_kind_only)
        rows = {row.task_key: row for row in ledger if row.tool == self.config.title}
        with self._connection() as connection:
            for kind, group in groupby(sorted_out, key=_kind_only):
                work = [assignment for _, assignment in group]
                yield from HandingOut(connection, kind, self.config, desk).run(work, rows)

    def collect(self, ledger: Collection[SubmittedTask], desk: Desk, *, memory: str) -> Collected:
        """Project by project; see ``labelstudio_server.reading_back``."""
        since: dict[str, str] = json.loads(memory) if memory else {}
        rows = [row for row in ledger if row.tool == self.config.title and not row.is_lost]
        with self._connection() as connection:
            parts = [
                ReadingBack(connection, self.config, desk, project_id, group).run(since.get(str(project_id), ""))
                for project_id, group in _by_project(rows)
            ]
        return Collected(
            task_keys=frozenset[str]().union(*(part.task_keys for part in parts)),
            verifications=tuple(v for part in parts for v in part.verifications),
            rejections=tuple(r for part in parts for r in part.rejections),
            gone=frozenset[str]().union(*(part.gone for part in parts)),
            memory=json.dumps({**since, **{k: v for part in parts for k, v in json.loads(part.memory).items()}}),
        )

    def _kind(self, assignment: Assignment, desk: Desk) -> Kind:
        return Kind(
            dataset=desk.dataset,
            run_id=desk.run_id,
            tool=self.config.title,
            layout=layout_of(assignment.sample),
            is_adjudication=assignment.purpose == "adjudication",
            pass_number=assignment.pass_number,
        )

    def _connection(self) -> Connection:
        for name in (URL_VARIABLE, KEY_VARIABLE):
            if not os.environ.get(name):
                raise ConfigError(
                    f"{name} is not set",
                    remedy="set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY (Account & Settings > Access token)",
                )
        return Connection(os.environ[URL_VARIABLE], os.environ[KEY_VARIABLE])


def _kind_only(pair: tuple[Kind, Any]) -> Kind:
    return pair[0]


def _by_project(rows: Iterable[SubmittedTask]) -> list[tuple[int, list[SubmittedTask]]]:
    known = sorted((row for row in rows if row.project_id is not None), key=lambda row: row.project_id or 0)
    return [(number, list(group)) for number, group in groupby(known, key=lambda row: row.project_id or 0)]
