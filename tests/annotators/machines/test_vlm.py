"""The whole machine against a real server: what is asked, what is paid, what becomes of every failure."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import annotators.machines
from annotators.base import MachineConfig, Workbench
from annotators.machines.judge import Config as JudgeConfig
from annotators.machines.judge import Judge
from annotators.machines.vlm import Config, VisionModel
from annotators.models.prices import TokenPrice
from annotators.models.retries import Backoff
from benchmarks.model_server import ModelServer
from schemas.candidate import Candidate
from schemas.checks import check_region
from schemas.errors import AnswerError, ConfigError, MediaError, SampleError, ServiceError
from schemas.plugins import configure
from schemas.sample import Sample
from schemas.task import Criterion, Task
from schemas.taxonomy import Taxonomy

Serve = Callable[..., ModelServer]
MakeImage = Callable[..., Sample]
Propose = Callable[..., list[Any]]
MakeBench = Callable[..., Workbench]

SPOILED = {
    "cut": ("parse_error", "not a whole JSON object"),
    "length": ("truncated", "was cut off after"),
    "refusal": ("refusal", "I cannot help with this"),
    "empty": ("empty", "it is empty"),
    "bad_category": ("parse_error", 'category "no-such-thing" is not one of blur, noise'),
    "outside": ("parse_error", "box [10, 10, 1200, 40] lies outside of the picture"),
    "swapped": ("parse_error", "box [90, 90, 10, 10] has its corners swapped"),
    "garbage": ("api_error", "the response is not JSON"),
}


def statuses(candidate: Candidate) -> list[str]:
    return [attempt.status for attempt in candidate.attempts]


def test_a_candidate_says_what_was_asked_seen_answered_and_paid(
    serve: Serve, make_image: MakeImage, propose: Propose, taxonomy: Taxonomy
) -> None:
    sample = make_image(3)

    (candidate,) = propose(serve(model_name="gpt-4o-mini-2024-07-18", min_regions=1), sample, name="eye", seed=7)

    assert candidate.sample_id == sample.sample_id
    assert (candidate.machine, candidate.kind, candidate.seed, candidate.conditioning) == ("eye", "vlm", 7, "blind")
    assert (candidate.model, candidate.model_snapshot) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert json.loads(candidate.parameters) == {
        "max_tokens": 2048,
        "model": "gpt-4o-mini",
        "seed": 7,
        "temperature": 0.0,
    }
    assert [(view.width, view.height, view.is_original_bytes) for view in candidate.views] == [(64, 48, True)]
    assert candidate.verdict in ("real", "generated", "edited", "unclear")
    assert candidate.regions
    assert all(check_region(region, sample.primary.media, taxonomy) == () for region in candidate.regions)
    assert [region.region_id for region in candidate.regions] == [f"eye-{n + 1}" for n in range(len(candidate.regions))]
    assert (candidate.parse_status, candidate.finish_reason, candidate.is_cached) == ("ok", "stop", False)
    assert statuses(candidate) == ["ok"]
    assert candidate.usage == candidate.attempts[0].usage
    assert candidate.usage.input_tokens == 1000
    assert candidate.usage.usd == pytest.approx((1000 * 0.15 + candidate.usage.output_tokens * 0.6) / 1e6)


def test_the_raw_answer_is_on_disk_as_it_came(
    serve: Serve, make_image: MakeImage, propose: Propose, make_bench: MakeBench
) -> None:
    (candidate,) = propose(serve(), make_image())

    stored = make_bench().answers.get(candidate.answer_key)
    assert stored is not None
    assert stored.paid_by == "run-1"
    assert json.loads(stored.body)["choices"][0]["finish_reason"] == "stop"


def test_a_rerun_pays_nothing_and_gives_the_same_candidate(
    serve: Serve, make_image: MakeImage, propose: Propose
) -> None:
    server, samples = serve(script=("429", "cut"), retry_after="0"), [make_image(seed) for seed in range(5)]

    first = propose(server, *samples)
    calls = server.stats()["calls"]
    again = propose(server, *samples)

    assert server.stats()["calls"] == calls == 15
    assert [candidate.is_cached for candidate in first + again] == [False] * 5 + [True] * 5
    assert [c.evolve(is_cached=False) for c in again] == first


def test_a_rerun_opens_no_file(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server, sample = serve(), make_image()
    (first,) = propose(server, sample)

    Path(sample.primary.uri).unlink()
    (again,) = propose(server, sample)

    assert again.answer_key == first.answer_key


def test_answers_of_another_run_are_used_and_counted_as_paid_elsewhere(
    serve: Serve, make_image: MakeImage, propose: Propose, make_bench: MakeBench
) -> None:
    server, sample = serve(), make_image()
    propose(server, sample)

    (candidate,) = propose(server, sample, bench=make_bench(payer="run-2"))

    assert server.stats()["calls"] == 1
    assert [attempt.is_paid_elsewhere for attempt in candidate.attempts] == [True]


@pytest.mark.parametrize(
    "options",
    [{"model": "other"}, {"temperature": 0.5}, {"seed": 1}, {"max_tokens": 9}, {"prompt": "Look.\n{{categories}}"}],
)
def test_whatever_may_change_an_answer_changes_its_key(
    serve: Serve, make_image: MakeImage, propose: Propose, options: dict[str, Any]
) -> None:
    server, sample = serve(), make_image()

    (plain,) = propose(server, sample)
    (changed,) = propose(server, sample, **options)

    assert changed.answer_key != plain.answer_key
    assert changed.candidate_id != plain.candidate_id


def test_how_fast_and_how_often_is_asked_does_not(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server, sample = serve(), make_image()

    (plain,) = propose(server, sample)
    (changed,) = propose(server, sample, concurrency=2, timeout_s=5.0, max_tries=2, max_attempts=1)

    assert changed.answer_key == plain.answer_key


def test_one_medium_with_two_questions_is_asked_twice(
    serve: Serve, make_image: MakeImage, propose: Propose, make_bench: MakeBench
) -> None:
    server = serve()
    samples = make_image(question="How many?"), make_image(question='Which "color"?\nAnd why?')

    first, second = propose(server, *samples, bench=make_bench(task="document_qa"))

    assert server.stats()["calls"] == 2
    assert first.answer_key != second.answer_key
    assert [answer.question for answer in (*first.answers, *second.answers)] == [
        "How many?",
        'Which "color"?\nAnd why?',
    ]
    assert first.answers[0].region_ids == tuple(region.region_id for region in first.regions)
    assert first.verdict is None


def test_a_sample_without_a_question_is_no_document_qa(
    serve: Serve, make_image: MakeImage, propose: Propose, make_bench: MakeBench
) -> None:
    (error,) = propose(serve(), make_image(), bench=make_bench(task="document_qa"))

    assert isinstance(error, SampleError)
    assert "0.jpeg has no question" in str(error)


def test_a_label_that_is_shown_is_said(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    (candidate,) = propose(serve(), make_image(label_given="generated"))

    assert candidate.conditioning == "label_given"


@pytest.mark.parametrize(("role", "told"), [("reference", "its reference"), ("target", "the target")])
def test_of_a_pair_both_images_are_shown_and_only_the_first_has_regions(
    serve: Serve, make_image: MakeImage, propose: Propose, role: str, told: str
) -> None:
    server = serve(min_regions=1, keeps_requests=True)
    first, second = make_image(1), make_image(2, size=(30, 20), format="PNG")
    pair = first.evolve(assets=(first.primary, second.primary.evolve(role=role)))

    alone, (candidate,) = propose(server, first)[0], propose(server, pair)

    _, request = server.stats()["requests"]
    words, *shown = request["messages"][1]["content"]
    assert told in words["text"]
    assert [part["text"] for part in shown[::2]] == ["The image:", "The second image, to compare with:"]
    assert [part["type"] for part in shown[1::2]] == ["image_url", "image_url"]  # the server keeps no pictures
    assert [view.asset_id for view in candidate.views] == [asset.asset_id for asset in pair.assets]
    assert {region.asset_id for region in candidate.regions} == {first.primary.asset_id}
    assert candidate.answer_key != alone.answer_key


@pytest.mark.parametrize(("fault", "expected"), SPOILED.items())
def test_an_unusable_answer_is_asked_for_again_with_its_defect(
    serve: Serve, make_image: MakeImage, propose: Propose, make_bench: MakeBench, fault: str, expected: tuple[str, str]
) -> None:
    server = serve(script=(fault, fault, "ok"))

    (candidate,) = propose(server, make_image())

    status, message = expected
    assert statuses(candidate) == [status, status, "ok"]
    assert [attempt.number for attempt in candidate.attempts] == [1, 2, 3]
    assert message in candidate.attempts[0].message
    keys = [attempt.answer_key for attempt in candidate.attempts]
    assert len(set(keys)) == 3
    assert candidate.answer_key == keys[-1]
    assert sorted(make_bench().answers) == sorted(keys)
    assert candidate.usage.input_tokens == sum(attempt.usage.input_tokens for attempt in candidate.attempts)
    assert server.stats()["repeated_successes"] == 0


def test_the_defect_stands_in_the_request(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server = serve(script=("outside", "ok"), keeps_requests=True)

    propose(server, make_image())

    first, second = (request["messages"] for request in server.stats()["requests"])
    assert second[:2] == first
    assert [message["role"] for message in second[2:]] == ["assistant", "user"]
    assert json.loads(second[2]["content"])["regions"][0]["box"] == [10, 10, 1200, 40]
    assert "- region 1: box [10, 10, 1200, 40] lies outside of the picture" in second[3]["content"]


@pytest.mark.parametrize(("fault", "expected"), SPOILED.items())
def test_an_answer_that_never_becomes_usable_is_an_answer_error_with_its_raw_answer(
    serve: Serve, make_image: MakeImage, propose: Propose, make_bench: MakeBench, fault: str, expected: tuple[str, str]
) -> None:
    (error,) = propose(serve(rates={fault: 1.0}), make_image(), max_attempts=2)

    assert isinstance(error, AnswerError)
    assert expected[1] in error.message
    state = error.__dict__
    assert (state["attempts"], state["parse_status"]) == (2, expected[0])
    assert [attempt.status for attempt in state["history"]] == [expected[0]] * 2
    assert state["answer_key"] == state["history"][-1].answer_key
    assert make_bench().answers.get(state["answer_key"]) is not None
    assert error.remedy.endswith("raise max_tokens" if fault == "length" else "raise max_attempts")


def test_prose_around_the_answer_is_cut_away_and_said(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    (plain,) = propose(serve(), make_image())
    (wrapped,) = propose(serve(rates={"prose": 1.0}), make_image(), seed=1)

    assert wrapped.parse_status == "repaired"
    assert (wrapped.regions, wrapped.explanation) == (plain.regions, plain.explanation)


@pytest.mark.parametrize(("fault", "status"), [("429", "429"), ("500", "500"), ("reset", "connection_reset")])
def test_a_service_that_fails_is_tried_again(
    serve: Serve, make_image: MakeImage, propose: Propose, fault: str, status: str
) -> None:
    server = serve(script=(fault, fault, "ok"), retry_after="0")

    (candidate,) = propose(server, make_image())

    assert statuses(candidate) == [status, status, "ok"]
    assert [attempt.answer_key is None for attempt in candidate.attempts] == [True, True, False]
    assert server.stats()["calls"] == 3


def test_a_hang_ends_at_the_timeout(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    (candidate,) = propose(serve(script=("hang", "ok")), make_image(), timeout_s=0.2)

    assert statuses(candidate) == ["timeout", "ok"]
    assert candidate.attempts[0].latency_s >= 0.2
    assert "did not answer within 0.2 s" in candidate.attempts[0].message


def test_a_service_that_never_works_is_a_service_error_that_names_its_status(
    serve: Serve, make_image: MakeImage, propose: Propose
) -> None:
    server = serve(rates={"500": 1.0})

    (error,) = propose(server, make_image(), max_tries=4)

    assert isinstance(error, ServiceError)
    assert "500" in error.message
    assert "4 tries" in error.message
    assert (error.__dict__["attempts"], error.__dict__["is_fatal"]) == (4, False)
    assert server.stats()["calls"] == 4


def test_what_was_paid_before_the_service_failed_is_told(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    (error,) = propose(serve(script=("empty",), rates={"500": 1.0}), make_image(), max_tries=2)

    assert isinstance(error, ServiceError)
    history = error.__dict__["history"]
    assert [(attempt.number, attempt.status) for attempt in history] == [(1, "empty"), (2, "500"), (3, "500")]
    assert history[0].usage.input_tokens == 1000


def test_what_was_paid_before_the_file_vanished_is_told(
    serve: Serve, make_image: MakeImage, make_bench: MakeBench, propose: Propose
) -> None:
    server, sample, bench = serve(script=("empty",)), make_image(), make_bench()
    propose(server, sample, bench=bench, max_attempts=1)
    Path(sample.primary.uri).write_bytes(b"changed")

    (error,) = propose(server, sample, bench=bench)

    assert isinstance(error, MediaError)
    assert [attempt.status for attempt in error.__dict__["history"]] == ["empty"]


def test_a_server_that_is_not_there_is_named(make_image: MakeImage, propose: Propose, serve: Serve) -> None:
    with ModelServer() as server:
        url = server.base_url

    (error,) = propose(url, make_image(), max_tries=2)

    assert isinstance(error, ServiceError)
    assert error.__dict__["status"] == "connection_refused"
    assert url.removesuffix("/v1") in error.message


def test_a_refused_key_is_fatal_and_asked_once(
    serve: Serve, make_image: MakeImage, propose: Propose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    server = serve(api_key="sk-right")

    (error,) = propose(server, make_image())

    assert isinstance(error, ServiceError)
    assert error.__dict__["is_fatal"]
    assert "401" in error.message
    assert "check the API key" in error.remedy
    assert server.stats()["by_status"] == {"401": 1}


def test_the_key_is_nowhere_but_in_the_header(
    serve: Serve,
    make_image: MakeImage,
    propose: Propose,
    make_bench: MakeBench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Even where the server echoes it: in an error, in an answer."""
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    caplog.set_level(logging.DEBUG)

    (error,) = propose(serve(api_key="sk-other"), make_image())
    (candidate,) = propose(serve(api_key=key, model_name=f"m {key}"), make_image())
    machine = VisionModel(Config(base_url="http://127.0.0.1:1/v1"))

    assert "[key]" in str(error)
    assert candidate.model_snapshot == "m [key]"
    told = [str(error), repr(error), repr(error.__dict__), repr(machine.__dict__), caplog.text]
    told += [candidate.model_dump_json(), machine.config.model_dump_json()]
    told += [path.read_text(errors="replace") for path in (tmp_path / "answers").rglob("*.json")]
    assert [text for text in told if key in text] == []


