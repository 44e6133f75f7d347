"""Nothing is paid twice and nothing is lost: faults, kill -9, Ctrl-C, a dead service, duplicates."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from pipeline.storage import sha256_of
from tests.warm import Command, run_command

from .conftest import png

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ lies beside the packages, never installed
from benchmarks.model_server import ModelServer

RECIPE = """
name: paid
task: {kind: artifacts, boxes: thousandths_xyxy}
taxonomy: artifacts
sources: [{kind: folder}]
machines: [{kind: vlm, model: tested, concurrency: 8, timeout_s: 5, %s}]
splits: {train: 1, test: 1}
"""
COUNT = 40


SECRET = "sk-a-secret-of-the-test"  # noqa: S105 - of a server of this module


class Bench:
    """A folder of pictures, a recipe, a server, and the command as a process of its own."""

    def __init__(self, root: Path, inputs: Path, server: ModelServer) -> None:
        self.root, self.inputs, self.server = root, inputs, server

    def words(self, run: str, *extra: str) -> list[str]:
        recipe = self.root / "r.yaml"
        return ["run", str(recipe), "--input", str(self.inputs), "--run", str(self.root / run), *extra]

    def start(self, run: str, *extra: str) -> Command:
        environment = {**os.environ, "OPENAI_BASE_URL": self.server.base_url, "OPENAI_API_KEY": SECRET}
        return Command(self.words(run, *extra), env=environment, folder=self.root)

    def finish(self, run: str, *extra: str, code: int = 0) -> str:
        process = self.start(run, *extra)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, err
        return out + err

    def rows(self, run: str, table: str) -> list[dict[str, Any]]:
        return pq.read_table(self.root / run / table).to_pylist()

    def manifest(self, run: str) -> dict[str, Any]:
        return json.loads((self.root / run / "manifest.json").read_text())

    def shards(self, run: str) -> dict[str, str]:
        files = sorted((self.root / run / "dataset").rglob("*.parquet"))
        return {str(path.relative_to(self.root / run)): sha256_of(str(path)).sha256 for path in files}

    def wait_for_calls(self, count: int, process: Command | subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + 60
        while self.server.stats()["by_status"].get("200", 0) < count:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.01)


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03d}.png").write_bytes(png(number))
    return folder


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def make(options: str = "", count: int = COUNT, inputs: Path | None = None, **settings: Any) -> Bench:
            (tmp_path / "r.yaml").write_text(RECIPE % (options or "seed: 1"))
            server = stack.enter_context(ModelServer(**settings))
            return Bench(tmp_path, inputs or write_pictures(tmp_path / "in", count), server)

        yield make


class Undisturbed(NamedTuple):
    """A run that nobody killed: for reading only."""

    inputs: Path
    run: Path
    said: str
    shards: dict[str, str]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    root = tmp_path_factory.mktemp("undisturbed")
    (root / "r.yaml").write_text(RECIPE % "seed: 1")
    with ModelServer() as server:
        tested = Bench(root, write_pictures(root / "in", COUNT), server)
        said = tested.finish("run")
    return Undisturbed(tested.inputs, root / "run", said, tested.shards("run"))


def test_every_sample_is_asked_once_and_a_rerun_asks_nobody(bench: Callable[..., Bench]) -> None:
    tested = bench()
    tested.finish("run")
    assert tested.server.stats()["by_status"] == {"200": COUNT}
    assert len(tested.rows("run", "candidates")) == COUNT
    spend = tested.manifest("run")["spend"]
    before = tested.shards("run")
    assert (spend["calls"], spend["cached"]) == (COUNT, 0)
    tested.finish("run")
    assert tested.server.stats()["calls"] == COUNT
    again = tested.manifest("run")["spend"]
    assert (again["calls"], again["cached"]) == (COUNT, COUNT)
    assert (again["input_tokens"], again["usd"]) == (spend["input_tokens"], spend["usd"])
    assert tested.shards("run") == before


@pytest.mark.slow
@pytest.mark.parametrize("answered", [1, COUNT // 2, COUNT - 3])
def test_killed_at_any_moment_a_rerun_pays_only_what_was_in_flight(
    bench: Callable[..., Bench], undisturbed: Undisturbed, answered: int
) -> None:
    tested = bench(latency_s=0.05, inputs=undisturbed.inputs)
    process = tested.start("killed")
    tested.wait_for_calls(answered, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    on_disk = len(list((tested.root / "killed" / "answers").rglob("*.json")))
    assert on_disk >= answered - 8
    tested.finish("killed")
    stats = tested.server.stats()
    assert stats["calls"] <= COUNT + 8
    assert stats["repeated_successes"] <= 8
    assert tested.shards("killed") == undisturbed.shards
    assert tested.manifest("killed")["stages"]["finalize"]["kept"] == COUNT


@pytest.mark.slow
def test_ctrl_c_drains_and_the_same_command_goes_on(bench: Callable[..., Bench]) -> None:
    tested = bench(latency_s=0.3)
    process = tested.start("run")
    tested.wait_for_calls(8, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "calls in flight are finished and kept" in err
    called = tested.server.stats()["by_status"]["200"]
    assert called < COUNT
    assert len(list((tested.root / "run" / "answers").rglob("*.json"))) == called
    tested.finish("run")
    assert tested.server.stats()["by_status"] == {"200": COUNT}


AT_A_TERMINAL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pipeline.entry import main
main(sys.argv[1:])
"""


