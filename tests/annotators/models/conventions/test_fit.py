"""The right convention out of all, from noisy answers to 64 pictures, and what cannot be told apart."""

from __future__ import annotations

import random

import pytest

from annotators.models.conventions import CONVENTIONS
from annotators.models.conventions.fit import Shot, fit_conventions, is_ambiguous
from annotators.models.views import fit
from pipeline.planting.rectangles import targets
from schemas.candidate import View
from schemas.task import BOX_CONVENTIONS, BoxConvention


def shots(
    name: BoxConvention, *, noise: float, of: str = "box", clipped: bool = True, seed: int = 0, count: int = 64
) -> list[Shot]:
    """Answers whose edges are off by ``noise`` (standard deviation) of the box's side or of the picture's."""
    draw, convention, found = random.Random(seed), CONVENTIONS[name], []
    for target in targets(count):
        (width, height), box = target.size, target.box
        w, h = fit(width, height, 1536)
        view = View(asset_id="", width=w, height=h, scale_x=width / w, scale_y=height / h)
        shares = [box.x1 / width, box.y1 / height, box.x2 / width, box.y2 / height]
        sides = [shares[2] - shares[0], shares[3] - shares[1]] * 2 if of == "box" else [1.0] * 4
        noisy = [share + draw.gauss(0, noise) * side for share, side in zip(shares, sides, strict=True)]
        noisy = [min(max(share, 0.0), 1.0) for share in noisy] if clipped else noisy
        edges = convention.edges(view, target.size) * 2
        numbers = convention.order.from_corners(*(share * edge for share, edge in zip(noisy, edges, strict=True)))
        rounded = [round(number) if convention.is_whole else round(number, 3) for number in numbers]
        found.append(Shot(box, view, target.size, (rounded[0], rounded[1], rounded[2], rounded[3])))
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("of", ["box", "picture"])
@pytest.mark.parametrize("name", BOX_CONVENTIONS)
def test_the_right_one_is_found_in_two_percent_of_noise(name: BoxConvention, of: str, seed: int) -> None:
    fits = fit_conventions(shots(name, noise=0.02, of=of, seed=seed))

    assert fits[0].convention == name
    assert len(fits) == len(CONVENTIONS)
    assert fits[0].median_error < 0.03
    assert fits[0].hit_rate > (0.9 if of == "box" else 0.5)
    assert not is_ambiguous(fits)


def test_without_noise_boxes_lie_where_they_are() -> None:
    best = fit_conventions(shots("thousandths_xyxy", noise=0))[0]

    assert (best.hit_rate, best.median_error < 0.001, best.median_iou > 0.95) == (1.0, True, True)


def test_what_noise_hides_and_no_edge_betrays_is_said_to_be_ambiguous() -> None:
    """Noise of the picture's size that is not cut off at the edge: 0 to 999 and 0 to 1000 look the same."""
    fits = fit_conventions(shots("nines_xyxy", noise=0.02, of="picture", clipped=False))

    assert {fit.convention for fit in fits[:2]} == {"nines_xyxy", "thousandths_xyxy"}
    assert is_ambiguous(fits)


def test_a_few_wild_answers_change_nothing() -> None:
    found = shots("unit_yxyx", noise=0.02)
    wild = [shot._replace(numbers=(9e9, -5, 3, 1)) for shot in found[:12]]

    assert fit_conventions(wild + found[12:])[0].convention == "unit_yxyx"


def test_no_answer_fits_nothing() -> None:
    with pytest.raises(ValueError, match="four numbers"):
        fit_conventions([])
