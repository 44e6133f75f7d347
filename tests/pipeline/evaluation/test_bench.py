"""Machines side by side, on samples small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from pipeline.evaluation import bench as comparing
from pipeline.evaluation.bench import BenchRun, with_human_truth
from pipeline.evaluation.standings import Bench
from pipeline.evaluation.words import bench_lines, pareto
from schemas.candidate import Attempt, Candidate, Region, Usage
from schemas.judgement import Judgement
from schemas.record import Rejection
from schemas.sample import Sample, TaskInput
from schemas.verification import Verification

MakeSample = Callable[..., Sample]
MakeRegion = Callable[..., Region]
MakeCandidate = Callable[..., Candidate]


bench = partial(comparing.bench, draws=200)


@pytest.fixture
def twelve(make_sample: MakeSample, make_region: MakeRegion) -> list[Sample]:
    """Pictures with one known blur each, every second one generated."""
    truth = (make_region((0, 0, 10, 10), "blur", source="ground_truth"),)
    return [
        make_sample(f"{i:02d}", ground_truth=truth, has_ground_truth=True, origin="generated" if i % 2 else "real")
        for i in range(12)
    ]


@pytest.fixture
def good(twelve: list[Sample], make_candidate: MakeCandidate, make_region: MakeRegion) -> list[Candidate]:
    """Finds every blur but the first exactly, and every origin, for two cents each."""
    return [
        make_candidate(
            sample,
            "good",
            kind="vlm",
            regions=(make_region((0, 0, 10, 10), "blur", score=0.9),) if i else (),
            verdict=sample.origin,
            answer_key="k",
            usage=Usage(input_tokens=100, output_tokens=10, usd=0.02),
            latency_s=1.0 + i,
        )
        for i, sample in enumerate(twelve)
    ]


@pytest.fixture
def poor(twelve: list[Sample], make_candidate: MakeCandidate, make_region: MakeRegion) -> list[Candidate]:
    """Draws the left half and calls everything real, for nothing; it does not answer about the last two."""
    return [
        make_candidate(sample, "poor", regions=(make_region((0, 0, 5, 10), "blur"),), verdict="real")
        for sample in twelve[:10]
    ]


def figures(found: Bench, machine: str) -> dict[str, float]:
    (one,) = [m for m in found.machines if m.machine == machine]
    return {figure.name: figure.value for figure in one.figures}


def test_every_figure_worked_out_by_hand(twelve: list[Sample], good: list[Candidate], poor: list[Candidate]) -> None:
    found = bench([BenchRun("run", twelve, [*good, *poor])])

    assert (found.samples, found.left_out, found.groups) == (12, 0, 12)
    assert figures(found, "good") == pytest.approx(
        {
            "box_map": 92 / 101, "box_ap50": 92 / 101,  # 11 of 12: recalls 0.00 to 0.91 are reached, the rest not
            "pixel_iou": 11 / 12, "mean_iou": 11 / 12,
            "region_f1": 22 / 23, "category_f1": 22 / 23,
            "verdict_f1": 1.0, "verdict_accuracy": 1.0,
        },
        abs=1e-9,
    )  # fmt: skip
    assert figures(found, "poor") == pytest.approx(
        {
            "box_map": 0.1 * 84 / 101, "box_ap50": 84 / 101,  # IoU 0.5 is reached at one of the ten thresholds
            "pixel_iou": 50 * 10 / 1200, "mean_iou": 0.5 * 10 / 12,
            "region_f1": 20 / 22, "category_f1": 20 / 22,
            "verdict_f1": (2 * 5 / (2 * 5 + 5 + 1) + 0) / 2, "verdict_accuracy": 5 / 12,
        },
        abs=1e-9,
    )  # fmt: skip


def test_differences_have_intervals_and_a_test(
    twelve: list[Sample], good: list[Candidate], poor: list[Candidate]
) -> None:
    found = bench([BenchRun("run", twelve, [*good, *poor])])
    by_name = {d.name: d for d in found.differences}

    accuracy = by_name["verdict_accuracy"]
    assert (accuracy.one, accuracy.other, accuracy.difference) == ("good", "poor", pytest.approx(7 / 12))
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.p_value is not None
    assert 0 < accuracy.low < 7 / 12 < accuracy.high
    assert accuracy.p_value == pytest.approx(2 / 2**7, abs=0.02)  # seven samples differ, all one way
    assert by_name["mean_iou"].difference == pytest.approx(11 / 12 - 5 / 12)
    assert bench([BenchRun("run", twelve, [*good, *poor])]) == found


def test_costs_count_failures_and_what_earlier_passes_cost(
    twelve: list[Sample], good: list[Candidate], make_candidate: MakeCandidate
) -> None:
    fused = [
        make_candidate(c_sample, "fused", parent_ids=(c.candidate_id,), latency_s=0.5)
        for c_sample, c in zip(twelve[:11], good, strict=False)
    ]
    failed = Rejection(
        item_id="x", sample_id=twelve[11].sample_id, stage="propose", machine="fused", error="AnswerError", message="m",
        history=(Attempt(number=1, status="refusal", answer_key="r", usage=Usage(input_tokens=7, usd=0.01)),),
    )  # fmt: skip
    found = bench([BenchRun("run", twelve, [*good, *fused], [failed])])
    costs = {m.machine: m.costs for m in found.machines}

    assert (costs["good"].usd, costs["good"].usd_per_sample) == (pytest.approx(0.24), pytest.approx(0.02))
    assert (costs["good"].latency_s, costs["good"].latency_p95_s) == (6.0, 12.0)
    assert (costs["fused"].usd, costs["fused"].input_tokens) == (pytest.approx(0.23), 1107)
    assert costs["fused"].usd_per_sample == pytest.approx(0.23 / 12)
    assert costs["fused"].latency_s == 6.5
    unpriced = [c.evolve(usage=Usage(input_tokens=1)) for c in good]
    assert bench([BenchRun("run", twelve, unpriced)]).machines[0].costs.usd is None


def test_runs_are_compared_over_the_samples_they_share(
    twelve: list[Sample], good: list[Candidate], poor: list[Candidate]
) -> None:
    found = bench([BenchRun("a", twelve[:10], good[:10]), BenchRun("b", twelve[2:], [*good[2:], *poor[2:]])])

    assert (found.samples, found.left_out) == (8, 4)
    assert [(m.machine, m.answered) for m in found.machines] == [("a:good", 8), ("b:good", 8), ("b:poor", 8)]
    same = [d for d in found.differences if (d.one, d.other) == ("a:good", "b:good")]
    assert {(d.difference, d.p_value) for d in same} == {(0.0, 1.0)}


def test_samples_of_one_group_are_drawn_together(twelve: list[Sample], good: list[Candidate]) -> None:
    groups = {sample.sample_id: f"g{i // 6}" for i, sample in enumerate(twelve)}
    assert bench([BenchRun("run", twelve, good, (), groups)]).groups == 2
    alone = bench([BenchRun("run", twelve, good, (), dict.fromkeys(groups, "g"))])
    assert {(figure.low, figure.high) for figure in alone.machines[0].figures} == {(None, None)}


def test_faithfulness_is_what_a_second_pass_finds_again(
    twelve: list[Sample], good: list[Candidate], make_candidate: MakeCandidate
) -> None:
    again = [
        make_candidate(
            sample, "again", kind="relocate", parent_ids=(c.candidate_id,), answer_key="a", usage=Usage(usd=0.01),
            judgements=(Judgement(candidate_id=c.candidate_id, region_id="r", name="relocated", score=float(i > 3)),),
        )
        for i, (sample, c) in enumerate(zip(twelve, good, strict=True))
    ]  # fmt: skip
    found = bench([BenchRun("run", twelve, [*good, *again])])
    assert figures(found, "good")["faithfulness"] == pytest.approx(8 / 12)
    assert [machine.machine for machine in found.machines] == ["good"]  # who only tries others competes with nobody
    assert found.differences == ()
    (tried,) = found.second_passes
    assert (tried.machine, tried.answered) == ("again", 12)
    assert tried.costs.usd == pytest.approx(12 * 0.03)
    assert "faithfulness and reliance by again, which tried 12 samples" in bench_lines(found)


def test_reliance_asks_only_of_claims_that_were_found_in_the_open(
    twelve: list[Sample], good: list[Candidate], make_candidate: MakeCandidate
) -> None:
    def said(candidate_id: str, name: str, *scores: float) -> list[Judgement]:
        return [Judgement(candidate_id=candidate_id, name=name, score=s, position=n) for n, s in enumerate(scores, 1)]

    again = [
        make_candidate(
            sample, machine, kind="relocate",
            judgements=(*said(c.candidate_id, "relocated", *found), *said(c.candidate_id, "hidden", *hidden)),
        )
        for sample, c in list(zip(twelve, good, strict=True))[:3]
        for machine, found, hidden in [("one", (1, 0.5, 0), (1, 0, 1)), ("other", (1,), (0,))]
    ]  # fmt: skip
    measured = figures(bench([BenchRun("run", twelve, [*good, *again])]), "good")
    assert measured["faithfulness"] == pytest.approx(3 * 2.5 / (3 * 4))
    assert measured["reliance"] == pytest.approx(3 * 1 / (3 * 3))


def test_the_frontier_holds_whom_nobody_beats(
    twelve: list[Sample], good: list[Candidate], poor: list[Candidate]
) -> None:
    worse = [
        c.evolve(candidate_id=f"w{i}", machine="worse", regions=(), usage=Usage(usd=0.05)) for i, c in enumerate(good)
    ]
    found = bench([BenchRun("run", twelve, [*good, *poor, *worse])])
    assert {m.machine: m.is_on_frontier for m in found.machines} == {"good": True, "poor": True, "worse": False}
    plot = pareto(found)
    assert plot is not None
    assert plot.quality == "region_f1"
    assert [(dot.machine, dot.x, dot.is_on_frontier) for dot in plot.dots] == [
        ("poor", 0.0, True),
        ("good", pytest.approx(40), True),
        ("worse", 100.0, False),
    ]
    low, high = 100 * (1 - 20 / 22), 100 * (1 - 22 / 23)
    assert [(step.x, step.y) for step in plot.steps] == [
        (0.0, pytest.approx(low)),
        (pytest.approx(40), pytest.approx(low)),
        (pytest.approx(40), pytest.approx(high)),
        (100.0, pytest.approx(high)),
    ]
    assert pareto(bench([BenchRun("run", twelve, good)])) is None


def test_people_are_the_truth_where_nothing_was_known(
    make_sample: MakeSample, make_region: MakeRegion, twelve: list[Sample]
) -> None:
    sample, skipped = make_sample("x", task=TaskInput(question="Where?")), make_sample("y")
    one, two = make_region((0, 0, 4, 4), "blur"), make_region((5, 5, 9, 9), "blur")

    def decided(number: int, sample: Sample, **fields: object) -> Verification:
        values = {"verdict": "accepted", "reviewer": "p", "origin_verdict": "edited", **fields}
        return Verification(verification_id=str(number), sample_id=sample.sample_id, **values)

    found = with_human_truth(
        [sample, skipped, twelve[0]],
        [
            decided(1, sample, regions=(one,), pass_number=2),
            decided(2, sample, regions=(two,), purpose="adjudication"),
            decided(3, sample, regions=(), verdict="rejected", pass_number=3),
            decided(4, skipped, verdict="skipped"),
            decided(5, twelve[0], regions=(two,)),
        ],
    )
    assert (found[0].ground_truth, found[0].has_ground_truth, found[0].origin) == ((two,), True, "edited")
    assert found[1:] == [skipped, twelve[0]]


def test_the_words_name_figures_costs_and_differences(
    twelve: list[Sample], good: list[Candidate], poor: list[Candidate]
) -> None:
    text = bench_lines(bench([BenchRun("run", twelve, [*good, *poor])]))
    assert text[0] == "bench: 12 samples with known truth in 12 groups; 95 % intervals from 200 draws of groups"
    assert text[2] == "good: 12 samples answered"
    assert "  verdict_accuracy    1.000  [1.000, 1.000]" in text
    assert "  cost              $0.2400, $0.020000 per sample; 1,200 tokens in, 120 out" in text
    assert "  latency           6.000 s median, 12.000 s in 95 of 100" in text
    assert "cost against region_f1: nobody beats good, poor" in text
    assert any(line.startswith("  good - poor: verdict_accuracy +0.583  [") and line.endswith(" *") for line in text)
    assert bench_lines(bench([BenchRun("run", twelve, [])])) == []
