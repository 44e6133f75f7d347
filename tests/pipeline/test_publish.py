"""Publishing to a Hub on 127.0.0.1 with the unmodified clients: whole versions or nothing."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture

from pipeline.cli import main
from pipeline.hub.remote import Repository
from pipeline.publish import Publication, lines, publish
from pipeline.storage import RunFolder
from schemas.errors import ConfigError, RunError, ServiceError
from tests.servers.hub import TOKEN, Fault, HubServer
from tests.warm import Command, run_command

REPO = "ann/pictures"
RECIPE = """
name: pictures
taxonomy: {name: t, version: "1", levels: [{name: pixel}], categories: [{name: blur, level: pixel, definition: soft}]}
sources: [{kind: folder}]
splits: {train: 1}
"""
Finished = Callable[[dict[str, int]], RunFolder]
"""A finished run over pictures, by name and seed."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    made: dict[str, Path] = {}

    def finish(pictures: dict[str, int]) -> RunFolder:
        folder = tmp_path_factory.mktemp("run")
        key = repr(sorted(pictures.items()))
        if key not in made:
            made[key] = _run(folder, pictures)
        copy = folder / "copy"
        shutil.copytree(made[key], copy)
        return RunFolder(str(copy))

    return finish


def _run(folder: Path, pictures: dict[str, int]) -> Path:
    (folder / "in").mkdir()
    for name, seed in pictures.items():
        (folder / "in" / f"{name}.png").write_bytes(png(seed))
    (folder / "recipe.yaml").write_text(RECIPE)
    recipe, run = str(folder / "recipe.yaml"), folder / "out"
    with pytest.raises(SystemExit) as caught:
        main(["run", recipe, "--input", str(folder / "in"), "--run", str(run)])
    assert caught.value.code == 0
    return run


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    out = io.BytesIO()
    Picture.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer() as server:
        for name, value in environment(server.url, tmp_path).items():
            monkeypatch.setenv(name, value)
        for name, value in {"HF_HUB_DISABLE_XET": True, "HF_HUB_CACHE": str(tmp_path / "hf" / "hub")}.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)  # read from the environment at its import
        yield server


def environment(url: str, folder: Path) -> dict[str, str]:
    return {
        "HF_ENDPOINT": url,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }


def published(run: RunFolder, **options: object) -> Publication:
    manifest = run.read_manifest()
    assert manifest is not None
    waits: list[float] = []
    repository = Repository(REPO, wait=waits.append)
    return publish(run, manifest, REPO, repository=repository, write=lambda _: None, **options)  # type: ignore[arg-type]


def local_files(run: RunFolder) -> dict[str, bytes]:
    folder = Path(run.path("dataset"))
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def remote_files(hub: HubServer, revision: str = "main") -> dict[str, bytes]:
    commit = hub.repos[REPO].at(revision)
    assert commit is not None
    return {path: blob.data for path, blob in commit.files.items()}


def test_one_commit_holds_the_whole_dataset_and_is_tagged(hub: HubServer, finished: Finished) -> None:
    run = finished({"a": 1, "b": 2})
    done = published(run)
    remote = remote_files(hub)
    assert [c.title for c in hub.repos[REPO].commits] == ["initial commit", "v1: 2 rows added, 0 changed, 0 removed"]
    assert hub.repos[REPO].tags == {"v1": done.sha}
    assert hub.repos[REPO].private
    assert {p: d for p, d in remote.items() if p in local_files(run)} == local_files(run)
    assert remote.keys() - local_files(run).keys() == {".gitattributes", "CHANGELOG.md", "versions/rows.parquet"}
    assert remote["CHANGELOG.md"].decode() == (
        "# Changelog\n\n## v1\n\n2 rows added, 0 changed, 0 removed.\n\n"
        "| config | rows | added | changed | removed |\n|---|---:|---:|---:|---:|\n| images | 2 | 2 | 0 | 0 |\n"
    )


def test_publishing_again_commits_nothing(hub: HubServer, finished: Finished) -> None:
    run = finished({"a": 1})
    first, again = published(run), published(run)
    assert (again.sha, again.tag, again.sent, again.deleted) == (first.sha, "v1", {}, ())
    assert len(hub.repos[REPO].commits) == 2


def test_the_next_version_says_what_changed_and_deletes_what_is_gone(hub: HubServer, finished: Finished) -> None:
    published(finished({"a": 1, "b": 2}))
    stale = hub.repos[REPO].commits[-1].files
    stale["data/images/old-00000-of-00001.parquet"] = stale["README.md"]
    done = published(finished({"b": 2, "c": 3, "d": 4}), note="Two more pictures.")
    assert done.tag == "v2"
    assert done.deleted == ("data/images/old-00000-of-00001.parquet",)
    assert [tuple(c) for c in done.changes] == [("images", 3, 2, 0, 1)]
    text = remote_files(hub)["CHANGELOG.md"].decode()
    assert text.index("## v2\n\nTwo more pictures.\n\n2 rows added, 0 changed, 1 removed.") < text.index("## v1")


