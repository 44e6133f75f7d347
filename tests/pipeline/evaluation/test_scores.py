from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipeline.evaluation import Evaluation, Score, evaluate, evaluate_run, lines
from schemas.candidate import Candidate, Region
from schemas.geometry import TimeSpan
from schemas.media.types import Video
from schemas.sample import Sample
from schemas.taxonomy import Category, Level, Taxonomy

Make = Callable[..., object]

TAXONOMY = Taxonomy(
    name="two",
    version="1",
    levels=(Level(name="pixel"), Level(name="temporal"), Level(name="never")),
    categories=(
        Category(name="noise", level="pixel", definition="grain", modalities=("image",)),
        Category(name="blur", level="pixel", definition="soft", modalities=("image",)),
        Category(name="flicker", level="temporal", definition="light jumps", modalities=("video",)),
        Category(name="unused", level="never", definition="occurs nowhere"),
    ),
)


@pytest.fixture
def known(make_sample: Callable[..., Sample], make_region: Callable[..., Region]) -> Callable[..., Sample]:
    """A 20 x 10 picture whose truth is complete: boxes with their categories."""

    def make(name: str, *truths: tuple[tuple[float, float, float, float], str]) -> Sample:
        regions = tuple(make_region(box, category, source="ground_truth") for box, category in truths)
        return make_sample(name, ground_truth=regions, has_ground_truth=True)

    return make


@pytest.fixture
def said(make_candidate: Callable[..., Candidate], make_region: Callable[..., Region]) -> Callable[..., Candidate]:
    def make(
        sample: Sample, *boxes: tuple[tuple[float, float, float, float], str], machine: str = "forensic"
    ) -> Candidate:
        return make_candidate(sample, machine, regions=tuple(make_region(box, category) for box, category in boxes))

    return make


def scores(evaluation: Evaluation, machine: int = 0) -> dict[str, Score]:
    found = evaluation.machines[machine]
    return {score.name: score for score in (*found.categories, *found.levels, found.overall)}


def test_counts_recall_precision_and_pixels_of_a_run_worked_out_by_hand(known: Make, said: Make) -> None:
    one = known("a", ((0, 0, 4, 4), "blur"), ((10, 0, 14, 4), "noise"))
    two = known("b", ((0, 0, 10, 10), "blur"))
    clean = known("c")
    candidates = (
        said(one, ((0, 0, 4, 2), "blur"), ((10, 0, 14, 4), "blur")),  # half of the blur; the noise by a wrong name
        said(two, ((8, 8, 12, 10), "blur")),  # 4 px of 104
        said(clean, ((0, 0, 2, 2), "noise")),
    )
    evaluation = evaluate_run((one, two, clean), candidates, TAXONOMY)

    blur = Score(
        scope="category", name="blur", planted=2, found=1, located=1, proposed=3, recall=0.5, precision=1 / 3,
        pixel_iou=(8 + 4) / (16 + 16 + 104), time_iou=None, clean_samples=1, alarmed_samples=0,
    )  # fmt: skip
    noise = Score(
        scope="category", name="noise", planted=1, found=0, located=1, proposed=1, recall=0.0, precision=0.0,
        pixel_iou=0 / (16 + 4), time_iou=None, clean_samples=2, alarmed_samples=1,
    )  # fmt: skip
    both = {
        "planted": 3, "found": 1, "located": 2, "proposed": 4, "recall": 1 / 3, "precision": 1 / 4,
        "pixel_iou": (8 + 16 + 4) / (16 + 16 + 104 + 4), "time_iou": None, "clean_samples": 1, "alarmed_samples": 1,
    }  # fmt: skip
    machine = evaluation.machines[0]
    assert (evaluation.samples, evaluation.unknown_samples, evaluation.iou_threshold) == (3, 0, 0.25)
    assert (machine.machine, machine.answered) == ("forensic", 3)
    assert machine.categories == (noise, blur)
    assert machine.levels == (Score(scope="level", name="pixel", **both),)
    assert machine.overall == Score(scope="overall", name="overall", **both)


def test_one_proposal_counts_for_one_region_only(known: Make, said: Make) -> None:
    sample = known("a", ((0, 0, 4, 4), "blur"), ((0, 4, 4, 8), "blur"))
    evaluation = evaluate([(sample, (said(sample, ((0, 0, 4, 8), "blur")),))], TAXONOMY)

    assert (scores(evaluation)["blur"].found, scores(evaluation)["blur"].pixel_iou) == (1, 1.0)


def test_the_threshold_decides(known: Make, said: Make) -> None:
    sample = known("a", ((0, 0, 4, 4), "blur"))
    pairs = [(sample, (said(sample, ((0, 0, 4, 1), "blur")),))]

    assert [scores(evaluate(pairs, TAXONOMY, bar))["blur"].found for bar in (0.2, 0.25, 0.26)] == [1, 1, 0]


