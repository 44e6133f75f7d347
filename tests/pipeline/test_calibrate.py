"""What is measured on a server that looks at the pictures it is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotators.machines.vlm import Config
from pipeline.calibrate import calibrate, lines
from schemas.errors import ServiceError
from schemas.task import BOX_CONVENTIONS, BoxConvention
from tests.servers.seer import Seer

SMALL = ((320, 240), (240, 320), (500, 200), (200, 500), (600, 340), (340, 600))
"""Some larger than the view of SEEN."""
SEEN = {"model": "house", "max_view_side": 400}


def test_the_convention_is_found_by_asking(tmp_path: Path) -> None:
    with Seer("view_pixels_xyxy") as server:
        config = Config(base_url=server.base_url, **SEEN)
        found = calibrate(config, images=24, answers=str(tmp_path), sizes=SMALL)
        again = calibrate(config, images=24, answers=str(tmp_path), sizes=SMALL)
        calls = len(server.words)

    assert (found.winner, found.usable, found.is_confirmed) == ("view_pixels_xyxy", 24, True)
    assert (again, calls) == (found, 24)
    assert "boxes of house are view_pixels_xyxy" in list(lines(found))
    assert len(list(lines(found))) == 2 + len(BOX_CONVENTIONS) + 1


@pytest.mark.slow
@pytest.mark.parametrize("convention", BOX_CONVENTIONS)
def test_every_convention_is_found_on_64_pictures(convention: BoxConvention, tmp_path: Path) -> None:
    with Seer(convention) as server:
        found = calibrate(Config(base_url=server.base_url, **SEEN), images=64, answers=str(tmp_path), sizes=SMALL)

    assert found.winner == convention


def test_the_model_is_left_to_its_habit_or_told_what_is_demanded(tmp_path: Path) -> None:
    with Seer("thousandths_xyxy") as server:
        config = Config(base_url=server.base_url, **SEEN)
        calibrate(config, images=1, answers=str(tmp_path), sizes=SMALL)
        calibrate(config, images=1, answers=str(tmp_path), sizes=SMALL, stated="thousandths_xyxy")

    free, told = server.words
    assert "that you were trained to give boxes in" in free
    assert "pixels of an original of 320 x 240 pixels" in free
    assert "integers, from 0 to 1000" in told
    assert "original" not in told


@pytest.mark.parametrize(
    ("say", "usable"),
    [
        (lambda numbers: f"<think>hm</think>Here: {{'box': x}} [{{\"bbox_2d\": {numbers}}}]", 16),
        (lambda numbers: {"regions": [{"category": "shape", "box": numbers}]}, 16),
        (lambda numbers: "I see nothing.", 0),
    ],
)
def test_answers_come_in_any_form(tmp_path: Path, say: object, usable: int) -> None:
    with Seer("thousandths_yxyx", say=say) as server:  # type: ignore[arg-type]
        found = calibrate(Config(base_url=server.base_url, **SEEN), images=16, answers=str(tmp_path), sizes=SMALL)

    assert (found.usable, found.winner) == (usable, "thousandths_yxyx" if usable else None)
    assert found.is_confirmed is bool(usable)


def test_numbers_that_mean_nothing_have_no_winner(tmp_path: Path) -> None:
    with Seer("thousandths_xyxy", noise=3.0, of="picture") as server:
        found = calibrate(Config(base_url=server.base_url, **SEEN), images=24, answers=str(tmp_path), sizes=SMALL)

    assert (found.winner, found.is_confirmed) == (None, False)
    assert "no convention explains these answers" in list(lines(found))[-1]


@pytest.mark.parametrize("stated", ["nines_xyxy", "thousandths_xyxy"])
def test_of_two_that_answers_cannot_tell_apart_the_one_that_was_demanded_is_taken_and_said(
    tmp_path: Path, stated: BoxConvention
) -> None:
    """Noise of the picture's size that goes beyond its edge: 0 to 999 and 0 to 1000 look the same."""
    with Seer("nines_xyxy", of="picture", is_clipped=False) as server:
        config = Config(base_url=server.base_url, **SEEN)
        found = calibrate(config, images=24, answers=str(tmp_path), sizes=SMALL, stated=stated)

    told, verdict = list(lines(found))[-2:]
    assert set(found.equals) == {"nines_xyxy", "thousandths_xyxy"}
    assert "apart, under which boxes lie at most 0.1% of the picture's side from each other" in told
    assert verdict == f"boxes of house are taken as {stated}"
    assert (found.winner, found.is_confirmed) == (stated, True)
    for declared in BOX_CONVENTIONS:
        assert found._replace(declared=declared).is_confirmed is (declared in ("nines_xyxy", "thousandths_xyxy"))


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with Seer("unit_xyxy") as server:
        url = server.base_url

    with pytest.raises(ServiceError, match="cannot be reached"):
        calibrate(Config(base_url=url, max_tries=1, **SEEN), images=2, answers=str(tmp_path), sizes=SMALL)