def test_a_dry_run_names_every_file_and_sends_nothing(hub: HubServer, finished: Finished) -> None:
    run = finished({"a": 1})
    done = published(run, is_dry=True)
    assert done.sha is None
    assert set(done.sent) == set(local_files(run))
    assert REPO not in hub.repos
    assert [line for line in lines(done) if line.startswith("+ README.md")]


@pytest.mark.parametrize("status", [429, 503, 502])
@pytest.mark.parametrize("path", ["/commit/", "/preupload/", "/tree/", "/tag/", "repos/create"])
def test_what_passes_is_tried_again(hub: HubServer, finished: Finished, status: int, path: str) -> None:
    hub.faults = [Fault(path, status, headers={"Retry-After": "0"})]
    done = published(finished({"a": 1}))
    assert hub.repos[REPO].tags == {"v1": done.sha}
    assert len(hub.repos[REPO].commits) == 2
    assert hub.faults[0].times == 0


def test_a_repository_that_is_busy_with_another_commit_is_asked_again(hub: HubServer, finished: Finished) -> None:
    hub.faults = [Fault("/commit/", 409)]
    done = published(finished({"a": 1}))
    assert [c.sha for c in hub.repos[REPO].commits][1:] == [done.sha]
    assert hub.faults[0].times == 0


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub: HubServer, finished: Finished) -> None:
    hub.faults = [Fault("/commit/", 0, is_done_first=True)]
    done = published(finished({"a": 1}))
    assert [c.sha for c in hub.repos[REPO].commits][1:] == [done.sha]


def test_a_hub_that_never_answers_is_a_service_error(hub: HubServer, finished: Finished) -> None:
    hub.faults = [Fault("/commit/", 503, times=100)]
    with pytest.raises(ServiceError, match=r"did not commit for ann/pictures: HTTP 503, 6 times"):
        published(finished({"a": 1}))
    assert len(hub.repos[REPO].commits) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_may_not_write_is_a_config_error(hub: HubServer, finished: Finished, status: int) -> None:
    hub.faults = [Fault("/preupload/", status, times=9)]
    with pytest.raises(ConfigError, match=f"does not let this token upload for {REPO} .HTTP {status}") as caught:
        published(finished({"a": 1}))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(("where", "status"), [("/preupload/", 503), ("/commit/", 412)])
def test_somebody_elses_commit_in_between_is_not_overwritten(
    hub: HubServer, finished: Finished, where: str, status: int
) -> None:
    """Seen before the commit, or by the Hub's refusal of a parent that is no longer the last one."""
    hub.create(REPO)

    def intrude() -> None:
        header = {"key": "header", "value": {"summary": "an edit on the site"}}
        edit = {"key": "file", "value": {"path": "README.md", "content": "aGk="}}
        hub.commit(hub.repos[REPO], [header, edit])

    hub.faults = [Fault(where, status, do=intrude)]
    with pytest.raises(RunError, match="was changed by somebody else"):
        published(finished({"a": 1}))
    assert remote_files(hub)["README.md"] == b"hi"
    assert hub.repos[REPO].tags == {}


def test_a_parent_that_moved_under_the_commit_is_refused_by_412(hub: HubServer, finished: Finished) -> None:
    hub.faults = [Fault("/commit/", 412, times=100)]
    with pytest.raises(ServiceError, match="HTTP 412"):
        published(finished({"a": 1}))