def at_a_terminal(tested: Bench) -> subprocess.Popen[str]:
    """The command over two processes, in a session of its own as a terminal gives one."""
    two = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    return subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, *tested.words("run", *two)],
        env={**os.environ, "OPENAI_BASE_URL": tested.server.base_url, "OPENAI_API_KEY": SECRET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def last_words(process: subprocess.Popen[str], within_s: float) -> str:
    try:
        _, err = process.communicate(timeout=within_s)
    finally:
        process.kill()
    assert process.returncode in (130, -signal.SIGINT), err
    assert "Traceback" not in err
    return err.splitlines()[-1]


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_drains_two_processes_too(bench: Callable[..., Bench]) -> None:
    tested = bench(latency_s=0.3)
    process = at_a_terminal(tested)
    tested.wait_for_calls(8, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers of the same group, too
    assert last_words(process, within_s=60).startswith("witnessmark: propose: interrupted")
    called = tested.server.stats()["by_status"]["200"]
    assert called < COUNT
    tested.finish("run")
    assert tested.server.stats()["by_status"] == {"200": COUNT}


@pytest.mark.slow
def test_a_second_ctrl_c_leaves_no_process_behind(bench: Callable[..., Bench]) -> None:
    tested = bench(latency_s=4.5)
    process = at_a_terminal(tested)
    while not tested.server.stats()["max_in_flight"]:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stderr
    while not process.stderr.readline().startswith("stopping: calls in flight"):
        pass
    os.killpg(process.pid, signal.SIGINT)
    assert last_words(process, within_s=30).startswith("witnessmark: stopped at once")
    deadline = time.monotonic() + 10  # who is killed needs a moment to go
    while left := subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True, text=True).stdout:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.mark.slow
def test_with_faults_every_row_arrives(bench: Callable[..., Bench]) -> None:
    tested = bench(rates={"429": 0.1, "500": 0.05, "hang": 0.03, "reset": 0.03, "cut": 0.05}, retry_after="0")
    tested.finish("run", "--set", "machines.0.timeout_s=3")
    stages = tested.manifest("run")["stages"]
    assert stages["propose"] == {
        "found": COUNT,
        "kept": COUNT,
        "rejected": 0,
        "duplicate": 0,
        "excluded": 0,
        "candidates": COUNT,
    }
    assert tested.server.stats()["repeated_successes"] <= tested.server.stats()["by_fault"].get("cut", 0)


def test_an_answer_that_never_becomes_valid_is_a_rejection_with_the_raw_answer_kept(
    bench: Callable[..., Bench],
) -> None:
    tested = bench("max_attempts: 2", count=3, rates={"garbage": 1.0})
    tested.finish("run")
    rejections = tested.rows("run", "rejections")
    assert {row["item_id"] for row in rejections} == {"000.png", "001.png", "002.png"}
    for row in rejections:
        assert (row["stage"], row["error"], row["attempts"], row["is_final"]) == ("propose", "AnswerError", 2, True)
        stored = list((tested.root / "run" / "answers").rglob(f"{row['answer_key']}*"))
        assert len(stored) == 1
    manifest = tested.manifest("run")
    assert manifest["stages"]["propose"]["rejected"] == 3
    assert manifest["stages"]["finalize"]["found"] == 0
    assert manifest["spend"]["calls"] == 6


def test_a_dead_service_ends_the_run_and_a_rerun_goes_on(bench: Callable[..., Bench]) -> None:
    tested = bench("max_tries: 1", api_key="another key")
    text = tested.finish("run", code=3)
    assert "run the same command again to go on" in text
    assert not list((tested.root / "run").glob("candidates/*.parquet"))


def test_a_copy_costs_nothing(bench: Callable[..., Bench]) -> None:
    tested = bench(count=2)
    for number in range(5):
        (tested.inputs / f"copy {number}.png").write_bytes(png(0))
    tested.finish("run")
    assert tested.server.stats()["calls"] == 2
    assert tested.manifest("run")["stages"]["ingest"] == {
        "found": 7, "kept": 2, "duplicate": 5, "rejected": 0, "excluded": 0, "candidates": 0,
    }  # fmt: skip


def test_answers_are_shared_between_runs_and_paid_by_one(bench: Callable[..., Bench]) -> None:
    tested = bench(count=3)
    answers = ("--answers", str(tested.root / "answers"))
    tested.finish("first", *answers)
    tested.finish("second", *answers)
    assert tested.server.stats()["calls"] == 3
    assert tested.manifest("first")["spend"]["calls"] == 3
    assert (tested.manifest("second")["spend"]["calls"], tested.manifest("second")["spend"]["cached"]) == (0, 3)
    assert tested.shards("first") == tested.shards("second")


def test_the_key_is_nowhere_in_the_run_folder(undisturbed: Undisturbed) -> None:
    assert SECRET not in undisturbed.said
    files = [path for path in undisturbed.run.rglob("*") if path.is_file()]
    assert any(path.suffix == ".json" and "answers" in path.parts for path in files)
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path


def test_money_spent_under_an_earlier_recipe_is_not_forgotten(bench: Callable[..., Bench]) -> None:
    tested = bench(count=4)
    tested.finish("run")
    before = tested.manifest("run")["spend"]
    tested.finish("run", "--accept-recipe-change", "--set", "machines.0.model=another", "--limit", "2")
    after = tested.manifest("run")["spend"]
    assert (before["calls"], after["calls"]) == (4, 6)
    assert after["input_tokens"] == before["input_tokens"] * 6 // 4


def test_what_was_not_proposed_to_the_end_is_not_published(bench: Callable[..., Bench]) -> None:
    tested = bench("max_tries: 1", api_key="another key", count=3)
    tested.finish("run", code=3)
    done = run_command(["finalize", "--run", str(tested.root / "run")], env=os.environ, folder=tested.root)
    assert done.returncode == 3
    assert "propose has not finished" in done.stderr
    assert not (tested.root / "run" / "dataset").exists()


@pytest.mark.slow
def test_a_dead_service_is_named_with_two_processes_too(bench: Callable[..., Bench]) -> None:
    tested = bench("max_tries: 1", api_key="another key", count=6)
    text = tested.finish("run", "--direct_running_mode=multi_processing", "--direct_num_workers=2", code=3)
    assert "the model service does not work" in text
    assert not list((tested.root / "run").glob("candidates/*.parquet"))


def test_where_nothing_succeeds_the_run_says_so(bench: Callable[..., Bench]) -> None:
    tested = bench("max_tries: 1", count=3, rates={"500": 1.0})
    assert "no call succeeded, 3 failed" in tested.finish("run", code=3)
