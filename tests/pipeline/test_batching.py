"""A recipe in batch mode: everything answered once, at half the price, through kills, expiries and refusals."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from tests.warm import Command

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ lies beside the packages, never installed
from benchmarks.batch_server import BatchServer

RECIPE = """
name: batched
taxonomy: artifacts
sources: [{kind: folder}]
machines:
  - kind: vlm
    model: tested
    convention: thousandths_xyxy
    concurrency: 4
    mode: batch
    price_per_million: {input: 10, output: 100}
    batch: {poll_s: 0.01, %s}
splits: {train: 1, test: 1}
"""
COUNT = 9


class Bench:
    """A folder of pictures, a recipe and a server; the command in this process, or in one that can be killed."""

    def __init__(self, root: Path, server: BatchServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.server, self.capsys = root, server, capsys
        self.command = ("propose", str(root / "r.yaml"), "--input", str(root / "in"), "--run", str(root / "run"))

    def start(self) -> Command:
        return Command(self.command)

    def finish(self, *extra: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*self.command, *extra])
        out, err = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, err
        return out + err

    def rows(self, table: str) -> list[dict[str, Any]]:
        return pq.read_table(self.root / "run" / table).to_pylist()

    @property
    def spend(self) -> dict[str, Any]:
        return json.loads((self.root / "run" / "manifest.json").read_text())["spend"]

    def check_books(self) -> None:
        """What the manifest says is what the server counted, at half the price."""
        usage, spend = self.server.stats()["usage"], self.spend
        tokens = usage["prompt_tokens"], usage["completion_tokens"]
        assert (spend["input_tokens"], spend["output_tokens"]) == tokens
        assert spend["usd"] == pytest.approx((tokens[0] * 10 + tokens[1] * 100) / 1e6 / 2)


@pytest.fixture
def bench(
    tmp_path: Path,
    picture: Callable[[int], bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def make(options: str = "max_requests: 4", count: int = COUNT, **settings: Any) -> Bench:
            (tmp_path / "in").mkdir()
            for number in range(count):
                (tmp_path / "in" / f"{number:03d}.png").write_bytes(picture(number))
            (tmp_path / "r.yaml").write_text(RECIPE % options)
            server = stack.enter_context(BatchServer(**settings))
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
            return Bench(tmp_path, server, capsys)

        yield make


def test_all_are_answered_by_batches_of_the_size_allowed_at_half_the_price(bench: Callable[..., Bench]) -> None:
    tested = bench(per_look=3)
    text = tested.finish()
    assert "requests collected in 3 files" in text
    stats = tested.server.stats()
    assert stats["batches"] == ["completed"] * 3
    assert sorted(stats["attempts"].values()) == [1] * COUNT
    candidates = tested.rows("candidates")
    assert len(candidates) == COUNT
    assert set(stats["attempts"]) == {row["answer_key"] for row in candidates}
    tested.check_books()
    payments = tested.rows("payments")
    assert {row["mode"] for row in payments} == {"batch"}
    assert {row["sample_id"] for row in payments} == {row["sample_id"] for row in candidates}
    assert not (tested.root / "run" / "batches").exists()
    tested.finish()
    assert tested.server.stats()["calls"] == stats["calls"]


def test_invalid_answers_are_asked_again_in_a_further_batch_with_what_was_wrong(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 50", script=("cut",), faulty=0.5)
    tested.finish()
    attempts = tested.server.stats()["attempts"]
    candidates = tested.rows("candidates")
    again = [row for row in candidates if len(row["attempts"]) == 2]
    assert len(candidates) == COUNT
    assert 0 < len(again) <= COUNT
    assert len(attempts) == COUNT + len(again)
    assert set(attempts.values()) <= {1, 2}
    tested.check_books()


def test_what_expired_and_what_failed_is_asked_again_and_what_came_is_kept(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 50", expires_after=4, script=("500",), faulty=0.3)
    tested.finish()
    assert tested.server.stats()["batches"][0] == "expired"
    candidates = tested.rows("candidates")
    assert len(candidates) == COUNT
    tried = [[attempt["status"] for attempt in row["attempts"]] for row in candidates]
    assert ["batch_expired", "ok"] in tried
    assert ["ok"] in tried
    tested.check_books()


def test_a_batch_that_fails_as_a_whole_is_sent_again_and_in_the_end_given_up(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 50", fails=("server_trouble",))
    tested.finish()
    assert tested.server.stats()["batches"] == ["failed", "completed"]
    assert {row["attempts"][0]["message"] for row in tested.rows("candidates")} == {"failed for the test's sake"}


def test_what_never_succeeds_ends_as_a_service_error_with_its_reasons(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 50", fails=("server_trouble",) * 9, count=2)
    text = tested.finish("--set", "machines.0.max_tries=2", code=3)
    assert "2 batches brought no answer, the last one: batch_failed failed for the test's sake" in text
    assert tested.server.stats()["batches"] == ["failed", "failed"]


def test_a_parameter_that_the_server_refuses_is_left_out(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 50", refuses="temperature")
    tested.finish()
    assert len(tested.rows("candidates")) == COUNT
    assert sorted(tested.server.stats()["attempts"].values()) == [2] * COUNT
    tested.check_books()


def test_the_limit_of_enqueued_tokens_makes_batches_wait_for_each_other(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 2, max_enqueued_tokens: 15000", max_enqueued_tokens=25_000)
    tested.finish()
    assert tested.server.stats()["batches"].count("completed") == 5
    assert len(tested.rows("candidates")) == COUNT


def test_a_batch_that_is_turned_away_for_that_limit_waits_and_is_sent_again(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 5", fails=("", "token_limit_exceeded"))
    tested.finish()
    assert tested.server.stats()["batches"] == ["completed", "failed", "completed"]
    assert sorted(tested.server.stats()["attempts"].values()) == [1] * COUNT


def test_where_the_servers_answer_is_lost_no_batch_is_made_twice(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 50", drops=("POST /v1/batches", "POST /v1/files"))
    tested.finish()
    assert tested.server.stats()["batches"] == ["completed"]
    assert sorted(tested.server.stats()["attempts"].values()) == [1] * COUNT


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    ["POST /v1/files", "POST /v1/batches", "GET /v1/batches/{id}", "GET /v1/files/{id}/content"],
)
def test_killed_at_any_moment_nothing_is_submitted_or_paid_twice(bench: Callable[..., Bench], moment: str) -> None:
    tested = bench(per_look=2)
    process = tested.start()
    deadline = time.monotonic() + 60
    while not tested.server.calls[moment]:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    tested.finish()
    stats = tested.server.stats()
    assert stats["batches"] == ["completed"] * 3
    assert sorted(stats["attempts"].values()) == [1] * COUNT
    assert len(tested.rows("candidates")) == COUNT
    tested.check_books()


def test_a_budget_holds_for_batches_too_and_a_larger_one_goes_on(bench: Callable[..., Bench]) -> None:
    tested = bench("max_requests: 3")
    text = tested.finish("--budget", "0.1", code=3)
    assert "the budget of $0.1 is reached" in text
    first = tested.server.stats()["usage"]
    assert 0 < (first["prompt_tokens"] * 10 + first["completion_tokens"] * 100) / 2e6 <= 0.1
    tested.finish("--budget", "10")
    assert sorted(tested.server.stats()["attempts"].values()) == [1] * COUNT
    tested.check_books()


def test_answers_that_nobody_counted_are_charged_with_what_they_were_expected_to_cost(
    bench: Callable[..., Bench],
) -> None:
    """Half the price of one picture's 1,500 tokens, the words', and a quarter of max_tokens; two of them fit."""
    tested = bench("max_requests: 1", script=("uncounted",), faulty=1.0)
    text = tested.finish("--budget", "0.09", code=3)
    assert "the budget of $0.09 is reached" in text
    payments = tested.rows("payments")
    assert [(row["usage"]["usd"], row["usage"]["output_tokens"]) for row in payments] == [(None, 0)] * 2
    words = [row["expected_usd"] - (1500 * 10 + 512 * 100) / 1e6 / 2 for row in payments]
    assert all(0.002 < usd < 0.01 for usd in words)
    assert 3 * payments[0]["expected_usd"] > 0.09

    tested.finish("--budget", "0.13", code=3)
    assert len(tested.rows("payments")) == 3  # what was charged before still counts
    tested.finish("--budget", "10")
    assert sorted(tested.server.stats()["attempts"].values()) == [1] * COUNT
    assert (tested.spend["calls"], tested.spend["unpriced_calls"], tested.spend["usd"]) == (COUNT, COUNT, 0.0)
