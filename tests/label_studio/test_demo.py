"""``witnessmark demo --people``: a server of its own, the demo's samples in it, and what was clicked in the dataset."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from annotators.labelstudio_server.local import PROGRAM_VARIABLE, Login, copy_data
from pipeline import people
from pipeline.storage import RunFolder
from pipeline.tables import read_rows
from schemas.errors import ConfigError
from schemas.ledger import SubmittedTask
from schemas.verification import Verification


@pytest.mark.slow
def test_what_is_clicked_in_the_demo_s_own_server_is_published(
    program: Path,
    migrated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_client: Callable[[Login], httpx.Client],
) -> None:
    monkeypatch.setenv(PROGRAM_VARIABLE, str(program))
    monkeypatch.setenv("WITNESSMARK_PSEUDONYM_KEY", "a key for tests")
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    small = ("sources.0.photos=[astronaut,chelsea]", "sources.0.size=256", "splits={train: 1}")
    monkeypatch.setattr(people, "SETTINGS", (*people.SETTINGS, *small, "routing.audit=0.1", "routing.budget=8"))
    run = RunFolder(str(tmp_path / "run"))
    copy_data(migrated, Path(run.path("people", "server")))
    logins = []

    def click(login: Login) -> None:
        """A person lets the first task stand as it is."""
        logins.append(login)
        row = min(read_rows(run, "tasks", SubmittedTask), key=lambda row: row.task_key)
        with open_client(login) as client:
            shown = client.get(f"/api/tasks/{row.task_id}/").json()["predictions"][0]["result"]
            done = client.post(f"/api/tasks/{row.task_id}/annotations/", json={"result": shown, "lead_time": 12})
        assert done.status_code == 201

    manifest = people.demonstrate_people(run, lambda line: None, click)

    (login,) = logins
    with pytest.raises(httpx.TransportError):
        httpx.get(login.url, timeout=5)
    assert "LABEL_STUDIO_URL" not in os.environ
    (decision,) = read_rows(run, "verifications", Verification)
    assert (decision.verdict, decision.lead_time_s) == ("accepted", 12)
    shards = Path(run.path("dataset", "data")).rglob("*.parquet")
    reviews = Counter(review for shard in shards for review in pq.read_table(shard)["review"].to_pylist())
    assert (reviews["reviewed"], reviews["pending"]) == (1, 7)
    assert sum(reviews.values()) == manifest.stages["finalize"].kept


def test_the_demo_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "find_program", lambda: None)
    with pytest.raises(ConfigError, match="Label Studio is not set up") as refused:
        people.demonstrate_people(RunFolder(str(tmp_path / "run")), lambda line: None, lambda login: None)
    assert refused.value.remedy == "make label-studio, then the same command again"
    assert not (tmp_path / "run").exists()