def test_machines_are_scored_apart_and_what_one_did_not_answer_is_missed(known: Make, said: Make) -> None:
    one, two = known("a", ((0, 0, 4, 4), "blur")), known("b", ((0, 0, 4, 4), "blur"))
    pairs = [
        (one, (said(one, ((0, 0, 4, 4), "blur"), machine="z"), said(one, machine="a"))),
        (two, (said(two, machine="a"),)),
    ]
    evaluation = evaluate(pairs, TAXONOMY)

    assert [(m.machine, m.answered, m.overall.planted, m.overall.found) for m in evaluation.machines] == [
        ("a", 2, 2, 0),
        ("z", 1, 2, 1),
    ]
    assert scores(evaluation, 0)["blur"].precision is None


def test_several_candidates_of_one_machine_count_together(known: Make, said: Make) -> None:
    sample = known("a", ((0, 0, 4, 4), "blur"), ((10, 0, 14, 4), "blur"))
    pair = (sample, (said(sample, ((0, 0, 4, 4), "blur")), said(sample, ((10, 0, 14, 4), "blur"))))

    assert scores(evaluate([pair], TAXONOMY))["blur"].found == 2


def test_samples_without_complete_truth_are_left_out(make_sample: Make, make_region: Make, said: Make) -> None:
    partly = make_sample("a", ground_truth=(make_region(source="ground_truth"),))
    evaluation = evaluate([(partly, (said(partly, ((0, 0, 4, 4), "blur")),))], TAXONOMY)

    assert evaluation == Evaluation(samples=0, unknown_samples=1, iou_threshold=0.25, machines=())


def test_a_category_that_the_taxonomy_does_not_know_comes_last(known: Make, said: Make) -> None:
    sample = known("a", ((0, 0, 4, 4), "stranger"), ((0, 0, 4, 4), "blur"))
    (machine,) = evaluate([(sample, (said(sample),))], TAXONOMY).machines

    assert [score.name for score in machine.categories] == ["blur", "stranger"]
    assert (machine.levels[0].planted, machine.overall.planted) == (1, 2)


def test_clips_are_compared_in_seconds_and_only_clips_can_be_clean_of_them(
    known: Make, make_sample: Make, make_candidate: Make
) -> None:
    def flicker(start_s: float, end_s: float, source: str) -> Region:
        span = TimeSpan(start_s=start_s, end_s=end_s)
        return Region(region_id=f"{start_s}", span=span, category="flicker", source=source)

    def clip(name: str, **fields: object) -> Sample:
        sample = make_sample(name, has_ground_truth=True, **fields)
        media = Video(
            format="mp4", codec="h264", width=8, height=8, stored_width=8, stored_height=8, duration_s=4, fps=1,
            num_frames=4, time_base_num=1, time_base_den=1, frame_pts=(0, 1, 2, 3),
        )  # fmt: skip
        return sample.evolve(assets=(sample.primary.evolve(media=media),))

    one, clean, picture = clip("a", ground_truth=(flicker(1, 3, "ground_truth"),)), clip("b"), known("c")
    candidates = (
        make_candidate(one, regions=(flicker(2, 3.5, "machine"),)),
        make_candidate(clean, regions=(flicker(0, 1, "machine"), flicker(0.5, 2, "machine"))),
        make_candidate(picture),
    )
    row = scores(evaluate_run((one, clean, picture), candidates, TAXONOMY))["flicker"]

    assert (row.planted, row.found, row.proposed, row.pixel_iou) == (1, 1, 3, None)
    assert row.time_iou == pytest.approx(1 / (2.5 + 2))
    assert (row.clean_samples, row.alarmed_samples) == (1, 1)


def test_the_table_reads_and_the_model_survives_json(known: Make, said: Make) -> None:
    sample, clean = known("a", ((0, 0, 4, 4), "blur")), known("b")
    pairs = [(sample, (said(sample, ((0, 0, 4, 3), "blur")),)), (clean, (said(clean),))]
    evaluation = evaluate(pairs, TAXONOMY)

    assert lines(evaluation) == [
        "2 samples with known truth; found: same category and IoU of at least 0.25, one proposal for one region",
        "located: found, or matched under another category; [level]: its categories together",
        "alarms: of the answered samples that could hold it and do not, those for which some was proposed",
        "",
        "forensic: 2 of 2 samples answered",
        "                 planted found recall located proposed precision pixel IoU time IoU     alarms",
        "blur                   1     1   1.00       1        1      1.00      0.75        -     0 of 1",
        "[pixel]                1     1   1.00       1        1      1.00      0.75        -     0 of 1",
        "overall                1     1   1.00       1        1      1.00      0.75        -     0 of 1",
    ]
    assert Evaluation.model_validate(json.loads(evaluation.model_dump_json())) == evaluation