def test_a_server_without_schemas_is_asked_in_words(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server = serve(refuses=("json_schema", "json_object"))

    candidates = propose(server, make_image(0), concurrency=1) + propose(server, make_image(0), structured="none")

    assert statuses(candidates[0]) == ["400", "400", "ok"]
    assert statuses(candidates[1]) == ["ok"]
    for candidate in candidates:
        assert candidate.regions
        assert {region.category for region in candidate.regions} <= {"blur", "noise"}


def test_what_a_server_refuses_is_left_out_from_then_on(
    serve: Serve, make_image: MakeImage, make_bench: MakeBench
) -> None:
    async def one_after_the_other(machine: VisionModel) -> list[Candidate]:
        await machine.connect(make_bench())
        candidates = [candidate for seed in range(3) for candidate in await machine.propose(make_image(seed))]
        await machine.close()
        return candidates

    server = serve(refuses=("max_tokens", "temperature"))
    candidates = asyncio.run(one_after_the_other(VisionModel(Config(base_url=server.base_url))))

    assert [statuses(candidate) for candidate in candidates] == [["400", "400", "ok"], ["ok"], ["ok"]]
    assert {candidate.parameters for candidate in candidates} == {
        '{"max_completion_tokens":2048,"model":"gpt-4o-mini"}'
    }


def test_a_request_that_is_refused_for_good_is_a_service_error(
    serve: Serve, make_image: MakeImage, propose: Propose
) -> None:
    server = serve(rates={"400": 1.0})

    (error,) = propose(server, make_image())

    assert isinstance(error, ServiceError)
    assert (error.__dict__["status"], error.__dict__["is_fatal"], error.__dict__["attempts"]) == ("400", False, 1)
    assert server.stats()["calls"] == 1


def test_a_filtered_request_is_a_refusal_that_is_kept(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server = serve(rates={"filter": 1.0})

    (error,) = propose(server, make_image(), max_attempts=1)
    propose(server, make_image(), max_attempts=1)

    assert isinstance(error, AnswerError)
    assert error.__dict__["parse_status"] == "refusal"
    assert server.stats()["calls"] == 1


def test_sixty_four_are_in_flight_and_never_more(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server = serve(latency_s=0.3)

    propose(server, *(make_image(seed, size=(8, 8)) for seed in range(150)))

    assert server.stats()["max_in_flight"] == 64
    assert server.stats()["by_status"] == {"200": 150}


def test_who_waits_to_try_again_lets_others_go_first(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    server = serve(script=("429", "ok"), retry_after="7")
    candidates = propose(server, make_image(0), make_image(1), concurrency=1, backoff=Backoff(sleep=sleep))

    first, second, third, fourth = (arrival["picture"] for arrival in server.stats()["arrivals"])
    assert (first, second) == (third, fourth)
    assert first != second
    assert waits == [7.0, 7.0]
    assert [statuses(candidate) for candidate in candidates] == [["429", "ok"]] * 2


def test_one_samples_failure_disturbs_no_other(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server, samples = serve(), [make_image(seed) for seed in range(12)]
    Path(samples[4].primary.uri).write_bytes(b"changed")
    Path(samples[7].primary.uri).unlink()

    results = propose(server, *samples)

    assert [type(result).__name__ for result in results].count("Candidate") == 10
    assert isinstance(results[4], MediaError)
    assert "has changed" in str(results[4])
    assert isinstance(results[7], FileNotFoundError)  # the pipeline's open_uri makes it a MediaError


def test_equal_samples_in_flight_are_paid_once(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    server, sample = serve(latency_s=0.05), make_image()

    first, second = propose(server, sample, sample)

    assert server.stats()["calls"] == 1
    assert (first.is_cached, second.is_cached) == (False, True)
    assert first.evolve(is_cached=True) == second


def test_a_price_of_ones_own(serve: Serve, make_image: MakeImage, propose: Propose) -> None:
    own = TokenPrice(input=1000, output=0)

    (priced,) = propose(serve(), make_image(0), model="house", price_per_million=own)
    (unpriced,) = propose(serve(), make_image(1), model="house")

    assert priced.usage.usd == 1.0
    assert unpriced.usage.usd is None


def test_a_missing_key_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch, taxonomy: Taxonomy) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    with pytest.raises(ConfigError, match="OPENAI_API_KEY is empty"):
        VisionModel(Config()).check(taxonomy)

    VisionModel(Config(base_url="http://localhost:8000/v1")).check(taxonomy)
    monkeypatch.setenv("HOUSE_KEY", "x")
    VisionModel(Config(api_key_env="HOUSE_KEY")).check(taxonomy)


def test_the_server_may_come_from_the_environment(
    serve: Serve, make_image: MakeImage, make_bench: MakeBench, propose: Propose, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url + "/")

    (candidate,) = propose("", make_image())

    assert candidate.parse_status == "ok"


@pytest.mark.parametrize(
    "url",
    ["ftp://host/v1", "host:80", "http://user:secret@host/v1", "http://host/v1?key=secret", "http://host/v1#secret"],
)
def test_an_address_that_is_none_or_may_hold_a_secret_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, taxonomy: Taxonomy
) -> None:
    with pytest.raises(ConfigError, match=r"^machines\.0: base_url: ") as in_recipe:
        configure(annotators.machines, {"kind": "vlm", "base_url": url}, where="machines.0")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL in the environment") as in_environment:
        VisionModel(Config()).check(taxonomy)

    assert "secret" not in f"{in_recipe.value} {in_environment.value}"


def test_a_machine_has_a_title_and_perhaps_a_model() -> None:
    assert [Config().title, Config(name="eye").title] == ["vlm", "eye"]
    assert [Config(model="house").model_asked, MachineConfig(kind="other").model_asked] == ["house", ""]


CRITERIA = tuple(Criterion(name=f"c{number}", definition="It holds.") for number in range(41))
OPTIONS = tuple(f"o{number}" for number in range(60))


@pytest.mark.parametrize(
    ("machine", "task", "tokens"),
    [
        (VisionModel, Task(kind="rubric", criteria=CRITERIA), 2050),
        (VisionModel, Task(kind="contrast", options=OPTIONS), 3000),
        (VisionModel, Task(kind="contrast", options=OPTIONS[:2]), 0),
        (Judge, Task(kind="contrast", options=OPTIONS), 0),
    ],
)
def test_an_answer_that_has_no_room_is_told_before_anything_is_paid(machine: Any, task: Task, tokens: int) -> None:
    config = {VisionModel: Config, Judge: JudgeConfig}[machine](convention="unit_xyxy", name="eye", after=("a",))
    told = (f"eye: an answer takes about {tokens} tokens and is cut off at 2048: raise its max_tokens",)
    assert machine(config).prepare(task) == (told if tokens else ())
