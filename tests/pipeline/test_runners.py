"""The same graphs on every runner that can run here, and translated for one that cannot."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.storage import sha256_of
from tests.warm import run_command

from .conftest import write_folder

pytestmark = pytest.mark.slow

RECIPE = """
name: r
taxonomy: artifacts
sources: [{kind: folder}]
machines: [{kind: forensic}]
splits: {train: 1, test: 1}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe and the pictures that every runner gets, for reading only."""
    folder = tmp_path_factory.mktemp("runners")
    (folder / "r.yaml").write_text(RECIPE)
    write_folder(folder / "in")
    return folder


@pytest.fixture
def recipe(root: Path) -> Path:
    return root / "r.yaml"


@pytest.fixture
def pictures(root: Path) -> Path:
    return root / "in"


def run(recipe: Path, pictures: Path, folder: Path, *beam: str) -> dict[str, str]:
    """Run the command as its own process; hashes of the dataset's files."""
    command = [sys.executable, "-m", "pipeline", *words(recipe, pictures, folder), *beam]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=recipe.parent)
    return hashes(done, folder)


def words(recipe: Path, pictures: Path, folder: Path) -> list[str]:
    return ["run", str(recipe), "--input", str(pictures), "--run", str(folder)]


def hashes(done: subprocess.CompletedProcess[str], folder: Path) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    for stage in ("propose", "finalize"):
        assert re.search(rf"^{stage}: ([1-9]\d*)/\1, ", done.stderr, re.MULTILINE), done.stderr
    return {
        str(p.relative_to(folder)): sha256_of(str(p)).sha256
        for p in sorted((folder / "dataset").rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def expected(root: Path) -> dict[str, str]:
    """What the default runner makes."""
    command = words(root / "r.yaml", root / "in", root / "plain")
    return hashes(run_command(command, env=os.environ, folder=root), root / "plain")


def test_two_processes_give_the_same_bytes(
    recipe: Path, pictures: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    beam = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    assert run(recipe, pictures, tmp_path / "two", *beam) == expected


@pytest.fixture
def job_service() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", "-p", str(port)]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        _wait_for(port, server)
        yield f"localhost:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the job service ended"
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the job service did not start")


def test_the_portable_job_service_gives_the_same_bytes(
    recipe: Path, pictures: Path, tmp_path: Path, expected: dict[str, str], job_service: str
) -> None:
    beam = ("--runner=PortableRunner", f"--job_endpoint={job_service}", "--environment_type=LOOPBACK")
    assert run(recipe, pictures, tmp_path / "portable", *beam) == expected


SMALL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))
from pipeline.cli import main
main(sys.argv[1:])
"""
"""The command on a disk that takes no shard; its workers are as limited as it is."""


@pytest.mark.parametrize("where", ["two processes", "the job service"])
def test_a_full_disk_in_a_worker_is_one_line(
    where: str, recipe: Path, pictures: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    beam = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    if where == "the job service":
        endpoint = request.getfixturevalue("job_service")
        beam = ["--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=LOOPBACK"]
    command = [sys.executable, "-c", SMALL_DISK, *words(recipe, pictures, tmp_path / "run"), *beam]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=recipe.parent)
    assert done.returncode == 3, done.stderr
    *progress, last = done.stderr.splitlines()
    assert last.startswith(f"witnessmark: cannot write to {tmp_path}/run/"), done.stderr
    assert "File too large" in last
    assert {line.partition(":")[0] for line in progress} <= {"propose", "finalize"}, done.stderr


def test_the_commands_translate_for_dataflow_and_run_nothing(recipe: Path, pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("apache_beam.runners.dataflow.internal.apiclient")
    beam = ("--runner=DataflowRunner", "--dry_run", "--project=some-project", "--region=europe-west1")
    where = ("--temp_location=gs://bucket/tmp", "--run", str(tmp_path / "run"))

    def said(*words: str) -> str:
        command = [sys.executable, "-m", "pipeline", *words, *where]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=recipe.parent)
        assert done.returncode == 0, done.stderr
        return done.stderr

    shared = ("run", str(recipe), "--input", str(pictures))
    assert "the graph was translated, nothing was run (--dry_run)" in said(*shared, *beam)
    assert {p.name for p in (tmp_path / "run").iterdir()} == {".lock"}
    said("propose", *shared[1:])
    assert "the graph was translated, nothing was run (--dry_run)" in said("finalize", *beam)
    assert not (tmp_path / "run" / "dataset").exists()


def test_both_graphs_translate_for_dataflow_offline(recipe: Path, pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("apache_beam.runners.dataflow.internal.apiclient")
    from apache_beam import Pipeline
    from apache_beam.options.pipeline_options import PipelineOptions

    from pipeline.crew import Work
    from pipeline.finalize import build_finalize
    from pipeline.propose import build_propose
    from pipeline.recipe import load_recipe
    from pipeline.shards import Shard

    options = PipelineOptions(
        [
            "--runner=DataflowRunner",
            "--dry_run=True",
            "--project=some-project",
            "--region=europe-west1",
            "--temp_location=gs://bucket/tmp",
            "--staging_location=gs://bucket/staging",
        ]
    )
    work = Work(
        recipe=load_recipe(recipe),
        run_uri="gs://bucket/run",
        run_id="r",
        answers_uri="gs://bucket/answers",
        inputs=("gs://bucket/in",),
    )
    names = {}
    for graph in ("propose", "finalize"):
        root = Pipeline(options=options)
        if graph == "propose":
            build_propose(root, work)
        else:
            build_finalize(root, work.run_uri, work.recipe, (Shard("images", "train", 0, 1),))
        root.run()
        names[graph] = {
            transform.unique_name for transform in root.runner.proto_pipeline.components.transforms.values()
        }
    assert {
        "Read/List",
        "Measure/Measure",
        "Propose/Ask",
        "Samples/Commit",
        "Candidates/Commit",
        "Rejections/Commit",
    } <= names["propose"]
    assert {"Spread over workers", "Write/One shard", "Rejections/Commit"} <= names["finalize"]
