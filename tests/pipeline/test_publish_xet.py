"""Publishing by Xet, the way that the clients take by default: over HTTP, to a store that believes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.storage import RunFolder
from tests.pipeline.test_publish import READ, REPO, Finished, environment, finished, local_files, remote_files
from tests.servers.hub import Fault, HubServer

__all__ = ["finished"]
pytest.importorskip("hf_xet", reason="there is no hf_xet for this processor")
Publish = Callable[[RunFolder], "subprocess.Popen[str]"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer() as server:
        for name, value in {**environment(server.url, tmp_path), "HF_HUB_DISABLE_XET": "0"}.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def publish() -> Publish:
    """The command as a process of its own: the Xet client has threads that no fork survives."""

    def start(run: RunFolder) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipeline", "publish", "--run", run.uri, "--repo", REPO]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and what was said."""
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def asked(hub: HubServer, path: str) -> int:
    return sum(count for request, count in hub.requests.items() if path in request)


@pytest.mark.slow
def test_a_version_goes_up_and_comes_back_by_xet(hub: HubServer, finished: Finished, publish: Publish) -> None:
    run = finished({"a": 1, "b": 2})
    assert ended(publish(run))[0] == 0
    assert asked(hub, "/lfs/") == 0
    assert {p: d for p, d in remote_files(hub, "v1").items() if p in local_files(run)} == local_files(run)
    for is_off in ("1", "0"):
        environment = {**os.environ, "HF_HUB_DISABLE_XET": is_off, "HF_HOME": f"{os.environ['HF_HOME']}-{is_off}"}
        command = [sys.executable, "-c", READ, REPO, "v1"]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "['a.png', 'b.png'] ['a.png', 'b.png'] (48, 32)"
        assert bool(asked(hub, "GET /xet/v1/reconstructions")) is (is_off == "0")
    before = asked(hub, "POST /xet/v1/xorbs")
    assert ended(publish(run))[0] == 0
    assert asked(hub, "POST /xet/v1/xorbs") == before


@pytest.mark.slow
def test_a_kill_leaves_whole_versions_and_passing_faults_are_sat_out(
    hub: HubServer, finished: Finished, publish: Publish
) -> None:
    run = finished({"a": 1, "b": 2})
    for where in ("POST /xet/v1/xorbs", "POST /xet/v1/shards"):
        process = publish(run)
        hub.faults = [Fault(where, 503, do=lambda process=process: process.send_signal(signal.SIGKILL))]  # type: ignore[misc]
        assert ended(process)[0] == -signal.SIGKILL
        assert len(hub.repos[REPO].commits) == 1
    hub.faults = [Fault("POST /xet/v1/xorbs", 503), Fault("POST /xet/v1/shards", 429, headers={"Retry-After": "0"})]
    assert ended(publish(run))[0] == 0
    assert hub.faults[1].times == 0
    assert {p: d for p, d in remote_files(hub, "v1").items() if p in local_files(run)} == local_files(run)
    assert len(hub.repos[REPO].commits) == 2


@pytest.mark.parametrize(
    ("matching", "status", "said"),
    [
        ("xet-write-token", 404, "offers no Xet transfers to upload for ann/pictures (export HF_HUB_DISABLE_XET=1"),
        ("xet-write-token", 401, "the Hub does not let this token upload for ann/pictures (HTTP 401)"),
        ("POST /xet/v1/xorbs", 403, "the Hub does not let this token upload for ann/pictures (HTTP 403)"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: HubServer, finished: Finished, publish: Publish, matching: str, status: int, said: str
) -> None:
    hub.faults = [Fault(matching, status, times=99)]
    code, words = ended(publish(finished({"a": 1})))
    assert code == 2
    assert said in words
    assert "Traceback" not in words
    assert len(hub.repos[REPO].commits) == 1


@pytest.mark.slow
def test_a_hub_without_xet_is_published_to_by_lfs(
    hub: HubServer, finished: Finished, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = [Fault("xet-write-token", 404, times=99)]
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    run = finished({"a": 1})
    assert ended(publish(run))[0] == 0
    assert asked(hub, "xet") == 0
    assert {p: d for p, d in remote_files(hub, "v1").items() if p in local_files(run)} == local_files(run)
