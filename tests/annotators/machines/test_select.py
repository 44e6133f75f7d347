"""The best of n by measures, with the losers on record."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import annotators.machines
from annotators.machines.select import Config, Select
from schemas.candidate import Candidate, Region
from schemas.errors import AnswerError, ConfigError
from schemas.geometry import Box, Mask
from schemas.plugins import configure
from schemas.sample import Sample


def said(sample: Sample, name: str, x1: float, score: float, **fields: Any) -> Candidate:
    box = Box(x1=x1, y1=0, x2=x1 + 10, y2=10)
    region = Region(region_id=f"{name}-1", box=box, category="blur", score=score, source="machine", **fields)
    return Candidate(
        candidate_id=name, sample_id=sample.sample_id, machine="m", kind="vlm", regions=(region,), explanation=name
    )


def selected(sample: Sample, *earlier: Candidate, **options: Any) -> Candidate:
    (found,) = asyncio.run(Select(Config(after=("m",), **options)).propose_after(sample, earlier))
    return found


def test_a_choice_among_those_who_knew_the_label_is_not_blind(make_image: Any) -> None:
    sample = make_image(1)
    blind, told = said(sample, "a", 0, 0.9), said(sample, "b", 4, 0.1).evolve(conditioning="label_given")
    assert selected(sample, blind, told, by={"certainty": 1}).chosen_id == "a"
    assert selected(sample, blind, told, by={"certainty": 1}).conditioning == "label_given"
    assert selected(sample, blind, by={"certainty": 1}).conditioning == "blind"


def test_the_one_that_agrees_most_is_chosen_whatever_their_order(make_image: Any) -> None:
    sample = make_image(1)
    near, middle, far = said(sample, "a", 0, 0.9), said(sample, "b", 2, 0.1), said(sample, "c", 4, 0.2)
    found = selected(sample, far, near, middle, min_iou=0.6)
    assert (found.chosen_id, found.explanation, found.regions) == ("b", "b", middle.regions)
    assert found.parent_ids == ("a", "b", "c")
    assert [(j.candidate_id, j.name, j.score) for j in found.judgements] == [
        ("a", "agreement", 0.5), ("b", "agreement", 1.0), ("c", "agreement", 0.5),
    ]  # fmt: skip
    again = selected(sample, near, middle, far, min_iou=0.6)
    assert again.evolve(latency_s=0) == found.evolve(latency_s=0)


def test_weights_decide_and_ties_go_to_the_first_by_id(make_image: Any) -> None:
    sample = make_image(2)
    sure, middle = said(sample, "a", 0, 0.9), said(sample, "b", 0, 0.1)
    assert selected(sample, middle, sure).chosen_id == "a"
    assert selected(sample, sure, middle, by={"certainty": 1}).chosen_id == "a"
    third = said(sample, "c", 0, 0.95)
    assert selected(sample, sure, middle, third, by={"agreement": 1, "certainty": 0.1}).chosen_id == "c"


def test_masks_that_do_not_fit_are_a_rejection(make_image: Any) -> None:
    sample = make_image(3)
    small, large = (said(sample, str(n), 0, 1, mask=Mask(width=n, height=1, counts=str(chr(48 + n)))) for n in (3, 4))
    with pytest.raises(AnswerError, match="masks of one picture differ in size"):
        selected(sample, small, large)
    with pytest.raises(AnswerError, match="was given no candidates"):
        asyncio.run(Select(Config()).propose(sample))


@pytest.mark.parametrize("by", [{}, {"agreement": 0}, {"agreement": -1, "certainty": 2}, {"beauty": 1}])
def test_measures_that_weigh_nothing_are_refused(by: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"machines\.0: by"):
        configure(annotators.machines, {"kind": "select", "by": by}, where="machines.0")