def test_a_run_that_is_not_whole_is_refused(hub: HubServer, finished: Finished) -> None:
    run = finished({"a": 1})
    shard = next(Path(run.path("dataset")).rglob("*.parquet"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(RunError, match=r"is not as the manifest says"):
        published(run)
    shard.write_bytes(whole)
    foreign = shard.with_name("foreign.parquet")
    foreign.write_bytes(whole)
    with pytest.raises(RunError, match=r"foreign\.parquet is not as the manifest says"):
        published(run)
    foreign.unlink()
    manifest = run.read_manifest()
    assert manifest is not None
    counts = manifest.stages["ingest"]
    run.write_manifest(manifest.evolve(stages={**manifest.stages, "ingest": counts.evolve(found=counts.found + 1)}))
    with pytest.raises(RunError, match="the counts of ingest do not add up"):
        published(run)
    assert REPO not in hub.repos


def test_names_are_checked_first(hub: HubServer, finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished({"a": 1})
    manifest = run.read_manifest()
    assert manifest is not None
    with pytest.raises(ConfigError, match="names no dataset repository"):
        publish(run, manifest, "just-a-name", write=print)
    with pytest.raises(ConfigError, match="cannot be a tag"):
        publish(run, manifest, REPO, tag="a b", write=print)
    monkeypatch.setenv("HF_TOKEN", "")
    with pytest.raises(ConfigError, match="HF_TOKEN is empty"):
        publish(run, manifest, REPO, write=print)


@pytest.mark.parametrize("where", ["/preupload/", "/lfs/", "/commit/", "/tag/"])
def test_a_kill_anywhere_leaves_whole_versions_and_a_rerun_goes_on(
    hub: HubServer, finished: Finished, tmp_path: Path, where: str
) -> None:
    run = finished({"a": 1, "b": 2})
    words = ["publish", "--run", run.uri, "--repo", REPO]
    kill_at(hub, where, words)
    versions = hub.repos[REPO].commits
    assert len(versions) == (2 if where == "/tag/" else 1)
    assert run_command(words).returncode == 0
    assert {p: d for p, d in remote_files(hub, "v1").items() if p in local_files(run)} == local_files(run)
    assert len(versions) == 2


def kill_at(hub: HubServer, where: str, words: list[str]) -> None:
    """Run the command and end it by SIGKILL while its first request of this kind is open."""
    client: list[Command] = []
    is_started = threading.Event()

    def kill() -> None:
        assert is_started.wait(60)
        client[0].send_signal(signal.SIGKILL)

    hub.faults = [Fault(where, 503, do=kill)]
    client.append(Command(words))
    is_started.set()
    assert client[0].wait(300) == -signal.SIGKILL


@pytest.mark.slow
def test_readers_of_main_see_whole_versions_only_while_publishers_are_killed(
    hub: HubServer, finished: Finished
) -> None:
    old, new = finished({"a": 1, "b": 2}), finished({"b": 2, "c": 3, "d": 4})
    published(old)
    words = ["publish", "--run", new.uri, "--repo", REPO]
    with Reader(hub.url) as reader:
        for where in ("/lfs/", "/commit/"):
            kill_at(hub, where, words)
        assert reader.seen == [whole_version(hub, "v1")]
        assert run_command(words).returncode == 0
        reader.wait_for_another()
    assert reader.seen == [whole_version(hub, "v1"), whole_version(hub, "v2")]


class Reader:
    """Somebody who lists and reads ``main`` again and again with the Hub's own client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[dict[str, bytes]] = []
        """The versions, each once, in the order in which they were seen."""
        self._looked = threading.Semaphore(0)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._failures: list[BaseException] = []

    def __enter__(self) -> Reader:
        self._thread.start()
        self.wait_for_another()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(60)
        assert self._failures == []

    def wait_for_another(self) -> None:
        """Until a look that began after this call is over."""
        while self._looked.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self._looked.acquire(timeout=60)

    def _read(self) -> None:
        from huggingface_hub import HfApi, hf_hub_download

        hub = HfApi(endpoint=self.url, token=TOKEN)
        try:
            while not self._is_over.is_set():
                sha = hub.dataset_info(REPO).sha
                names = hub.list_repo_files(REPO, repo_type="dataset", revision=sha)
                at = {"repo_type": "dataset", "revision": sha, "endpoint": self.url, "token": TOKEN}
                files = [hf_hub_download(REPO, name, **at) for name in names]
                version = {name: Path(file).read_bytes() for name, file in zip(names, files, strict=True)}
                if version not in self.seen[-1:]:
                    self.seen.append(version)
                self._looked.release()
        except BaseException as error:
            self._failures.append(error)
            raise


def whole_version(hub: HubServer, tag: str) -> dict[str, bytes]:
    files = remote_files(hub, tag)
    rows = pq.read_table(io.BytesIO(files["versions/rows.parquet"])).num_rows
    shards = [data for name, data in files.items() if name.startswith("data/")]
    assert sum(pq.read_metadata(io.BytesIO(data)).num_rows for data in shards) == rows
    return files


def test_large_files_go_up_in_parts(hub: HubServer, finished: Finished) -> None:
    hub.part_bytes = 4096
    run = finished({"a": 1})
    published(run)
    assert {p: d for p, d in remote_files(hub).items() if p in local_files(run)} == local_files(run)


READ = """
import datasets, sys
rows = datasets.load_dataset(sys.argv[1], "images", split="train", revision=sys.argv[2])
stream = datasets.load_dataset(sys.argv[1], "images", split="train", revision=sys.argv[2], streaming=True)
assert stream.features == rows.features
print(sorted(row["file_name"] for row in stream), sorted(rows["file_name"]), rows[0]["image"].size)
"""


@pytest.mark.slow
def test_datasets_loads_each_version_from_the_hub(hub: HubServer, finished: Finished) -> None:
    published(finished({"a": 1, "b": 2}))
    published(finished({"b": 2, "c": 3}))
    for tag, names in (("v1", ["a.png", "b.png"]), ("main", ["b.png", "c.png"])):
        done = subprocess.run(
            [sys.executable, "-c", READ, REPO, tag], env={**os.environ}, check=True, capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-1] == f"{names} {names} (48, 32)"


def test_marks_are_readable_with_pyarrow_alone(hub: HubServer, finished: Finished, tmp_path: Path) -> None:
    published(finished({"b": 2, "a": 1}))
    (tmp_path / "rows.parquet").write_bytes(remote_files(hub)["versions/rows.parquet"])
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.column_names == ["sample_id", "config", "row_sha256"]
    ids = table["sample_id"].to_pylist()
    assert ids == sorted(ids)
    assert table["config"].to_pylist() == ["images", "images"]
